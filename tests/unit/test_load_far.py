"""Workers on other machines, as far as no machine is needed: clocks, pieces, who is let in, what the token is."""

import array
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.commands.load.far import join_run, listening, read_address
from harness.commands.load_from import LoadFrom
from harness.errors import TrialError, UsageError
from harness.load.failures import WorkersLost, failure_from, told_of
from harness.load.far import roster as rosters
from harness.load.far.clocks import Ahead, Ping, clock_between, move
from harness.load.far.mailbox import Mailbox
from harness.load.far.messages import FETCH, FULL, HELLO, LEAVING, OVER, PONG, WELCOME
from harness.load.far.pieces import PIECE_BYTES, Offer, fetch, sizes_of
from harness.load.far.process import Listening
from harness.load.far.reports import report_of
from harness.load.far.roster import SILENT_S, Roster
from harness.load.far.source import difference, identity
from harness.load.far.token import FEWEST, MOST, VARIABLE, keys, new_token, take_token
from harness.load.process import RECORD_TYPE, Sent
from harness.load.replies import Replies
from harness.load.wire import RECORD, STAMPS, LoadPlan, unheard
from harness.measure.generator import generator_record, validity_problems

TOKEN = "t" * FEWEST
FAR = {"machine": "0123456789ab", "clock": None, "steal_share": None, "throttled": False}
trips = st.tuples(st.integers(0, 10**8), st.integers(0, 10**8))


@given(st.integers(-(10**18), 10**18), st.lists(trips, min_size=1, max_size=20), st.integers(10**9, 10**15))
def test_what_is_measured_of_a_clock_is_off_by_no_more_than_its_bound(ahead_ns, trips, at_ns):
    """However long a message takes there, and another time back."""
    pings = [Ping(at_ns, at_ns + there + ahead_ns, at_ns + there + back) for there, back in trips]
    found = Ahead.of(pings)
    assert abs(found.ns - ahead_ns) <= found.bound_ns
    assert found.bound_ns <= min(map(sum, trips)) // 2 + 1


def test_a_clock_that_drifts_is_known_less_well_at_the_end_than_at_the_beginning():
    clock = clock_between(Ahead(5_000, 100), Ahead(5_700, 150))
    assert clock == {"ahead_ns": 5_000, "bound_ns": 850, "drift_ns": 700}
    assert clock_between(Ahead(5_000, 900), Ahead(4_990, 150))["bound_ns"] == 900


def test_stamps_are_moved_all_by_the_same_and_what_did_not_happen_stays_so():
    records = np.zeros(2, RECORD_TYPE)
    for name in STAMPS:
        records[name][0] = 10_000
    records["sent_ns"][0], records["connect_ns"][0], records["done_ns"][0] = 10_007, 3, 10_900
    before = records.copy()
    move(records, 9_000)
    assert {int(before[name][0] - records[name][0]) for name in STAMPS} == {9_000}
    assert records["connect_ns"][0] == 3
    assert records[1].tobytes() == before[1].tobytes()


