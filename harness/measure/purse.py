"""What a run may spend: counted all the time by our own metering, and a hard stop."""

import signal
import threading
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from harness.clock import now_ns
from harness.errors import TrialError
from harness.record.metered import Metered as MeteredRecord
from harness.record.metered import MeteredLine
from targets.contract import Consumed, Metered

LOOK_S = 0.5
"""So often it is looked whether the budget is spent."""
LOOKS_KEPT = 20
"""After so many what is spent is kept anew: of a run that is killed, no more than that is lost."""
Price = Callable[[Sequence[MeteredLine]], float]
"""What so much costs, in USD. Raises where anything has no price."""
Write = Callable[[MeteredRecord], object]


class BudgetSpent(TrialError):
    """The run was ended because its budget is spent, or nobody knows what is: what was measured is kept."""


@dataclass(frozen=True)
class Meter:
    """One deployment that is counted, and whose it is."""

    workload: str
    target: str
    deployment: Metered

    def lines(self, consumed: Sequence[Consumed]) -> list[MeteredLine]:
        """As the run keeps them."""
        return lines_of(self.workload, self.target, consumed)


def lines_of(workload: str, target: str, consumed: Sequence[Consumed]) -> list[MeteredLine]:
    """What was consumed, as a run keeps it."""
    return [MeteredLine(workload=workload, target=target, **vars(line)) for line in consumed]


class Flight:
    """Requests of one trial that are under way: what they hold at most, until it is told."""

    def __init__(self, meter: Meter, schedule: "array[float] | None") -> None:
        self.meter = meter
        self._schedule = schedule
        self._begun_ns = self._looked_ns = now_ns()
        self._ended = 0
        self._held_s = 0.0

    def advance(self, ended: int) -> None:
        """So many have ended."""
        self._ended = ended

    def look(self) -> list[MeteredLine]:
        """What they have consumed at most by now. Of forced starts one is under way at a time."""
        begun = self._look()
        return self.meter.lines(self.meter.deployment.bound(begun, self._held_s))

    def break_off(self) -> None:
        """Nobody will hear of any of them: those that have ended held no more by now, and the others may go on."""
        begun = self._look()
        self.meter.deployment.write_off(self._ended, self._held_s)
        if begun > self._ended:
            self.meter.deployment.write_off(begun - self._ended, None)

    def _look(self) -> int:
        """How many have begun, and since the last look held a unit."""
        at_ns, begun = now_ns(), self._ended + 1
        if self._schedule is not None:
            begun = max(self._ended, bisect_right(self._schedule, (at_ns - self._begun_ns) / 1e9))
        self._held_s += (begun - self._ended) * (at_ns - self._looked_ns) / 1e9
        self._looked_ns = at_ns
        return begun


Fly = Callable[["array[float] | None"], AbstractContextManager[Flight | None]]
"""Begins a flight of requests that leave by a schedule, in seconds, or one after the other."""


