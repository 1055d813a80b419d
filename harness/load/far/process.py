"""The run's side of workers on other machines: a load process that waits for them."""

import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from harness.clock import now_ns
from harness.errors import TrialError
from harness.load.patience import Patience
from harness.load.process import LoadProcess, Progress
from harness.load.wire import MUSTER, LoadPlan

SILENT_S = 60.0
"""The load process says each half second that it lives; its workers are its own business."""
FAREWELL_S = 5.0


@dataclass(frozen=True)
class Listening:
    """Where workers are awaited, how long, and what they have to know."""

    host: str
    port: int
    """0 takes a free one."""
    within_s: float
    token: str = field(repr=False)
    tell: Callable[[str], None]
    """Hears where it listens, who joins and who is refused."""

    def open(self, workers: int, environment: dict[str, str]) -> "FarLoadProcess":
        """As `LoadProcess` is made."""
        return FarLoadProcess(workers, environment, self)


class Hearing(Patience):
    """Over when the load process itself has said nothing for SILENT_S: of its workers it takes care."""

    def __init__(self) -> None:
        self.hear()

    def hear(self) -> None:
        """It has said something."""
        self._until_ns = now_ns() + int(SILENT_S * 1e9)

    @property
    def words(self) -> str:
        """What is said of it then."""
        return f"said nothing for {SILENT_S:g} s and was killed"

    def is_over(self) -> bool:
        """Whether it is of no more use."""
        return now_ns() > self._until_ns


class FarLoadProcess(LoadProcess):
    """One load process for a whole run, whose workers come from elsewhere, and are replaced by others when lost."""

    def __init__(self, workers: int, environment: dict[str, str], listening: Listening) -> None:
        """TrialError where it cannot be started."""
        self._listening = listening
        super().__init__(workers, environment)

    def muster(self) -> None:
        """Wait until all workers are there. TrialError when they do not come in time."""
        self._renew()
        if self._ask(MUSTER, hearing := Hearing(), lambda ended: None) is None:
            raise TrialError(f"the load process {self._end_of(hearing)} while workers were awaited")

    def close(self) -> None:
        """Tell the workers that the run is over, and end. Safe to call twice."""
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(FAREWELL_S)
        super().close()

    def _arguments(self) -> list[str]:
        return [self._listening.host, str(self._listening.port), str(self._listening.within_s)]

    def _start(self) -> None:
        super()._start()
        self._write(self._listening.token)

    def _patience(self, plan: LoadPlan) -> Patience:
        return Hearing()

    def _heed(self, message: dict[str, Any], patience: Patience, progress: Progress) -> None:
        if isinstance(patience, Hearing):
            patience.hear()
        if "listening" in message:
            self._listening.tell(
                f"waiting for workers at {message['listening']}: {self.workers}, at most {self._listening.within_s:g} s"
            )
        if "said" in message:
            self._listening.tell(message["said"])
