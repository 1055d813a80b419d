"""A number of replicas that nobody changes: an ECS service or a Deployment without an autoscaler."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

from targets.rules.contract import Rule, Seen
from targets.rules.parameters import check, whole


@dataclass(frozen=True)
class FixedReplicas:
    """So many replicas at any time, which nobody changes."""

    name: ClassVar[str] = "fixed-replicas"
    source: ClassVar[str] = "Amazon ECS API reference, CreateService desiredCount; Kubernetes Deployment, 2026-11-26"

    replicas: int = whole(1, least=1)

    def __post_init__(self) -> None:
        check(self)

    tick_s = math.inf
    wakes = False
    at_once = None

    @property
    def first(self) -> int:
        """As many as ever."""
        return self.replicas

    @property
    def least(self) -> int:
        """As many as ever."""
        return self.replicas

    @property
    def most(self) -> int | None:
        """As many as ever."""
        return self.replicas

    def at_least(self, replicas: int) -> "FixedReplicas":
        """Exactly so many."""
        return replace(self, replicas=replicas)

    def scaler(self) -> "_Unmoved":
        """One that has nothing to decide."""
        return _Unmoved(self.replicas)


@dataclass(frozen=True)
class _Unmoved:
    replicas: int
    rests: bool = True

    def decide(self, seen: Seen) -> int:
        return self.replicas


RULE: type[Rule] = FixedReplicas