def test_parts_come_in_pieces_of_bounded_size(tmp_path):
    body = bytes(range(256)) * (PIECE_BYTES // 128) + b"end"
    (tmp_path / "file").write_bytes(body)
    offer = Offer({"bytes": body, "file": tmp_path / "file", "empty": b""})
    for name in ("bytes", "file", "empty"):
        pieces = list(fetch(name, offer.sizes[name], lambda name, at: offer.piece({"name": name, "at": at})))
        assert b"".join(pieces) == (b"" if name == "empty" else body)
        assert all(len(piece) <= PIECE_BYTES for piece in pieces)
    assert PIECE_BYTES % RECORD.size == 0


@pytest.mark.parametrize(
    ("name", "at"), [(None, None), ("other", 0), ("a", 3), ("a", -1), ("a", True), (["a"], 0), ("a", "0"), ("../a", 0)]
)
def test_what_nobody_offers_is_not_handed_out(name, at):
    assert Offer({"a": b"abc"}).piece({"name": name, "at": at}) is None
    assert Offer({"a": b"abc"}).piece({}) is None


@pytest.mark.parametrize("piece", [None, b"", b"ab", b"abcd", "abc", 7])
def test_a_piece_that_is_not_what_was_asked_for_ends_it(piece):
    with pytest.raises(TrialError, match="a: the piece at byte 0 of 3 did not come whole"):
        list(fetch("a", 3, lambda name, at: piece))


@pytest.mark.parametrize("told", [None, [], {}, {"a": -1}, {"a": 11}, {"a": "3"}, {"a": True}, {"a": 1.0}])
def test_sizes_of_parts_have_a_limit(told):
    with pytest.raises(TrialError, match="0 to 10"):
        sizes_of(told, {"a": 10})
    assert sizes_of({"a": 10, "b": 5}, {"a": 10}) == {"a": 10}


def far_report(**fields):
    return {**unheard(3), "far": FAR, "opened": [[1, 2], None], **fields}


def test_a_report_is_held_against_its_form():
    report = report_of(far_report(lost="no", problems=["a\nb"], timer="t\x1b"), 1)
    assert report["timer"] == "t\\x1b"
    assert (report["rank"], report["lost"], report["opened"]) == (1, "", [(1, 2), None])
    assert report["problems"] == ["a\\nb"]
    assert report_of({"error": "url: no", "is_senders": True}, 1)["is_senders"] is True


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {},
        unheard(0),
        far_report(cpu_share="x"),
        far_report(far={"machine": 1}),
        far_report(cpu_share=float("nan")),
    ],
)
def test_what_is_no_report_is_refused(told):
    with pytest.raises(TrialError, match="its report"):
        report_of(told, 0)


class Desk:
    """A roster, what it replied and what it told the run."""

    def __init__(self, monkeypatch, most=2):
        self.now_ns, self.replies, self.told, self.lost = 10**12, [], [], []
        monkeypatch.setattr(rosters, "now_ns", lambda: self.now_ns)
        self.roster = Roster(most, {"frostline": "1", "source": "abc", "locust": "2"}, self.reply, self.told.append)
        self.roster.on_loss = lambda client, why: self.lost.append((client, why))

    def reply(self, client, kind, data):
        self.replies.append((client, kind, data.get("why", "")))

    def say(self, client, kind, data):
        return self.roster.lets_in(client, SimpleNamespace(type=kind, data=data))

    def greet(self, client, **fields):
        says = {"frostline": "1", "source": "abc", "locust": "2", "host": f"host-{client}", "network": "n"}
        return self.say(client, HELLO, says | fields)

    def wait(self, seconds):
        self.now_ns += int(seconds * 1e9)
        self.roster.look()


def test_as_many_join_as_were_asked_for(monkeypatch):
    desk = Desk(monkeypatch)
    for client in "aba":
        assert not desk.greet(client)
    desk.greet("c")
    assert [reply[:2] for reply in desk.replies] == [("a", WELCOME), ("b", WELCOME), ("a", WELCOME), ("c", FULL)]
    assert desk.told == ["worker 1 of 2 has joined, on host-a", "worker 2 of 2 has joined, on host-b"]
    assert list(desk.roster.members) == ["a", "b"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"frostline": "0"}, "its version is 0, the run's is 1"),
        ({"source": "def"}, "its source is def, the run's is abc"),
        (
            {"locust": None, "source": 7},
            "source is untold, the run's is abc and its Locust is untold, the run's is 2",
        ),
    ],
)
def test_a_worker_of_another_frostline_is_refused_in_the_same_words_on_both_sides(monkeypatch, fields, words):
    desk = Desk(monkeypatch)
    desk.greet("a", **fields)
    ((_, kind, why),) = desk.replies
    assert kind == OVER and words in why
    assert desk.told == [f"refused: {why}"]
    assert not desk.roster.members


