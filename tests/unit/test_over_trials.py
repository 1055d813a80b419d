import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness.analysis import over_trials
from harness.analysis.over_trials import (
    half_width,
    least_with,
    need_over_trials,
    number_at,
    percentile_over_trials,
    share_over_trials,
    tail_worth,
    worth,
)
from harness.analysis.stats import SampleNeed, TrialValues


def trials(*values):
    return [TrialValues.of(np.asarray(one, float)) for one in values]


def draws(seed, count, n, trial_sd=0.08, request_sd=0.25):
    rng = np.random.default_rng(seed)
    return trials(*np.exp(rng.normal(0, trial_sd, (count, 1)) + rng.normal(0, request_sd, (count, n))))


def test_the_value_is_the_nearest_rank_of_all_requests_together():
    """1 to 100 over two trials: rank 95 is 95, wherever each request was."""
    x = np.arange(1.0, 101.0)
    assert percentile_over_trials(trials(x[::2], x[1::2]), 0.95).value == 95
    assert percentile_over_trials(trials(x[:50], x[50:]), 0.5).value == 50


@pytest.mark.parametrize(
    ("p", "asked"),
    [
        (0.5, SampleNeed(1, 6, None)),
        (0.9, SampleNeed(1, 36, None)),
        (0.95, SampleNeed(1, 72, None)),
        (0.99, SampleNeed(1, 1000, 20)),
        (0.999, SampleNeed(1, 10_000, 20)),
    ],
)
def test_what_a_percentile_of_all_requests_asks_for(p, asked):
    assert need_over_trials(p) == asked


def test_what_is_asked_in_words():
    assert need_over_trials(0.95).words() == "72 requests over all trials"
    assert need_over_trials(0.99).words() == "1000 requests over all trials and 20 rounds"
    assert need_over_trials(0.9).words("cold starts") == "36 cold starts over all trials"


@pytest.mark.parametrize(
    ("p", "sizes", "need", "why"),
    [
        (0.95, [], 72, "p95 needs 72 requests over all trials, has 0"),
        (0.95, [7] * 10, 72, "p95 needs 72 requests over all trials, has 70"),
        (0.99, [400] * 3, 20, "p99 needs 20 rounds, has 3"),
        (0.99, [40] * 3, 1000, "p99 needs 1000 requests over all trials, has 120, and 20 rounds, has 3"),
        (0.5, [5, 0], 6, "p50 needs 6 requests over all trials, has 5"),
    ],
)
def test_too_little_says_what_is_lacking(p, sizes, need, why):
    estimate = percentile_over_trials(trials(*([20.0] * n for n in sizes)), p)
    assert (estimate.value, estimate.low, estimate.high) == (None, None, None)
    assert (estimate.need, estimate.why) == (need, why)


def test_equal_requests_have_an_interval_of_no_width():
    estimate = percentile_over_trials(trials(*[[20.0] * 24] * 3), 0.95)
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (20, 20, 20, 3)


def test_half_of_the_interval_by_hand():
    """Of 10 requests each, 4, 5 and 6 lie beyond: sd 1, so t(0.975, 2) = 4.302653 times 1 / sqrt(3) / 10."""
    sizes = np.array([10, 10, 10])
    assert half_width(np.array([4, 5, 6]), sizes, 0.5) == pytest.approx(4.302653 / math.sqrt(3) / 10)


def test_trials_that_agree_by_chance_have_an_interval_all_the_same():
    """The least variance is 0.3 of a binomial one: 0.3 x 0.5 x 0.5 x 10 = 0.75."""
    sizes = np.array([10, 10, 10])
    assert half_width(np.array([5, 5, 5]), sizes, 0.5) == pytest.approx(4.302653 * math.sqrt(0.75 / 3) / 10)


def test_a_tail_of_four_trials_has_three_degrees_of_freedom():
    hits = np.array([25, 25, 25, 25, 0, 0, 0, 0])
    worth_of = float(tail_worth(hits, np.full(8, 100)))
    t = float(scipy_stats.t.ppf(0.975, worth_of - 1))
    assert worth_of == pytest.approx(100**2 / (4 * 25**2 - 100 * (1 - 1 / 8) + 0), rel=1e-6)
    assert half_width(hits, np.full(8, 100), 0.05) == pytest.approx(t * np.std(hits, ddof=1) / math.sqrt(8) / 100)


