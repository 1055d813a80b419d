"""What deployments share whose own log says everything at once: nothing comes late, nothing is collected."""

from collections.abc import Iterable
from pathlib import Path

from targets.contract import Completion, DeploymentError, Order, Witnessed


class Logged:
    """A deployment of this machine, which hides nothing and answers at once."""

    order: Order

    def settle(self, limit_s: float) -> None:
        """Do nothing: an event is on file before its reply has left."""

    def witnesses(self) -> Iterable[Witnessed]:
        """Nobody but events() and the envelopes."""
        return ()

    def completions(self, limit_s: float) -> Iterable[Completion]:
        """DeploymentError always: it answers each request with its reply."""
        raise DeploymentError("it answers each request with its reply: there is nothing to collect")

    def check_ledger(self, ledger: Path | None) -> None:
        """DeploymentError for another ledger than the order's: it is a part of each unit's environment."""
        if ledger != self.order.ledger:
            raise DeploymentError(f"units of this deployment write into {self.order.ledger}: deploy anew for {ledger}")
