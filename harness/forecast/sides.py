"""Who takes part in a month: each target with the rows that it draws from, or why it cannot be forecast and the fix."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from harness.analysis.fitness import Use, is_batch, unfit
from harness.analysis.over_trials import percentile_over_trials
from harness.analysis.stats import TrialValues
from harness.analysis.summary import Row, Summary
from harness.errors import RecordError
from harness.forecast.samples import Bag, read_cold, read_warm
from harness.forecast.source import Source, size_of, source_of
from harness.record.estimate import Estimate
from harness.record.folder import RunFolder
from harness.record.forecast import Figure, Unit
from harness.record.nouns import FORCED_COLD, SCALE_OUT, Case

LEAST_WARM, LEAST_COLD = 20, 6
"""Fewer good requests, or cold starts, tell no distribution; 6 bound a median on both sides."""
MS_PER_S = 1000
COUPLED = (
    "the edge holds a request while it waits for the core, whose queue is simulated under the same arrivals; what the "
    "edge does before it asks the core, a cold start included, does not shift the moment at which it asks"
)


@dataclass(frozen=True)
class Side:
    """One target's samples under one traffic; all of it is measured."""

    row: Row
    """The one whose warm requests are drawn: its case is the forecast's."""
    kind: Literal["service", "function", "hybrid"]
    warm: Bag
    cold: Bag
    no_cold: str
    """Why there are no cold starts to draw; empty where there are."""
    payloads: dict[str, int]
    slots: int
    """Requests that one unit serves at once."""
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str]:
        """Workload and target."""
        return self.row.workload, self.row.target

    @property
    def name(self) -> str:
        """Workload and target in words."""
        return f"{self.row.workload}, {self.row.target}"

    @property
    def rounds(self) -> list[int]:
        """Those with warm requests."""
        return sorted(set(self.warm.rounds))

    @property
    def least_rounds(self) -> int:
        """Of warm requests or cold starts, whichever has fewer: what an interval rests on."""
        return min(len(set(bag.rounds)) for bag in (self.warm, self.cold) if len(bag))

    @property
    def held_s(self) -> float:
        """Mean time that a request takes a slot for."""
        return float(self.warm["held_s"].mean())

    @cached_property
    def latencies_ms(self) -> list[TrialValues]:
        """Of warm requests, trial by trial; failures infinite."""
        pairs = zip(self.warm.per_trial("whole_s"), self.warm.per_trial("good"), strict=True)
        return [TrialValues.of(np.where(good > 0, whole_s * MS_PER_S, np.inf)) for whole_s, good in pairs]

    def warm_percentile(self, p: float) -> Estimate:
        """Of their latency, with its interval, or why the run's own table withholds it."""
        return percentile_over_trials(self.latencies_ms, p)

    def unit(self) -> Unit:
        """What is drawn from, in numbers."""
        return Unit(
            trials=len(self.warm.rounds),
            warm=len(self.warm),
            cold=len(self.cold),
            cold_trials=len(self.cold.rounds),
            waiting_ms=self._of_starts("waiting_s"),
            starting_ms=self._of_starts("starting_s"),
            warm_ms=median_ms(self.warm, "whole_s", "warm requests"),
            from_profile=self.row.profile,
            payloads=self.payloads,
            memory_peak_mb=self.row.memory_peak_mb,
        )

    def _of_starts(self, name: str) -> Figure:
        if not len(self.cold):
            return Figure(why=self.no_cold)
        return median_ms(self.cold, name, "cold starts")


def median_ms(bag: Bag, name: str, noun: str) -> Figure:
    """Of a column in seconds, with the trial as the unit."""
    trials = [TrialValues.of(values * MS_PER_S) for values in bag.per_trial(name)]
    return as_figure(percentile_over_trials(trials, 0.5, noun=noun))


def as_figure(estimate: Estimate) -> Figure:
    """A measured number among forecast ones."""
    return Figure(value=estimate.value, low=estimate.low, high=estimate.high, n=estimate.n, why=estimate.why)


def sides_of(run: RunFolder, summary: Summary, profile: str | None) -> tuple[list[Side], list[str]]:
    """A side for each workload and target, and a line for each that cannot be one.

    All sides of a workload draw warm requests of one profile (`source_of`); for a trace, profile is None.
    """
    keys = dict.fromkeys((row.workload, row.target) for row in summary.rows)
    sources = {
        workload: source_of([r for r in summary.rows if r.workload == workload], profile) for workload, _ in keys
    }
    sides, withheld = list[Side](), list[str]()
    for workload, target in keys:
        rows = [row for row in summary.rows if (row.workload, row.target) == (workload, target)]
        try:
            sides += sides_by_size(run, rows, sources[workload])
        except RecordError as error:
            withheld += [f"{workload}, {target}: {line}" for line in str(error).split("\n")]
    return sides, withheld


