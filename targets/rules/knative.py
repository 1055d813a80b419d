"""Knative's pod autoscaler (KPA): a stable and a panic window, scale to zero, an activator that holds requests."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

from targets.rules.contract import Rule, Seen
from targets.rules.parameters import MOST_REPLICAS, check, real, whole, word
from targets.rules.windows import Highest, Mean, round_up

TICK_S = 2.0


@dataclass(frozen=True)
class Knative:
    """Knative: ceil(mean of 60 s or, in panic, of 6 s / (0.7 x target)); to zero after window and grace.

    A container_concurrency of 0 has no limit, a max_scale of 0 neither. At zero nothing is measured, so that the
    windows begin anew with the request that wakes. The target burst capacity, which says when the activator is in the
    way of a request, changes no number of pods and is left out.
    """

    name: ClassVar[str] = "knative"
    source: ClassVar[str] = (
        "knative/serving config-autoscaler and pkg/autoscaler/scaling, pkg/reconciler/autoscaling/kpa, 2026-08-21"
    )

    metric: str = word("concurrency", "rps")
    container_concurrency: int = whole(0, least=0, most=1000)
    target_concurrency: float = real(100.0, 0.01, 1e6)
    target_rps: float = real(200.0, 0.01, 1e6)
    target_utilisation: float = real(0.7, 0.0, 1.0, above=True)
    stable_window_s: float = real(60.0, 6.0, 3600.0)
    panic_window_percent: float = real(10.0, 1.0, 100.0)
    panic_threshold_percent: float = real(200.0, 110.0, 1000.0)
    max_scale_up_rate: float = real(1000.0, 1.0, 1e6, above=True)
    max_scale_down_rate: float = real(2.0, 1.0, 1e6, above=True)
    scale_down_delay_s: float = real(0.0, 0.0, 3600.0)
    scale_to_zero_grace_s: float = real(30.0, 0.0)
    last_pod_retention_s: float = real(0.0, 0.0)
    min_scale: int = whole(0, least=0)
    max_scale: int = whole(0, least=0)
    initial_scale: int = whole(1, least=0)

    def __post_init__(self) -> None:
        check(self)
        if self.max_scale:
            check(self, "min_scale", "max_scale")

    tick_s = TICK_S
    wakes = True

    @property
    def first(self) -> int:
        """A revision begins with its initial scale."""
        return min(max(self.min_scale, self.initial_scale), self.max_scale or MOST_REPLICAS)

    @property
    def least(self) -> int:
        """min-scale."""
        return self.min_scale

    @property
    def most(self) -> int | None:
        """max-scale."""
        return self.max_scale or None

    @property
    def target(self) -> float:
        """Of the metric, for each pod: never below 0.01."""
        if self.metric == "rps":
            total = self.target_rps
        else:
            total = min(self.target_concurrency, self.container_concurrency or math.inf)
        return max(0.01, self.target_utilisation * total)

    @property
    def at_once(self) -> float | None:
        """The target, unless it is of a rate."""
        return None if self.metric == "rps" else self.target

    def at_least(self, replicas: int) -> "Knative":
        """With another min-scale."""
        return replace(self, min_scale=replicas, max_scale=self.max_scale and max(replicas, self.max_scale))

    def scaler(self) -> "_Kpa":
        """An autoscaler of a new revision."""
        return _Kpa(self)


class _Kpa:
    def __init__(self, rule: Knative) -> None:
        self._rule, self._target, self._wanted = rule, rule.target, rule.first
        self._stable = Mean(rule.stable_window_s, TICK_S)
        self._panic = Mean(rule.stable_window_s * rule.panic_window_percent / 100, TICK_S)
        self._delayed = Highest(rule.scale_down_delay_s)
        self._panic_s: float | None = None
        self._panic_pods = 0
        self._active_s: float | None = None
        self._inactive_s: float | None = None

    def decide(self, seen: Seen) -> int:
        value = seen.requests / TICK_S if self._rule.metric == "rps" else seen.concurrency
        current = seen.ready + seen.starting
        if not current and not seen.queued and not value:
            self._stable.forget()
            self._panic.forget()
            self._active_s = self._inactive_s = None
            self._wanted = self._rule.least
            return self._wanted
        if self._active_s is None:
            self._active_s = seen.now_s
        desired = self._delayed.of(seen.now_s, self._desired(seen, value))
        desired = min(max(desired, self._rule.min_scale), self._rule.max_scale or MOST_REPLICAS)
        self._wanted = self._last_pod(seen.now_s, current, desired)
        return self._wanted

    def _desired(self, seen: Seen, value: float) -> int:
        """autoscaler.go: both windows within the rates; in panic the most that was seen since it began."""
        rule, ready = self._rule, max(1, seen.ready)
        stable, panic = (round_up(mean.of(value) / self._target) for mean in (self._stable, self._panic))
        most, fewest = math.ceil(rule.max_scale_up_rate * ready), math.floor(ready / rule.max_scale_down_rate)
        desired = min(max(stable, fewest), most)
        if panic / ready >= rule.panic_threshold_percent / 100:
            self._panic_s = seen.now_s
        elif self._panic_s is not None and seen.now_s > self._panic_s + rule.stable_window_s:
            self._panic_s, self._panic_pods = None, 0
        if self._panic_s is None:
            return desired
        self._panic_pods = max(self._panic_pods, desired, min(max(panic, fewest), most))
        return self._panic_pods

    def _last_pod(self, now_s: float, current: int, desired: int) -> int:
        """kpa/scaler.go: to zero only when active for a stable window, and then inactive for the grace."""
        if desired:
            self._inactive_s = None
            return desired
        if self._active_s is not None and now_s - self._active_s < self._rule.stable_window_s:
            return 1
        if self._inactive_s is None:
            self._inactive_s = now_s
        grace_s = max(self._rule.scale_to_zero_grace_s, self._rule.last_pod_retention_s)
        return 0 if now_s - self._inactive_s >= grace_s else max(1, current)

    @property
    def rests(self) -> bool:
        """At zero, or idle for a window at its least."""
        if not self._wanted:
            return True
        return self._stable.empty and self._panic_s is None and self._wanted == self._rule.min_scale


RULE: type[Rule] = Knative
