"""For which uses a row is fit, from rows whose doubts are plain."""

from dataclasses import replace

import pytest

from harness.analysis.fitness import COMPRESSED, CROWDED, INVALID, NOT_FORCED, NOT_TRAFFIC, TRANSIENT, unfit
from harness.analysis.notes import Note
from harness.analysis.summary import Row
from harness.analysis.table import summarise
from tests.synthetic import make_run

USES = ("latency", "frequency", "cost", "warm samples", "cold samples")
DECIDE = ("latency", "frequency", "cost")


def row(kind="function", profile="steady", valid=True, notes=(), **case):
    return Row("echo", "any", profile, case, 10, 10, 0, valid, 100.0, kind=kind, notes=[Note(n, n) for n in notes])


def reasons(given, uses):
    return {reason for use in uses for reason in unfit(given, use)}


def test_a_steady_row_of_either_side_is_fit_to_decide_and_to_draw_warm_requests_from():
    for given in (row(begin="steady"), row("service"), row("service", begin="empty", compression=1)):
        assert not reasons(given, (*DECIDE, "warm samples"))
        assert unfit(given, "cold samples") == [NOT_FORCED]


@pytest.mark.parametrize("kind", ["function", "service"])
def test_a_whole_batch_is_no_transient_though_it_begins_empty(kind):
    assert not reasons(row(kind, begin="batch"), DECIDE)
    assert not reasons(replace(row(kind, begin="batch"), asynchronous=True), DECIDE)


def test_workers_behind_a_queue_that_began_empty_are_a_transient_as_a_function_is():
    given = replace(row("service", begin="empty"), asynchronous=True)
    assert all(unfit(given, use) == [TRANSIENT] for use in DECIDE)


@pytest.mark.parametrize("case", [{}, {"begin": "empty"}, {"begin": None}], ids=["old", "empty", "null"])
def test_a_function_that_began_empty_is_a_transient_but_its_warm_requests_may_be_drawn_from(case):
    given = row(**case)
    assert all(unfit(given, use) == [TRANSIENT] for use in DECIDE)
    assert not unfit(given, "warm samples")


def test_forced_cold_starts_are_what_cold_starts_are_drawn_from_and_nothing_else():
    for given in (row(profile="cold"), row("service", profile="cold")):
        assert not unfit(given, "cold samples")
        assert reasons(given, (*DECIDE, "warm samples")) == {NOT_TRAFFIC}


def test_a_scale_out_is_no_traffic_to_decide_for():
    assert reasons(row("service", profile="scale-out"), (*DECIDE, "warm samples")) == {NOT_TRAFFIC}


@pytest.mark.parametrize("kind", ["service", "function"])
def test_compressed_time_decides_nothing_and_is_no_word_against_durations(kind):
    given = row(kind, begin="steady", compression=60)
    assert all(unfit(given, use) == [COMPRESSED] for use in DECIDE)
    assert not unfit(given, "warm samples")
    assert not reasons(row(kind, begin="steady", compression=1.0), DECIDE)


@pytest.mark.parametrize("profile", ["steady", "cold"])
def test_what_this_machine_made_slow_is_fit_for_nothing(profile):
    assert all(CROWDED in unfit(row(profile=profile, begin="steady", notes=["host_bound"]), use) for use in USES)


def test_what_has_no_valid_trial_is_fit_for_nothing():
    assert all(INVALID in unfit(row(valid=False, begin="steady"), use) for use in USES)


def test_every_reason_is_told_at_once_and_names_its_fix():
    given = row(notes=["host_bound", "emulated"], compression=12)
    assert unfit(given, "cost") == [CROWDED, COMPRESSED, TRANSIENT]
    assert "begin: steady" in TRANSIENT and "compression: 1" in COMPRESSED and "cold_starts" in NOT_FORCED


def test_the_kind_comes_from_the_manifest_and_a_target_of_neither_side_is_no_transient(tmp_path):
    summary = summarise(make_run(tmp_path, rounds=2, requests_per_trial=20))
    assert {r.target: r.kind for r in summary.rows} == {"docker-lambda": "function", "docker-service": "service"}
    assert not unfit(replace(row(), kind=None), "latency")
    assert "kind" not in summary.rows[0].to_json()
