import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness.analysis.stats import (
    TrialPercentile,
    TrialValues,
    centre_over_trials,
    find_shortfalls,
    floor,
    need_of_each_trial,
    order_interval,
    percentile,
    percentile_of_samples,
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


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_the_order_statistics_are_those_of_scipy(p, confidence):
    least = floor(p, confidence)
    for n in (*range(least, least + 40), 1000 + least, 100_000):
        x = np.arange(float(n))
        assert order_interval(x, p, confidence) == scipy_stats.quantile_test(x, p=p).confidence_interval(confidence)


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


def test_centre_over_trials_by_hand():
    """Logs of 10, 20, 40: mean log 20, sd log 2, t(0.975, 2) = 4.302653; half width = 4.302653 * log 2 / sqrt 3."""
    estimate = centre_over_trials([10.0, 20.0, 40.0], 0.95, "log", "t")
    factor = math.exp(4.3026527 * math.log(2) / math.sqrt(3))
    assert estimate.value == pytest.approx(20)
    assert estimate.low == pytest.approx(20 / factor, rel=1e-6)
    assert estimate.high == pytest.approx(20 * factor, rel=1e-6)
    assert estimate.n == 3


def test_linear_scale_takes_zero_and_never_falls_below_it():
    estimate = centre_over_trials([0.0, 0.0, 3.0], 0.95, "linear", "t")
    assert estimate.value == pytest.approx(1.0)
    assert estimate.low == 0.0
    assert estimate.high == pytest.approx(1 + 4.3026527, rel=1e-6)


def test_log_scale_refuses_zero():
    estimate = centre_over_trials([0.0, 1.0], 0.95, "log", "t")
    assert (estimate.value, estimate.why) == (None, "a trial's value is 0 or below")


def test_one_trial_has_a_value_but_no_interval():
    estimate = centre_over_trials([20.0], 0.95, "log", "t")
    assert estimate.value == pytest.approx(20.0)
    assert (estimate.low, estimate.high, estimate.n, estimate.need) == (None, None, 1, 2)
    assert estimate.why == "one trial: no interval"


def test_trials_too_far_apart_have_no_upper_end():
    estimate = centre_over_trials([1e-150, 1e150], 0.95, "log", "t")
    assert estimate.value == pytest.approx(1.0)
    assert (estimate.high, estimate.why) == (None, "the trials differ too much for an upper end")


@pytest.mark.parametrize(("p", "per_trial", "over_all"), [(0.5, 6, 6), (0.9, 10, 36), (0.95, 20, 72), (0.99, 100, 368)])
def test_what_is_asked_of_each_trial_by_itself(p, per_trial, over_all):
    """1 / (1 - p) in each, log(0.025) / log(p) over all: 3.69 / 0.0513 = 71.9, 3.69 / 0.01005 = 367.04."""
    need = need_of_each_trial(p)
    assert (need.per_trial, need.over_all, need.rounds) == (per_trial, over_all, None)


def test_what_is_asked_in_words():
    assert need_of_each_trial(0.5).words() == "6 requests in each trial"
    assert need_of_each_trial(0.95).words() == "20 requests in each trial and 72 over all trials"


@pytest.mark.parametrize(
    ("sizes", "shortfalls"),
    [
        ([], [(20, "20 requests per trial, has 0")]),
        ([19] * 10, [(20, "20 requests per trial, has 19")]),
        ([71], [(72, "72 requests over all trials, has 71")]),
        ([24, 24, 19, 19], [(72, "72 requests over all trials, has 48")]),
        ([24] * 3, []),
        ([20, 52], []),
    ],
)
def test_what_trials_by_themselves_fall_short_of(sizes, shortfalls):
    assert find_shortfalls(sizes, need_of_each_trial(0.95)) == shortfalls


def test_a_trial_by_itself_is_median_unbiased():
    """Definition 8 of 1 to 20 at 0.95: place 20.333 x 0.95 + 0.333 = 19.65."""
    x = TrialValues.of(np.arange(20.0, 0.0, -1.0))
    assert (x.percentile(0.95).value, x.percentile(0.95).n) == (pytest.approx(19.65), 20)
    assert x.percentile(0.5).value == pytest.approx(10.5)
    expected = np.quantile(np.arange(1.0, 21.0), 0.9, method="median_unbiased")
    assert x.percentile(0.9).value == pytest.approx(expected)


def test_a_trial_whose_percentile_falls_among_its_failures_is_infinite():
    x = TrialValues.of(np.array([1.0] * 90 + [np.inf] * 10))
    assert x.percentile(0.95) == TrialPercentile(math.inf, 100)
    assert x.percentile(0.5).value == 1
    assert TrialValues.of(np.empty(0)).percentile(0.5) == TrialPercentile(math.inf, 0)


@given(st.lists(st.floats(1e-3, 1e6), min_size=6, max_size=80), st.sampled_from([0.5, 0.9, 0.95]))
def test_an_interval_holds_its_value(values, p):
    estimate = percentile_of_samples(np.array(values), p)
    if estimate.value is None:
        assert len(values) < floor(p)
    else:
        assert estimate.low <= estimate.value <= estimate.high
        assert estimate.value in values
