"""One service and one function of a workload, and what a run says of the two: latency and money of the same targets."""

from dataclasses import dataclass

from harness.analysis.summary import Row, Summary
from harness.cost.nouns import BreakEven, Costing, SideCost
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

    def rows(self, target: str | None) -> list[Row]:
        """Valid rows of one side under traffic; replicas added under load are no traffic to choose for."""
        return [row for row in self._valid_rows(target) if row.profile not in (FORCED_COLD, SCALE_OUT)]

    def forced(self) -> list[Row]:
        """The function's forced cold starts, a row per regime."""
        return [row for row in self._valid_rows(self.function) if row.profile == FORCED_COLD]

    def _valid_rows(self, target: str | None) -> list[Row]:
        rows = self.summary.rows if target is not None else []
        return [row for row in rows if (row.workload, row.target) == (self.workload, target) and row.valid]

    @property
    def profiles(self) -> list[str]:
        """Names of the load profiles under which either side was measured."""
        return sorted({row.profile for target in (self.service, self.function) for row in self.rows(target)})

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
