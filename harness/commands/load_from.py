"""Where a run's load comes from: this machine, or workers on others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import targets
from harness.commands.load.far import LOOPBACK, listening, read_address
from harness.commands.options import JOIN_WITHIN_S
from harness.errors import UsageError
from harness.load.process import LoadProcess
from harness.load.route import is_loopback
from harness.measure.walk import OpenLoad


@dataclass(frozen=True)
class LoadFrom:
    """Where a run's load comes from: this machine, or workers that are awaited at `listen`."""

    listen: str = ""
    within_s: float = JOIN_WITHIN_S

    def opener(self, names: Sequence[str], tell: Callable[[str], None]) -> OpenLoad:
        """How its load process is made. UsageError where workers cannot be awaited there, or could not reach one of the
        targets of these names."""
        if not self.listen:
            return LoadProcess
        host, _ = read_address(self.listen, "--load-listen")
        if not is_loopback(host) and (local := [name for name in names if _is_of_this_machine(name)]):
            raise UsageError(
                [
                    f"--load-listen: {name} runs on this machine, where it listens on {LOOPBACK} only, and workers "
                    "elsewhere cannot reach it: leave out one of both"
                    for name in local
                ]
            )
        return listening(self.listen, self.within_s, "--load-listen", tell).open


HERE = LoadFrom()


def _is_of_this_machine(target: str) -> bool:
    """Its units run under this machine's kernel."""
    return targets.target(target).capabilities.clock == "shared"
