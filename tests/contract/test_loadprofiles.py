"""What every load profile owes, found by listing the folder: a new profile is tested with no edit here.

A profile must draw from `rate` and `seconds` alone: its other parameters have defaults. One that reads a file is given
one of four hours, at about a request a second.
"""

import array
import itertools
import os
import subprocess
import sys
from statistics import fmean, stdev

import pytest
from pydantic import ValidationError

from harness.experiment.profiles import draw, profile, profile_names
from loadprofiles.contract import LoadProfile, fingerprint

SETTINGS = {"rate": 5.0, "seconds": 400.0, "compression": 20.0}
FINGERPRINTS = f"""
import sys
from harness.experiment.profiles import profile, profile_names
from loadprofiles.contract import fingerprint
for name in profile_names():
    needs = dict(file=sys.argv[1]) if profile(name).reads_file else dict()
    print(name, fingerprint(profile(name)(**{SETTINGS}, **needs).arrivals(7)))
"""
GAPS_S = (0.25, 1.75, 0.5, 1.5)

every_profile = pytest.mark.parametrize("name", profile_names())


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    moments = itertools.accumulate(itertools.islice(itertools.cycle(GAPS_S), 4 * 3600))
    path = tmp_path_factory.mktemp("traces") / "four-hours.txt"
    path.write_text("".join(f"{moment}\n" for moment in moments))
    return path


@pytest.fixture(scope="module")
def load_of(trace):
    """The profile of a name, with what it needs beside these parameters."""

    def make(name, **parameters):
        kind = profile(name)
        return kind(**parameters, **({"file": trace} if kind.reads_file else {}))

    return make


def test_the_known_profiles_are_listed():
    assert {"constant", "steady", "bursty", "diurnal", "sparse", "replay"} <= set(profile_names())


@every_profile
def test_is_a_load_profile_with_a_one_line_summary(name):
    found = profile(name)
    assert issubclass(found, LoadProfile)
    assert found.__module__ == f"loadprofiles.{name.replace('-', '_')}"
    summary = found.__dict__.get("__doc__") or ""
    assert summary.strip().endswith(".")
    assert "\n" not in summary.strip()
    assert len(summary) <= 120
    assert summary != LoadProfile.__doc__


@every_profile
def test_rate_and_seconds_are_enough(name, load_of):
    assert len(load_of(name, rate=50, seconds=20).arrivals(1)) > 0


@every_profile
def test_what_it_draws_is_a_schedule(name, load_of):
    load = load_of(name, **SETTINGS)
    assert draw(load, 7) == load.arrivals(7)


@every_profile
def test_same_seed_same_bytes(name, load_of):
    once, again = (load_of(name, **SETTINGS).arrivals(7) for _ in range(2))
    assert isinstance(once, array.array)
    assert once.typecode == "d"
    assert once.tobytes() == again.tobytes()


def test_same_seed_same_bytes_in_another_process(load_of, trace):
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    run = subprocess.run(
        [sys.executable, "-c", FINGERPRINTS, str(trace)], env=environment, capture_output=True, text=True, check=True
    )
    here = {name: fingerprint(load_of(name, **SETTINGS).arrivals(7)) for name in profile_names()}
    assert dict(line.split() for line in run.stdout.splitlines()) == here


@every_profile
def test_another_seed_draws_another_schedule_unless_the_profile_is_unseeded(name, load_of):
    found = profile(name)
    schedules = {fingerprint(load_of(name, **SETTINGS).arrivals(seed)) for seed in range(5)}
    assert len(schedules) == (5 if getattr(found, "seeded", True) else 1)


@every_profile
@pytest.mark.parametrize("seconds", [3.7, 400.0])
def test_ascending_and_inside_the_window(name, seconds, load_of):
    for seed in range(5):
        offsets = load_of(name, **{**SETTINGS, "seconds": seconds}).arrivals(seed)
        assert all(0 <= t < seconds for t in offsets)
        assert list(offsets) == sorted(offsets)


@every_profile
@pytest.mark.parametrize("compression", [1.0, 20.0])
def test_mean_rate_is_rate(name, compression, load_of):
    load = load_of(name, **{**SETTINGS, "compression": compression})
    counts = [len(load.arrivals(seed)) for seed in range(60)]
    standard_error = stdev(counts) / len(counts) ** 0.5
    # One request of slack: a grid of whole requests cannot hit a fraction.
    assert abs(fmean(counts) - load.rate * load.seconds) <= 4 * standard_error + 1


@every_profile
def test_expected_rate_where_it_is_known_integrates_to_the_mean(name, load_of):
    load = load_of(name, **SETTINGS)
    steps = 20_000
    rates = [load.rate_at((i + 0.5) * load.seconds / steps) for i in range(steps)]
    if rates[0] is None:
        assert set(rates) == {None}
    else:
        assert fmean(rates) == pytest.approx(load.rate, rel=1e-4)
        assert load.rate_at(-0.001) == load.rate_at(load.seconds) == 0


@every_profile
def test_time_compression_is_told(name, load_of):
    assert load_of(name, rate=5, seconds=400, compression=20).time_compression in (1.0, 20.0)


@every_profile
@pytest.mark.parametrize("field", ["rate", "seconds", "compression"])
@pytest.mark.parametrize("value", [-1.0, 0.0, float("nan"), float("inf"), "soon", None])
def test_bad_parameters_are_refused_by_name(name, field, value, load_of):
    with pytest.raises(ValidationError) as refused:
        load_of(name, **{**SETTINGS, field: value})
    assert (field,) in [problem["loc"] for problem in refused.value.errors()]


@every_profile
def test_unknown_parameters_are_refused(name, load_of):
    with pytest.raises(ValidationError, match="reqs_per_s"):
        load_of(name, **SETTINGS, reqs_per_s=3)


@every_profile
def test_survives_being_stored(name, load_of):
    load = load_of(name, **SETTINGS)
    restored = type(load).model_validate_json(load.model_dump_json())
    assert restored == load
    assert restored.arrivals(3).tobytes() == load.arrivals(3).tobytes()
