"""Google Cloud Run: instances by CPU and concurrency of the last minute, from zero by a request."""

from dataclasses import dataclass, replace
from typing import ClassVar

from targets.rules.contract import Rule, Seen
from targets.rules.parameters import check, real, whole
from targets.rules.windows import Highest, Mean, round_up

TICK_S = 5.0
"""How often it decides, by an older version of the page; today's says "periodically"."""
WINDOW_S = 60.0


@dataclass(frozen=True)
class CloudRun:
    """Google Cloud Run: the larger of ceil(a minute's CPU, or concurrency / (limit x target)); to zero when idle.

    An instance that is not needed lives on for `idle_s`: 15 minutes are the documented upper bound, users saw 2. How
    requests beyond the first start instances before the minute's mean asks for them is not published, and left out.
    `max_instances` is ours.
    """

    name: ClassVar[str] = "cloud-run"
    source: ClassVar[str] = (
        "Cloud Run documentation, about instance autoscaling, and maximum instances, read in 2026-08; "
        "ahmetb/cloud-run-faq#34"
    )

    target_cpu_utilisation: float = real(0.6, 0.0, 1.0, above=True)
    target_concurrency_utilisation: float = real(0.6, 0.0, 1.0, above=True)
    concurrency: int = whole(80, least=1, most=1000)
    min_instances: int = whole(0, least=0)
    max_instances: int = whole(100, least=1)
    idle_s: float = real(900.0, 0.0)

    def __post_init__(self) -> None:
        check(self, "min_instances", "max_instances")

    tick_s = TICK_S
    wakes = True
    at_once = None
    """Instances that are full are told by their CPU, whatever the concurrency that they are given."""

    @property
    def first(self) -> int:
        """The minimum number of instances."""
        return self.min_instances

    @property
    def least(self) -> int:
        """The minimum number of instances."""
        return self.min_instances

    @property
    def most(self) -> int | None:
        """The maximum number of instances."""
        return self.max_instances

    def at_least(self, replicas: int) -> "CloudRun":
        """With another minimum."""
        return replace(self, min_instances=replicas, max_instances=max(replicas, self.max_instances))

    def scaler(self) -> "_CloudRun":
        """One that has seen nothing."""
        return _CloudRun(self)


class _CloudRun:
    def __init__(self, rule: CloudRun) -> None:
        self._rule, self._wanted = rule, rule.first
        self._cpu, self._concurrency = Mean(WINDOW_S, TICK_S), Mean(WINDOW_S, TICK_S)
        self._needed = Highest(rule.idle_s)
        self._ready: int | None = None

    def decide(self, seen: Seen) -> int:
        rule = self._rule
        measured = seen.ready if self._ready is None else min(seen.ready, self._ready)
        self._ready = seen.ready
        cpu = self._cpu.of(seen.utilisation * measured) / rule.target_cpu_utilisation
        in_system = self._concurrency.of(seen.concurrency)
        concurrency = in_system / (rule.concurrency * rule.target_concurrency_utilisation)
        needed = self._needed.of(seen.now_s, max(round_up(cpu), round_up(concurrency)))
        self._wanted = min(rule.max_instances, max(rule.min_instances, needed))
        return self._wanted

    @property
    def rests(self) -> bool:
        """At its least, after a minute of nothing."""
        return self._concurrency.empty and self._cpu.empty and self._wanted == self._rule.min_instances


RULE: type[Rule] = CloudRun
