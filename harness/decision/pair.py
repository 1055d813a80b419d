"""One service and one function of a workload, and what a run says of the two: latency and money of the same targets."""

from dataclasses import dataclass

from harness.analysis.summary import Row, Summary
from harness.cost.nouns import BreakEven, Costing, SideCost
from harness.record.nouns import FORCED_COLD, SCALE_OUT
from harness.record.stated import Economics, Objective


@dataclass(frozen=True)
class Pair:
    """A side that the run lacks is None."""

    workload: str
    service: str | None
    function: str | None
    economics: Economics
    objective: Objective | None
    summary: Summary
    costing: Costing | None

    def rows(self, target: str | None) -> list[Row]:
        """Valid rows of one side under traffic; replicas added under load are no traffic to choose for."""
        return [row for row in self._of(target) if row.profile not in (FORCED_COLD, SCALE_OUT)]

    def forced(self) -> list[Row]:
        """The function's forced cold starts, a row per regime."""
        return [row for row in self._of(self.function) if row.profile == FORCED_COLD]

    def _of(self, target: str | None) -> list[Row]:
        rows = self.summary.rows if target is not None else []
        return [row for row in rows if (row.workload, row.target) == (self.workload, target) and row.valid]

    @property
    def profiles(self) -> list[str]:
        """Those under which either side was measured."""
        return sorted({row.profile for target in (self.service, self.function) for row in self.rows(target)})

    def costs(self, target: str | None) -> list[SideCost]:
        """Of one side, a row per profile."""
        sides = self.costing.sides if self.costing and target is not None else []
        return [side for side in sides if (side.workload, side.target) == (self.workload, target)]

    @property
    def break_evens(self) -> list[BreakEven]:
        """Of just these two."""
        key = self.workload, self.service, self.function
        found = self.costing.break_evens if self.costing else []
        return [each for each in found if (each.workload, each.service, each.function) == key]
