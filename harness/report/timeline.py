"""What a trial's rows say over the time of its schedule: arrivals, what they met, requests in flight, units alive."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.analysis.stats import Floats
from harness.analysis.trial_rows import NS_PER_S, TrialRows

BINS = 24
KINDS = ("warm", "cold", "bad", "unknown")
"""What a request met; `bad` had no good answer, `unknown` had one without evidence of a start."""


@dataclass
class Pool:
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
        """Where the bins begin and end; one more than there are bins."""
        return np.linspace(0, self.seconds, BINS + 1)

    @property
    def arrivals_per_s(self) -> Floats:
        """Arrivals per second in each bin, the mean over trials."""
        total: Floats = sum(self.kinds.values(), np.zeros(BINS))
        return total / max(1, self.trials) / (self.seconds / BINS)

    def add(self, rows: TrialRows, forced: bool) -> None:
        """Add a trial; forced cold starts have no schedule, only latencies."""
        good, cold, warm = rows.good, rows.is_cold(forced), (rows.starts >= 0) & ~rows.met_start
        # A request that failed before it could tell what it met counts where most of its kind are.
        self.cold_ms.append(rows.latency_ms[cold | (~good & ~warm)] if forced else rows.latency_ms[cold])
        self.warm_ms.append(rows.latency_ms[warm] if forced else rows.latency_ms[warm | (~good & ~cold)])
        self.trials += 1
        if forced or not self.seconds:
            return
        edges = self.edges_s * NS_PER_S
        chosen = {"warm": good & warm, "cold": good & cold, "bad": ~good, "unknown": good & ~warm & ~cold}
        for kind, members in chosen.items():
            self.kinds[kind] += np.histogram(rows.scheduled_ns[members], edges)[0]
        self.in_flight += most_within(rows.scheduled_ns, np.where(np.isnan(rows.done_ns), np.inf, rows.done_ns), edges)
        if rows.units is not None:
            self.units += most_within(rows.units.begins_ns, rows.units.ends_ns, edges)
            self.trials_with_units += 1


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
