"""The ramp's draws, held against the straight line that it claims."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from loadprofiles.ramp import Ramp
from loadprofiles.steady import Steady


def test_arrivals_follow_the_line():
    load = Ramp(from_rate=5, to_rate=45, seconds=40)
    counts = np.zeros(8)
    seeds = 300
    for seed in range(seeds):
        counts += np.histogram(load.arrivals(seed), bins=8, range=(0, 40))[0]
    expected = np.array([5 + (i + 0.5) * 5 for i in range(8)]) * 5 * seeds
    assert np.abs(counts - expected).max() < 4.5 * np.sqrt(expected.max())
    assert ((counts - expected) ** 2 / expected).sum() < 26  # chi-squared of 8: 0.1 %


def test_counts_are_poisson():
    counts = np.array([len(Ramp(from_rate=0, to_rate=20, seconds=20).arrivals(seed)) for seed in range(500)])
    assert counts.mean() == pytest.approx(200, abs=4 * np.sqrt(200 / 500))
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.3)


def test_a_flat_ramp_is_steady():
    flat, steady = Ramp(from_rate=10, to_rate=10, seconds=500), Steady(rate=10, seconds=500)
    assert [flat.rate_at(t) for t in (0, 250, 499)] == [10, 10, 10]
    assert len(flat.arrivals(1)) == pytest.approx(len(steady.arrivals(1)), abs=300)
    gaps = np.diff(flat.arrivals(1))
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.06)


def test_takes_its_end_instead_of_its_mean():
    assert Ramp(from_rate=10, to_rate=50, seconds=1).rate == 30
    assert Ramp(rate=30, from_rate=10, seconds=1).to_rate == 50
    assert Ramp(rate=30, from_rate=10, to_rate=50, seconds=1).rate == 30
    assert (Ramp(rate=30, seconds=1).from_rate, Ramp(rate=30, seconds=1).to_rate) == (0, 60)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "rate"),
        ({"from_rate": 5}, "rate"),
        ({"from_rate": 5, "to_rate": 4}, "lower from_rate"),
        ({"from_rate": 5, "rate": 4}, "lower from_rate"),
        ({"from_rate": 5, "to_rate": 15, "rate": 11}, "set rate 10"),
        ({"from_rate": -1, "to_rate": 15}, "from_rate"),
        ({"from_rate": "slow", "to_rate": 15}, "from_rate"),
        ({"to_rate": float("inf")}, "to_rate"),
        ({"to_rate": 0}, "to_rate"),
    ],
)
def test_refuses_what_makes_no_sense(parameters, said):
    with pytest.raises(ValidationError, match=said):
        Ramp(seconds=10, **parameters)


@given(st.floats(0, 50), st.floats(1, 100), st.floats(0.5, 60), st.integers(0, 2**63))
@settings(max_examples=60)
def test_any_ramp_draws_a_valid_schedule(from_rate, rise, seconds, seed):
    load = Ramp(from_rate=from_rate, to_rate=from_rate + rise, seconds=seconds)
    offsets = load.arrivals(seed)
    assert offsets == load.arrivals(seed)
    assert list(offsets) == sorted(offsets)
    assert all(0 <= t < seconds for t in offsets)


def test_draws_stay_the_same_across_python_versions():
    offsets = Ramp(from_rate=2, to_rate=18, seconds=60).arrivals(2024)
    assert len(offsets) == 634
    assert list(offsets[:3]) == pytest.approx([0.0047167483123168995, 1.050151651011831, 1.9085918933736896], rel=1e-9)
