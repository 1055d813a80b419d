"""Amazon ECS service auto scaling by target tracking of CPU, which is taken to be the share of slots that serve."""

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import ClassVar

from targets.rules.contract import Rule, Seen
from targets.rules.parameters import check, real, whole
from targets.rules.windows import round_up

POINT_S = 60.0
"""Period of the CloudWatch alarms."""
LOW_SHARE = 0.9
"""Of the target: where the low alarm is taken to stand."""


@dataclass(frozen=True)
class EcsTargetTracking:
    """Amazon ECS: ceil(tasks x CPU / target), out after 3 high one-minute points, in after 15 low ones.

    AWS has no default for the target and the capacities: 0.75, 1 and 10 are ours, and so is that the low alarm stands
    at nine tenths of the target. The formula is what "proportionally" says; it is not published.
    """

    name: ClassVar[str] = "ecs-target-tracking"
    source: ClassVar[str] = (
        "Application Auto Scaling user guide, target tracking overview; aws/containers-roadmap#1208; read in 2026-08"
    )

    target_utilisation: float = real(0.75, 0.0, 1.0, above=True)
    min_capacity: int = whole(1, least=1)
    max_capacity: int = whole(10, least=1)
    points_high: int = whole(3, least=1, most=60)
    points_low: int = whole(15, least=1, most=60)
    scale_out_cooldown_s: float = real(300.0, 0.0)
    scale_in_cooldown_s: float = real(300.0, 0.0)
    metric_delay_s: float = real(60.0, 0.0, 3600.0)

    def __post_init__(self) -> None:
        check(self, "min_capacity", "max_capacity")

    tick_s = POINT_S
    wakes = False
    at_once = None

    @property
    def first(self) -> int:
        """The minimum capacity."""
        return self.min_capacity

    @property
    def least(self) -> int:
        """The minimum capacity: without a task there is no metric, and nothing would ever scale out."""
        return self.min_capacity

    @property
    def most(self) -> int | None:
        """The maximum capacity."""
        return self.max_capacity

    def at_least(self, replicas: int) -> "EcsTargetTracking":
        """With another minimum capacity."""
        return replace(self, min_capacity=replicas, max_capacity=max(replicas, self.max_capacity))

    def scaler(self) -> "_TargetTracking":
        """A policy whose alarms have no point yet."""
        return _TargetTracking(self)


class _TargetTracking:
    def __init__(self, rule: EcsTargetTracking) -> None:
        self._rule = rule
        self._late = math.ceil(rule.metric_delay_s / POINT_S)
        self._points: deque[float | None] = deque(maxlen=max(rule.points_high, rule.points_low) + self._late)
        self._wanted = rule.min_capacity
        self._before_out = rule.min_capacity
        self._out_s = self._in_s = -math.inf

    def decide(self, seen: Seen) -> int:
        rule, current = self._rule, seen.ready + seen.starting
        self._points.append(seen.utilisation if seen.ready else None)  # without a task there is no point
        known = list(self._points)[: len(self._points) - self._late]
        wanted = current
        if self._all(known[-rule.points_high :], rule.points_high, high=True):
            wanted = self._out(seen.now_s, current, known[-1] or 0.0)
        elif self._all(known[-rule.points_low :], rule.points_low, high=False):
            wanted = self._in(seen.now_s, current, known[-1] or 0.0)
        self._wanted = min(rule.max_capacity, max(rule.min_capacity, wanted))
        return self._wanted

    def _all(self, points: list[float | None], number: int, *, high: bool) -> bool:
        """Whether an alarm has all its points on its side; one that is missing is on none."""
        target = self._rule.target_utilisation
        if len(points) < number:
            return False
        if high:
            return all(point is not None and point > target + 1e-9 for point in points)
        return all(point is not None and point < LOW_SHARE * target - 1e-9 for point in points)

    def _out(self, now_s: float, current: int, metric: float) -> int:
        """In a cooldown what the step before it added is part of what is wanted, so that only more adds more."""
        cools = now_s < self._out_s + self._rule.scale_out_cooldown_s
        begin = self._before_out if cools else current
        wanted = round_up(begin * metric / self._rule.target_utilisation)
        if wanted <= current:
            return current
        self._before_out, self._out_s, self._in_s = begin, now_s, -math.inf  # scaling out ends a cooldown of in
        return wanted

    def _in(self, now_s: float, current: int, metric: float) -> int:
        wanted = round_up(current * metric / self._rule.target_utilisation)
        if now_s < self._in_s + self._rule.scale_in_cooldown_s or wanted >= current:
            return current
        self._in_s = now_s
        return wanted

    @property
    def rests(self) -> bool:
        """At its least, with a whole window of idle points."""
        points = self._points
        idle = len(points) == points.maxlen and not any(points) and None not in points
        return idle and self._wanted == self._rule.min_capacity


RULE: type[Rule] = EcsTargetTracking
