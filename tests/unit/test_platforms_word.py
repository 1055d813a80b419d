"""What a platform itself says, later or beside the answer: bills, memory, starts, chunks, completions."""

import csv
import io
import json

import numpy as np
import pytest

from harness.analysis.compare import compare
from harness.analysis.table import summarise
from harness.analysis.trial_rows import read_rows
from harness.cost.costing import costing_of
from harness.cost.platforms.aws_lambda import meter
from harness.cost.usage import read_use
from harness.record.folder import RunFolder
from harness.record.nouns import Witnesses
from harness.report.blocks import run_tables
from harness.report.export import as_csv, as_markdown
from tests.synthetic import CASES, MS, manifest, requests, samples, target_facts, trial, unit, with_phases

DISAGREE = "at 3 of 2,000 requests the platform's own word contradicts the unit's about the start"
STREAM_FIELDS = {
    "first_chunk_p50_ms": 20,
    "first_chunk_p95_ms": 20,
    "chunk_gap_p50_ms": 2,
    "chunk_gap_p95_ms": 4,
    "chunks_p50": 5,
    "unit_first_chunk_p50_ms": 18,
    "unit_first_chunk_p95_ms": 18,
    "unit_chunk_gap_p50_ms": 1,
    "unit_chunk_gap_p95_ms": 3,
    "tokens_in_p50": 7,
    "tokens_out_p50": 5,
    "tokens_per_s_p50": 50,
    "throughput_tokens_per_s": 200,
}


def one_trial(tmp_path, table, facts=None, experiment=None, **changes):
    """A run of one trial of a function that is told of as `facts` says."""
    targets = {"docker-lambda": facts or target_facts("function", "aws_lambda", emulated=True)}
    given = {"trials": 1, "rounds": 1, "targets": targets, "experiment": experiment or {"name": "q"}}
    run = RunFolder.create(tmp_path, manifest(**given))
    run.save_trial(trial(table, seconds=2.0, **changes), table, samples())
    return run


def streamed(n=80, **columns):
    """Answers of 100 ms, the first of 5 chunks after 20 ms and one token each, of a prompt of 7; in 2 s."""
    first = np.arange(n) * MS + 20 * MS
    usual = {"first_chunk_ns": first, "last_chunk_ns": first + MS, "chunks": [5] * n, "handler_ns": [100 * MS] * n}
    told = {"tokens_in": 7, "tokens_out": 5, "unit_first_chunk_ns": 18 * MS}
    gaps = {"chunk_gap_p50_ns": 2, "chunk_gap_p95_ns": 4, "unit_chunk_gap_p50_ns": 1, "unit_chunk_gap_p95_ns": 3}
    told |= {name: gap * MS for name, gap in gaps.items()}
    return requests([100.0] * n, **usual | {name: [value] * n for name, value in told.items()} | columns)


def notes(run):
    (row,) = summarise(run).rows
    return {note.code: note.text for note in row.notes}


def test_streams_have_their_pace_and_their_tokens(tmp_path):
    (row,) = summarise(one_trial(tmp_path, streamed())).rows
    told = row.to_json()
    assert told["throughput_tokens_per_s"] == 200
    assert [told[name]["value"] for name in list(STREAM_FIELDS)[:-1]] == list(STREAM_FIELDS.values())[:-1]
    assert row.latency_p50_ms.value == pytest.approx(100)
    assert "not_streamed" not in {note.code for note in row.notes}


def test_a_stream_that_came_whole_has_the_pace_of_its_unit_alone_and_says_so(tmp_path):
    seen = {name: [None] * 80 for name in ("first_chunk_ns", "last_chunk_ns", "chunks")}
    seen |= {name: [None] * 80 for name in ("chunk_gap_p50_ns", "chunk_gap_p95_ns")}
    run = one_trial(tmp_path, streamed(**seen))
    (row,) = summarise(run).rows
    absent = {"first_chunk_p50_ms", "first_chunk_p95_ms", "chunk_gap_p50_ms", "chunk_gap_p95_ms", "chunks_p50"}
    assert STREAM_FIELDS.keys() - row.to_json().keys() == absent
    assert notes(run)["not_streamed"].startswith("not streamed: the first token reaches the client with the last one")


