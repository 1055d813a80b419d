"""What a rule for replicas is: parameters with their source, and a scaler that is told what was seen at each tick."""

from dataclasses import dataclass
from typing import ClassVar, Protocol


@dataclass(frozen=True)
class Seen:
    """What a scaler is told at a tick: means are over the time since the tick before."""

    now_s: float
    """Since the begin; the first tick is at `tick_s`."""
    concurrency: float
    """Mean requests in the system, waiting or being served, over all replicas."""
    requests: int
    """That arrived."""
    utilisation: float
    """Mean share of the ready replicas' slots that served; 0 where none was ready."""
    queued: int
    """Requests that wait for a slot, at this moment."""
    ready: int
    """Replicas that can serve, at this moment."""
    starting: int
    """Replicas that were asked for and cannot serve yet."""


class Scaler(Protocol):
    """The state of one rule over time."""

    def decide(self, seen: Seen) -> int:
        """Replicas that are wanted from now on, ready and starting together."""


class Rule(Protocol):
    """Parameters of a platform's autoscaler: a frozen dataclass. One file each in this folder, which sets RULE."""

    name: ClassVar[str]
    source: ClassVar[str]
    """Where the defaults are from, with the date at which they were read."""

    @property
    def tick_s(self) -> float:
        """Seconds between two decisions."""

    @property
    def first(self) -> int:
        """Replicas at the begin."""

    @property
    def wakes(self) -> bool:
        """Whether a request that meets no replica has one started at once, and waits for it."""

    def scaler(self) -> Scaler:
        """A new one, with nothing seen yet."""
