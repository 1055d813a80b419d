"""The event log between two processes: whole lines only, each exactly once."""

import json
import sys
import threading
from contextlib import closing

import pytest

from targets.events import EventLog, EventReader


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


@pytest.fixture
def log(path):
    with closing(EventLog(path)) as opened:
        yield opened


def test_what_is_written_is_read(path, log):
    reader = EventReader(path)
    stamp = log.write("create", "0001", for_request=True)
    log.write("init_end", "0001", at_ns=42)
    log.write("open", priority="normal")
    first, second, third = reader.read()
    assert first == {"at_ns": stamp, "kind": "create", "unit": "0001", "for_request": True}
    assert second["at_ns"] == 42
    assert "unit" not in third
    assert reader.read() == [first, second, third]


def test_before_anything_is_written_there_is_nothing(path):
    reader = EventReader(path)
    assert reader.read() == []
    assert reader.living_units() == {}
    with closing(EventLog(path)) as log:
        log.write("open")
    log.write("close")
    assert len(reader.read()) == 1, "what comes after its end is not taken"


def test_a_half_written_last_line_waits(path):
    reader = EventReader(path)
    line = json.dumps({"at_ns": 1, "kind": "died", "unit": "0001", "why": "a\nb\u2028c"}).encode() + b"\n"
    with path.open("ab", buffering=0) as file:
        file.write(line + line[:17])
        assert len(reader.read()) == 1
        file.write(line[17:-1])
        assert len(reader.read()) == 1
        file.write(b"\n")
        assert reader.read()[1]["why"] == "a\nb\u2028c"


def test_a_log_goes_on_where_an_earlier_one_ended(path):
    for kind in ("open", "close"):
        with closing(EventLog(path)) as log:
            log.write(kind)
    assert [event["kind"] for event in EventReader(path).read()] == ["open", "close"]


def test_living_are_those_started_and_not_removed(path, log):
    reader = EventReader(path)
    for unit in ("0001", "0002", "0003"):
        log.write("create", unit)
        log.write("started", unit, pid=int(unit))
    log.write("create", "0004")
    log.write("throttled", reason="x")
    log.write("removed", "0001")
    log.write("died", "0002")
    assert {unit: event["pid"] for unit, event in reader.living_units().items()} == {"0003": 3}
    log.write("started", "0003", pid=33)
    assert reader.living_units()["0003"]["pid"] == 33


def test_a_line_is_parsed_once_however_often_it_is_asked_for(path, log, monkeypatch):
    parsed = []
    loads = json.loads
    monkeypatch.setattr("targets.events.json.loads", lambda line: parsed.append(line) or loads(line))
    reader = EventReader(path)
    for number in range(5):
        log.write("started", f"{number:04d}")
        reader.living_units()
        reader.read()
    assert len(parsed) == 5
    assert len(reader.living_units()) == len(reader.read()) == 5


def test_what_is_known_already_need_not_be_handed_out_again(path, log):
    reader = EventReader(path)
    log.write("open")
    known = len(reader.read())
    log.write("create", "0001")
    assert [event["kind"] for event in reader.read(known)] == ["create"]
    assert reader.read(2) == []


def test_what_is_handed_out_does_not_change_later(path, log):
    reader = EventReader(path)
    log.write("started", "0001")
    events, living = reader.read(), reader.living_units()
    log.write("removed", "0001")
    reader.read()
    assert len(events) == len(living) == 1


def test_two_threads_read_no_event_twice(path, log):
    reader = EventReader(path)
    total, ended = 2_000, threading.Event()

    def follow():
        while not ended.is_set():
            reader.living_units()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=follow) for _ in range(3)]
    try:
        for thread in threads:
            thread.start()
        for number in range(total):
            log.write("init_end", f"{number:04d}")
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(before)
    assert [event["unit"] for event in reader.read()] == [f"{number:04d}" for number in range(total)]


def test_lines_of_several_threads_stay_whole(path, log):
    def write(thread):
        for number in range(300):
            log.write("init_end", f"{thread}-{number}", text="x" * 200)

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    units = [event["unit"] for event in EventReader(path).read()]
    assert sorted(units) == sorted(f"{thread}-{number}" for thread in range(4) for number in range(300))