class Purse:
    """All deployments of a run that cost money."""

    def __init__(self, price: Price | None = None, budget_usd: float | None = None) -> None:
        self._price, self.budget_usd = price, budget_usd
        self._earlier: list[MeteredLine] = []
        """What the run had consumed before it was taken up again."""
        self._meters: dict[int, Meter] = {}
        self._flight: Flight | None = None
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._stop = threading.Event()
        self._fault: BudgetSpent | None = None
        """Nobody knows what is spent."""
        self.is_spent = False

    def open(self, workload: str, target: str, deployment: object) -> Meter | None:
        """Count a deployment from now on, to the end of the run; None where it costs nothing."""
        if not isinstance(deployment, Metered):
            return None
        with self._lock:
            return self._meters.setdefault(id(deployment), Meter(workload, target, deployment))

    def carry_on(self, earlier: Sequence[MeteredLine]) -> None:
        """Count what the run consumed before it was cut off as well."""
        self._earlier = list(earlier)

    @contextmanager
    def flight(self, meter: Meter | None, schedule: "array[float] | None") -> Iterator[Flight | None]:
        """While a trial's requests are under way."""
        flight = Flight(meter, schedule) if meter else None
        with self._lock:
            self._flight = flight
        try:
            yield flight
        except BaseException:
            if flight is not None:
                with self._lock:
                    flight.break_off()
            raise
        finally:
            with self._lock:
                self._flight = None

    def record(self) -> MeteredRecord | None:
        """As the run keeps it: what is told by now, and what may be under way at most; None where nothing cost
        anything. BudgetSpent where that cannot be counted."""
        lines, spent = self._look()
        return MeteredRecord(budget_usd=self.budget_usd, spent_usd=spent, lines=lines) if lines else None

    def keep(self, write: Write) -> None:
        """Write what is spent by now, from whichever thread. Raises as `record`, and what `write` does."""
        with self._writing:
            if (record := self.record()) is not None:
                write(record)

    @property
    def spent_usd(self) -> float:
        """What is told, and what may be under way at most. BudgetSpent where that cannot be counted."""
        return self._look()[1] or 0.0

    def check(self) -> None:
        """BudgetSpent where nothing more may begin."""
        if self.budget_usd is None or self._price is None:
            return
        if self._fault is not None:
            raise self._fault
        if self.is_spent or self.spent_usd >= self.budget_usd:
            raise BudgetSpent(self._told())

    @contextmanager
    def watched(self, write: Write) -> Iterator[None]:
        """Ends what goes on in the main thread as Ctrl-C does once the budget is spent. Raises BudgetSpent then."""
        if self.budget_usd is None or self._price is None:
            yield
            return
        watch = threading.Thread(target=self._watch, args=(write,), name="purse", daemon=True)
        watch.start()
        try:
            yield
        except KeyboardInterrupt:
            if self.is_spent:
                raise self._fault or BudgetSpent(self._told()) from None
            raise
        finally:
            self._stop.set()
            watch.join()

    def _watch(self, write: Write) -> None:
        looks = 0
        while not self._stop.wait(LOOK_S):
            looks += 1
            try:
                is_over = self.spent_usd >= (self.budget_usd or 0.0)
                if not looks % LOOKS_KEPT:
                    self.keep(write)
            except Exception as error:  # what is not counted, or not kept, is not kept up either
                self._fault, is_over = _uncounted(error), True
            if is_over:
                self.is_spent = True
                _interrupt()
                return

    def _told(self) -> str:
        spent, budget = self.spent_usd, self.budget_usd or 0.0
        return (
            f"budget_usd: {budget:g} is spent ({spent:.4f} by our own metering, what nobody told of taken at most): "
            "the run was ended and torn down, and its trials are kept; carry on with --resume and a larger --budget-usd"
        )

    def _look(self) -> tuple[list[MeteredLine], float | None]:
        """All that was consumed, and its price; None without prices."""
        try:
            with self._lock:
                meters = list(self._meters.values())
                told = [line for each in meters for line in each.lines(each.deployment.consumed())]
                lines = [*self._earlier, *told, *(self._flight.look() if self._flight else ())]
            return lines, self._price(lines) if self._price else None
        except Exception as error:  # whatever a deployment's meter does
            raise _uncounted(error) from error


def _uncounted(error: Exception) -> BudgetSpent:
    if isinstance(error, BudgetSpent):
        return error
    why = f"{type(error).__name__}: {error}"
    return BudgetSpent(f"budget_usd: what is spent could not be counted ({why}), so the run was ended and torn down")


def _interrupt() -> None:
    """Wake the main thread as Ctrl-C would, out of whatever it waits for: by a signal that nobody has it ignore."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    heard = [number for number in numbers if callable(signal.getsignal(number))]
    signal.pthread_kill(threading.main_thread().ident or 0, (heard or [signal.SIGINT])[0])
