"""What a trial's requests used, as it can be billed, and what one arrival comes to over all trials of a row."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from harness.analysis.stats import CONFIDENCE, Floats, centre_over_trials
from harness.analysis.trial_rows import NS_PER_S, Codes, Mask, TrialRows, place_of, read_rows
from harness.errors import RecordError
from harness.record.estimate import Estimate
from harness.record.folder import RunFolder
from harness.record.nouns import Outcome, StartClass, TrialRecord
from harness.record.phases import BOOT, init_phases

UNBILLED = (Outcome.THROTTLED, Outcome.SHED)
METHOD = "t over trials, log scale"


@dataclass(frozen=True)
class Requests:
    """One trial's requests as a platform may bill them, an entry per scheduled arrival."""

    record: TrialRecord
    invoked: Mask
    starts: Codes
    """Places in StartClass."""
    duration_ns: Floats
    """In the handler; from sent to done where the handler's time is not known; 0 where the end never came."""
    init_ns: Floats
    """Initialisation of those that met a start, as far as its parts are known; 0 for the others."""
    told_ns: Floats
    """What the platform itself says that it bills; nan where it does not say."""


@dataclass(frozen=True)
class Billed:
    """What a platform bills by the second for one trial."""

    seconds: float = 0.0
    warm_seconds: float = 0.0
    """The same if no request had met a start."""


Meter = Callable[[Requests], Billed]


@dataclass(frozen=True)
class TrialUse:
    """Sums over one trial's arrivals."""

    arrivals: int
    good: int
    invoked: int
    billed: Billed
    handler_s: float
    handled: int
    late: int
    """Good answers that met a start and missed the objective."""
    bad: int
    """Arrivals without a good answer."""
    assumed: int = 0
    """Requests without a handler time of their own: they are billed from sent to done, which is more."""
    given_up: int = 0
    """Those of which nobody awaited the end: they are billed for as long as they were waited for."""
    uninitialised: int = 0
    """Requests that met a start whose boot is not known: its initialisation is not wholly there."""
    unended: int = 0
    """Requests whose end never came, those that were only accepted among them: nobody knows what they took."""
    uncut: int = 0
    """Starts that were cut off and repeated where the limit is not known: what was before the cut is not there."""
    told: int = 0
    """Requests of which the platform itself said what it bills."""
    further_s: float = 0.0
    """In handlers of further parts."""


@dataclass(frozen=True)
class Use:
    """Per scheduled arrival, over all trials of a row. `handler_s` is per handled one."""

    billed_s: float
    invoked: float
    good: float
    late: float
    bad: float
    handler_s: float
    told: float = 0.0
    """Of which the platform itself said what it bills."""
    further_s: float = 0.0
    """In handlers of further parts, which some requests never reach."""

    def without_starts(self, trials: list[TrialUse]) -> "Use":
        """The same use if no request had met a start."""
        warm_s = sum(trial.billed.warm_seconds for trial in trials) / sum(trial.arrivals for trial in trials)
        return replace(self, billed_s=warm_s, late=0.0)


def read_use(run: RunFolder, record: TrialRecord, objective_ms: float, meter: Meter) -> TrialUse:
    """Sums over one trial. RecordError when its rows are not readable.

    `objective_ms` is 0 where every start makes an answer late.
    """
    rows = read_rows(run, record, samples=False)
    handler, started, good = rows.handler_ns, rows.met_start, rows.good
    invoked = ~np.isnan(rows.sent_ns) & ~np.isin(rows.outcomes, [place_of(outcome) for outcome in UNBILLED])
    told_ns = rows.seldom.get("billed_ns", np.full(len(rows), np.nan))
    (init_ns, unknown), reckoned = init_of(rows), invoked & np.isnan(told_ns)
    unended = np.isnan(handler) & np.equal(rows.outcomes, place_of(Outcome.UNFINISHED))
    given_up = np.isnan(handler) & np.equal(rows.outcomes, place_of(Outcome.TIMED_OUT))
    reinit = np.equal(rows.starts, place_of(StartClass.COLD_REINIT)) & (record.init_timeout_s is None)
    duration_ns = np.where(np.isnan(handler), np.nan_to_num(rows.done_ns - rows.sent_ns), handler)
    duration_ns[unended] = 0.0
    if negative := int(np.sum((init_ns < 0) | (duration_ns < 0))):
        raise RecordError(f"trial {record.trial}: {negative} requests took less than 0, so nothing can be billed")
    return TrialUse(
        arrivals=len(rows),
        good=int(good.sum()),
        invoked=int(invoked.sum()),
        billed=meter(Requests(record, invoked, rows.starts, duration_ns, init_ns, told_ns)),
        handler_s=float(np.nansum(handler)) / NS_PER_S,
        handled=int(np.sum(~np.isnan(handler))),
        late=int(np.sum(good & started & (rows.latency_ms > objective_ms))),
        bad=int(np.sum(~good)),
        assumed=int((reckoned & np.isnan(handler) & ~unended & ~given_up).sum()),
        given_up=int((reckoned & given_up).sum()),
        unended=int((reckoned & unended).sum()),
        uncut=int((reckoned & reinit).sum()),
        uninitialised=int((reckoned & unknown).sum()),
        told=int(np.sum(~np.isnan(told_ns))),
        further_s=sum(float(np.nansum(own["handler"])) for own in rows.parts_ns.values()) / NS_PER_S,
    )


def init_of(rows: TrialRows) -> tuple[Floats, Mask]:
    """Initialisation of each request, in ns, as far as its parts are known; and of whose start the boot is not."""
    init_ns, unknown = np.zeros(len(rows)), rows.met_start.copy()
    if rows.met_start.any():
        for phase in init_phases(rows.phases_ns):
            init_ns[rows.met_start] += np.nan_to_num(rows.phases_ns[phase])
        if BOOT in rows.phases_ns:
            unknown[rows.met_start] = np.isnan(rows.phases_ns[BOOT])
    return init_ns, unknown


def use_of(trials: list[TrialUse]) -> Use | None:
    """Use per arrival, pooled over trials; None when nothing was answered."""
    arrivals, handled = sum(trial.arrivals for trial in trials), sum(trial.handled for trial in trials)
    if not arrivals or not handled or not sum(trial.good for trial in trials):
        return None
    billed = billed_per_arrival(trials)
    return Use(
        billed_s=sum(trial.billed.seconds for trial in trials) / arrivals if billed.value is None else billed.value,
        invoked=sum(trial.invoked for trial in trials) / arrivals,
        good=sum(trial.good for trial in trials) / arrivals,
        late=sum(trial.late for trial in trials) / arrivals,
        bad=sum(trial.bad for trial in trials) / arrivals,
        handler_s=sum(trial.handler_s for trial in trials) / handled,
        told=sum(trial.told for trial in trials) / arrivals,
        further_s=sum(trial.further_s for trial in trials) / arrivals,
    )


def billed_per_arrival(trials: list[TrialUse]) -> Estimate:
    """Billed seconds per arrival with the interval over trials: the trial is the sample."""
    seconds = [trial.billed.seconds / trial.arrivals for trial in trials if trial.arrivals]
    if not seconds:
        return Estimate(None, why="no valid trial")
    return centre_over_trials(seconds, CONFIDENCE, "log", METHOD)
