"""What each load profile draws, held against the figures it claims: mean rate, CV of gaps, dispersion of counts."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from loadprofiles.bursty import Bursty
from loadprofiles.business_hours import BusinessHours
from loadprofiles.constant import Constant
from loadprofiles.diurnal import SHAPES, Diurnal, mean_level
from loadprofiles.sparse import Sparse
from loadprofiles.steady import Steady


def gap_cv(offsets):
    gaps = np.diff(offsets)
    return gaps.std() / gaps.mean()


def counts_per(window_s, offsets, seconds):
    return np.histogram(offsets, bins=round(seconds / window_s), range=(0, seconds))[0]


def dispersion(counts):
    return counts.var() / counts.mean()


def counts_over_seeds(load, seeds):
    return np.array([len(load.arrivals(seed)) for seed in range(seeds)])


def assert_mean(counts, expected, standard_errors=4):
    error = counts.std(ddof=1) / math.sqrt(len(counts))
    assert abs(counts.mean() - expected) < standard_errors * error


# constant


@pytest.mark.parametrize(
    ("rate", "seconds", "count"), [(4, 2, 8), (0.1, 30, 3), (0.3, 10, 3), (49, 1, 49), (2, 1.75, 4), (0.01, 5, 1)]
)
def test_constant_is_an_exact_grid(rate, seconds, count):
    assert list(Constant(rate=rate, seconds=seconds).arrivals(1)) == [i / rate for i in range(count)]


@given(st.integers(1, 500), st.integers(1, 100))
@settings(max_examples=200)
def test_constant_counts_decimal_rates_exactly(tenths_per_s, seconds):
    offsets = Constant(rate=tenths_per_s / 10, seconds=seconds).arrivals(0)
    assert len(offsets) == -(-tenths_per_s * seconds // 10)
    assert offsets[-1] < seconds


# steady


def test_steady_gaps_and_counts_are_poisson():
    offsets = Steady(rate=100, seconds=2000).arrivals(11)
    assert len(offsets) == pytest.approx(200_000, abs=4 * math.sqrt(200_000))
    assert gap_cv(offsets) == pytest.approx(1, abs=0.02)
    for window_s, tolerance in ((1, 0.13), (0.1, 0.05)):
        assert dispersion(counts_per(window_s, offsets, 2000)) == pytest.approx(1, abs=tolerance)


def test_structureless_profiles_ignore_compression():
    for found in (Constant, Steady):
        plain, compressed = found(rate=10, seconds=50), found(rate=10, seconds=50, compression=60)
        assert plain.arrivals(5) == compressed.arrivals(5)
        assert compressed.time_compression == 1


# bursty

TRACE_RATE = 2.57
HOURS = 20


@pytest.fixture(scope="module")
def long_burst_draw():
    return np.array(Bursty(rate=TRACE_RATE, seconds=HOURS * 3600).arrivals(2))


def test_bursty_gaps_vary_as_in_the_trace(long_burst_draw):
    # One cycle of 70 s holds n = 180 gaps: one silence with mean square 2 x 50^2, the rest mean square
    # (1 + 2.5^2) / 9^2. Over the mean gap squared that is a CV of 13.6; the trace has 13.2 (10.7 without 5 gaps).
    n, on_rate = TRACE_RATE * 70, TRACE_RATE * 70 / 20
    expected = math.sqrt((2 * 50**2 / n + (1 + 2.5**2) / on_rate**2) * TRACE_RATE**2 - 1)
    assert expected == pytest.approx(13.6, abs=0.2)
    assert 11 < gap_cv(long_burst_draw) < 16
    assert gap_cv(long_burst_draw) == pytest.approx(expected, rel=0.1)


def test_bursty_seconds_look_like_the_trace(long_burst_draw):
    counts = counts_per(1, long_burst_draw, HOURS * 3600)
    assert (counts == 0).mean() == pytest.approx(0.73, abs=0.03)
    assert 9 < dispersion(counts) < 15  # trace: 13.2
    assert 45 < dispersion(counts_per(10, long_burst_draw, HOURS * 3600)) < 75  # trace: 71.9
    # The busiest second of one hour: the model gives about 15, the trace's one hour had 26.
    hours = counts.reshape(HOURS, 3600)
    assert 10 < np.median(hours.max(axis=1) / hours.mean(axis=1)) < 26


def test_bursty_long_windows_disperse_as_documented():
    load = Bursty(rate=20, seconds=300, compression=20)
    counts = counts_over_seeds(load, 250)
    assert_mean(counts, 20 * 300)
    assert dispersion(counts) == pytest.approx(load.count_dispersion, rel=0.3)


def test_bursty_on_and_off_lengths_have_the_parameters_moments():
    load = Bursty(rate=1, seconds=400_000)
    bursts = np.array(list(load._bursts("1")))[1:-1]
    lengths, silences = bursts[:, 1] - bursts[:, 0], bursts[1:, 0] - bursts[:-1, 1]
    assert lengths.mean() == pytest.approx(20, rel=0.04)
    assert lengths.std() / lengths.mean() == pytest.approx(0.7, rel=0.05)
    assert silences.mean() == pytest.approx(50, rel=0.05)
    assert silences.std() / silences.mean() == pytest.approx(1, rel=0.06)


@pytest.mark.parametrize("compression", [1, 50])
def test_bursty_gaps_inside_a_burst_keep_their_cv_under_compression(compression):
    load = Bursty(rate=50, seconds=4000, compression=compression, on_mean_s=80_000, off_mean_s=0.1)
    assert gap_cv(load.arrivals(4)) == pytest.approx(2.5, rel=0.05)


@pytest.mark.parametrize(
    ("rate", "seconds", "compression"), [(50, 8, 20), (20, 8, 1), (30, 2, 1), (20, 60, 20), (10, 300, 5)]
)
def test_bursty_mean_holds_in_short_windows_too(rate, seconds, compression):
    assert_mean(counts_over_seeds(Bursty(rate=rate, seconds=seconds, compression=compression), 600), rate * seconds)


def test_bursty_is_stationary():
    thirds = np.zeros((400, 3))
    for seed in range(400):
        thirds[seed] = counts_per(20, Bursty(rate=5, seconds=60, compression=5).arrivals(seed), 60)
    for third in thirds.T:
        assert_mean(third, 100)


def test_bursty_never_comes_out_empty():
    load = Bursty(rate=0.25, seconds=8, compression=20)
    first = [load._draw_once(f"{seed}/bursty/0") for seed in range(200)]
    empty = [seed for seed, offsets in enumerate(first) if not offsets]
    assert empty, "the case must occur for this test to mean anything"
    assert all(len(load.arrivals(seed)) > 0 for seed in range(200))


def test_bursty_compression_shrinks_the_structure_and_not_the_rate():
    slow = Bursty(rate=3, seconds=2000)
    fast = Bursty(rate=60, seconds=100, compression=20)
    assert np.array(slow.arrivals(9)) / 20 == pytest.approx(np.array(fast.arrivals(9)), rel=1e-6, abs=1e-9)
    assert fast.time_compression == 20


def test_bursty_refuses_a_window_of_less_than_one_request():
    with pytest.raises(ValidationError, match="set seconds to at least 100"):
        Bursty(rate=0.01, seconds=50)


# diurnal


@pytest.mark.parametrize(("shape", "high", "low"), [("mild", 1.46, 0.66), ("strong", 2.19, 0.45)])
def test_diurnal_shape_has_the_published_ratios(shape, high, low):
    points = SHAPES[shape]
    assert len(points) == 24
    assert math.fsum(points) / 24 == pytest.approx(1, abs=1e-14)
    assert (max(points), min(points)) == (high, low)
    day = Diurnal(rate=10, seconds=2400, shape=shape)
    rates = [day.rate_at(t) for t in range(2400)]
    assert (max(rates), min(rates)) == pytest.approx((10 * high, 10 * low))
    around = [*points, points[0]]
    assert max(abs(b - a) for a, b in pairwise(around)) < 0.2 * (high - low)


@pytest.mark.parametrize("shape", ["mild", "strong"])
def test_diurnal_arrivals_follow_the_expected_rate(shape):
    day = Diurnal(rate=50, seconds=2400, shape=shape)
    counts = counts_per(100, day.arrivals(3), 2400)
    expected = (
        np.array([np.mean([day.rate_at(t + 0.5) for t in range(h * 100, h * 100 + 100)]) for h in range(24)]) * 100
    )
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert 8 < chi_square < 52  # 24 degrees of freedom: outside with probability 0.001 each side
    assert ((counts - 5000) ** 2 / 5000).sum() > 1000, "a flat rate must not pass"


def test_diurnal_count_is_poisson():
    counts = counts_over_seeds(Diurnal(rate=2, seconds=240), 400)
    assert_mean(counts, 480)
    assert dispersion(counts) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize(
    ("parameters", "day_length_s"),
    [
        ({"seconds": 600}, 600),
        ({"seconds": 200_000}, 86_400),
        ({"seconds": 600, "day_s": 1200}, 1200),
        ({"seconds": 600, "compression": 24}, 3600),
        ({"seconds": 600, "compression": 24, "day_s": 3600}, 3600),
        ({"seconds": 600, "day_s": 86_400}, 86_400),
    ],
)
def test_diurnal_tells_how_long_its_day_is(parameters, day_length_s):
    day = Diurnal(rate=1, **parameters)
    assert day.day_length_s == day_length_s
    assert day.time_compression == pytest.approx(86_400 / day_length_s)


def test_diurnal_refuses_two_lengths_of_a_day():
    with pytest.raises(ValidationError, match="set day_s 3600"):
        Diurnal(rate=1, seconds=600, compression=24, day_s=600)


@given(st.floats(0.01, 100), st.sampled_from(sorted(SHAPES)))
@settings(max_examples=50)
def test_diurnal_part_of_a_day_still_averages_rate(hours, shape):
    points = (np.arange(20_000) + 0.5) * hours / 20_000
    curve = np.interp(points % 24, range(25), [*SHAPES[shape], SHAPES[shape][0]])
    assert mean_level(SHAPES[shape], hours) == pytest.approx(curve.mean(), rel=1e-4)


def test_diurnal_draws_part_of_a_day_at_rate():
    for day_s in (240, 777):
        assert_mean(counts_over_seeds(Diurnal(rate=4, seconds=100, day_s=day_s, shape="strong"), 300), 400)


# sparse


def test_sparse_takes_a_gap_instead_of_a_rate():
    assert Sparse(gap_s=400, seconds=3600).rate == 1 / 400
    assert Sparse(gap_s=400, seconds=180, compression=20).rate == 20 / 400
    assert Sparse(rate=0.05, seconds=180, compression=20).gap_s == pytest.approx(400)
    assert Sparse(rate=0.05, gap_s=400, seconds=180, compression=20).rate == 0.05


def test_sparse_gaps_are_exponential_and_the_first_is_one():
    load = Sparse(gap_s=400, seconds=20 * 86_400)
    offsets = load.arrivals(1)
    assert np.diff(offsets).mean() == pytest.approx(400, rel=0.06)
    assert gap_cv(offsets) == pytest.approx(1, abs=0.07)
    firsts = np.array([Sparse(gap_s=400, seconds=8000).arrivals(seed)[0] for seed in range(400)])
    assert_mean(firsts, 400)


def test_sparse_is_never_empty_and_says_what_that_adds():
    load = Sparse(gap_s=400, seconds=400)
    counts = counts_over_seeds(load, 3000)
    assert counts.min() == 1
    assert_mean(counts, 1 / (1 - math.exp(-1)))
    assert load.rate_at(10) == pytest.approx(1 / (1 - math.exp(-1)) / 400)
    assert load.rate_at(400) == 0


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"seconds": 3600}, "rate"),
        ({"seconds": 3600, "gap_s": -5}, "gap_s"),
        ({"seconds": 3600, "gap_s": float("nan")}, "gap_s"),
        ({"seconds": 3600, "gap_s": "often"}, "gap_s"),
        ({"seconds": 3600, "gap_s": 1e-6}, "rate"),
        ({"seconds": 3600, "gap_s": 400, "rate": 1}, "disagree"),
        ({"seconds": 60, "gap_s": 400}, "set at least 400"),
    ],
)
def test_sparse_refuses_what_makes_no_sense(parameters, said):
    with pytest.raises(ValidationError, match=said):
        Sparse(**parameters)


@given(st.floats(1e-4, 10))
@settings(max_examples=50)
def test_sparse_accepts_the_fix_it_names(rate):
    with pytest.raises(ValidationError) as refused:
        Sparse(rate=rate, seconds=0.5 / rate)
    seconds = float(refused.value.errors()[0]["msg"].rsplit(" ", 1)[1])
    assert Sparse(rate=rate, seconds=seconds).seconds == seconds


# all


def parameters_of(found):
    shared = {
        "seconds": st.floats(0.5, 60),
        "compression": st.floats(1, 100),
    }
    own = {
        Bursty: {
            "on_mean_s": st.floats(0.5, 200),
            "on_cv": st.floats(0.05, 3),
            "off_mean_s": st.floats(0.5, 500),
            "inside_cv": st.floats(0.05, 10),
        },
        Diurnal: {"shape": st.sampled_from(sorted(SHAPES))},
    }
    return st.fixed_dictionaries({"rate": st.floats(2, 50), **shared, **own.get(found, {})})


@pytest.mark.parametrize("found", [Constant, Steady, Bursty, Diurnal, Sparse])
@given(data=st.data(), seed=st.integers(0, 2**63))
@settings(max_examples=40)
def test_any_valid_parameters_draw_a_valid_schedule(found, data, seed):
    load = found(**data.draw(parameters_of(found)))
    offsets = np.array(load.arrivals(seed))
    assert np.array_equal(offsets, np.array(load.arrivals(seed)))
    assert (np.diff(offsets) >= 0).all()
    if len(offsets):
        assert 0 <= offsets[0] <= offsets[-1] < load.seconds
    if found in (Constant, Bursty, Sparse):
        assert len(offsets) >= 1


@pytest.mark.parametrize(
    ("load", "count", "first"),
    [
        (Steady(rate=10, seconds=60), 612, [0.2513147382206544, 0.2722487745985854, 0.30287077988348776]),
        (Bursty(rate=10, seconds=60, compression=5), 430, [13.452876655230034, 13.455379608102703, 13.455382202521164]),
        (Diurnal(rate=10, seconds=60), 614, [0.45694219765703814, 0.4911566635609869, 0.6957679825841766]),
        (Sparse(gap_s=10, seconds=60), 5, [11.424019322571946, 28.59338772840797, 41.23439932167297]),
    ],
)
def test_draws_stay_the_same_across_python_versions(load, count, first):
    offsets = load.arrivals(2024)
    assert len(offsets) == count
    assert list(offsets[:3]) == pytest.approx(first, rel=1e-9)


# business_hours


def test_an_office_asks_on_weekdays_between_its_hours_and_rarely_else():
    """A week of 168 hours at 1 a second on average: 50 open ones, the other 118 at a fiftieth of their rate."""
    office = BusinessHours(rate=1, seconds=168 * 3600)
    open_rate = 168 / (50 + 118 * 0.02)
    at = {hour: office.rate_at(hour * 3600 + 1) for hour in (7, 8, 17, 18, 4 * 24 + 12, 5 * 24 + 12)}
    closed = pytest.approx(0.02 * open_rate)
    wanted = {8: pytest.approx(open_rate), 17: pytest.approx(open_rate), 4 * 24 + 12: pytest.approx(open_rate)}
    assert at == {**wanted, 7: closed, 18: closed, 5 * 24 + 12: closed}
    offsets = np.frombuffer(office.arrivals(3))
    assert len(offsets) == pytest.approx(168 * 3600, abs=5 * (168 * 3600) ** 0.5)
    hours = np.bincount((offsets / 3600).astype(int), minlength=168)
    assert hours[8:18].sum() == pytest.approx(open_rate * 36_000, abs=5 * (open_rate * 36_000) ** 0.5)


@pytest.mark.parametrize("from_hour", [0, 7.5, 10, 167.5])
def test_an_office_averages_its_rate_over_whatever_window(from_hour):
    office = BusinessHours(rate=2, seconds=90 * 60, from_hour=from_hour)
    mean = sum(office.rate_at(second) for second in range(0, 90 * 60, 10)) / (90 * 6)
    assert mean == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"opens": 18, "closes": 8}, "opens 18 is not before closes 8"),
        ({"closed_share": 0}, "from_hour 0: it is closed all 60 s: set another, e.g. 10"),
    ],
    ids=["hours", "closed"],
)
def test_an_office_that_is_never_open_is_refused(parameters, message):
    with pytest.raises(ValidationError, match=message):
        BusinessHours(rate=1, seconds=60, **parameters)
