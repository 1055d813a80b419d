"""Simulated experiments, judged by the very functions that judge real ones: intervals hold the population's value.

The populations are those of `tests.benchmarks.coverage`, which prints the whole table; here there are fewer experiments
of the sharpest cases. The ratios' world is that of the notes on statistics: a machine that drifts (AR(1), sd 8 %),
trials that differ among themselves (sd 3 %), log-normal requests, targets visited in turn in an order drawn anew each
round.
"""

import numpy as np
import pytest
from scipy import signal, stats

from harness.analysis.over_trials import percentile_over_trials, share_over_trials
from harness.analysis.ratio import LogRatio, Verdict, judge, paired_ratio
from harness.analysis.stats import TrialValues, percentile_of_samples
from tests.benchmarks import coverage
from tests.benchmarks.coverage import SPREADS, Found, bursty, heavy, log_normal

EXPERIMENTS = 1500
ROUNDS = (10, 20)
REQUESTS = 30
DRIFT_SD, DRIFT_MEMORY, TRIAL_SD, REQUEST_SD = 0.08, 0.9, 0.03, 0.25
MARGIN = 0.10
SHAPES = {"log-normal": log_normal, "heavy": heavy, "bursts": bursty}


def holds_or_is_withheld(found: Found) -> bool:
    return found.mark == " "


def spread_id(spread) -> str:
    return f"trials-{100 * spread[0]:.0f}-requests-{100 * spread[1]:.0f}"


@pytest.mark.parametrize("p", [0.5, 0.95])
@pytest.mark.parametrize("spread", SPREADS, ids=spread_id)
@pytest.mark.parametrize("trials", ROUNDS)
@pytest.mark.parametrize(("shape", "requests"), [("log-normal", 20), ("heavy", 20), ("log-normal", 100)])
def test_the_interval_of_a_percentile_holds_that_of_the_population(shape, requests, trials, spread, p):
    """It may be withheld only where trials differ as much as their requests do, so that a few make the tail."""
    found = coverage.percentile_held(SHAPES[shape](*spread), p, trials, requests, EXPERIMENTS)
    assert holds_or_is_withheld(found), found
    assert found.told > 0.8 or (spread == (0.2, 0.25) and p == 0.95), found


@pytest.mark.parametrize("p", [0.5, 0.95])
@pytest.mark.parametrize("trials", ROUNDS)
@pytest.mark.parametrize("requests", [20, 100])
@pytest.mark.parametrize("spread", [SPREADS[1], SPREADS[2]], ids=spread_id)
def test_bursts_of_slow_starts_are_held_or_withheld(spread, requests, trials, p):
    found = coverage.percentile_held(bursty(*spread), p, trials, requests, EXPERIMENTS)
    assert found.mark == " " or (found.mark == "+" and p == 0.5), found
    assert (found.told < 0.5) == (p == 0.95), "too few trials have a burst"


@pytest.mark.parametrize("p", [0.5, 0.95])
@pytest.mark.parametrize(("trials", "requests"), [(12, 50), (15, 100)])
@pytest.mark.parametrize("world", ["gamma trials", "2 % slow", "8 % slow", "bursts of 60"])
def test_other_worlds_than_those_that_it_was_set_by_are_held_or_withheld(world, trials, requests, p):
    draw = coverage.OTHER_WORLDS[world](*coverage.OTHER_SPREADS[1])
    found = coverage.percentile_held(draw, p, trials, requests, EXPERIMENTS)
    assert (found.mark != "!" and found.held < 0.99) or found.told < 0.5, found


@pytest.mark.parametrize("spread", SPREADS, ids=spread_id)
def test_p99_of_twenty_trials_holds_that_of_the_population(spread):
    found = coverage.percentile_held(log_normal(*spread), 0.99, 20, 100, EXPERIMENTS)
    assert holds_or_is_withheld(found), found
    assert found.told > 0.9 or spread == (0.2, 0.25), found


@pytest.mark.parametrize("requests", [20, 400])
def test_p99_of_ten_trials_is_withheld_however_many_requests_there_are(requests):
    assert coverage.percentile_held(log_normal(*SPREADS[0]), 0.99, 10, requests, 10).told == 0


@pytest.mark.parametrize("name", coverage.STARTS)
@pytest.mark.parametrize("trials", ROUNDS)
def test_the_interval_of_the_cold_share_holds_that_of_the_population(trials, name):
    found = coverage.share_held(coverage.STARTS[name], trials, 200, 4 * EXPERIMENTS)
    assert found.mark in (" ", "+"), found
    assert (found.told < 0.5) == (name == "bursts of 30")