def test_failed_answers_have_no_pace_and_their_tokens_do_not_count(tmp_path):
    slow = {"chunk_gap_p50_ns": [2 * MS] * 72 + [900 * MS] * 8, "tokens_out": [5] * 72 + [None] * 4 + [1000] * 4}
    (row,) = summarise(one_trial(tmp_path, streamed(outcome=["ok"] * 72 + ["failed"] * 8, **slow))).rows
    assert row.chunk_gap_p50_ms.value == pytest.approx(2)
    assert row.throughput_tokens_per_s == 180


def test_what_did_not_stream_has_none_of_it_anywhere(tmp_path):
    summary = summarise(one_trial(tmp_path, requests([5.0] * 80)))
    (row,) = summary.rows
    assert not STREAM_FIELDS.keys() & row.to_json().keys()
    written = json.dumps(summary.to_json()) + as_csv(summary) + as_markdown(summary)
    assert not [word for word in ("chunk", "tokens", "gpu", "GPU", "gap") if word in written]


def test_streams_and_gpu_time_are_shown_where_there_are_any(tmp_path):
    summary = summarise(one_trial(tmp_path, streamed(gpu_ns=[3 * MS] * 80)))
    traffic, streams = run_tables(summary).tables
    assert "GPU p50 ms" in [column.name for column in traffic.columns]
    assert streams.title == "echo · steady · streams and tokens"
    assert {column.name: column.cells[0].main for column in streams.columns[1:]} == {
        "p50 ms": "100",
        "p95 ms": "100",
        "first p50 ms": "20.0",
        "first p95 ms": "20.0",
        "gap p50 ms": "2.00",
        "gap p95 ms": "4.00",
        "chunks p50": "5.00",
        "unit first p50 ms": "18.0",
        "unit first p95 ms": "18.0",
        "unit gap p50 ms": "1.00",
        "unit gap p95 ms": "3.00",
        "tokens in p50": "7.00",
        "tokens out p50": "5.00",
        "tokens/s p50": "50.0",
        "tokens/s of all": "200",
    }
    (line,) = csv.DictReader(io.StringIO(as_csv(summary)))
    assert {name: float(line[name]) for name in STREAM_FIELDS} == STREAM_FIELDS
    assert float(line["gpu_p50_ms"]) == 3


def test_a_failed_request_has_an_infinitely_late_first_chunk(tmp_path):
    """As a latency: of 80 answers 8 failed, some of them in the middle of their stream."""
    outcomes = ["ok"] * 72 + ["failed"] * 8
    (row,) = summarise(one_trial(tmp_path, streamed(outcome=outcomes))).rows
    assert row.first_chunk_p50_ms.value == pytest.approx(20)
    assert row.first_chunk_p95_ms.value is None and "failures" in row.first_chunk_p95_ms.why
    assert row.chunks_p50.n == 1, "of the good answers"


def test_chunks_of_failed_requests_alone_are_no_first_chunk(tmp_path):
    first = [None if at < 72 else at * MS + MS for at in range(80)]
    table = streamed(outcome=["ok"] * 72 + ["failed"] * 8, first_chunk_ns=first, last_chunk_ns=first)
    (row,) = summarise(one_trial(tmp_path, table)).rows
    assert row.first_chunk_p50_ms is None or row.first_chunk_p50_ms.value is None
    assert "first_chunk_p50_ms" not in row.to_json()


