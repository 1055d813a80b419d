"""Start classes, the parts of a start and memory, beside their truth."""

import math
import statistics
from collections import Counter
from collections.abc import Iterator

import pandas as pd

from harness.record.columns import phase_column
from harness.record.nouns import PHASES, Outcome, StartClass
from harness.selftest.agreement import PHASE_SETTINGS
from harness.selftest.check import Check, near, same
from harness.selftest.testimony import Examined, Testimony

BARE, TIMED = "bare", "timed"
"""Labels of the workload without any commanded time or memory, and with all of it."""
LEAST_MEMORY_MB = 1.0
ANSWERED = [Outcome.OK, Outcome.WRONG]


def classes(examined: Examined) -> Iterator[Check]:
    """Start class of every request against the ledger: none may be wrong, and none of a good answer missing.

    A request that failed or was lost may have none: its reply carries no evidence.
    """
    wrong, missing = 0, 0
    truth, measured = Counter[str](), Counter[str]()
    for one in examined.trials:
        for request, told in classed(one).items():
            true = one.true_class(request) if request in one.handled else "nothing"
            truth[true] += 1
            measured[told] += 1
            wrong += told != true
        answered = one.rows[one.rows["outcome"].astype(str).isin(ANSWERED)]
        missing += int(answered["start_class"].isna().sum())
    yield same("requests whose start class is wrong", examined.target, 0, wrong)
    yield same("answers without a start class", examined.target, 0, missing)
    for kind in (kind for kind in StartClass if truth[kind] or measured[kind]):
        yield same(f"start class {kind}", examined.target, truth[kind], measured[kind])


def enough(examined: Examined, least: int) -> Iterator[Check]:
    """The sample that start classes are judged by, and that it holds what is hard to tell."""
    n = sum(len(classed(one)) for one in examined.trials)
    yield Check("requests with a start class, at least", examined.target, least, n, n >= least)
    evicted = sum(event["kind"] == "evicted" for one in examined.trials for event in one.events)
    yield Check("sandboxes evicted among them, at least", examined.target, 1, evicted, evicted >= 1)


def classed(one: Testimony) -> dict[int, str]:
    """The start class of every request that Frostline gave one."""
    rows = one.rows[one.rows["start_class"].notna()]
    return dict(zip(rows["index"].astype(int), rows["start_class"].astype(str), strict=True))


def starts(examined: Examined) -> Iterator[Check]:
    """Units that the deployment says it started for requests, against units with a ledger."""
    led = sum(len({life.unit for life in one.lives} & one.for_request) for one in examined.trials)
    yield same("units started for requests", examined.target, led, sum(one.record.starts for one in examined.trials))


def sums(examined: Examined) -> Iterator[Check]:
    """The parts of a start and its remainder add up to the time from scheduled to done, to the nanosecond."""
    columns = [phase_column(name) for name in PHASES]
    off, n = 0, 0
    for one in examined.trials:
        rows = one.rows[one.rows[phase_column("unaccounted")].notna()]
        n += len(rows)
        total, wall = rows[columns].sum(axis=1), rows["done_ns"] - rows["scheduled_ns"]
        off += int((total.astype("int64") != wall.astype("int64")).sum())
    yield same(f"starts whose parts do not add up to the whole, of {n}", examined.target, 0, off)


def phases(examined: Examined) -> Iterator[Check]:
    """Medians of the commanded parts beyond what the bare workload takes in them.

    Medians over rounds of the differences within a round: an interpreter starts slower while a shared machine is busy,
    and both workloads of one round meet that alike.
    """
    told = examined.settings(TIMED)
    for name in PHASE_SETTINGS:
        bare, timed = by_round(examined, BARE, name), by_round(examined, TIMED, name)
        beyond = [took - bare.get(number, 0.0) for number, took in timed.items()]
        measured = statistics.median(beyond) if beyond else None
        truth = getattr(told, f"{name}_ms")
        yield near(f"phase {name}, median ms beyond the bare workload's", examined.target, truth, measured)
    first = examined.row(TIMED).cold_phases_ms.get("first_inference")
    yield near("phase first_inference, median ms", examined.target, told.handler_ms, first)


def by_round(examined: Examined, label: str, phase: str) -> dict[int, float]:
    """Median ms of a part over each round's starts; rounds in which no start had it are left out."""
    trials = (one for one in examined.trials if one.record.workload == label)
    medians = {one.trial.round: one.rows[phase_column(phase)].median() / 1e6 for one in trials}
    return {number: float(ms) for number, ms in medians.items() if not pd.isna(ms)}


def memory(examined: Examined) -> Iterator[Check]:
    """The peak of a unit's own memory: what was touched, and what the bare workload has."""
    base, peak = examined.row(BARE).memory_own_peak_mb, examined.row(TIMED).memory_own_peak_mb
    truth = examined.settings(TIMED).memory_mb + (math.nan if base is None else base)
    yield near("own memory peak, MB", examined.target, truth, peak, LEAST_MEMORY_MB)
