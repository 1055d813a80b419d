"""An open list of phases, from its rules to every place that shows or bills it."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.analysis.compare import compare
from harness.analysis.table import summarise
from harness.cost.platforms.aws_lambda import meter
from harness.cost.usage import read_use
from harness.decision.dimensions import init_ms_of
from harness.errors import RecordError
from harness.record.folder import RunFolder
from harness.record.phases import AFTER, BEFORE, MOST_OWN, init_phases, order_phases, phase_problems
from harness.report.blocks import phase_tables
from harness.report.export import as_csv
from tests.synthetic import MS, manifest, requests, samples, trial, with_phases

OWN = ("cuda_init", "weights", "compile")
SPLIT = ("queue", "boot", *OWN, "first_inference", "unaccounted")


def test_the_order_is_the_platforms_then_as_first_seen_then_the_rest():
    seen = ["weights", "unaccounted", "boot", "compile", "first_inference", "queue", "weights", "imports"]
    assert order_phases(seen) == ["queue", "boot", "weights", "compile", "imports", "first_inference", "unaccounted"]


@given(st.lists(st.sampled_from([*BEFORE, *AFTER, *OWN, "z"])))
def test_ordering_loses_nothing_and_orders_once(names):
    ordered = order_phases(names)
    assert sorted(ordered) == sorted(set(names))
    assert order_phases(ordered) == ordered
    assert not set(init_phases(ordered)) & {"queue", "image", "create", "start", *AFTER}
    if "unaccounted" in names:
        assert phase_problems(ordered) == []


@pytest.mark.parametrize(
    ("names", "word"),
    [
        (["boot", "queue", "unaccounted"], "not in order"),
        (["queue", "queue", "unaccounted"], "there twice"),
        (["queue"], "without unaccounted"),
        (["Weights", "unaccounted"], "no name of a phase"),
        (["a b", "unaccounted"], "no name of a phase"),
        (["w" * 41, "unaccounted"], "no name of a phase"),
        (["", "unaccounted"], "no name of a phase"),
        ([*(f"p{n}" for n in range(MOST_OWN + 1)), "unaccounted"], "at most 20 are kept"),
    ],
)
def test_a_list_that_is_none_is_refused_with_its_reason(names, word):
    with pytest.raises(ValidationError, match=word):
        trial(requests([5.0]), phases=names)


def test_a_file_has_a_column_for_each_phase_of_its_trial_and_for_no_other(tmp_path):
    run, table = RunFolder.create(tmp_path, manifest(trials=1)), requests([5.0])
    for given_table, phases in ((table, ["queue", "unaccounted"]), (with_phases(table, *no_start()), [])):
        with pytest.raises(RecordError, match="phase_queue_ns is"):
            run.save_trial(trial(table, phases=phases), given_table, samples())


def no_start():
    return np.array([False]), np.array([0])


def split_run(tmp_path, phases=SPLIT, run="2026-01-01T00-00-00Z_split_aaaa"):
    """Ten cold starts of 700 ms, split evenly over these phases, each with a handler of 2.5 ms."""
    folder = RunFolder.create(tmp_path, manifest(run=run, trials=1, rounds=1, experiment={"name": "split"}))
    rows = requests([700.0] * 10, start_class=["cold"] * 10, handler_ns=[2_500_000] * 10)
    table = with_phases(rows, np.ones(10, bool), np.full(10, 700 * MS), phases)
    folder.save_trial(trial(table), table, samples())
    return folder


def test_phases_of_a_workloads_own_are_shown_wherever_phases_are(tmp_path):
    summary = summarise(split_run(tmp_path))
    assert summary.problems == []
    (row,) = summary.rows
    assert row.cold_phases_ms == pytest.approx(dict.fromkeys(SPLIT, 100.0))
    assert list(row.cold_phases_ms) == list(SPLIT)
    (table,) = phase_tables(summary.rows)
    assert [column.name for column in table.columns[2:-1]] == [phase.replace("_", " ") for phase in SPLIT]
    (line,) = csv.DictReader(io.StringIO(as_csv(summary)))
    assert [name for name in line if name.startswith("cold_phase")] == [f"cold_phase_{phase}_ms" for phase in SPLIT]
    assert float(line["cold_phase_cuda_init_ms"]) == 100


def test_whatever_its_name_a_phase_of_a_workloads_own_is_billed_as_initialisation(tmp_path):
    """Boot and three of its own, 100 ms each, and 2.5 ms in the handler: 402.5, billed as 403."""
    run = split_run(tmp_path)
    found = read_use(run, run.trials()[0], 0.0, meter)
    assert found.billed.seconds == pytest.approx(10 * 0.403)
    assert (found.uninitialised, found.told) == (0, 0)
    assert init_ms_of(summarise(run).rows[0]) == pytest.approx(400)


def test_starts_without_any_part_of_an_initialisation_are_counted_as_such(tmp_path):
    run = split_run(tmp_path, ("queue", "first_inference", "unaccounted"))
    found = read_use(run, run.trials()[0], 0.0, meter)
    assert (found.uninitialised, found.billed.seconds) == (10, pytest.approx(0.03))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (SPLIT, None),
        (("queue", "create", "start", *SPLIT[1:]), None),
        (("image", *SPLIT[1:]), "cuda_init, weights, compile in A, image, cuda_init, weights, compile in B"),
        (("boot", "weights", "unaccounted"), "cuda_init, weights, compile in A, weights in B"),
        (("boot", "unaccounted"), "in A, none in B"),
    ],
)
def test_two_runs_whose_starts_were_not_split_alike_are_told_so(tmp_path, other, words):
    """What only chance decides, such as whether the platform had to create, is no difference."""
    split_run(tmp_path)
    split_run(tmp_path, other, run="2026-04-01T00-00-00Z_split_bbbb")
    told = [text for text in compare(tmp_path, "2026-01", "2026-04").warnings if "not split into the same" in text]
    assert ([words in text and "echo, docker-lambda, steady" in text for text in told] == [True]) if words else not told