def sides_by_size(run: RunFolder, rows: list[Row], source: Source) -> list[Side]:
    """A side for each size that was measured. RecordError where there is none."""
    sizes = dict.fromkeys(size_of(row) for row in rows if row.profile not in (FORCED_COLD, SCALE_OUT))
    sides, problems = list[Side](), list[str]()
    for size in sizes:
        try:
            sides.append(side_of(run, [row for row in rows if size_of(row) == size], source))
        except RecordError as error:
            problems.append(str(error))
    if not sides:
        raise RecordError("\n".join(problems) or "no traffic was measured: add `profiles` and run it")
    return sides


def side_of(run: RunFolder, rows: list[Row], source: Source) -> Side:
    """The side of one size. RecordError with the reason where too little was measured."""
    facts = run.manifest.target(rows[0].target)
    kind = facts.form
    if kind is None:
        parts = " before ".join(part.kind for part in facts.parts) or "unknown"
        raise RecordError(
            f"it is no service, no function and no function before a service but {parts}: no rule is known"
        )
    if facts.asynchronous:
        raise RecordError(
            "requests wait in a queue there: a forecast knows those that somebody waits for, and no queue"
        )
    row = warm_row(rows, source)
    if is_batch(row):
        raise RecordError("each trial is a whole batch (`begin: batch`): a forecast is of traffic that lasts")
    warm, payloads = read_warm(run, row.entered)
    good = int(warm["good"].sum()) if len(warm) else 0
    if good < LEAST_WARM:
        raise RecordError(f"{good} good warm requests under {row.profile}: {LEAST_WARM} at least; add rounds or rate")
    cold, no_cold = cold_bag(run, rows)
    if kind != "service" and no_cold:
        raise RecordError(no_cold)
    warnings = [source.why] if source.why else []
    if kind == "function":
        return Side(row, "function", warm, cold, no_cold, payloads, 1, warnings)
    if kind == "hybrid":
        slots, notes = slots_of(row.case, f"{facts.parts[1].name}_cpus"), [COUPLED]
        return Side(row, "hybrid", warm, cold, no_cold, payloads, slots, warnings, notes)
    slots = slots_of(row.case)
    notes = [f"each replica serves {slots} at once: one inference per whole CPU, as the service that was measured does"]
    return Side(row, "service", warm, cold, no_cold, payloads, slots, warnings, notes)


def slots_of(case: Case, name: str = "cpus") -> int:
    """Requests that a replica serves at once: one inference per whole CPU, one at least, as a service's server does."""
    return max(1, int(float(number(case.get(name)) or 1)))


def number(value: object) -> float | None:
    """A setting of a case as a number; None where it is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def warm_row(rows: list[Row], source: Source) -> Row:
    """The row whose warm requests are drawn. RecordError where there is none that is fit."""
    traffic = [row for row in rows if row.profile not in (FORCED_COLD, SCALE_OUT)]
    fit = [row for row in traffic if not unfit(row, "warm samples")]
    if not fit:
        raise RecordError(f"no warm requests to draw: {'; '.join(reasons(traffic, 'warm samples'))}")
    if source.profile is None:
        raise RecordError(source.why)
    own = [row for row in fit if row.profile == source.profile]
    if not own:
        raise RecordError(f"no warm requests of {source.profile} to draw, which the other sides draw from")
    return max(own, key=lambda row: row.ok or 0)


def cold_bag(run: RunFolder, rows: list[Row]) -> tuple[Bag, str]:
    """Forced cold starts with image and page cache as they usually are; or an empty bag and why."""
    forced = [row for row in rows if row.profile == FORCED_COLD]
    usual = [row for row in forced if row.case.get("images", "present") == "present"]
    fit = [row for row in usual or forced if not unfit(row, "cold samples")]
    if not fit:
        why = "; ".join(reasons(forced, "cold samples")) or "none were forced: set `cold_starts` and run it"
        return Bag.of([]), f"no cold starts to draw: {why}"
    kept = sorted(fit, key=lambda row: row.case.get("page_cache", "kept") != "kept")[0]
    cold = read_cold(run, kept.entered)
    if len(cold) < LEAST_COLD:
        return Bag.of([]), f"{len(cold)} proven cold starts: {LEAST_COLD} at least; raise `cold_starts` or `rounds`"
    return cold, ""


def reasons(rows: list[Row], use: Use) -> Iterator[str]:
    """Why these rows may not be used so, each reason once."""
    return iter(dict.fromkeys(reason for row in rows for reason in unfit(row, use)))
