"""Recorded traffic as a load profile: a window of it, at its own rate or at another, by the seed."""

import os
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from harness.commands.load.order import LoadOrder
from harness.errors import UsageError
from harness.experiment.plan import plan
from harness.experiment.profiles import draw
from harness.experiment.question import parse_experiment
from harness.measure.run import _lost_files, _read_runnable
from loadprofiles.replay import Replay
from tests import synthetic

DAY_S = 86_400
SPARSE = {"name": "x", "question": "?", "workloads": ["echo"], "targets": ["process-lambda"], "cold_starts": 1}
RAGPULSE = Path(__file__).parents[3] / "shared" / "traces" / "ragpulse.jsonl"


@pytest.fixture
def write(tmp_path):
    def write_it(moments, name="recorded.txt"):
        path = tmp_path / name
        path.write_text("".join(f"{moment!r}\n" for moment in map(float, moments)))
        return path

    return write_it


def uneven(count, mean_gap_s=1.0, seed=5):
    return np.cumsum(np.random.default_rng(seed).exponential(mean_gap_s, count))


def office_days(days, per_day=2000, seed=3):
    """Arrivals at 8 to 12 o'clock only."""
    hours = np.random.default_rng(seed).uniform(8 * 3600, 12 * 3600, (days, per_day))
    arrivals = np.sort((hours + np.arange(days)[:, None] * DAY_S).ravel())
    return np.concatenate([[0.0], arrivals, [days * DAY_S - 1.0]])


def refused(**parameters):
    with pytest.raises(ValidationError) as error:
        Replay(**parameters)
    return [(problem["loc"], problem["msg"]) for problem in error.value.errors()]


def test_without_more_it_is_the_whole_trace_as_it_came(write):
    moments = uneven(300)
    load = Replay(file=write(moments))
    assert np.allclose(load.arrivals(1), moments - moments[0], atol=1e-9)
    assert load.arrivals(1).tobytes() == load.arrivals(2).tobytes()
    assert load.rate * load.seconds == pytest.approx(300)
    assert load.time_compression == 1


def test_a_window_holds_what_the_trace_has_there_and_its_rate_is_its_own(write):
    moments = [0, 1, 5.25, 5.25, 9, 30]
    load = Replay(file=write(moments), from_s=4, seconds=5)
    assert list(load.arrivals(1)) == [1.25, 1.25]
    assert load.rate == 2 / 5
    assert "recorded.txt (seconds), 2 of its 6 arrivals" in load.notes[0]
    assert list(Replay(file=write(moments), from_s=4, seconds=5.5).arrivals(1)) == [1.25, 1.25, 5]


def test_a_lower_rate_thins_and_adds_nothing(write):
    moments = uneven(4000)
    load = Replay(file=write(moments), rate=0.25)
    own = set(np.round(moments - moments[0], 6))
    counts = [len(load.arrivals(seed)) for seed in range(40)]
    assert set(np.round(load.arrivals(7), 6)) < own
    assert np.mean(counts) == pytest.approx(load.rate * load.seconds, rel=0.01)
    assert load.arrivals(1).tobytes() == load.arrivals(1).tobytes() != load.arrivals(2).tobytes()
    assert any(note.startswith("thinned: each arrival stays with a probability of 0.2") for note in load.notes)


def test_a_higher_rate_adds_turned_copies_and_loses_nothing(write):
    moments = uneven(1000)
    load = Replay(file=write(moments), rate=3.4)
    own = set(np.round(moments - moments[0], 6))
    drawn = [load.arrivals(seed) for seed in range(40)]
    assert all(own <= set(np.round(offsets, 6)) for offsets in drawn)
    assert np.mean([len(offsets) for offsets in drawn]) == pytest.approx(3.4 * load.seconds, rel=0.005)
    assert load.rate == 3.4
    assert load.arrivals(1).tobytes() == load.arrivals(1).tobytes() != load.arrivals(2).tobytes()
    assert any(note.startswith("raised: 3 copies of the trace on top") for note in load.notes)


def test_copies_keep_the_gaps_of_the_trace(write):
    moments = np.arange(1000) * 2 + (np.arange(1000) % 2) * 0.001  # pairs of gaps that no chance would make
    load = Replay(file=write(moments), rate=1.0)
    offsets = np.asarray(load.arrivals(3))
    copy = np.setdiff1d(np.round(offsets, 6), np.round(moments, 6))
    gaps = np.diff(copy)
    assert np.mean(np.isclose(gaps, 2.001, atol=1e-5) | np.isclose(gaps, 1.999, atol=1e-5)) > 0.99


