"""What one trial's requests would be billed for, from the rows as they were measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.analysis.stats import Floats
from harness.analysis.trial_rows import MS_PER_NS, NS_PER_S, place_of, read_rows
from harness.record.folder import RunFolder
from harness.record.nouns import Outcome, StartClass, TrialRecord

INIT_PHASES = ("boot", "imports", "weights", "tokenizer", "connections")
"""Of a start, what Lambda bills as initialisation; creating and starting the sandbox is not billed."""
UNBILLED = (Outcome.THROTTLED, Outcome.SHED)


@dataclass(frozen=True)
class Metered:
    """Sums over one trial's arrivals."""

    arrivals: int
    good: int
    invoked: int
    billed_s: float
    """Of a function: initialisation and handler, each request rounded up to a whole millisecond."""
    warm_billed_s: float
    """The same if no request had met a start: handler alone."""
    handler_s: float
    handled: int
    late: int
    """Good answers that met a start and missed the objective."""
    bad: int
    """Arrivals without a good answer."""
    assumed: int = 0
    """Requests without a handler time of their own: they are billed from sent to done, which is more."""
    uninitialised: int = 0
    """Requests that met a start whose parts are not known: its initialisation is missing."""


def metered(run: RunFolder, record: TrialRecord, objective_ms: float) -> Metered:
    """One trial; `objective_ms` is 0 where every start makes an answer late. RecordError when rows are not readable."""
    rows = read_rows(run, record, samples=False)
    handler, started, good = rows.handler_ns, rows.met_start, rows.good
    invoked = ~np.isnan(rows.sent_ns) & ~np.isin(rows.outcomes, [place_of(outcome) for outcome in UNBILLED])
    init_ns, unknown = np.zeros(len(rows)), np.zeros(len(rows), bool)
    if started.any():
        init = np.array([rows.phases_ns[phase] for phase in INIT_PHASES])
        unknown[started] = np.isnan(init).all(axis=0) & invoked[started]
        init_ns[started] = np.nan_to_num(init).sum(axis=0)
    init_ns += cut_off_ns(record, rows.starts)
    assumed = invoked & np.isnan(handler)
    duration = np.where(np.isnan(handler), np.nan_to_num(rows.done_ns - rows.sent_ns), handler)
    return Metered(
        arrivals=len(rows),
        good=int(good.sum()),
        invoked=int(invoked.sum()),
        billed_s=billed_ms((init_ns + duration)[invoked] * MS_PER_NS) / 1000,
        warm_billed_s=billed_ms(duration[invoked] * MS_PER_NS) / 1000,
        handler_s=float(np.nansum(handler)) / NS_PER_S,
        handled=int(np.sum(~np.isnan(handler))),
        late=int(np.sum(good & started & (rows.latency_ms > objective_ms))),
        bad=int(np.sum(~good)),
        assumed=int(assumed.sum()),
        uninitialised=int(unknown.sum()),
    )


def billed_ms(durations_ms: Floats | Sequence[float]) -> float:
    """Each rounded up to a whole millisecond, as Lambda does; a float's own error is no reason to bill one more."""
    return float(np.sum(np.ceil(np.round(np.asarray(durations_ms, dtype=float), 6))))


def cut_off_ns(record: TrialRecord, starts: Any) -> Floats:
    """An initialisation that overran its limit is billed until then, and once more when it is repeated."""
    limit_s = record.deployment.get("front", {}).get("init_timeout_s") if isinstance(record.deployment, dict) else None
    known = isinstance(limit_s, int | float) and not isinstance(limit_s, bool)
    repeated = starts == place_of(StartClass.COLD_REINIT)
    return np.where(repeated, float(limit_s) * NS_PER_S if known and limit_s else 0.0, 0.0)