@pytest.mark.parametrize("name", ["even, 8 a trial", "uneven, 4 a trial", "bursts of 30"])
@pytest.mark.parametrize("trials", ROUNDS)
def test_cold_p90_under_traffic_holds_that_of_the_population_or_is_withheld(trials, name):
    found = coverage.cold_held(coverage.STARTS[name], SPREADS[0], 0.9, trials, EXPERIMENTS)
    assert holds_or_is_withheld(found), found
    assert (found.told < 0.5) == (name == "bursts of 30" or (trials == 10 and name.startswith("uneven")))


@pytest.mark.parametrize("p", [0.5, 0.9])
@pytest.mark.parametrize("spread", SPREADS, ids=spread_id)
def test_two_forced_cold_starts_of_a_trial_are_no_independent_ones(spread, p):
    found = coverage.cold_held(coverage.two, spread, p, 20, 2 * EXPERIMENTS)
    assert found.told > 0.9 and holds_or_is_withheld(found), found


@pytest.mark.parametrize("requests", [24, 60])
def test_the_simulated_judgement_is_that_of_the_estimator_itself(requests):
    """Experiment by experiment: what the table counts, and the interval that is told."""
    x = log_normal(*SPREADS[2])(np.random.default_rng(requests), 60, 10, requests)
    truth = np.quantile(x, 0.95)
    held = told = 0
    for experiment in x:
        estimate = percentile_over_trials([TrialValues.of(trial) for trial in experiment], 0.95)
        told += estimate.value is not None
        held += estimate.value is not None and estimate.low <= truth <= estimate.high
    found = coverage.judge(
        hits=(x > truth).sum(axis=-1),
        beyond=(x > coverage.estimates(x, 0.95)[:, None, None]).sum(axis=-1),
        sizes=np.full(10, requests),
        share=0.05,
    )
    assert (told / len(x), held / told) == (pytest.approx(found.told), pytest.approx(found.held))


def test_the_simulated_share_is_that_of_the_estimator_itself():
    hits = coverage.uneven_sizes(4, 2)(np.random.default_rng(1), 60, 10, 200)
    found = coverage.judge_share(hits, np.full(10, 200), 0.02)
    estimates = [share_over_trials([int(n) for n in one], [200] * 10) for one in hits]
    told = [one for one in estimates if one.low is not None]
    assert len(told) / len(hits) == pytest.approx(found.told)
    assert np.mean([one.low <= 0.02 <= one.high for one in told]) == pytest.approx(found.held)


@pytest.mark.parametrize(("p", "n"), [(0.5, 6), (0.5, 40), (0.9, 36), (0.9, 60), (0.95, 100)])
def test_exact_intervals_of_independent_samples_cover_at_least_as_often_as_they_say(p, n):
    """Order statistics are steps, so an exact interval is a little too wide rather than too narrow."""
    rng = np.random.default_rng(n)
    samples = np.sort(rng.lognormal(0, 0.3, (20_000, n)), axis=-1)
    ends = percentile_of_samples(np.arange(float(n)), p)  # of the numbers 0, 1, 2, ... an interval names its own ranks
    ranks = [int(ends.low), int(ends.high)]
    one = percentile_of_samples(samples[0], p)
    assert [one.low, one.high] == list(samples[0, ranks])
    truth = float(np.exp(0.3 * stats.norm.ppf(p)))
    assert 0.95 <= np.mean((samples[:, ranks[0]] <= truth) & (truth <= samples[:, ranks[1]])) <= 1


def drift(rng: np.random.Generator, visits: int) -> np.ndarray:
    """AR(1) over consecutive visits of each experiment, from its stationary state."""
    shocks = rng.normal(0, DRIFT_SD * np.sqrt(1 - DRIFT_MEMORY**2), (EXPERIMENTS, visits))
    shocks[:, 0] = rng.normal(0, DRIFT_SD, EXPERIMENTS)
    return signal.lfilter([1], [1, -DRIFT_MEMORY], shocks, axis=1)


def quantiles(
    rng: np.random.Generator,
    log_level: np.ndarray,
    p: float = 0.5,
    requests: int = REQUESTS,
    spread: tuple[float, float] = (TRIAL_SD, REQUEST_SD),
) -> np.ndarray:
    """Each trial's percentile by itself, by the definition that the harness takes."""
    trials = log_level + rng.normal(0, spread[0], log_level.shape)
    values = rng.normal(0, spread[1], (*log_level.shape, requests))
    return np.exp(trials + np.quantile(values, p, axis=-1, method="median_unbiased"))