def test_first_chunks_are_compared_where_both_sides_stream(tmp_path):
    run = RunFolder.create(tmp_path, manifest(trials=2, rounds=1))
    for order, (target, quicker) in enumerate(zip(CASES, (1, 2), strict=True)):
        table = streamed(first_chunk_ns=np.arange(80) * MS + 20 * MS // quicker)
        run.save_trial(trial(table, f"r01.{target}", target=target, order=order), table, samples())
    rows = {row.field: row for row in compare(tmp_path, *CASES).rows}
    assert (rows["first_chunk_p50_ms"].a_ms, rows["first_chunk_p50_ms"].b_ms) == pytest.approx((20, 10))
    whole = RunFolder.create(tmp_path / "whole", manifest(trials=2, rounds=1))
    for order, target in enumerate(CASES):
        table = streamed() if order else requests([100.0] * 80)
        whole.save_trial(trial(table, f"r01.{target}", target=target, order=order), table, samples())
    assert not [row for row in compare(tmp_path / "whole", *CASES).rows if "chunk" in row.field]


def test_an_asynchronous_request_lasts_until_it_completes(tmp_path):
    """Accepted after 2 ms, completed after 50; one never completed and ends with its reply."""
    completed = [at * MS + 50 * MS for at in range(9)] + [None]
    table = requests([2.0] * 10, completed_ns=completed, outcome=["ok"] * 9 + ["unfinished"], handler_ns=[None] * 10)
    run = one_trial(tmp_path, table)
    rows = read_rows(run, run.trials()[0])
    assert rows.latency_ms.tolist() == [50.0] * 9 + [np.inf]
    assert rows.done_ns[9] == 9 * MS + 2 * MS
    (row,) = summarise(run).rows
    assert (row.latency_p50_ms.value, row.service_p50_ms.value) == pytest.approx((50, 49.98))


def test_a_completion_before_the_request_was_sent_spoils_the_trial(tmp_path):
    table = requests([2.0] * 9, completed_ns=[0] * 9)
    (problem,) = summarise(one_trial(tmp_path, table)).problems
    assert "9 rows are ok without scheduled_ns <= sent_ns < done_ns" in problem


@pytest.mark.parametrize(
    ("witnessed", "told"),
    [
        (None, {}),
        (Witnesses(expected=2000, came=2000, disagree=0), {}),
        (
            Witnesses(expected=2000, came=1988, disagree=0),
            {"witnesses_missing": "for 12 of 2,000 requests the platform's own word never came"},
        ),
        (
            Witnesses(expected=2000, came=2000, disagree=3),
            {"witnesses_disagree": DISAGREE},
        ),
    ],
)
def test_what_the_platform_never_said_and_what_it_contradicted_is_counted(tmp_path, witnessed, told):
    found = notes(one_trial(tmp_path, requests([5.0] * 9), witnessed=witnessed))
    assert {code: text for code, text in found.items() if code.startswith("witnesses")} == told


def test_starts_whose_class_nothing_decided_are_counted(tmp_path):
    found = notes(one_trial(tmp_path, requests([5.0] * 9), open_starts=4))
    assert found["open_starts"].startswith("the class of 4 starts is but what nothing excludes")
    assert "open_starts" not in notes(one_trial(tmp_path / "decided", requests([5.0] * 9)))


@pytest.mark.parametrize(("longer", "expected"), [(False, 5.0), (True, None)])
def test_what_is_reserved_is_told_only_where_the_whole_life_of_each_unit_is_known(tmp_path, longer, expected):
    """Half of 1 GB for 10 s; a unit that was only seen in rows may have lived for an hour."""
    units = [unit("u0"), unit("u1", lived_ns=0, lived_longer=longer)]
    run = one_trial(tmp_path, requests([5.0] * 9), units=units, case={"memory_mb": 512})
    (row,) = summarise(run).rows
    assert row.memory_gb_seconds == expected


def test_the_bill_is_metered_from_the_platforms_own_word_row_by_row(tmp_path):
    """Its own sum to the millisecond: of a start it says less, of a warm one more than our stamps, and it bills one
    that we saw throttled. One row it says nothing of: that is reckoned from stamps, 7 ms from sent to done."""
    told = [4 * MS, 301 * MS, 2 * MS, None]
    rows = requests(
        [5.0, 900.0, 1.0, 7.02],
        outcome=["ok", "ok", "throttled", "failed"],
        start_class=["warm", "cold", None, None],
        handler_ns=[2_500_000, 2_500_000, None, None],
        billed_ns=told,
    )
    cold = np.array([False, True, False, False])
    run = one_trial(tmp_path, with_phases(rows, cold, np.where(cold, 900 * MS, 0)))
    found = read_use(run, run.trials()[0], 0.0, meter)
    assert found.billed.seconds == pytest.approx((4 + 301 + 2 + 7) / 1000, abs=1e-12)
    assert found.billed.warm_seconds == pytest.approx((4 + 3 + 2 + 7) / 1000, abs=1e-12)
    assert (found.told, found.assumed, found.uninitialised) == (3, 1, 0)


@pytest.mark.parametrize(
    ("billed", "words"),
    [
        ([None] * 10, "initialisation included, and"),
        ([4 * MS] * 10, "initialisation included, as the platform says, and"),
        ([4 * MS] * 9 + [None], "initialisation included, as the platform says of 90.0 % of them, and"),
    ],
)
def test_a_bill_says_whose_word_it_rests_on(tmp_path, billed, words):
    expected = {"name": "q", "expected": {"requests_per_month": 1_000_000, "peak_to_mean": 1}}
    run = one_trial(tmp_path, requests([5.0] * 10, billed_ns=billed), experiment=expected)
    (side,) = costing_of(run, summarise(run)).sides
    compute = next(term for term in side.terms if term.name == "compute")
    assert words in compute.basis


@pytest.mark.parametrize("usage", ["per_request", "afterwards"])
def test_memory_is_what_the_platform_tells_where_nothing_can_be_polled(tmp_path, usage):
    facts = target_facts("function", "aws_lambda", usage=usage)
    units = [unit("u0", own_peak_bytes=None, memory_mean_bytes=None, cpu_ns=None, memory_peak_bytes=90 * 2**20)]
    run = one_trial(tmp_path, requests([5.0] * 9, memory_used_bytes=[90 * 2**20] * 9), facts, units=units)
    (row,) = summarise(run).rows
    assert (row.memory_peak_mb, row.memory_own_peak_mb, row.cpu_seconds) == (90, None, None)
    assert "usage_unread" not in notes(run)


def test_what_never_ended_is_unknown_to_the_bill_and_what_was_given_up_may_have_gone_on(tmp_path):
    """A queue took 2 ms to accept a request: that is not what its handling takes."""
    table = requests(
        [2.0] * 9 + [50.0, 2.0],
        completed_ns=[at * MS + 50 * MS for at in range(8)] + [None] * 3,
        outcome=["ok"] * 8 + ["unfinished", "timed_out", "unfinished"],
        handler_ns=[MS] * 8 + [None] * 3,
        billed_ns=[None] * 10 + [7 * MS],
    )
    run = one_trial(tmp_path, table)
    found = read_use(run, run.trials()[0], 0.0, meter)
    assert (found.assumed, found.unended, found.given_up, found.told) == (0, 1, 1, 1)
    assert found.billed.seconds == pytest.approx((8 * 1 + 50 + 7) / 1000)
    (side,) = costing_of(run, summarise(run)).sides
    assert "1 request whose end never came: nobody knows what they took, so it is not in the cost" in side.notes
    assert any(note.startswith("1 request that took too long: billed for as long") for note in side.notes)


@pytest.mark.parametrize(
    ("facts", "billed_s"),
    [
        ({"init_timeout_s": 10.0}, 10.005),
        ({"deployment": {"front": "10.1.2.3"}}, 0.005),
        ({"deployment": {"front": [10]}}, 0.005),
        ({"deployment": {"front": None}}, 0.005),
        ({}, 0.005),
    ],
)
def test_a_start_that_was_cut_off_is_billed_until_then_or_the_side_says_that_it_is_not(tmp_path, facts, billed_s):
    rows = requests([900.0] * 2, start_class=["cold_reinit"] * 2, handler_ns=[5 * MS] * 2, billed_ns=[None, 9 * MS])
    run = one_trial(tmp_path, rows, **facts)
    found = read_use(run, run.trials()[0], 0.0, meter)
    assert found.billed.seconds == pytest.approx(billed_s + 0.009)
    assert found.uncut == ("init_timeout_s" not in facts)
    (side,) = costing_of(run, summarise(run)).sides
    said = "1 start cut off after an unknown time: what was before the cut is not in the cost"
    assert (said in side.notes) == bool(found.uncut)


def test_a_target_of_several_parts_is_not_priced_by_one_of_them(tmp_path):
    edge = {"name": "edge", "kind": "function", "bought_as": "aws_lambda"}
    more = {"name": "more", "kind": "function", "bought_as": "aws_lambda"}
    facts = {"parts": [edge, more], "capabilities": {"emulated": False, "isolated": True}}
    run = one_trial(tmp_path, requests([5.0] * 9), facts)
    costing = costing_of(run, summarise(run))
    assert costing.sides == []
    assert any(
        "a bill of several parts is not known here but of a function before a service" in text
        for text in costing.notices
    )


@pytest.mark.parametrize(
    ("facts", "said"), [({"clock": "own"}, False), ({"clock": "own", "emulated": True}, True), ({}, True)]
)
def test_durations_of_the_service_that_is_sold_are_not_said_to_come_from_here(tmp_path, facts, said):
    run = one_trial(tmp_path, requests([5.0] * 9), target_facts("function", "aws_lambda", **facts))
    notices = costing_of(run, summarise(run)).notices
    assert any("durations come from this machine" in text for text in notices) is said


@pytest.mark.parametrize("name", ["handler_ns", "billed_ns", "gpu_ns", "chunks", "tokens_out"])
def test_an_amount_below_0_spoils_its_trial_and_is_not_billed(tmp_path, name):
    run = one_trial(tmp_path, requests([5.0] * 9, **{name: [1] * 8 + [-5]}))
    summary = summarise(run)
    assert [text for text in summary.problems if f"1 rows have less than 0 in {name}" in text]
    assert costing_of(run, summary).sides == []


def test_a_start_with_an_initialisation_below_0_is_not_billed(tmp_path):
    parts = {"phase_boot_ns": [-50 * MS] * 9, "phase_unaccounted_ns": [55 * MS] * 9}
    run = one_trial(tmp_path, requests([5.0] * 9, start_class=["cold"] * 9, **parts))
    costing = costing_of(run, summarise(run))
    assert costing.sides == []
    assert any("9 requests took less than 0, so nothing can be billed" in text for text in costing.notices)


def test_a_start_whose_boot_nobody_saw_is_not_wholly_billed_and_that_is_said(tmp_path):
    """Under a clock of its own a unit tells of its own parts alone: 20 ms of them and 1 ms in the handler."""
    parts = {"phase_imports_ns": [20 * MS] * 9, "phase_unaccounted_ns": [80 * MS] * 9}
    run = one_trial(tmp_path, requests([100.0] * 9, start_class=["cold"] * 9, handler_ns=[MS] * 9, **parts))
    found = read_use(run, run.trials()[0], 0.0, meter)
    assert (found.billed.seconds, found.uninitialised) == (pytest.approx(9 * 0.021), 9)
    (side,) = costing_of(run, summarise(run)).sides
    assert "9 starts of unknown parts: their initialisation is not wholly in the cost" in side.notes
