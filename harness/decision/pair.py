"""One service and one function of a workload, and what a run says of the two: latency and money of the same targets."""

from dataclasses import dataclass

from harness.analysis.fitness import is_batch, unfit
from harness.analysis.summary import Row, Summary
from harness.cost.nouns import BreakEven, Costing, SideCost
from harness.record.forecast import Forecast, ForecastRow
from harness.record.nouns import FORCED_COLD, SCALE_OUT
from harness.record.stated import Economics, Objective


@dataclass(frozen=True)
class Pair:
    """Everything that a recommendation for these two targets may rest on; a side that the run lacks is None."""

    workload: str
    service: str | None
    function: str | None
    economics: Economics
    objective: Objective | None
    summary: Summary
    costing: Costing | None
    forecast: Forecast | None = None
    hybrids: frozenset[str] = frozenset()
    """Targets that are both, a function before a service: in a pair with a service one is the function's side, beside a
    function the service's."""

    def rows(self, target: str | None) -> list[Row]:
        """Valid rows of one side under traffic; replicas added under load are no traffic to choose for."""
        return [row for row in self._valid_rows(target) if row.profile not in (FORCED_COLD, SCALE_OUT)]

    def forced(self) -> list[Row]:
        """The function's forced cold starts that may be drawn from, a row per regime."""
        return [row for row in self._valid_rows(self.function) if not unfit(row, "cold samples")]

    def _valid_rows(self, target: str | None) -> list[Row]:
        rows = self.summary.rows if target is not None else []
        return [row for row in rows if (row.workload, row.target) == (self.workload, target) and row.valid]

    @property
    def profiles(self) -> list[str]:
        """The traffic to choose for: what was forecast; without a forecast, what either side was measured under."""
        if self.forecast is not None:
            return sorted(traffic.name for traffic in self.forecast.traffic)
        return sorted({row.profile for target in (self.service, self.function) for row in self.rows(target)})

    @property
    def batch_rps(self) -> float | None:
        """The highest rate within a batch; None where the traffic is not of batches."""
        rows = [*self.rows(self.function), *self.rows(self.service)]
        return max((row.scheduled / row.seconds for row in rows if is_batch(row) and row.scheduled), default=None)

    def forecast_row(self, target: str | None, profile: str) -> ForecastRow | None:
        """One side's month under one traffic, where it was forecast."""
        rows, key = (self.forecast.rows if self.forecast else []), (self.workload, target, profile)
        return next((row for row in rows if (row.workload, row.target, row.profile) == key), None)

    def costs(self, target: str | None) -> list[SideCost]:
        """What one side costs, an entry per profile."""
        sides = self.costing.sides if self.costing and target is not None else []
        return [side for side in sides if (side.workload, side.target) == (self.workload, target)]

    @property
    def break_evens(self) -> list[BreakEven]:
        """Break-evens of just these two targets, one per profile."""
        key = self.workload, self.service, self.function
        break_evens = self.costing.break_evens if self.costing else []
        return [b for b in break_evens if (b.workload, b.service, b.function) == key]

    @property
    def rounds(self) -> int:
        """The fewest rounds of any row of the two under traffic; 0 without rows."""
        rows = [*self.rows(self.function), *self.rows(self.service)]
        return min((row.rounds for row in rows), default=0)
