"""How long a load process, or one of its workers, is waited for when it says nothing."""

from harness.clock import now_ns
from harness.load.stripes import begin_of, latest_start
from harness.load.wire import LoadPlan

READY_S = 120.0
"""For starting the load process and getting ready."""
SPARE_S = 15.0
"""Beyond the moment at which every request must have ended: then who is silent is stopped, or hangs."""
END_S = 10.0
"""Beyond what its workers get: a master that lives tells before of whom it waited for in vain."""
STUCK = f"did nothing for {SPARE_S:g} s after all of its requests were due to have ended, and was killed"


class Patience:
    """Ends READY_S after now where nothing begins, else `spare_s` after the last request of any of these ranks must
    have ended. Of a process that was stopped for a while, and goes on, the requests are late, and so is that moment."""

    def __init__(self, plan: LoadPlan, ranks: range, of: int, spare_s: float) -> None:
        self._plan, self._ranks, self._of = plan, ranks, of
        self._spare_s = spare_s
        self._begin_ns = 0
        self._until_ns = now_ns() + int(READY_S * 1e9)

    @property
    def words(self) -> str:
        """What is said of who was waited for in vain: by whether any request was on record when last looked at."""
        return STUCK if self._begin_ns else f"said nothing for {READY_S:g} s and was killed"

    def is_over(self) -> bool:
        """Whether nothing is to be expected any more. Cheap, but where the time seems to be over."""
        if not self._begin_ns and (begin_ns := begin_of(self._plan, self._of)):
            self._begin_ns = begin_ns
            self._until_ns = self._due_ns()
        if self._begin_ns and now_ns() > self._until_ns:
            self._until_ns = self._due_ns()
        return now_ns() > self._until_ns

    def _due_ns(self) -> int:
        last_ns = self._begin_ns + int(self._plan.seconds * 1e9)
        last_ns = max([last_ns, *(latest_start(self._plan, rank) for rank in self._ranks)])
        return last_ns + int((self._plan.drain_s + self._spare_s) * 1e9)


def of_worker(plan: LoadPlan, rank: int, of: int) -> Patience:
    """What a master has with one of its workers."""
    return Patience(plan, range(rank, rank + 1), of, SPARE_S)


def of_all(plan: LoadPlan, workers: int) -> Patience:
    """What a run has with its load process."""
    return Patience(plan, range(workers), workers, SPARE_S + END_S)
