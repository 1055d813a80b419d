"""A recorded trace as the days that a month is drawn from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import UsageError
from harness.record.forecast import Traffic
from loadprofiles.traces import Choice, Trace, TraceError, read_trace
from loadprofiles.traces.circle import DAY_S, Circle, whole_days
from loadprofiles.traces.ticks import spread
from loadprofiles.traces.trace import Floats

DAYS_A_WEEK = 7
"""So many days are made of a recording that is shorter than one: it begins again at another hour of each."""
HOUR_S = 3600.0
FEW = 100
"""Arrivals below which a recording says little of how often they come, and next to nothing of their bursts."""


@dataclass(frozen=True)
class RecordedDays:
    """What a trace gives to a month."""

    traffic: Traffic
    days: list[Floats]
    """Arrivals of whole days as they were recorded, a day each, in ascending seconds since the day's begin."""
    mean_rps: float
    """Of these days; `traffic.mean_rps` is the rate that is wanted."""


def recorded_days(
    file: Path, choice: Choice, rps: float | None, days: float, seed: int, sha256: str | None = None
) -> RecordedDays:
    """The days of a trace, for a month at a mean rate; None: at its own. UsageError where it cannot be read, or is
    another than the one of this `sha256`.

    A recording gives its whole days, whatever is beyond the last of them is left out; one that is shorter goes round.
    The seed draws where within its tick each arrival falls, where the trace's clock is coarse.
    """
    try:
        trace = read_trace(file, choice)
    except TraceError as error:
        raise UsageError([f"trace: {error}"]) from None
    if sha256 is not None and trace.sha256 != sha256:
        raise UsageError([f"trace: {file} has changed since the run replayed it: put that file back, or give --trace"])
    circle = Circle(spread(trace.offsets_s, trace.tick_s, trace.period_s, seed), trace.period_s)
    if rps is None and trace.period_s < HOUR_S:
        raise UsageError(
            [
                f"trace: {file} lasts {length_words(trace.period_s)}, less than an hour, which is no month's rate: "
                "give the rate with --rps, or a longer recording"
            ]
        )
    count = whole_days(trace.period_s)
    found = [circle.cut(day * DAY_S, DAY_S) for day in range(DAYS_A_WEEK)] if not count else _whole(circle, count)
    mean_rps = sum(map(len, found)) / (len(found) * DAY_S)
    if not mean_rps:
        raise UsageError([f"trace: {file} has no arrival within its {count} whole days: take a longer one"])
    traffic = Traffic(
        name=trace.file,
        source="trace",
        parameters=_parameters(trace, choice, count),
        sha256=trace.sha256,
        mean_rps=rps or mean_rps,
        days=days,
        simulated_days=min(days, len(found)),
        seed=seed,
        notes=[*trace.notes, *_notes(trace, count, mean_rps, days)],
    )
    return RecordedDays(traffic, found, mean_rps)


def length_words(seconds: float) -> str:
    """E.g. 10 seconds, 25 minutes, 2.5 hours."""
    unit_s, unit = next(each for each in ((HOUR_S, "hours"), (60.0, "minutes"), (0.0, "seconds")) if seconds >= each[0])
    return f"{seconds / (unit_s or 1):.3g} {unit}"


def _whole(circle: Circle, count: int) -> list[Floats]:
    """The last day may lack a few minutes, which are silence: it does not go round."""
    edges = np.searchsorted(circle.positions, np.arange(count + 1) * DAY_S)
    return [circle.positions[edges[day] : edges[day + 1]] - day * DAY_S for day in range(count)]


def _parameters(trace: Trace, choice: Choice, count: int) -> dict[str, str | int | float]:
    """What the days are of; of the choice only what was chosen."""
    chosen = {name: value for name, value in vars(choice).items() if value is not None}
    short = {} if count else {"recorded_s": round(trace.period_s, 3)}
    return {"format": trace.format, **chosen, "whole_days": count, "recorded_rps": round(trace.rate, 9), **short}


def _notes(trace: Trace, count: int, mean_rps: float, days: float) -> Iterator[str]:
    if (few := len(trace.offsets_s)) < FEW:
        yield f"it has {few} arrivals in all, too few to tell a month's rate or its bursts: take a longer one"
    yield f"hour 0 is when the recording begins: {trace.file} does not say which day of the week that was"
    if not count:
        yield f"it lasts {length_words(trace.period_s)}, less than a day: it is repeated without a break"
        return
    left = trace.period_s - count * DAY_S
    if left > 0:
        yield f"its last {left / 3600:.3g} hours are no whole day and left out"
    if count < days:
        yield f"{days:g} days are drawn from its {count}, whole days at a time, some of them several times"
    if count == 1:
        yield "with a single day, the intervals say nothing of how days differ"
