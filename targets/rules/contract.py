"""What a rule for replicas is: parameters with their source, and a scaler that is told what was seen at each tick."""

from typing import ClassVar, NamedTuple, Protocol


class Seen(NamedTuple):
    """What a scaler is told at a tick: means are over the time of one tick, up to this one."""

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
    serving: int
    """Requests that are being served, at this moment."""
    ready: int
    """Replicas that can serve, at this moment; one that only ends what it began is none of them."""
    starting: int
    """Replicas that were asked for and cannot serve yet."""


class Scaler(Protocol):
    """The state of one rule over time."""

    def decide(self, seen: Seen) -> int:
        """Replicas that are wanted from now on, ready and starting together: never fewer than the rule's `least`."""

    @property
    def rests(self) -> bool:
        """Whether it wants the same from now on for as long as nothing is in the system.

        Such ticks may be passed over, up to the last one before a request arrives: what follows is the same.
        """


class Rule(Protocol):
    """Parameters of a platform's autoscaler: a frozen dataclass. One file each in this folder, which sets RULE.

    A ValueError of its making has a line for each parameter that is wrong.
    """

    name: ClassVar[str]
    source: ClassVar[str]
    """Where formulas and defaults are from, with the date at which they were read."""

    @property
    def tick_s(self) -> float:
        """Seconds between two decisions; inf where nothing is ever decided."""

    @property
    def first(self) -> int:
        """Replicas at the begin."""

    @property
    def least(self) -> int:
        """The fewest replicas that it ever wants."""

    @property
    def most(self) -> int | None:
        """The most that it ever wants; None without a limit."""

    @property
    def wakes(self) -> bool:
        """Whether a request that meets no replica has one started at once, and waits for it."""

    @property
    def at_once(self) -> float | None:
        """Requests in the system that it aims at for each replica; None where it aims at something else."""

    def at_least(self, replicas: int) -> "Rule":
        """The same rule that keeps so many replicas. ValueError where its platform cannot."""

    def scaler(self) -> Scaler:
        """A new one, with nothing seen yet."""