def test_the_ends_are_the_last_values_that_a_t_test_of_the_share_beyond_does_not_refute():
    """Each by its own variance or the percentile's: the first refuted above, the last not so below."""
    x = draws(1, 10, 40)
    estimate = percentile_over_trials(x, 0.9)
    ordered = np.sort(np.concatenate([trial.ordered for trial in x]))
    hits = {float(value): np.array([trial.beyond(value) for trial in x]) for value in ordered}
    own, sizes = hits[estimate.value], np.full(10, 40)
    t = float(scipy_stats.t.ppf(0.975, float(tail_worth(own, sizes)) - 1))

    def refuted(value):
        spread = max(np.var(own, ddof=1), np.var(hits[value], ddof=1), 0.3 * 0.1 * 0.9 * 40)
        return abs(hits[value].sum() / 400 - 0.1) > t * math.sqrt(spread / 10) / 40

    assert estimate.value == ordered[359]
    assert estimate.low == min(value for value in hits if not refuted(value))
    assert estimate.high == min(value for value in hits if value >= estimate.value and refuted(value))


def test_the_variance_at_an_end_counts_where_it_is_larger():
    own, there, sizes = np.array([4, 5, 6]), np.array([1, 5, 9]), np.full(3, 10)
    assert half_width(own, sizes, 0.5, there=there) == pytest.approx(4 * half_width(own, sizes, 0.5))
    assert half_width(own, sizes, 0.5, there=np.array([5, 5, 5])) == half_width(own, sizes, 0.5)


def test_failures_push_the_upper_end_and_then_the_percentile_out():
    x = [trial.ordered.astype(float) for trial in draws(3, 10, 40)]
    for trial, failed in zip(x, [4, 1, 1, 3, 1, 2, 1, 4, 1, 1], strict=True):
        trial[-failed:] = np.inf
    estimate = percentile_over_trials(trials(*x), 0.95)
    assert estimate.value is not None and estimate.low is not None
    assert (estimate.high, estimate.why) == (None, "upper end falls among failures")
    for trial in x:
        trial[-4:] = np.inf
    estimate = percentile_over_trials(trials(*x), 0.95)
    assert (estimate.value, estimate.low, estimate.why) == (None, None, "falls among failures")
    assert percentile_over_trials(trials(*x), 0.5).high is not None


def test_one_trial_has_a_value_but_no_interval():
    estimate = percentile_over_trials(trials([20.0] * 100), 0.5)
    assert (estimate.value, estimate.low, estimate.high, estimate.n, estimate.need) == (20, None, None, 1, 2)
    assert estimate.why == "one trial: no interval"


def test_empty_trials_stay_out():
    full = draws(4, 10, 40)
    assert percentile_over_trials([*full, *trials([])], 0.95) == percentile_over_trials(full, 0.95)


def test_a_tail_that_bursts_in_two_trials_make_is_withheld():
    x = [trial.ordered.astype(float) for trial in draws(5, 10, 100)]
    for trial in x[:2]:
        trial[-30:] *= 20
    estimate = percentile_over_trials(trials(*x), 0.95)
    assert (estimate.value, estimate.need, estimate.n) == (None, 5, 10)
    assert (
        estimate.why
        == "p95: those beyond are worth 2.0 of 10 trials, 5 are needed: a few of the trials make most of it"
    )
    assert percentile_over_trials(trials(*x), 0.5).value is not None


def test_a_percentile_of_starts_that_lie_in_two_trials_is_withheld():
    rng = np.random.default_rng(6)
    sizes = [30, 30, 1, 1, 2, 1, 1, 2, 1, 1]
    estimate = percentile_over_trials(trials(*(np.exp(rng.normal(0, 0.3, n)) for n in sizes)), 0.5)
    assert (estimate.value, estimate.need) == (None, 5)
    assert "the requests are worth 2.7 of 10 trials" in estimate.why


def test_few_trials_of_a_quick_look_are_not_asked_for_more_than_they_are():
    assert percentile_over_trials(draws(7, 3, 100), 0.95).high is not None


def test_zero_and_negative_numbers_have_percentiles():
    """A queue may well be empty; clocks of two machines may differ."""
    estimate = percentile_over_trials(trials(*[[-1.0, 0.0, 0.0, 0.0, 0.0, 3.0]] * 4), 0.5)
    assert (estimate.value, estimate.low, estimate.high) == (0, 0, 0)