@pytest.mark.parametrize("data", [None, [], "x", {}, {"host": 7}])
def test_a_greeting_that_is_none_is_refused(monkeypatch, data):
    desk = Desk(monkeypatch)
    assert not desk.say("a", HELLO, data)
    assert [reply[1] for reply in desk.replies] == [OVER]


def test_nothing_of_a_stranger_gets_to_locust_and_of_a_member_only_what_is_needed(monkeypatch):
    desk = Desk(monkeypatch)
    assert not desk.say("a", "client_ready", "2.0") and desk.replies[-1][:2] == ("a", OVER)
    desk.greet("a")
    assert desk.say("a", "client_ready", "2.0") and desk.say("a", FETCH, {}) and desk.say("a", PONG, {})
    for kind in ("locustfile", "logs", "stats", "exception", "quit", "other"):
        assert not desk.say("a", kind, {})
    assert not desk.say("a", PONG, ["no dictionary"])


def test_a_silent_worker_is_lost_and_one_that_comes_back_is_told_so(monkeypatch):
    desk = Desk(monkeypatch)
    desk.greet("a")
    desk.greet("b")
    for _ in range(int(SILENT_S) + 1):
        desk.wait(1)
        desk.say("b", "heartbeat", {})
    assert desk.lost == [("a", f"was not heard for {SILENT_S:g} s")]
    assert not desk.say("a", "heartbeat", {}) and desk.replies[-1][:2] == ("a", OVER)
    assert not desk.say("b", LEAVING, {"why": "stopped"}) and desk.lost[-1] == ("b", "left: stopped")


def test_a_master_that_was_stopped_itself_takes_nobody_for_lost(monkeypatch):
    desk = Desk(monkeypatch)
    desk.greet("a")
    desk.wait(60)
    assert not desk.lost


def test_who_does_not_know_the_token_is_told_of_once(monkeypatch):
    desk = Desk(monkeypatch)
    for _ in range(3):
        desk.roster.refuse()
    assert desk.told == ["refused: somebody who does not hold this run's token"]


def test_whoever_waits_for_a_lost_worker_hears_how_it_went():
    box = Mailbox()
    lost, there = box.expect("a", PONG), box.expect("b", PONG)
    box.lose("a", "was killed")
    box.put("a", PONG, {})
    box.put("b", PONG, {"now_ns": 1})
    with pytest.raises(WorkersLost, match="was killed"):
        lost.get(timeout=0)
    assert there.get(timeout=0) == {"now_ns": 1}


def test_lost_workers_end_a_trial_and_not_the_run():
    assert isinstance(failure_from(told_of(WorkersLost("gone"))), WorkersLost)


def test_the_identity_covers_what_carries_a_schedule_out():
    ours = identity()
    assert set(ours) == {"frostline", "source", "locust"} and len(ours["source"]) == 64
    assert difference(ours, ours) == ""


def test_keys_are_of_the_token_and_of_the_side():
    found = {keys(token, side) for token in (TOKEN, "u" * FEWEST) for side in ("master", "worker")}
    assert len(found) == 4 and len({public for public, _ in found}) == 4
    assert keys(TOKEN, "master") == keys(TOKEN, "master")
    assert len(new_token()) >= FEWEST and new_token() != new_token()


def test_a_token_is_taken_out_of_the_environment_or_from_a_file(tmp_path):
    environment = {VARIABLE: TOKEN, "OTHER": "1"}
    assert take_token(environment) == TOKEN and environment == {"OTHER": "1"}
    assert take_token(environment) is None
    file = tmp_path / "token"
    file.write_text("f" * FEWEST + "\n")
    assert take_token({VARIABLE: TOKEN}, file) == "f" * FEWEST


@pytest.mark.parametrize("text", ["", "short", "s" * (FEWEST - 1), "s" * (MOST + 1), "a b" * FEWEST, "ü" * FEWEST])
def test_what_cannot_be_a_token_is_refused_untold(tmp_path, text):
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(UsageError, match="is no token") as caught:
        take_token({}, file)
    assert not text or text not in str(caught.value)
    with pytest.raises(UsageError, match="cannot be read"):
        take_token({}, tmp_path / "absent")


