"""One record per unit, from the deployment's log and the samples; what nobody read is None."""

import pyarrow as pa
import pytest

from harness.measure.rows.evidence import UnitLog
from harness.measure.rows.units import logged_lives, seen_lives, unit_records
from harness.record.columns import SAMPLES, requests_schema


def samples(*rows):
    return pa.Table.from_pylist([{"at_ns": 0, **row} for row in rows], schema=SAMPLES)


def records(events, table):
    return unit_records(logged_lives(UnitLog(events)), table)


def event(at_ns, kind, unit="0001", **facts):
    return {"at_ns": at_ns, "kind": kind, "unit": unit, **facts}


LAST = {
    "memory_bytes": 50,
    "memory_peak_bytes": 900,
    "own_memory_bytes": 300,
    "cpu_ns": 70,
    "throttled_ns": 5,
    "oom_killed": False,
}


def test_the_kernels_last_figures_and_the_samples_are_joined():
    events = [event(1_000, "create", for_request=True), event(3_500, "removed", **LAST)]
    table = samples(
        {"unit": "0001", "memory_bytes": 100, "own_memory_bytes": 200, "cpu_ns": 10, "throttled_ns": 0},
        {"unit": "0001", "memory_bytes": 300, "own_memory_bytes": 400, "cpu_ns": 60, "throttled_ns": 9},
        {"unit": "0002", "memory_bytes": 10**9, "own_memory_bytes": 10**9, "cpu_ns": 10**9, "throttled_ns": 10**9},
    )
    (record,) = records(events, table)
    assert record.unit == "0001"
    assert record.for_request is True
    assert record.lived_ns == 2_500
    assert record.memory_peak_bytes == 900
    assert record.own_peak_bytes == 400
    assert record.memory_mean_bytes == 200
    assert record.cpu_ns == 70
    assert record.throttled_ns == 9
    assert record.oom_killed is False


def test_what_was_not_read_is_none_and_never_zero():
    (record,) = records([event(1_000, "create", for_request=False)], samples())
    assert record.for_request is False
    figures = record.model_dump(exclude={"unit", "for_request", "lived_ns", "lived_longer", "oom_killed"})
    assert set(figures.values()) == {None}


def test_samples_without_figures_are_none():
    table = samples({"unit": "0001", "memory_bytes": None, "own_memory_bytes": None})
    (record,) = records([event(1_000, "create")], table)
    assert record.own_peak_bytes is record.memory_mean_bytes is record.cpu_ns is None


def test_a_unit_that_was_not_removed_lived_to_the_last_event():
    events = [event(1_000, "create"), event(2_000, "create", "0002"), event(9_000, "close")]
    assert [record.lived_ns for record in records(events, samples())] == [8_000, 7_000]


def test_records_come_in_the_order_of_creation_and_keep_their_own_figures():
    events = [
        event(1, "create", "0002"),
        event(2, "create", "0001"),
        event(3, "removed", "0001", cpu_ns=1),
        event(4, "removed", "0002", cpu_ns=2, oom_killed=True),
    ]
    units = records(events, samples())
    assert [(record.unit, record.cpu_ns, record.oom_killed) for record in units] == [
        ("0002", 2, True),
        ("0001", 1, False),
    ]


@pytest.mark.parametrize("events", [[], [{"at_ns": 1, "kind": "open"}, {"at_ns": 2, "kind": "throttled"}]])
def test_no_unit_no_record(events):
    assert records(events, samples()) == []


def seen(*rows):
    schema = requests_schema([])
    given = {"index": 0, "scheduled_ns": 0, "outcome": "ok"}
    return unit_records(seen_lives(pa.Table.from_pylist([{**given, **row} for row in rows], schema=schema)), samples())


def test_without_a_log_a_unit_lived_from_its_first_row_to_its_last():
    units = seen(
        {"unit": "b", "sent_ns": 10, "done_ns": 30, "start_class": "cold", "memory_used_bytes": 5},
        {"unit": "a", "sent_ns": 20, "done_ns": 90, "start_class": "warm"},
        {"unit": "b", "sent_ns": 40, "done_ns": 70, "start_class": "warm", "memory_used_bytes": 9},
        {"outcome": "failed"},
        {"unit": "a", "sent_ns": 5, "done_ns": 6, "completed_ns": 95, "start_class": "proactive"},
        {"unit": "a", "sent_ns": 30, "done_ns": 31, "start_class": "reset"},
    )
    assert [(unit.unit, unit.for_request, unit.lived_ns, unit.memory_peak_bytes) for unit in units] == [
        ("b", True, 60, 9),
        ("a", False, 90, None),
    ]
    assert {unit.own_peak_bytes for unit in units} == {unit.cpu_ns for unit in units} == {None}


def test_what_was_seen_of_a_life_is_but_the_least_of_it_and_a_log_tells_the_whole():
    assert [unit.lived_longer for unit in seen({"unit": "b", "sent_ns": 10, "done_ns": 30})] == [True]
    assert [unit.lived_longer for unit in records([event(1, "create"), event(3, "removed")], samples())] == [False]


def test_the_platforms_word_on_a_whole_unit_is_its_peak():
    table = pa.Table.from_pylist(
        [{"index": 0, "scheduled_ns": 0, "outcome": "ok", "unit": unit, "memory_used_bytes": 5} for unit in "abc"],
        schema=requests_schema([]),
    )
    units = unit_records(seen_lives(table), samples(), {"a": 9, "b": 3, "nobody": 7})
    assert [(unit.unit, unit.memory_peak_bytes) for unit in units] == [("a", 9), ("b", 5), ("c", 5)]
    (logged,) = unit_records(logged_lives(UnitLog([event(1, "create")])), samples(), {"0001": 4})
    assert logged.memory_peak_bytes == 4


def test_rows_that_name_no_unit_make_none():
    assert seen({"outcome": "failed"}) == seen() == []
