"""The far platform is as bad as it says: its clock, its mail, and what its target makes of its lines."""

import random
import threading
import time

import pytest

from tests.fakes.far.clock import FarClock
from tests.fakes.far.mail import Mail, Post
from tests.fakes.far.passage import Passage
from tests.fakes.far.pool import Throttled
from tests.fakes.far.queue import Queue
from tests.fakes.plugged import FAR, plugged_in

with plugged_in(FAR):
    from targets.farland.lines import read_lines

MS = 1_000_000


def test_a_clock_that_is_ahead_and_runs_too_fast():
    clock = FarClock(300 * 10**9, 200, time.monotonic_ns() - 1000 * 10**9)
    assert FarClock.parse(str(clock)).now_ns() - clock.now_ns() < 10**9
    assert (clock.now_ns() - time.monotonic_ns()) / 1e9 == pytest.approx(300.2, abs=0.01)


def passage(number, **facts):
    given = {"request_id": f"{number:04x}", "unit": "0001", "begun_ns": 0, "ended_ns": 5 * MS + 1, "memory_mb": 16}
    return Passage(**{**given, **facts})


def test_mail_comes_late_out_of_order_twice_and_never():
    mail = Mail(Post(latest_s=0.2))
    came = [mail.send(passage(number).lines(512)) for number in range(200)]
    assert len(mail.read(0)) < 150, "late"
    time.sleep(0.25)
    reports = [line for line in mail.read(0) if line.startswith("REPORT")]
    ids = [line.split()[2] for line in reports]
    assert set(ids) == {f"{number:04x}" for number in range(200) if came[number]} and came.count(False) > 0
    assert ids != sorted(ids) and len(ids) > len(set(ids))
    assert Mail(Post()).send(["x"], surely=True)
    assert len(read_lines(mail.read(0))) == len(set(ids)), "twice counts once"


def test_mail_repeats_itself_by_its_seed():
    one, same, other = (Mail(Post(seed=seed)) for seed in (5, 5, 6))
    fates = [[mail.send(["x"]) for _ in range(300)] for mail in (one, same, other)]
    assert fates[0] == fates[1] != fates[2]


STARTS = [
    ({"start_type": "warm"}, 6, None),
    ({"start_type": "cold", "init_ns": 80 * MS}, 86, 80 * MS),
    ({"start_type": "proactive", "init_ns": 80 * MS}, 6, 80 * MS),
    ({"start_type": "cold_reinit", "cut_ns": 900 * MS, "again_ns": 3 * MS}, 6, None),
    ({"start_type": "reset", "again_ns": 3 * MS}, 6, None),
]


@pytest.mark.parametrize(("facts", "billed_ms", "init_ns"), STARTS)
def test_each_start_is_read_back_from_its_lines(facts, billed_ms, init_ns):
    told = passage(1, **facts)
    (witnessed,) = read_lines(told.lines(512)).values()
    assert witnessed.start_type == facts["start_type"] and witnessed.unit == "0001"
    assert (witnessed.billed_ns, witnessed.init_ns) == (billed_ms * MS, init_ns)
    assert witnessed.memory_used_bytes == 16 * 1024 * 1024


def test_whole_pieces_may_come_in_any_order():
    pieces = [passage(number, **facts).lines(512) for number, (facts, _, _) in enumerate(STARTS)]
    random.Random(3).shuffle(pieces)
    read = read_lines(line for piece in pieces for line in piece)
    assert [read[f"{number:04x}"].start_type for number in range(5)] == [facts["start_type"] for facts, _, _ in STARTS]


def test_a_queue_that_is_removed_while_all_is_throttled_ends():
    tried = threading.Event()

    def throttle(body, request_id):
        tried.set()
        raise Throttled

    queue = Queue(1, throttle)
    queue.put(b"{}", "1")
    assert tried.wait(10)
    queue.close()
    queue._workers.shutdown(wait=True)
    assert queue.state == {"ended": 0, "open": 1}
