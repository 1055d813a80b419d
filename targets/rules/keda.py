"""KEDA: a trigger decides between none and one replica, a horizontal pod autoscaler from one on."""

import math
from dataclasses import dataclass, fields, replace
from typing import ClassVar

from targets.rules.contract import Rule, Seen
from targets.rules.hpa import Pace, within
from targets.rules.parameters import check, real, whole, word
from targets.rules.windows import Mean, round_up

SYNC_S = 15
"""Sync period of the HPA that KEDA makes, with its default tolerance, window and policies."""
USES = {
    "concurrency": ("target_concurrency",),
    "request-rate": ("target_rps", "rate_window_s"),
    "queue": ("target_queue_length", "activation_queue_length"),
}
"""Parameters that only one trigger reads, its target first."""


@dataclass(frozen=True)
class Keda:
    """KEDA: ceil(value / target) of a queue, of requests at once or of their rate; to zero after a cooldown.

    `queue` is a ScaledObject that polls a queue, which holds waiting and running requests. `concurrency` and
    `request-rate` are the HTTP add-on, whose interceptor holds requests and starts the first replica at once; it
    reports activity 5 times a second, of which the ticks see each. The targets of queue and request rate are ours.
    """

    name: ClassVar[str] = "keda"
    source: ClassVar[str] = "kedacore/keda 2026-08-20; kedacore/http-add-on after v0.15.0, 2026-06-28"

    trigger: str = word("concurrency", "request-rate", "queue")
    target_concurrency: float = real(100.0, 0.0, 1e6, above=True)
    target_rps: float = real(100.0, 0.0, 1e6, above=True)
    target_queue_length: float = real(5.0, 0.0, 1e6, above=True)
    activation_queue_length: float = real(0.0, 0.0, 1e6)
    min_replicas: int = whole(0, least=0)
    max_replicas: int = whole(100, least=1)
    polling_interval_s: int = whole(30, least=1, most=3600)
    cooldown_s: float = real(300.0, 0.0)
    rate_window_s: float = real(60.0, 1.0, 3600.0)

    def __post_init__(self) -> None:
        check(self, "min_replicas", "max_replicas")
        _check_belongs(self)

    @property
    def tick_s(self) -> float:
        """Of which both the polling interval and the HPA's period are multiples."""
        return math.gcd(self.polling_interval_s, SYNC_S)

    @property
    def first(self) -> int:
        """minReplicaCount."""
        return self.min_replicas

    @property
    def least(self) -> int:
        """minReplicaCount."""
        return self.min_replicas

    @property
    def most(self) -> int | None:
        """maxReplicaCount."""
        return self.max_replicas

    @property
    def wakes(self) -> bool:
        """Only the interceptor of the HTTP add-on sees each request; a queue is polled."""
        return self.trigger != "queue"

    @property
    def target(self) -> float:
        """Of the trigger's value, for each replica."""
        target: float = getattr(self, USES[self.trigger][0])
        return target

    @property
    def at_once(self) -> float | None:
        """The target, unless it is of a rate."""
        return None if self.trigger == "request-rate" else self.target

    def at_least(self, replicas: int) -> "Keda":
        """With another minReplicaCount."""
        return replace(self, min_replicas=replicas, max_replicas=max(replicas, self.max_replicas))

    def scaler(self) -> "_Keda":
        """An operator that knows of no activity."""
        return _Keda(self)


def _check_belongs(rule: Keda) -> None:
    """What is set for another trigger would do nothing."""
    of_others = {name for trigger, names in USES.items() if trigger != rule.trigger for name in names}
    wrong = [
        f"{one.name}: {getattr(rule, one.name)} is not accepted: trigger {rule.trigger} does not read it: leave it out"
        for one in fields(rule)
        if one.name in of_others and getattr(rule, one.name) != one.default
    ]
    if wrong:
        raise ValueError("\n".join(wrong))


class _Keda:
    def __init__(self, rule: Keda) -> None:
        self._rule = rule
        self._pace = Pace(max(1, rule.min_replicas), rule.max_replicas, stabilisation_s=300.0)
        self._rate = Mean(rule.rate_window_s, rule.tick_s)
        self._active_s = -math.inf
        self._wanted = rule.min_replicas

    def decide(self, seen: Seen) -> int:
        rate = self._rate.of(seen.requests / self._rule.tick_s)
        tick = round(seen.now_s / self._rule.tick_s) * self._rule.tick_s
        wanted = current = seen.ready + seen.starting
        if self._rule.wakes or tick % self._rule.polling_interval_s == 0:
            wanted = self._activated(seen, current)
        if current and wanted and tick % SYNC_S == 0:
            wanted = self._pace.next(seen.now_s, current, self._recommended(self._value(seen, rate), current))
        self._wanted = min(self._rule.max_replicas, max(self._rule.min_replicas, wanted))
        return self._wanted

    def _activated(self, seen: Seen, current: int) -> int:
        """From none to one where there is activity, and to none when the last is older than the cooldown."""
        if self._active(seen):
            self._active_s = seen.now_s
            return max(1, current)
        over = seen.now_s - self._active_s >= self._rule.cooldown_s
        return 0 if over and not self._rule.min_replicas else current

    def _active(self, seen: Seen) -> bool:
        if self._rule.trigger == "queue":
            return seen.queued + seen.serving > self._rule.activation_queue_length
        return seen.requests > 0 or seen.concurrency > 0

    def _value(self, seen: Seen, rate: float) -> float:
        return rate if self._rule.trigger == "request-rate" else seen.queued + seen.serving

    def _recommended(self, value: float, current: int) -> int:
        """An external metric's average value (replica_calculator.go): all replicas count, ready or not."""
        if within(value / (self._rule.target * current), tolerance=0.1):
            return current
        return round_up(value / self._rule.target)

    @property
    def rests(self) -> bool:
        """At none, or where the HPA rests at the least."""
        return self._rate.empty and self._wanted == self._rule.min_replicas and (not self._wanted or self._pace.rests)


RULE: type[Rule] = Keda
