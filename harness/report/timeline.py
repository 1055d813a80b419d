"""What a trial's rows say over the time of its schedule: arrivals, what they met, requests in flight, units alive."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.analysis.stats import Floats
from harness.analysis.trial_rows import MET_START, MS_PER_NS, codes, numbers, spans_of
from harness.record.nouns import Outcome, StartClass

BINS = 24
COLUMNS = ["scheduled_ns", "done_ns", "outcome", "start_class", "unit", "handler_ns"]
NS_PER_S = 1e9
KINDS = ("warm", "cold", "bad", "unknown")
"""What a request met; `bad` had no good answer, `unknown` had one without evidence of a start."""
WARM = [list(StartClass).index(start) for start in StartClass if start not in MET_START]
COLD = [list(StartClass).index(start) for start in MET_START]
OK = list(Outcome).index(Outcome.OK)


@dataclass
class Pooled:
    """Several trials of one row of the summary, added up. Latencies are infinite without a good answer."""

    seconds: float
    trials: int = 0
    cold_ms: list[Floats] = field(default_factory=list)
    warm_ms: list[Floats] = field(default_factory=list)
    kinds: dict[str, Floats] = field(default_factory=lambda: {kind: np.zeros(BINS) for kind in KINDS})
    in_flight: Floats = field(default_factory=lambda: np.zeros(BINS))
    """Sum over trials of the most within each bin."""
    units: Floats = field(default_factory=lambda: np.zeros(BINS))
    trials_with_units: int = 0

    @property
    def edges_s(self) -> Floats:
        """Of the bins."""
        return np.linspace(0, self.seconds, BINS + 1)

    @property
    def arrivals_per_s(self) -> Floats:
        """Mean over trials."""
        total: Floats = sum(self.kinds.values(), np.zeros(BINS))
        return total / max(1, self.trials) / (self.seconds / BINS)

    def add(self, requests: pa.Table, samples: pa.Table, forced: bool) -> None:
        """One trial more; forced cold starts have no schedule, only latencies."""
        scheduled, done = (numbers(requests[name]) for name in ("scheduled_ns", "done_ns"))
        outcomes, starts = codes(requests["outcome"], Outcome)[0], codes(requests["start_class"], StartClass)[0]
        good, cold, warm = outcomes == OK, np.isin(starts, COLD), np.isin(starts, WARM)
        latency = np.where(good, (done - scheduled) * MS_PER_NS, np.inf)
        # A request that failed before it could tell what it met counts where most of its kind are.
        self.cold_ms.append(latency[cold | (~good & ~warm)] if forced else latency[cold])
        self.warm_ms.append(latency[warm] if forced else latency[warm | (~good & ~cold)])
        self.trials += 1
        if forced or not self.seconds:
            return
        edges = self.edges_s * NS_PER_S
        chosen = {"warm": good & warm, "cold": good & cold, "bad": ~good, "unknown": good & ~warm & ~cold}
        for kind, rows in chosen.items():
            self.kinds[kind] += np.histogram(scheduled[rows], edges)[0]
        self.in_flight += most_within(scheduled, np.where(np.isnan(done), np.inf, done), edges)
        if (spans := unit_spans(requests, samples, done)) is not None:
            self.units += most_within(*spans, edges)
            self.trials_with_units += 1


def unit_spans(requests: pa.Table, samples: pa.Table, done: Floats) -> tuple[Floats, Floats] | None:
    """First and last moment of each unit as far as samples and handled requests show it; None when none is named."""
    at, handled = numbers(samples["at_ns"]), np.nan_to_num(numbers(requests["handler_ns"]))
    spans: dict[str, tuple[float, float]] = {}
    for column, first, last in ((requests["unit"], done - handled, done), (samples["unit"], at, at)):
        for unit, (begin, end) in spans_of(column, first, last).items():
            known = spans.get(unit, (begin, end))
            spans[unit] = min(begin, known[0]), max(end, known[1])
    if not spans:
        return None
    both = np.array(list(spans.values()))
    return both[:, 0], both[:, 1]


def most_within(begins: Floats, ends: Floats, edges: Floats) -> Floats:
    """Highest number of spans [begin, end] that are open at once, within each bin."""
    at = np.concatenate([begins, ends])
    # At the same moment a span that begins comes before one that ends.
    order = np.lexsort((np.repeat([0, 1], len(begins)), at))
    level = np.cumsum(np.repeat([1, -1], len(begins))[order])
    at = at[order]
    most = np.zeros(len(edges) - 1)
    places: NDArray[np.int64] = np.searchsorted(edges, at, side="right") - 1
    inside = (places >= 0) & (places < len(most))
    np.maximum.at(most, places[inside], level[inside])
    before = np.searchsorted(at, edges[:-1], side="left")
    carried = np.where(before > 0, level[np.maximum(before - 1, 0)], 0) if len(level) else 0
    return np.maximum(most, carried)
