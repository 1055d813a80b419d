"""From a trial's rows to a judged step, and to those of its requests that met nobody else's."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis.stats import Floats, percentile
from harness.analysis.trial_figures import read_trial
from harness.analysis.trial_rows import NS_PER_S
from harness.record.folder import RunFolder
from harness.record.nouns import TrialRecord

LEAST_WARM_UP_S = 1.0
MOST_WARM_UP_S = 20.0
WARM_UP_FACTOR = 1.5


@dataclass(frozen=True)
class Arrivals:
    """A trial's rows in the order of their schedule; `latency_ms` is infinite where there was no good answer."""

    scheduled_s: Floats
    done_s: Floats
    latency_ms: Floats
    met_start: NDArray[np.bool_]

    def since(self, seconds: float) -> "Arrivals":
        """Those scheduled from this moment on."""
        return self.where(self.scheduled_s >= seconds)

    def where(self, kept: NDArray[Any]) -> "Arrivals":
        """A part of them, or another order."""
        return Arrivals(self.scheduled_s[kept], self.done_s[kept], self.latency_ms[kept], self.met_start[kept])

    def lone(self) -> "Arrivals":
        """Those that met neither a start nor a request before them."""
        # Nobody knows when a unit ends what nobody waits for any more: it may take as long again. What was never sent
        # keeps nobody waiting.
        longer_s = np.where(np.isinf(self.latency_ms), self.done_s - self.scheduled_s, 0)
        done_s = np.nan_to_num(self.done_s + longer_s, nan=-np.inf)
        before = np.concatenate([[-np.inf], np.maximum.accumulate(done_s)[:-1]]) if len(self) else done_s
        return self.where((before <= self.scheduled_s) & ~self.met_start)

    def __len__(self) -> int:
        return len(self.scheduled_s)


def read_arrivals(run: RunFolder, record: TrialRecord) -> tuple[Arrivals | None, list[str]]:
    """A trial's rows, and everything that makes it INVALID; rows that cannot be read are None."""
    figures, rows = read_trial(run, record)
    problems = [*record.problems, *figures.problems]
    if rows is None:
        return None, problems or ["nothing was stored"]
    found = Arrivals(rows.scheduled_ns / NS_PER_S, rows.done_ns / NS_PER_S, rows.latency_ms, rows.met_start)
    return found.where(np.argsort(rows.scheduled_ns, kind="stable")), problems


def percentile_ms(arrivals: Arrivals, p: float) -> float:
    """Over all arrivals, from the scheduled moment; infinite when it falls among failures."""
    return percentile(arrivals.latency_ms, p)


def warm_up_s(arrivals: Arrivals) -> float:
    """Longer than the slowest start that was met before the first step. Where all trials begin steady none was, and the
    least is for the queue to form; elsewhere a step's own starts end before it is judged."""
    waited_s = np.nan_to_num(arrivals.done_s - arrivals.scheduled_s)[arrivals.met_start]
    slowest_s = float(np.max(waited_s, initial=0.0))
    tenths = math.ceil(10 * WARM_UP_FACTOR * slowest_s)
    return min(MOST_WARM_UP_S, max(LEAST_WARM_UP_S, tenths / 10))
