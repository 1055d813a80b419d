"""Kubernetes' horizontal pod autoscaler on CPU, which is taken to be the share of slots that serve."""

from collections import deque
from dataclasses import dataclass, replace
from typing import ClassVar

from targets.rules.contract import Rule, Seen
from targets.rules.parameters import check, real, whole
from targets.rules.windows import Highest, round_up

POLICY_PERIOD_S = 15.0
"""Over which the default policies bound a change; it is also how often the controller decides."""
UP_PODS = 4
"""May be added in a period where doubling adds fewer."""


@dataclass(frozen=True)
class Hpa:
    """Kubernetes: ceil(pods x CPU / target) every 15 s, within tolerance, pace and bounds.

    The target and `max_replicas` have no default of Kubernetes': 0.8 is ours, and the maximum KEDA's.
    """

    name: ClassVar[str] = "hpa"
    source: ClassVar[str] = (
        "Kubernetes documentation, Horizontal Pod Autoscaling, and its controller's replica_calculator.go and "
        "horizontal.go, read in 2026-08"
    )

    target_utilisation: float = real(0.8, 0.0, 1.0, above=True)
    min_replicas: int = whole(1, least=1)
    max_replicas: int = whole(100, least=1)
    tolerance: float = real(0.1, 0.0, 1.0)
    down_stabilisation_s: float = real(300.0, 0.0, 3600.0)
    sync_period_s: float = real(15.0, 1.0, 3600.0)

    def __post_init__(self) -> None:
        check(self, "min_replicas", "max_replicas")

    wakes = False
    at_once = None

    @property
    def tick_s(self) -> float:
        """The controller's sync period."""
        return self.sync_period_s

    @property
    def first(self) -> int:
        """minReplicas."""
        return self.min_replicas

    @property
    def least(self) -> int:
        """minReplicas."""
        return self.min_replicas

    @property
    def most(self) -> int | None:
        """maxReplicas."""
        return self.max_replicas

    def at_least(self, replicas: int) -> "Hpa":
        """With another minReplicas."""
        return replace(self, min_replicas=replicas, max_replicas=max(replicas, self.max_replicas))

    def scaler(self) -> "_Hpa":
        """A controller that has seen nothing."""
        return _Hpa(self)


class _Hpa:
    def __init__(self, rule: Hpa) -> None:
        self._rule = rule
        self._pace = Pace(rule.min_replicas, rule.max_replicas, rule.down_stabilisation_s)
        self._ready: int | None = None

    def decide(self, seen: Seen) -> int:
        current = seen.ready + seen.starting
        measured = seen.ready if self._ready is None else min(seen.ready, self._ready)
        self._ready = seen.ready
        return self._pace.next(seen.now_s, current, self._recommended(current, measured, seen.utilisation))

    def _recommended(self, current: int, measured: int, utilisation: float) -> int:
        """Pods that were not ready for a whole tick are left out, and idle where more are wanted (groupPods and
        GetResourceReplicas of replica_calculator.go)."""
        if not measured:  # no pod has a metric: nothing is changed
            return current
        ratio = utilisation / self._rule.target_utilisation
        if ratio > 1 and measured < current:
            diluted = ratio * measured / current
            return current if within(diluted, self._rule.tolerance) else max(current, round_up(diluted * current))
        if within(ratio, self._rule.tolerance):
            return current
        return round_up(ratio * measured)

    @property
    def rests(self) -> bool:
        return self._pace.rests


class Pace:
    """How an HPA comes from what it recommends to what it asks for: stabilisation, policies, bounds."""

    def __init__(self, least: int, most: int, stabilisation_s: float) -> None:
        self._least, self._most = least, most
        self._recommended = Highest(stabilisation_s)
        self._added: deque[tuple[float, int]] = deque()
        self._wanted: int | None = None

    def next(self, now_s: float, current: int, recommended: int) -> int:
        """Down to the highest recommendation of the window; up at most to the double, or by four, in 15 s."""
        if self._wanted is None:  # what it finds at first counts as recommended
            self._recommended.of(now_s, current)
        highest = self._recommended.of(now_s, recommended)
        wanted = min(current, highest) if recommended < current else min(recommended, self._limit(now_s, current))
        self._wanted = min(self._most, max(self._least, wanted))
        if self._wanted > current:
            self._added.append((now_s, self._wanted - current))
        return self._wanted

    def _limit(self, now_s: float, current: int) -> int:
        while self._added and self._added[0][0] <= now_s - POLICY_PERIOD_S:
            self._added.popleft()
        before = current - sum(added for _, added in self._added)
        return max(current, 2 * before, before + UP_PODS)

    @property
    def rests(self) -> bool:
        """At its least: what was recommended before only holds back what would go down."""
        return self._wanted == self._least


def within(ratio: float, tolerance: float) -> bool:
    """Whether a metric is so close to its target that nothing is changed; the bound itself is."""
    return abs(1.0 - ratio) <= tolerance + 1e-9


RULE: type[Rule] = Hpa
