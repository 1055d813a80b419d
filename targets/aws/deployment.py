"""What every deployment on AWS has in common: it is counted from its order on, and half of one is removed."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from targets.contract import Completion, Consumed, DeploymentError, Order
from targets.events import Event


class AwsDeployment(ABC):
    """Its units answer by their replies, share no folder with this machine, and log on a clock of their own."""

    def begin(self, order: Order) -> None:
        """Make all of it, or have nothing of it left. Raises DeploymentError."""
        if order.counted is not None:
            order.counted(self)
        try:
            self.make(order)
        except BaseException:
            with suppress(DeploymentError):  # what went wrong is told; what could not be removed goes at the run's end
                self.destroy()
            raise

    @abstractmethod
    def make(self, order: Order) -> None:
        """Make all of it; returns once it can be asked."""

    @abstractmethod
    def destroy(self) -> None:
        """Remove all of it. Safe to call twice."""

    @abstractmethod
    def consumed(self) -> list[Consumed]:
        """All of it since it was ordered."""

    @abstractmethod
    def bound(self, requests: int, in_flight_s: float) -> list[Consumed]:
        """What so many requests have consumed at most."""

    @abstractmethod
    def write_off(self, requests: int, in_flight_s: float | None) -> None:
        """Nobody will tell of these."""

    def events(self) -> list[Event]:
        """None: AWS keeps its log of units to itself."""
        return []

    def completions(self, limit_s: float) -> Iterable[Completion]:
        """DeploymentError always."""
        raise DeploymentError("each request is answered by its reply")


def refuse_ledger(ledger: Path | None) -> None:
    """DeploymentError where units are to write into a folder of this machine."""
    if ledger is not None:
        raise DeploymentError("a unit on AWS can write into no folder of this machine")
