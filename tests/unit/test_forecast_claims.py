"""What a forecast claims: intervals that hold the long-run value or are withheld; sides that draw from one profile."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import scipy

from harness.analysis.over_trials import UNEVEN, percentile_over_trials
from harness.analysis.stats import TrialValues
from harness.forecast.resample import draw_rounds, figure_of, no_narrower
from harness.forecast.rows import too_few
from harness.forecast.sides import slots_of
from harness.forecast.source import source_of
from harness.record.estimate import Estimate
from harness.record.forecast import Figure
from tests.benchmarks.coverage import Found

ROUNDS, REQUESTS, RESAMPLES, EXPERIMENTS = 10, 60, 60, 120


def p95_held(between: float, within: float) -> Found:
    """How often the forecast's p95 of a run of ten short trials is told, and then holds the population's."""
    truth = math.exp(scipy.stats.norm.ppf(0.95) * math.hypot(between, within))
    trial, told, held = np.repeat(np.arange(ROUNDS), REQUESTS), 0, 0
    for experiment in range(EXPERIMENTS):
        stream = np.random.default_rng([7, experiment])
        level = between * stream.standard_normal((ROUNDS, 1))
        values = np.exp(level + within * stream.standard_normal((ROUNDS, REQUESTS)))
        own = percentile_over_trials([TrialValues.of(each) for each in values], 0.95)
        if too_few({"latency_p95_ms": own}):
            continue
        order = np.argsort(values.ravel())
        ascending, of_trial, drawn = values.ravel()[order], trial[order], []
        for _ in range(RESAMPLES):
            weight = np.bincount(draw_rounds(range(ROUNDS), stream), minlength=ROUNDS)[of_trial].cumsum()
            drawn.append(ascending[np.searchsorted(weight, 0.95 * weight[-1])])
        figure = no_narrower(figure_of(drawn, ROUNDS), own)
        told += 1
        held += figure.low <= truth <= (figure.high or math.inf)
    return Found(told / EXPERIMENTS, held / max(1, told), EXPERIMENTS)


@pytest.mark.parametrize("between", [0.1, 0.15, 0.3, 0.5], ids=str)
def test_a_forecast_p95_of_ten_short_trials_holds_the_long_run_value_or_is_withheld(between):
    found = p95_held(between, 0.3)
    assert found.mark.strip() == "", found
    assert found.told * (1 - found.held) <= 0.06, "said and false"
    assert (found.told > 0.5) == (between < 0.3)


def test_an_interval_is_no_narrower_than_that_of_the_samples_as_a_ratio():
    figure, own = Figure(value=100, low=95, high=105, n=9), Estimate(50, 40, 60, 10)
    assert (no_narrower(figure, own).low, no_narrower(figure, own).high) == (80, 120)
    assert no_narrower(figure, Estimate(50, 49, 51, 10)) == figure
    assert no_narrower(figure, None) == figure
    open_end = no_narrower(figure, Estimate(50, 40, None, 10, why="upper end falls among failures"))
    assert (open_end.low, open_end.high, open_end.why) == (80, None, "upper end falls among failures")


def test_what_a_few_trials_make_is_withheld_and_with_it_the_share_that_is_late():
    uneven = Estimate(None, why=f"p95: those beyond are worth 1.2 of 10 trials, 5 are needed: {UNEVEN}")
    short = too_few({"latency_at_objective_ms": uneven, "latency_p95_ms": uneven})
    assert set(short) == {"latency_at_objective_ms", "latency_p95_ms", "queue_p95_ms", "late_share"}
    few = Estimate(None, why="p99 needs 1000 requests over all trials, has 600")
    assert set(too_few({"latency_at_objective_ms": few})) == {"latency_at_objective_ms"}


def measured(target: str, profile: str, ok: int = 100, crowded: bool = False, memory_mb: int = 1024):
    notes = [SimpleNamespace(code="host_bound")] if crowded else []
    kind = "service" if "service" in target else "function"
    case = {"memory_mb": memory_mb, "begin": "steady"}
    return SimpleNamespace(target=target, profile=profile, ok=ok, notes=notes, valid=True, kind=kind, case=case)


def test_all_sides_draw_from_the_profile_that_is_fit_for_all_of_them():
    rows = [
        measured("a-service", "bursty", 900),
        measured("a-lambda", "bursty", 900, crowded=True),
        *(measured(target, profile, ok) for target in ("a-service", "a-lambda") for profile, ok in PLAIN),
    ]
    found = source_of(rows, "bursty")
    assert found.profile == "steady"
    assert found.why.startswith("warm requests of all sides are drawn from steady, for bursty cannot be used")
    assert "for all: a-lambda is host-bound" in found.why
    assert source_of(rows, "sparse").profile == "sparse"
    assert source_of(rows, None).profile == "steady"
    assert source_of(rows, "diurnal").why == "warm requests of all sides are drawn from steady"


PLAIN = [("steady", 300), ("sparse", 30)]


def test_sides_that_share_no_fit_profile_are_not_set_beside_each_other():
    rows = [measured("a-service", "bursty"), measured("a-lambda", "steady")]
    found = source_of(rows, "bursty")
    assert found.profile is None
    assert "(a-lambda steady; a-service bursty)" in found.why


def test_another_size_and_a_side_without_fit_rows_do_not_keep_the_sides_from_their_own_profile():
    rows = [
        measured("a-service", "bursty"),
        measured("a-service", "bursty", crowded=True, memory_mb=2048),
        measured("b-lambda", "bursty", crowded=True),
    ]
    assert source_of(rows, "bursty").profile == "bursty"


@pytest.mark.parametrize(("cpus", "slots"), [(0.5, 1), (1.0, 1), (2.5, 2), (None, 1)], ids=str)
def test_a_replica_serves_one_request_for_each_whole_cpu(cpus, slots):
    assert slots_of({"cpus": cpus}) == slots
