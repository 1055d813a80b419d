"""Thousands of simulated experiments, judged by the very functions that judge real ones: intervals cover what they say.

The world of the notes on statistics: a machine that drifts (AR(1), sd 8 %), trials that differ among themselves
(sd 3 %), requests that are log-normal (sd 25 %), 30 of them in a trial, targets visited in turn in an order drawn anew
each round.
"""

import numpy as np
import pytest
from scipy import signal, stats

from harness.analysis.ratio import LogRatio, Verdict, judge, paired_ratio
from harness.analysis.stats import TrialPercentile, percentile, percentile_of_samples, percentile_over_trials, share

EXPERIMENTS = 2400
ROUNDS = (10, 20)
REQUESTS = 30
DRIFT_SD, DRIFT_MEMORY, TRIAL_SD, REQUEST_SD = 0.08, 0.9, 0.03, 0.25
MARGIN = 0.10


def drift(rng: np.random.Generator, visits: int) -> np.ndarray:
    """AR(1) over consecutive visits of each experiment, from its stationary state."""
    shocks = rng.normal(0, DRIFT_SD * np.sqrt(1 - DRIFT_MEMORY**2), (EXPERIMENTS, visits))
    shocks[:, 0] = rng.normal(0, DRIFT_SD, EXPERIMENTS)
    return signal.lfilter([1], [1, -DRIFT_MEMORY], shocks, axis=1)


def quantiles(rng: np.random.Generator, log_level: np.ndarray, p: float = 0.5) -> np.ndarray:
    """Each trial's percentile over its requests, by the nearest rank that the harness takes."""
    trials = log_level + rng.normal(0, TRIAL_SD, log_level.shape)
    requests = rng.normal(0, REQUEST_SD, (*log_level.shape, REQUESTS))
    return np.exp(trials + np.quantile(requests, p, axis=-1, method="inverted_cdf"))


def interleaved(rounds: int, ratio: float, seed: int, p: float = 0.5) -> list[LogRatio]:
    """Experiments in which every request of B takes `ratio` times as long as one of A."""
    rng = np.random.default_rng(seed)
    found = drift(rng, 2 * rounds).reshape(EXPERIMENTS, rounds, 2)
    first = rng.integers(0, 2, (EXPERIMENTS, rounds))
    order = np.stack([first, 1 - first], axis=-1)
    found = np.take_along_axis(found, order, axis=-1)
    a, b = quantiles(rng, found[..., 0], p), quantiles(rng, found[..., 1] + np.log(ratio), p)
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
@pytest.mark.parametrize("p", [0.5, 0.95])
def test_without_the_margin_identical_systems_seem_to_differ_in_one_of_twenty_experiments(rounds, p):
    alarms = 1 - covered(interleaved(rounds, 1.0, seed=100 + rounds, p=p), 1.0)
    assert 0.035 <= alarms <= 0.065


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
@pytest.mark.parametrize("p", [0.5, 0.95])
def test_intervals_over_trials_cover_the_centre(rounds, p):
    """One target's level, not a ratio: here rounds must lie far enough apart for the drift to be forgotten.

    The truth is the centre of what trials of this size show. The nearest rank of few requests is not quite the
    percentile of all requests, and no interval over trials makes up for that.
    """
    rng = np.random.default_rng(300 + rounds)
    values = quantiles(rng, rng.normal(0, DRIFT_SD, (EXPERIMENTS, rounds)), p)
    centre = float(np.exp(np.mean(np.log(quantiles(rng, np.zeros((4000, 100)), p)))))
    found = [percentile_over_trials([TrialPercentile(x, REQUESTS) for x in trials], p) for trials in values]
    assert all(one.low and one.high for one in found)
    assert 0.93 <= np.mean([one.low <= centre <= one.high for one in found]) <= 0.97


@pytest.mark.parametrize("rounds", ROUNDS)
def test_intervals_over_trials_that_follow_each_other_are_too_narrow_for_a_drifting_machine(rounds):
    """Why two runs are never compared without a warning, and two targets in pairs: this one does not cover."""
    rng = np.random.default_rng(400 + rounds)
    values = quantiles(rng, drift(rng, rounds))
    centre = float(np.exp(np.mean(np.log(quantiles(rng, np.zeros((4000, 100)))))))
    found = [percentile_over_trials([TrialPercentile(x, REQUESTS) for x in trials], 0.5) for trials in values]
    assert np.mean([one.low <= centre <= one.high for one in found]) < 0.8


@pytest.mark.parametrize(("p", "n"), [(0.5, 6), (0.5, 40), (0.9, 36), (0.9, 60), (0.95, 100)])
def test_exact_intervals_of_cold_starts_cover_at_least_as_often_as_they_say(p, n):
    """Order statistics are steps, so an exact interval is a little too wide rather than too narrow."""
    rng = np.random.default_rng(n)
    samples = np.sort(rng.lognormal(0, 0.3, (20_000, n)), axis=-1)
    ends = percentile_of_samples(np.arange(float(n)), p)  # of the numbers 0, 1, 2, ... an interval names its own ranks
    ranks = [int(ends.low), int(ends.high)]
    one = percentile_of_samples(samples[0], p)
    assert [one.low, one.high] == list(samples[0, ranks])
    truth = float(np.exp(0.3 * stats.norm.ppf(p)))
    assert 0.95 <= np.mean((samples[:, ranks[0]] <= truth) & (truth <= samples[:, ranks[1]])) <= 1


def test_wilson_intervals_cover_shares():
    hits, times = np.unique(np.random.default_rng(9).binomial(400, 0.05, 20_000), return_counts=True)
    found = [share(int(n), 400) for n in hits]
    inside = np.average([one.low <= 0.05 <= one.high for one in found], weights=times)
    assert 0.93 <= inside <= 0.98


def test_the_simulated_percentile_is_the_harness_s_own():
    x = np.random.default_rng(5).normal(size=REQUESTS)
    assert float(np.percentile(x, 50, method="inverted_cdf")) == percentile(x, 0.5)