def test_a_token_is_never_shown_where_it_may_be_kept(monkeypatch, capsys):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(UsageError, match=VARIABLE):
        listening("0", 1, "--listen", print)
    monkeypatch.setenv(VARIABLE, TOKEN)
    found = listening("0", 1, "--listen", print)
    assert found.token == TOKEN and TOKEN not in repr(found) + "".join(capsys.readouterr())


def test_a_port_alone_is_this_machines_loopback():
    assert read_address("5557", "--listen") == ("127.0.0.1", 5557)
    assert read_address("10.0.0.1:0", "--listen") == ("10.0.0.1", 0)
    assert read_address("[fe80::1]:5557", "--listen") == ("fe80::1", 5557)
    assert read_address("run.internal:5557", "--listen") == ("run.internal", 5557)


@pytest.mark.parametrize("text", ["", "host", ":5557", "host:", "host:65536", "::1:5557", "tcp://host:1", "host:1x"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UsageError, match=r"--listen: .*HOST:PORT"):
        read_address(text, "--listen")
    with pytest.raises(UsageError, match="--join"):
        join_run("host:0", None, 1)


def test_a_target_of_this_machine_cannot_be_reached_from_others(monkeypatch):
    monkeypatch.setenv(VARIABLE, TOKEN)
    with pytest.raises(UsageError, match="docker-service runs on this machine"):
        LoadFrom("10.0.0.1:5557").opener(["docker-service"], print)
    assert isinstance(LoadFrom("5557").opener(["docker-service"], print).__self__, Listening)


def far_sent(bound_ns, service_ns=10_000_000, **far):
    records = np.zeros(100, RECORD_TYPE)
    records["index"] = np.arange(100)
    records["scheduled_ns"] = records["started_ns"] = records["sent_ns"] = 10**12 + np.arange(100) * 10**8
    records["done_ns"] = records["sent_ns"] + service_ns
    records["fate"], records["status"] = 1, 200
    clock = {"ahead_ns": 5, "bound_ns": bound_ns, "drift_ns": 0}
    return Sent(10**12, records, [""] * 100, Replies(), [{**unheard(0), "far": FAR | {"clock": clock} | far}])


def problems(sent):
    return validity_problems(sent, sent.records["status"] == 200, None, False)


def test_a_clock_that_is_not_known_well_enough_makes_a_trial_invalid_with_its_figure():
    assert problems(far_sent(1_000_000)) == []
    (problem,) = problems(far_sent(1_000_001))
    assert "known to within 1.00 ms, allowed are 1.00 ms" in problem
    assert problems(far_sent(9_000_000, service_ns=900_000_000)) == []
    assert generator_record(far_sent(7), False).clock_bound_ns == 7


def test_what_others_take_of_a_workers_machine_counts_as_on_the_runs_own():
    assert "stolen" in problems(far_sent(0, steal_share=0.5))[0]
    assert "throttled" in problems(far_sent(0, throttled=True))[0]


def test_a_plan_is_read_from_memory_as_from_its_folder(tmp_path):
    from loadprofiles.contract import fingerprint
    from targets.contract import Endpoint

    offsets = array.array("d", [0.0, 0.5])
    plan = LoadPlan(str(tmp_path), [Endpoint("http://h/")], fingerprint(offsets), 1.0)
    plan.write(offsets, [b"a", b""])
    found = LoadPlan.parse((Path(plan.folder) / "plan.json").read_bytes(), "elsewhere")
    assert found == LoadPlan("elsewhere", *(getattr(plan, name) for name in ("endpoints", "sha256", "seconds")))
    assert found.parse_offsets(offsets.tobytes()) == offsets
    with pytest.raises(TrialError, match="not the one that was planned"):
        found.parse_offsets(offsets.tobytes()[:8])