def test_raised_windows_of_whole_days_keep_the_hours(write):
    moments = office_days(4)
    path = write(moments)
    ten = Replay(file=path, from_s=10 * 3600, seconds=600)
    raised = Replay(file=path, from_s=10 * 3600, seconds=600, rate=5 * ten.rate)
    counts = [len(raised.arrivals(seed)) for seed in range(40)]
    assert np.mean(counts) == pytest.approx(5 * ten.rate * 600, rel=0.03)
    assert any("by whole days and up to 30 minutes more or less" in note for note in raised.notes)
    hours = np.asarray(Replay(file=path, rate=3 * len(moments) / (4 * DAY_S)).arrivals(1)) % DAY_S / 3600
    assert np.mean((hours > 7.5) & (hours < 12.5)) > 0.999


def test_at_the_border_of_its_own_rate_a_bit_more_and_a_bit_less_are_nearly_the_same(write):
    moments = uneven(5000)
    path, own = write(moments), set(np.round(moments - moments[0], 6))
    natural = Replay(file=path).rate
    for factor in (0.99, 1.01):
        offsets = set(np.round(Replay(file=path, rate=factor * natural).arrivals(1), 6))
        assert len(own & offsets) > 0.98 * len(own)


def test_twice_as_fast_is_half_as_long_and_counts_as_compressed(write):
    moments = uneven(200)
    load = Replay(file=write(moments), speed=2)
    assert np.allclose(load.arrivals(1), (moments - moments[0]) / 2)
    assert load.seconds == pytest.approx((moments[-1] - moments[0]) / 2 * 200 / 199)
    assert load.time_compression == 2
    assert any("played 2 times as fast as recorded: cold starts are not as frequent" in note for note in load.notes)
    assert refused(file=load.file, speed=2, compression=3)[0][1].endswith("disagree: leave compression out")


def test_sizes_that_no_request_takes_are_told(write, tmp_path):
    sized = tmp_path / "sized.jsonl"
    rows = [f'{{"timestamp": {moment}, "input_length": 7, "output_length": 9}}\n' for moment in range(0, 900_000, 3000)]
    sized.write_text("".join(rows))
    told = [note for note in Replay(file=sized).notes if "reach no request" in note]
    assert told == ["its tokens_in and tokens_out reach no request: payloads are sent in turn, as ever"]
    assert not any("reach no request" in note for note in Replay(file=write(uneven(300))).notes)


def test_before_the_window_is_what_the_trace_has_there_and_before_its_begin_its_end(write):
    moments = [0, 10, 20, 30, 42]  # lasts 52.5 s
    load = Replay(file=write(moments), from_s=15, seconds=10)
    assert list(load.history(1, 10)) == [5]
    assert list(load.history(1, 20)) == [5, 15]
    wrapped = np.asarray(load.history(1, 30)) - 30 + 15
    assert wrapped.tolist() == pytest.approx([42 - 52.5, 0, 10])


def test_before_a_thinned_or_raised_window_traffic_is_as_dense_as_in_it(write):
    path = write(uneven(3000))
    for rate in (0.3, 4.0):
        load = Replay(file=path, from_s=1500, seconds=500, rate=rate)
        before = [len(load.history(seed, 900)) for seed in range(30)]
        assert np.mean(before) == pytest.approx(rate * 900, rel=0.1)
        assert load.history(1, 900).tobytes() == load.history(1, 900).tobytes()
        assert all(0 <= moment < 900 for moment in load.history(1, 900))


def test_a_copy_goes_on_from_before_the_window_into_it(write):
    """The same turns: an evenly spaced trace has no gap at the window's begin that it has nowhere else."""
    load = Replay(file=write(np.arange(1000) * 3.0), from_s=600, seconds=300, rate=2 / 3)
    joined = np.concatenate([np.asarray(load.history(4, 300)) - 300, np.asarray(load.arrivals(4))])
    own = joined[np.isclose(joined % 3, 0) | np.isclose(joined % 3, 3)]
    copy = np.setdiff1d(joined, own)
    assert np.allclose(np.diff(copy), 3, atol=1e-6)


