import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness.analysis.stats import (
    SampleNeed,
    TrialPercentile,
    floor,
    need_over_trials,
    percentile,
    percentile_of_samples,
    percentile_of_trial,
    percentile_over_trials,
    share,
)


@pytest.mark.parametrize(("p", "n"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3688), (0.1, 36)])
def test_floor_is_the_smallest_sample_with_a_finite_interval(p, n):
    assert floor(p) == n
    finite = [scipy_stats.quantile_test(np.arange(float(m)), p=p).confidence_interval(0.95) for m in (n - 1, n)]
    assert [math.isfinite(low) and math.isfinite(high) for low, high in finite] == [False, True]


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1, math.nan])
def test_floor_refuses_what_is_no_percentile(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        floor(p)


def test_percentile_is_the_nearest_rank():
    x = np.array([5.0, 1.0, 4.0, 2.0, 3.0, 6.0, 7.0, 8.0, 9.0, 10.0])
    assert [percentile(x, p) for p in (0.5, 0.51, 0.9, 0.95)] == [5.0, 6.0, 9.0, 10.0]


def test_order_statistics_of_forty_cold_starts():
    """Binomial(40, 0.5): P(K <= 13) = 0.0192 and P(K <= 14) = 0.0403, so the 14th and the 27th bound the median."""
    estimate = percentile_of_samples(np.arange(1.0, 41.0), 0.5)
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (20.0, 14.0, 27.0, 40)
    assert (estimate.need, estimate.why) == (None, None)


def test_below_the_floor_there_is_no_number():
    estimate = percentile_of_samples(np.arange(35.0), 0.9, noun="cold starts")
    assert (estimate.value, estimate.low, estimate.high) == (None, None, None)
    assert (estimate.n, estimate.need, estimate.why) == (35, 36, "needs 36 cold starts, has 35")


def test_failures_push_the_upper_end_and_then_the_percentile_out():
    x = np.arange(1.0, 11.0)
    x[8:] = np.inf
    estimate = percentile_of_samples(x, 0.5)
    assert (estimate.value, estimate.high, estimate.why) == (5.0, None, "upper end falls among failures")
    x[4:] = np.inf
    estimate = percentile_of_samples(x, 0.5)
    assert (estimate.value, estimate.low, estimate.why) == (None, None, "falls among failures")


def test_interval_over_trials_by_hand():
    """Logs of 10, 20, 40: mean log 20, sd log 2, t(0.975, 2) = 4.302653; half width = 4.302653 * log 2 / sqrt 3."""
    estimate = percentile_over_trials([TrialPercentile(v, 100) for v in (10.0, 20.0, 40.0)], 0.95)
    factor = math.exp(4.3026527 * math.log(2) / math.sqrt(3))
    assert estimate.value == pytest.approx(20)
    assert estimate.low == pytest.approx(20 / factor, rel=1e-6)
    assert estimate.high == pytest.approx(20 * factor, rel=1e-6)
    assert estimate.n == 3


def test_linear_scale_takes_zero_and_never_falls_below_it():
    estimate = percentile_over_trials([TrialPercentile(v, 100) for v in (0.0, 0.0, 3.0)], 0.95, scale="linear")
    assert estimate.value == pytest.approx(1.0)
    assert estimate.low == 0.0
    assert estimate.high == pytest.approx(1 + 4.3026527, rel=1e-6)


def test_log_scale_refuses_zero():
    estimate = percentile_over_trials([TrialPercentile(0.0, 100), TrialPercentile(1.0, 100)], 0.5)
    assert (estimate.value, estimate.why) == (None, "a trial's value is 0 or below")


def test_one_trial_has_a_value_but_no_interval():
    estimate = percentile_over_trials([TrialPercentile(20.0, 100)], 0.5)
    assert estimate.value == pytest.approx(20.0)
    assert (estimate.low, estimate.high, estimate.n, estimate.need) == (None, None, 1, 2)
    assert estimate.why == "one trial: no interval"


@pytest.mark.parametrize(
    ("p", "asked"),
    [
        (0.5, SampleNeed(6, 6, None)),
        (0.9, SampleNeed(10, 36, None)),
        (0.95, SampleNeed(20, 72, None)),
        (0.99, SampleNeed(100, 368, 20)),
        (0.999, SampleNeed(1000, 3688, 20)),
    ],
)
def test_what_is_asked_of_trials(p, asked):
    """1 / (1 - p) in each, log(0.025) / log(p) over all: 3.69 / 0.0513 = 71.9, 3.69 / 0.01005 = 367.04."""
    assert need_over_trials(p) == asked


def test_what_is_asked_in_words():
    assert need_over_trials(0.5).words() == "6 requests in each trial"
    assert need_over_trials(0.95).words() == "20 requests in each trial and 72 over all trials"
    assert need_over_trials(0.99).words() == "100 requests in each trial, 368 over all trials and 20 rounds"


def of_sizes(*sizes):
    return [TrialPercentile(20.0, n) for n in sizes]


@pytest.mark.parametrize(
    ("p", "sizes", "need", "why"),
    [
        (0.95, [], 20, "p95 needs 20 requests per trial, has 0"),
        (0.95, [19] * 10, 20, "p95 needs 20 requests per trial, has 19"),
        (0.95, [71], 72, "p95 needs 72 requests over all trials, has 71"),
        (0.95, [24, 24, 23], 72, "p95 needs 72 requests over all trials, has 71"),
        (0.95, [24, 24, 19, 19], 72, "p95 needs 72 requests over all trials, has 48"),
        (0.99, [400] * 3, 20, "p99 needs 20 rounds, has 3"),
        (0.99, [99] * 3, 100, "p99 needs 100 requests per trial, has 99, and 20 rounds, has 3"),
        (0.99, [100] * 3, 368, "p99 needs 368 requests over all trials, has 300, and 20 rounds, has 3"),
        (0.99, [100] * 19 + [99], 20, "p99 needs 20 rounds, has 19"),
        (0.5, [5, 5], 6, "p50 needs 6 requests per trial, has 5"),
    ],
)
def test_too_little_over_trials_says_what_is_lacking(p, sizes, need, why):
    estimate = percentile_over_trials(of_sizes(*sizes), p)
    assert (estimate.value, estimate.low, estimate.high) == (None, None, None)
    assert (estimate.need, estimate.why) == (need, why)


@pytest.mark.parametrize(
    ("p", "sizes"), [(0.95, [24] * 3), (0.95, [20, 52]), (0.95, [72]), (0.99, [100] * 20), (0.5, [6])]
)
def test_enough_over_trials_gives_a_value(p, sizes):
    estimate = percentile_over_trials(of_sizes(*sizes), p)
    assert estimate.value == pytest.approx(20.0)
    assert (estimate.n, estimate.warnings) == (len(sizes), ())


def test_short_trials_stay_out_and_are_counted():
    """The 1000 ms of a trial of 19 must not enter: the geometric mean of 10 and 40 is 20."""
    trials = [TrialPercentile(1000.0, 19), TrialPercentile(10.0, 20), TrialPercentile(40.0, 52)]
    estimate = percentile_over_trials(trials, 0.95)
    assert estimate.value == pytest.approx(20.0)
    assert (estimate.n, estimate.warnings) == (2, ("1 of 3 trials left out, with fewer than 20 requests",))


def test_one_trial_among_failures_withholds_the_percentile():
    late = percentile_of_trial(np.array([1.0] * 90 + [np.inf] * 10), 0.95)
    assert late == TrialPercentile(math.inf, 100)
    estimate = percentile_over_trials([late, TrialPercentile(20.0, 100)], 0.95)
    assert (estimate.value, estimate.why) == (None, "falls among failures in 1 of 2 trials")


def test_trials_too_far_apart_have_no_upper_end():
    estimate = percentile_over_trials([TrialPercentile(1e-150, 100), TrialPercentile(1e150, 100)], 0.5)
    assert estimate.value == pytest.approx(1.0)
    assert (estimate.high, estimate.why) == (None, "the trials differ too much for an upper end")


def test_wilson_interval_by_hand():
    """3 of 10: centre (0.3 + z^2/20) / (1 + z^2/10), z = 1.959964: 0.1078 to 0.6032."""
    estimate = share(3, 10)
    assert (estimate.value, estimate.n) == (0.3, 10)
    assert estimate.low == pytest.approx(0.10779, abs=1e-5)
    assert estimate.high == pytest.approx(0.60322, abs=1e-5)
    assert (share(0, 0).value, share(0, 0).why) == (None, "no requests")


@given(st.lists(st.floats(1e-3, 1e6), min_size=6, max_size=80), st.sampled_from([0.5, 0.9, 0.95]))
def test_an_interval_holds_its_value(values, p):
    estimate = percentile_of_samples(np.array(values), p)
    if estimate.value is None:
        assert len(values) < floor(p)
    else:
        assert estimate.low <= estimate.value <= estimate.high
        assert estimate.value in values
