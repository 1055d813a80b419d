"""Change points: rare in noise, found where they were planted, the same every time."""

import math

import numpy as np
import pytest

from harness.analysis.change_points import LEAST, LEAST_PER_SIDE, change_points


def noise(rng, n, level=100.0, spread=0.1):
    return (level * np.exp(rng.normal(0.0, spread, n))).tolist()


@pytest.mark.parametrize("n", [8, 24])
def test_noise_shows_a_change_in_at_most_one_series_of_twenty(n):
    rng = np.random.default_rng(5)
    false = sum(bool(change_points(noise(rng, n))) for _ in range(600))
    # 600 series at 5 %: 30 expected at most, and 45 leaves chance three standard deviations.
    assert false <= 45


def test_a_step_of_a_fifth_in_noise_of_a_tenth_is_found_where_it_is():
    rng = np.random.default_rng(11)
    runs = [change_points(noise(rng, 12) + noise(rng, 12, 120.0)) for _ in range(200)]
    one = [points[0] for points in runs if len(points) == 1]
    # A step of 1.8 standard deviations between twelve values each: power is about 85 %.
    assert sum(map(bool, runs)) >= 160 and len(one) >= 150
    assert np.mean([abs(point.index - 12) <= 2 for point in one]) > 0.85
    assert np.mean([point.ratio.low <= 1.2 <= point.ratio.high for point in one]) > 0.85
    assert np.median([point.ratio.value for point in one]) == pytest.approx(1.2, rel=0.03)


def test_up_and_down_are_two_changes_and_each_is_between_its_own_levels():
    rng = np.random.default_rng(3)
    values = [*noise(rng, 10, 100, 0.02), *noise(rng, 10, 200, 0.02), *noise(rng, 10, 100, 0.02)]
    up, down = change_points(values)
    assert (up.index, down.index) == (10, 20)
    assert up.ratio.value == pytest.approx(2, rel=0.05) and down.ratio.value == pytest.approx(0.5, rel=0.05)
    assert up.ratio.n == down.ratio.n == 20 and up.p < 1e-6


def test_the_t_test_is_the_textbook_one():
    # By hand: logs 0,0,0,0 with one 0.1 against ln 2: pooled from squared deviations.
    a, b = [1.0, 1.0, 1.0, math.exp(0.1)], [2.0, 2.0, 2.0, 2 * math.exp(0.1)]
    (point,) = change_points([*a, *b])
    # Means differ by ln 2; each side's squares sum to 0.0075; variance 0.015 / 6; error sqrt(0.0025 / 2).
    t = math.log(2) / math.sqrt(0.0025 / 2)
    # Student's survival function with 6 degrees of freedom, in closed form.
    cosine2 = 6 / (6 + t * t)
    sine = math.sqrt(1 - cosine2)
    two_sided = 1 - sine * (1 + cosine2 / 2 + 3 / 8 * cosine2**2)
    assert point.index == 4 and point.p == pytest.approx(two_sided, rel=1e-4)
    half = 2.446912 * math.sqrt(0.0025 / 2)
    assert point.ratio.low == pytest.approx(2 * math.exp(-half), rel=1e-5)


def test_constant_series_and_an_exact_step():
    assert change_points([7.0] * 20) == []
    (point,) = change_points([7.0] * 4 + [8.0] * 4)
    assert (point.index, point.p) == (4, 0.0)
    assert point.ratio.low == point.ratio.high == pytest.approx(8 / 7)


def test_one_outlier_is_no_change_and_no_side_is_shorter_than_four():
    rng = np.random.default_rng(2)
    values = noise(rng, 20, 100, 0.02)
    values[10] = 1000.0
    assert change_points(values) == []
    late = change_points([*noise(rng, 17, 100, 0.01), 200, 201, 199])
    assert all(LEAST_PER_SIDE <= point.index <= 20 - LEAST_PER_SIDE for point in late)


def test_it_is_the_same_every_time_and_of_no_unit():
    values = noise(np.random.default_rng(8), 12) + noise(np.random.default_rng(9), 12, 150)
    assert change_points(values) == change_points(values)
    scaled = change_points([value / 1000 for value in values])
    assert [point.index for point in scaled] == [point.index for point in change_points(values)]


@pytest.mark.parametrize("values", [[1.0] * (LEAST - 1), [1.0] * 8 + [0.0], [1.0] * 8 + [-1.0], [math.inf] + [1.0] * 8])
def test_what_cannot_be_judged_is_refused(values):
    with pytest.raises(ValueError, match=r"at least 8|no logarithm"):
        change_points(values)
