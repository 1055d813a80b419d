"""Outcomes and handler times under traffic, beside what was commanded and carried out."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from harness.record.nouns import Outcome
from harness.selftest.check import Check, near, same
from harness.selftest.testimony import Examined, Testimony

INJECTED = "Injected"


def outcomes(examined: Examined) -> Iterator[Check]:
    """Injected faults, request by request: the counts are told, but it is the sets that must be equal."""
    pairs: dict[str, Callable[[Testimony], tuple[set[int], set[int]]]] = {
        "failures injected": lambda one: (one.told_to("fail"), _failed(one, True)),
        "wrong answers injected": lambda one: (one.told_to("wrong"), _with(one, Outcome.WRONG)),
        "hangs past the timeout": lambda one: (one.told_to("hang"), _with(one, Outcome.TIMED_OUT)),
        "crashes and memory overruns": lambda one: (one.told_to("crash") | one.told_to("overrun"), _failed(one, False)),
        "requests that reached no handler": lambda one: (_never(one), _with(one, Outcome.THROTTLED)),
    }
    for name, sets in pairs.items():
        found = [sets(one) for one in examined.trials]
        truth, measured = (sum(len(pair[side]) for pair in found) for side in (0, 1))
        if truth or measured:
            equal = all(told == seen for told, seen in found)
            yield Check(name, examined.target, truth, measured, equal)


def out_of_memory(examined: Examined) -> Iterator[Check]:
    """Units that the kernel killed for want of memory."""
    told = sum(len({one.handled[request][0].unit for request in one.told_to("overrun")}) for one in examined.trials)
    if told:
        killed = sum(unit.oom_killed for one in examined.trials for unit in one.record.units)
        yield same("units out of memory", examined.target, told, killed)


def conservation(examined: Examined) -> Iterator[Check]:
    """Every scheduled arrival has one row and one outcome."""
    scheduled = sum(len(one.trial.load.arrivals(one.trial.arrival_seed)) for one in examined.trials if one.trial.load)
    rows = sum(len(one.rows) for one in examined.trials)
    counted = sum(sum(one.record.counts.values()) for one in examined.trials)
    yield same("scheduled arrivals with a row", examined.target, scheduled, rows)
    yield same("scheduled arrivals with an outcome", examined.target, scheduled, counted)


def handler_times(examined: Examined) -> Iterator[Check]:
    """Time in the handler over all answers, fixed or log-normal."""
    told: list[float] = []
    measured: list[float] = []
    for one in examined.trials:
        rows = one.rows[one.rows["handler_ns"].notna()]
        told += [one.commands[int(index)].handler_ms for index in rows["index"]]
        measured += (rows["handler_ns"] / 1e6).tolist()
    for name, share in (("median", 50), ("p95", 95)):
        yield near(
            f"handler time, {name} ms",
            examined.target,
            float(np.percentile(told, share)),
            float(np.percentile(measured, share)),
        )


def _with(one: Testimony, outcome: Outcome) -> set[int]:
    return _indices(one.rows[one.rows["outcome"].astype(str) == outcome])


def _failed(one: Testimony, injected: bool) -> set[int]:
    rows = one.rows[one.rows["outcome"].astype(str) == Outcome.FAILED]
    return _indices(rows[rows["error"].astype(str).str.startswith(INJECTED) == injected])


def _never(one: Testimony) -> set[int]:
    return set(range(one.record.scheduled)) - one.handled.keys()


def _indices(rows: pd.DataFrame) -> set[int]:
    return {int(index) for index in rows["index"]}