def test_what_is_too_few_is_never_told_as_what_is_needed(monkeypatch):
    monkeypatch.setattr(over_trials, "worth", lambda sizes: 4.96)
    need, why = over_trials.too_few(np.full(10, 5), np.full(10, 100))
    assert need == 5 and "the requests are worth 4.9 of 10 trials, 5 are needed" in why


def test_worth_of_unequal_trials():
    assert worth(np.array([10, 10, 10])) == pytest.approx(3)
    assert worth(np.array([30, 1, 1])) == pytest.approx(32**2 / 902)
    sizes = np.full(4, 100)
    assert tail_worth(np.array([5, 5, 5, 5]), sizes) == pytest.approx(4)
    assert tail_worth(np.array([400 // 4, 0, 0, 0]), sizes) == pytest.approx(100**2 / (100**2 - 100 * 0.75))
    assert tail_worth(np.array([1, 0, 1, 0]), sizes) == pytest.approx(4), "single ones may lie anywhere"


def test_share_with_its_interval():
    """On the logit scale: the t interval of the share over 0.04 x 0.96."""
    hits = [3, 5, 4, 6, 2, 4, 3, 5, 4, 4]
    estimate = share_over_trials(hits, [100] * 10)
    assert (estimate.value, estimate.n) == (0.04, 1000)
    half = float(scipy_stats.t.ppf(0.975, 9)) * np.std(hits, ddof=1) / math.sqrt(10) / 100 / (0.04 * 0.96)
    odds = 0.04 / 0.96
    ends = [odds * math.exp(sign * half) for sign in (-1, 1)]
    assert [estimate.low, estimate.high] == pytest.approx([end / (1 + end) for end in ends])


def test_a_share_of_unequal_trials_is_of_all_requests():
    assert share_over_trials([1, 30, 2, 25], [10, 300, 20, 250]).value == pytest.approx(0.1)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_without_a_hit_the_upper_end_is_that_of_trials_with_any(n):
    """1 - 0.05^(1/10) = 0.2589; about 3 / n."""
    none = share_over_trials([0] * n, [100] * n)
    assert (none.value, none.low, none.high) == (0, 0, pytest.approx(1 - 0.05 ** (1 / n)))
    every = share_over_trials([100] * n, [100] * n)
    assert (every.value, every.low, every.high) == (1, pytest.approx(0.05 ** (1 / n)), 1)


def test_a_share_that_bursts_make_has_a_value_and_no_interval():
    estimate = share_over_trials([30, 30, 0, 1, 0, 2, 0, 0, 1, 0], [100] * 10)
    assert (estimate.value, estimate.low, estimate.high, estimate.need) == (0.064, None, None, 5)
    assert estimate.why.startswith("no interval: those beyond are worth 2.")


def test_shares_of_nothing_and_of_one_trial():
    assert (share_over_trials([], []).value, share_over_trials([0], [0]).why) == (None, "no requests")
    one = share_over_trials([3], [10])
    assert (one.value, one.low, one.why) == (0.3, None, "one trial: no interval")


def test_numbers_stand_in_their_order():
    places = [-0x7F800000, -(2**30), -5, -1, 0, 1, 7, 2**30, 0x7F800000]
    numbers = [number_at(place) for place in places]
    assert numbers == sorted(numbers) and numbers[0] == -math.inf and numbers[-1] == math.inf


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=30), st.integers(0, 29))
def test_the_least_value_with_so_many_beyond_is_found_exactly(values, most):
    most = min(most, len(values) - 1)
    assert least_with(trials(values[::2], values[1::2]), most) == sorted(values)[len(values) - 1 - most]


@given(
    st.lists(st.lists(st.floats(-10, 1e6, width=32), min_size=3, max_size=30), min_size=2, max_size=12),
    st.sampled_from([0.5, 0.9]),
)
def test_an_interval_holds_its_value(values, p):
    estimate = percentile_over_trials(trials(*values), p)
    if estimate.value is not None:
        assert estimate.low <= estimate.value <= estimate.high
        assert any(np.float32(estimate.value) in trial for trial in values)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(40, 200)), min_size=2, max_size=12))
def test_the_interval_of_a_share_holds_it(counted):
    estimate = share_over_trials([hits for hits, _ in counted], [size for _, size in counted])
    if estimate.low is not None:
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
