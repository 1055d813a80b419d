"""A recorded trace as the days of a month: whole ones as they were, a short one repeated, and what is told of it."""

import numpy as np
import pytest

from harness.errors import UsageError
from harness.forecast.arrivals import recorded_days
from loadprofiles.traces import Choice

DAY_S = 86_400


@pytest.fixture
def write(tmp_path):
    def write_it(moments):
        path = tmp_path / "recorded.txt"
        path.write_text("".join(f"{moment!r}\n" for moment in map(float, moments)))
        return path

    return write_it


def days_of(path, rps=None, days=30, seed=1, **choice):
    return recorded_days(path, Choice(**choice), rps, days, seed)


def test_each_day_is_as_it_was_recorded(write):
    moments = np.concatenate([[0.0], np.sort(np.random.default_rng(1).uniform(0, 3 * DAY_S, 5000)), [3 * DAY_S - 5.5]])
    made = days_of(write(moments))
    joined = np.concatenate([arrivals + day * DAY_S for day, arrivals in enumerate(made.days)])
    assert np.allclose(joined, moments, atol=1e-6)
    assert [bool(np.all((day >= 0) & (day < DAY_S))) for day in made.days] == [True] * 3
    assert made.mean_rps == made.traffic.mean_rps == len(moments) / (3 * DAY_S)
    assert (made.traffic.source, made.traffic.name, made.traffic.simulated_days) == ("trace", "recorded.txt", 3)
    assert made.traffic.parameters["format"] == "seconds"
    assert any(note.startswith("30 days are drawn from its 3, whole days at a time") for note in made.traffic.notes)


def test_a_week_that_lacks_a_few_minutes_has_seven_days_and_one_that_lacks_an_hour_six(write):
    for lacks_s, count in ((400, 7), (3600, 6)):
        made = days_of(write(np.arange(0.5, 7 * DAY_S - lacks_s, 60.25)))
        assert len(made.days) == count
        assert any("are no whole day and left out" in note for note in made.traffic.notes) == (count == 6)
    assert len(made.days[-1]) == pytest.approx(DAY_S / 60.25, abs=1)


def test_silence_at_the_end_of_the_last_day_stays_silence(write):
    made = days_of(write(np.arange(0.25, 2 * DAY_S - 500, 10.5)))
    assert made.days[1].max() < DAY_S - 499
    assert len(made.days) == 2


def test_what_is_shorter_than_a_day_goes_round_without_a_break_and_that_is_told(write):
    moments = np.cumsum(np.random.default_rng(2).exponential(2.0, 5000))
    made = days_of(write(moments))
    assert len(made.days) == 7
    assert made.mean_rps == pytest.approx((len(moments) - 1) / (moments[-1] - moments[0]), rel=0.03)
    gaps = np.concatenate([np.diff(day) for day in made.days])
    own = np.diff(moments)
    assert set(np.round(gaps, 5)) <= set(np.round([*own, np.mean(own)], 5))
    assert any("less than a day: it is repeated without a break" in note for note in made.traffic.notes)
    assert not np.array_equal(made.days[0], made.days[1])


def test_the_wanted_rate_is_the_months_and_the_days_keep_their_own(write):
    made = days_of(write(np.arange(0.5, 2 * DAY_S, 20.25)), rps=3.5)
    assert made.traffic.mean_rps == 3.5
    assert made.mean_rps == pytest.approx(1 / 20.25, rel=1e-3)


def test_a_coarse_clock_is_spread_by_the_seed(write):
    path = write(np.repeat(np.arange(0, 2 * DAY_S, 60), 3))
    once, again, other = (days_of(path, seed=seed) for seed in (1, 1, 2))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(once.days, again.days, strict=True))
    assert once.days[0].tobytes() != other.days[0].tobytes()
    assert any("ticks every 60 s" in note for note in once.traffic.notes)
    assert once.traffic.seed == 1


def test_a_file_that_is_no_trace_is_refused_in_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"^trace: .*absent\.csv is not a file: name a trace"):
        days_of(tmp_path / "absent.csv")


def test_another_file_than_the_one_that_a_run_replayed_is_refused(write):
    path = write(range(0, 9000, 7))
    known = days_of(path).traffic.sha256
    assert recorded_days(path, Choice(), 1, 30, 1, known).traffic.sha256 == known
    with pytest.raises(UsageError, match="has changed since the run replayed it: put that file back, or give --trace"):
        recorded_days(write(range(0, 9000, 8)), Choice(), 1, 30, 1, known)


def test_what_was_chosen_stands_in_the_parameters(tmp_path):
    path = tmp_path / "recorded.csv"
    path.write_text(
        "app,func,end_timestamp,duration\n" + "".join(f"{'ab'[at % 2]},f,{50 * at}.5,0.25\n" for at in range(99))
    )
    assert days_of(path, app="a").traffic.parameters["app"] == "a"
    assert "function" not in days_of(path).traffic.parameters
    assert days_of(path, app="a").mean_rps == pytest.approx(0.01, rel=0.05)
