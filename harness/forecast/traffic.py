"""The traffic of the month: a load profile with its own parameters at a mean rate, uncompressed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from harness.analysis.stats import Floats
from harness.errors import RecordError, UsageError
from harness.experiment.profiles import draw, profile, profile_names
from harness.files.problems import mapping, problems_in, quote
from harness.forecast.arrivals import recorded_days
from harness.forecast.spells import DAY_S, DAYS_A_WEEK, MOST_RPS, Days
from harness.record.forecast import Traffic
from harness.record.nouns import Manifest
from loadprofiles import LoadProfile
from loadprofiles.traces import Choice
from targets.rules.parameters import meant

MOST_DAYS = 31
REPLAY = "replay"
"""The profile that is a trace: the month has all of its days."""
MOST_ARRIVALS = 2_000_000
"""Drawn for the days that resamples take theirs from; more traffic has fewer such days, a week of them at least."""
PER_RUN = ("rate", "seconds", "compression", "gap_s", "day_s", "from_hour")
"""Parameters that say how a trial was cut out of the traffic, and nothing of the traffic itself."""


@dataclass(frozen=True)
class Month:
    """What every side meets: its arrivals and how they are told."""

    traffic: Traffic
    days: Days

    @property
    def rps(self) -> float:
        """Mean requests per second, which is not that of `days` where those were too many to draw."""
        return self.traffic.mean_rps


def profiles_of(manifest: Manifest) -> dict[str, Mapping[str, Any]]:
    """The experiment's profiles by label, each with name and parameters; a name used twice is numbered."""
    given = manifest.experiment.get("profiles")
    choices = [mapping(choice) for choice in given] if isinstance(given, list) else []
    names = [str(choice.get("name")) for choice in choices]
    labels = [
        name if names.count(name) == 1 else f"{name}-{names[: at + 1].count(name)}" for at, name in enumerate(names)
    ]
    return dict(zip(labels, choices, strict=True))


def chosen_profiles(manifest: Manifest, name: str | None) -> dict[str, Mapping[str, Any]]:
    """Those of the experiment, or the one of this label; else a load profile of this name with its defaults."""
    own = profiles_of(manifest)
    if name is None:
        return own
    if name in own:
        return {name: own[name]}
    if name in profile_names():
        return {name: {"name": name, "parameters": {}}}
    known = list(dict.fromkeys([*own, *profile_names()]))
    raise UsageError([f"--profile: {quote(name)} is not accepted: {meant(name, known)}"])


def month_of(label: str, choice: Mapping[str, Any], rps: float, days: float, seed: int) -> Month:
    """The days of a profile. RecordError with the reason where it cannot have this rate."""
    if rps > MOST_RPS:
        raise RecordError(f"{rps:g} requests/s are too many to simulate, {MOST_RPS:g} at most: give --rps")
    parameters = dict(mapping(choice.get("parameters")))
    if choice.get("name") == REPLAY:
        return month_of_replay(label, parameters, rps, days, seed)
    own = {name: value for name, value in parameters.items() if name not in PER_RUN}
    own |= rising(parameters, rps)
    count = min(int(np.ceil(days)), max(DAYS_A_WEEK, int(MOST_ARRIVALS / (rps * DAY_S))))
    rate = min(rps, 2 * MOST_ARRIVALS / (count * DAY_S))
    load = read_profile(label, str(choice.get("name")), {**own, "rate": rate, "seconds": min(days, count) * DAY_S})
    arrivals = np.frombuffer(draw(load, seed), dtype=np.float64)
    traffic = Traffic(
        name=label,
        source="profile",
        parameters={"name": str(choice.get("name")), **own},
        mean_rps=rps,
        days=days,
        simulated_days=min(days, count),
        seed=seed,
        notes=list(notes_of(rps, rate, count, days)),
    )
    return Month(traffic, Days(split(arrivals, count), rate))


def rising(parameters: Mapping[str, Any], rps: float) -> dict[str, float]:
    """The ends of a ramp, as far from another mean rate as they are from its own."""
    ends = {name: parameters.get(name) for name in ("from_rate", "to_rate")}
    known = {name: float(end) for name, end in ends.items() if isinstance(end, int | float)}
    mean = parameters.get("rate", (known.get("from_rate", 0.0) + known.get("to_rate", 0.0)) / 2)
    return {name: end * rps / mean for name, end in known.items()} if isinstance(mean, int | float) and mean else {}


def month_of_trace(file: Path, rps: float | None, days: float, seed: int) -> Month:
    """The days of a trace, at its own mean rate or another. UsageError where it cannot be read."""
    found = recorded_days(file, Choice(), rps, days, seed)
    if found.traffic.mean_rps > MOST_RPS:
        raise UsageError([f"--trace: {found.traffic.mean_rps:g} requests/s are too many to simulate: give --rps"])
    return Month(found.traffic, Days(found.days, found.mean_rps))


def month_of_replay(label: str, parameters: dict[str, Any], rps: float, days: float, seed: int) -> Month:
    """The days of the trace that a profile replays, of which a trial has but a window."""
    choice = Choice(parameters.get("app"), parameters.get("function"), parameters.get("failed") or "drop")
    try:
        file, sha256 = Path(str(parameters.get("file"))), parameters.get("sha256")
        found = recorded_days(file, choice, rps, days, seed, sha256)
    except UsageError as error:
        raise RecordError(str(error)) from None
    return Month(found.traffic.model_copy(update={"name": label}), Days(found.days, found.mean_rps))


def read_profile(label: str, name: str, parameters: dict[str, Any]) -> LoadProfile:
    """The profile itself. RecordError with every problem."""
    if name not in profile_names():
        raise RecordError(f"profile {quote(label)}: {meant(name, profile_names())}")
    try:
        return profile(name).model_validate({**parameters, "compression": 1})
    except ValidationError as error:
        raise RecordError("\n".join(f"profile {label}: {line}" for line in problems_in(error))) from None


def notes_of(rps: float, rate: float, count: int, days: float) -> Iterator[str]:
    """Where the month is not drawn as a whole."""
    if count < days:
        yield f"{count} days of it are drawn, for all {days:g} have {rps * DAY_S * days:,.0f} requests"
    if rate < rps:
        yield f"it is drawn at {rate:.3g} requests/s and laid over itself {rps / rate:.3g} times, each time shifted"


def split(arrivals: Floats, count: int) -> list[Floats]:
    """A month's arrivals, day by day."""
    edges = np.searchsorted(arrivals, np.arange(count + 1) * DAY_S)
    return [arrivals[a:b] - day * DAY_S for day, (a, b) in enumerate(pairwise(edges))]