def test_counts_per_minute_are_spread_by_the_seed(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("HashOwner,HashApp,HashFunction,1,2,3\no,a,f,60,0,120\n")
    load = Replay(file=path)
    offsets = np.asarray(load.arrivals(1))
    assert np.bincount((offsets // 60).astype(int)).tolist() == [60, 0, 120]
    assert load.rate == 1
    assert load.arrivals(1).tobytes() != load.arrivals(2).tobytes()
    half = Replay(file=path, from_s=30, seconds=120)
    assert half.rate * 120 == pytest.approx(30 + 60)
    assert np.mean([len(half.arrivals(seed)) for seed in range(60)]) == pytest.approx(90, rel=0.05)


@pytest.mark.parametrize(
    ("parameters", "field", "said"),
    [
        ({"from_s": 290, "seconds": 20}, (), "from_s 290 and seconds 20 end at 310 s of the trace, which lasts 300 s"),
        ({"seconds": 200, "speed": 2}, (), "from_s 0 and seconds 200 at speed 2 end at 400 s"),
        ({"from_s": 400}, (), "from_s 400 and seconds 1 end at 401 s"),
        ({"from_s": 400, "seconds": 0.5}, (), "from_s 400 and seconds 0.5 end at 400.5 s"),
        ({"from_s": 450.25, "seconds": 0.5}, (), "from_s 450.25 and seconds 0.5 end at 450.75 s"),
        ({"from_s": 299, "seconds": 2_000_000}, (), "from_s 299 and seconds 2e+06 end at"),
        ({"seconds": "soon"}, ("seconds",), "valid number"),
        ({"seconds": -3}, ("seconds",), "greater than 0"),
        ({"from_s": 100.25, "seconds": 0.5}, (), "none of the trace's 300 arrivals is in that window"),
        ({"rate": 90_000, "seconds": 0.01}, (), ""),
        ({"speed": 0.5}, ("speed",), "greater than or equal to 1"),
        ({"from_s": -1}, ("from_s",), "greater than or equal to 0"),
        ({"failed": "perhaps"}, ("failed",), "'drop' or 'keep'"),
        ({"app": "a"}, ("file",), "names no app: leave app out"),
        ({"sha256": "0" * 64}, ("file",), "is another file than the one that was read"),
        ({"sha256": "short"}, ("sha256",), "pattern"),
        ({"window": 3}, ("window",), "Extra inputs"),
    ],
    ids=[
        *("late", "fast", "beyond", "beyond-short", "beyond-silent", "too-long", "word", "backwards", "silent"),
        *("dense", "slow", "negative", "failed", "app", "other", "no-hash", "extra"),
    ],
)
def test_what_does_not_fit_the_trace_is_refused(write, parameters, field, said):
    path = write(range(300))
    if not said:
        assert Replay(file=path, **parameters).rate == 90_000
        return
    problems = refused(file=path, **parameters)
    assert [where for where, _ in problems] == [field]
    assert said in problems[0][1]


def test_a_file_that_is_no_trace_hides_no_other_problem(tmp_path):
    problems = dict(refused(file=tmp_path / "absent.csv", from_s=-1, rate="much"))
    assert set(problems) == {("file",), ("from_s",), ("rate",)}
    assert "absent.csv is not a file: name a trace in CSV, JSONL or Parquet" in problems[("file",)]
    assert [where for where, _ in refused(rate=3, seconds=5)] == [("file",)]
    for strange in (3, None, ["a"], "a\0b", {}):
        assert ("file",) in dict(refused(file=strange, rate=1, seconds=1))


def test_a_silent_window_at_a_wanted_rate_is_made_of_copies_alone(write):
    path = write(range(0, 3000, 10))
    load = Replay(file=path, from_s=101, seconds=5, rate=2)
    counts = [len(load.arrivals(seed)) for seed in range(200)]
    assert np.mean(counts) == pytest.approx(10, rel=0.05)
    assert "0 of its 300 arrivals" in load.notes[0]


def test_more_copies_than_anyone_means_are_refused(write):
    path = write([0, 1000.0])
    assert "copies of the trace: at most 100,000" in refused(file=path, seconds=1, rate=5000)[0][1]


def parsed(**replay):
    return parse_experiment({**SPARSE, "compression": 20, "profiles": [{"replay": replay}]}, "here")


def test_an_experiment_keeps_what_the_file_holds_and_is_the_same_wherever_it_lies(write, tmp_path):
    moments = uneven(200)
    one, moved = write(moments), write(moments, "moved.txt")
    first, second = parsed(file=str(one)), parsed(file=str(moved))
    kept = first.profiles[0].parameters
    assert set(kept) == {"file", "sha256"}
    assert first.sha256() == second.sha256()
    assert first.sha256() == parsed(file=str(one), from_s=0, failed="drop", speed=1).sha256()
    assert first.sha256() != parsed(file=str(one), from_s=5).sha256()
    assert first.sha256() != parsed(file=str(write(moments + 0.5 * (moments > 50), "else.txt"))).sha256()
    stored = parse_experiment(first.model_dump(mode="json"), "manifest.json")
    assert stored.sha256() == first.sha256()


def test_its_path_is_read_from_where_the_command_runs_as_a_models_folder_is(write, monkeypatch):
    path = write(uneven(50))
    monkeypatch.chdir(path.parent)
    assert parsed(file=path.name).profiles[0].parameters["file"] == str(path)


def test_rows_of_it_say_its_own_rate_and_length_and_no_compression(write):
    load = {trial.case.get("rate"): trial for trial in plan(parsed(file=str(write(range(300)))), ["process-lambda"])}[
        1.0
    ]
    assert (load.case["seconds"], load.case["compression"]) == (300, 1)
    fast = plan(parsed(file=str(write(range(300))), speed=3), ["process-lambda"])
    assert {trial.case["compression"] for trial in fast if trial.load} == {3}


def test_rounds_draw_their_own_thinning_and_targets_of_a_round_share_it(write):
    experiment = parsed(file=str(write(uneven(500))), rate=0.5)
    trials = [trial for trial in plan(experiment, ["process-lambda"]) if trial.load]
    drawn = {draw(trial.load, trial.arrival_seed).tobytes() for trial in trials}
    assert len(drawn) == len(trials) == 10


def test_a_file_that_changes_after_it_was_read_is_refused(write):
    path = write(uneven(200))
    experiment = parsed(file=str(path))
    (_, load), *_ = experiment.load_profiles()
    write(uneven(200, seed=6))
    os.utime(path, ns=(1, 1))
    with pytest.raises(UsageError, match="has changed since it was read"):
        draw(load, 1)
    with pytest.raises(UsageError, match="is another file than the one that was read"):
        parse_experiment(experiment.model_dump(mode="json"), "manifest.json")
    path.unlink()
    with pytest.raises(UsageError, match="can no longer be read"):
        draw(load, 1)


def test_an_experiment_names_the_field_the_value_and_the_fix(tmp_path):
    (tmp_path / "odd.csv").write_text("when,what\n1,2\n")
    with pytest.raises(UsageError) as error:
        parsed(file=str(tmp_path / "odd.csv"), rate="much")
    lines = "\n".join(error.value.problems)
    assert "here: profiles.0.replay.file: " in lines
    assert "here: profiles.0.replay.rate: 'much' is not accepted" in lines
    assert "columns of no known format (when, what)" in lines


def test_the_load_command_says_that_it_takes_no_file():
    with pytest.raises(UsageError, match="--profile: replay reads a file, and this command takes none"):
        LoadOrder("http://localhost/", "replay", 1, 10, 1, 1, None, 1).check()


def test_two_minutes_of_the_real_trace_raised_to_a_request_a_second():
    if not RAGPULSE.is_file():
        pytest.skip("the trace does not lie beside the checkout")
    load = Replay(file=RAGPULSE, from_s=60_000, seconds=120, rate=1)
    counts = [len(load.arrivals(seed)) for seed in range(50)]
    assert np.mean(counts) == pytest.approx(120, rel=0.06)
    assert len(load.history(1, 3600)) > 1000


def test_a_run_whose_trace_is_gone_or_another_is_not_taken_up_again(write):
    path = write(uneven(200))
    experiment = parsed(file=str(path)).model_dump(mode="json")
    assert _lost_files(experiment) == []
    write(uneven(200, seed=6))
    (why,) = _lost_files(experiment)
    assert why.endswith("is another file than the one that the run began with")
    path.unlink()
    manifest = synthetic.manifest(rounds=1, trials=1).model_copy(update={"experiment": experiment})
    with pytest.raises(UsageError, match=r"cannot be read any more .*: put that one back, or begin a new run$"):
        _read_runnable(manifest)