def interleaved(
    rounds: int,
    ratio: float,
    seed: int,
    p: float = 0.5,
    requests: tuple[int, int] = (REQUESTS, REQUESTS),
    spread: tuple[float, float] = (TRIAL_SD, REQUEST_SD),
) -> list[LogRatio]:
    """Experiments in which every request of B takes `ratio` times as long as one of A."""
    rng = np.random.default_rng(seed)
    found = drift(rng, 2 * rounds).reshape(EXPERIMENTS, rounds, 2)
    first = rng.integers(0, 2, (EXPERIMENTS, rounds))
    order = np.stack([first, 1 - first], axis=-1)
    found = np.take_along_axis(found, order, axis=-1)
    a = quantiles(rng, found[..., 0], p, requests[0], spread)
    b = quantiles(rng, found[..., 1] + np.log(ratio), p, requests[1], spread)
    return [paired_ratio(one, other) for one, other in zip(a, b, strict=True)]


def covered(ratios: list[LogRatio], truth: float) -> float:
    return float(np.mean([one.low <= np.log(truth) <= one.high for one in ratios]))


def verdicts(ratios: list[LogRatio]) -> dict[Verdict | None, float]:
    found = [judge(one, MARGIN).verdict for one in ratios]
    return {verdict: found.count(verdict) / len(found) for verdict in [*Verdict, None]}


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize(("ratio", "p"), [(1.0, 0.5), (1.2, 0.95)])
def test_intervals_of_a_ratio_cover_the_truth_as_often_as_they_say(rounds, ratio, p):
    assert 0.93 <= covered(interleaved(rounds, ratio, seed=rounds, p=p), ratio) <= 0.97


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("spread", [SPREADS[0], SPREADS[3]], ids=spread_id)
@pytest.mark.parametrize("requests", [(20, 20), (20, 100)], ids=["as-many", "five-times-as-many"])
def test_without_the_margin_identical_systems_seem_to_differ_in_one_of_twenty_experiments(rounds, spread, requests):
    """Also where one side's trials are longer: by nearest rank a short trial's p95 would be too low."""
    alarms = 1 - covered(interleaved(rounds, 1.0, 100 + rounds, 0.95, requests, spread), 1.0)
    assert 0.03 <= alarms <= 0.07


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("p", [0.5, 0.95])
def test_with_the_margin_identical_systems_are_hardly_ever_called_different(rounds, p):
    found = verdicts(interleaved(rounds, 1.0, seed=200 + rounds, p=p))
    assert found[Verdict.FASTER] + found[Verdict.SLOWER] <= 0.001 and found[None] == 0


def test_twenty_rounds_settle_what_is_plain():
    assert verdicts(interleaved(20, 1.0, seed=1))[Verdict.SAME] > 0.85
    assert verdicts(interleaved(20, 1.2, seed=5))[Verdict.SLOWER] > 0.95
    assert verdicts(interleaved(20, 1.4, seed=2))[Verdict.SLOWER] > 0.99
    assert verdicts(interleaved(20, 1 / 1.4, seed=3))[Verdict.FASTER] > 0.99
    on_the_line = verdicts(interleaved(20, 1.1, seed=4))
    assert on_the_line[Verdict.UNCLEAR] > 0.9 and on_the_line[Verdict.FASTER] == 0


@pytest.mark.parametrize("rounds", ROUNDS)
def test_intervals_over_trials_that_follow_each_other_are_too_narrow_for_a_drifting_machine(rounds):
    """Why two runs are never compared without a warning, and two targets in pairs: this one does not cover."""
    rng = np.random.default_rng(400 + rounds)
    levels = drift(rng, rounds) + rng.normal(0, TRIAL_SD, (EXPERIMENTS, rounds))
    x = levels[..., None] + rng.normal(0, REQUEST_SD, (*levels.shape, REQUESTS))
    hits, sizes = (x > 0).sum(axis=-1), np.full(rounds, REQUESTS)
    assert coverage.judge(hits=hits, beyond=hits, sizes=sizes, share=0.5).held < 0.8


def test_the_simulated_percentile_is_the_harness_s_own():
    x = np.random.default_rng(5).normal(size=REQUESTS).astype(np.float32)
    assert TrialValues.of(x).percentile(0.95).value == pytest.approx(
        float(np.quantile(x, 0.95, method="median_unbiased"))
    )
