"""How targets behave that an experiment can set: the classes of their settings."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Protocol, runtime_checkable

from targets.rules.keda import Keda
from targets.rules.lambda_pool import PoolLimits


class Settings(Protocol):
    """How a target behaves: a frozen dataclass with a default for each field, which an experiment may set."""

    def compress(self, factor: float) -> "Settings":
        """The same where `factor` modelled seconds pass in one."""

    def case(self) -> Mapping[str, float | str]:
        """What of it tells two rows apart, by its name in a row's case."""


@runtime_checkable
class Pooled(Protocol):
    """Settings of a target whose units come and go as Lambda's do."""

    @property
    def limits(self) -> PoolLimits:
        """What the rules of its pool are told."""


LEAST_TMP_MB, MOST_TMP_MB = 512, 10_240
"""What AWS Lambda sells as ephemeral storage."""


@dataclass(frozen=True)
class FunctionSettings:
    """How the local Lambda behaves; the defaults are AWS's, keep-alive is our assumption (AWS publishes none)."""

    keep_alive_s: float = 300.0
    timeout_s: float = 60.0
    init_timeout_s: float = 10.0
    concurrency_limit: int = 1000
    starts_per_10_s: int = 1000
    tmp_mb: int = 512
    """The largest file in /tmp, and anywhere else, of a container; all together are not limited. A process has no
    limit."""

    def compress(self, factor: float) -> "FunctionSettings":
        """Idle sandboxes are kept for modelled seconds; the others limit real work."""
        return replace(self, keep_alive_s=self.keep_alive_s / factor)

    def case(self) -> Mapping[str, float | str]:
        """Keep-alive in real seconds, and the most sandboxes at once."""
        return {"keep_alive_s": self.keep_alive_s, "concurrency": self.concurrency_limit}

    @property
    def limits(self) -> PoolLimits:
        """What its pool of sandboxes obeys."""
        return PoolLimits(round(self.keep_alive_s * 1e9), self.concurrency_limit, self.starts_per_10_s)


@dataclass(frozen=True)
class ServiceSettings:
    """How a service of a fixed size behaves."""

    replicas: int = 1

    def compress(self, factor: float) -> "ServiceSettings":
        """The same: nothing of it is a time."""
        return self

    def case(self) -> Mapping[str, float | str]:
        """The number of replicas."""
        return {"replicas": self.replicas}


@dataclass(frozen=True)
class QueueSettings:
    """How workers behind a queue come and go: KEDA's rule for a queue, with its own defaults but for `max_workers`."""

    polling_interval_s: int = 30
    """Between two looks at the queue; from one worker on the HPA decides, every 15 s."""
    cooldown_s: float = 300.0
    """After the last look that found a request: then all workers end."""
    target_queue_length: float = 5.0
    """Waiting and running requests, for each worker."""
    activation_queue_length: float = 0.0
    """More than so many wake the first worker."""
    min_workers: int = 0
    max_workers: int = 4
    """This is one machine: KEDA's default is 100."""
    visibility_s: float = 60.0
    """A request that its worker has not ended by then is given to another one: longer than any inference takes."""
    most_deliveries: int = 3
    """A request that was given out so often without an end has failed."""
    pace: float = 1.0
    """Modelled seconds that pass in one: those of the rule's times, not of real work."""

    def __post_init__(self) -> None:
        if self.most_deliveries < 1 or self.visibility_s <= 0 or self.pace <= 0:
            raise ValueError("most_deliveries, visibility_s, pace: give more than 0")
        _ = self.rule

    def compress(self, factor: float) -> "QueueSettings":
        """The rule's seconds pass faster; a request's visibility is a time of real work."""
        return replace(self, pace=self.pace * factor)

    def case(self) -> Mapping[str, float | str]:
        """Times of the rule in real seconds, and the most workers at once."""
        return {
            "polling_s": self.polling_interval_s / self.pace,
            "cooldown_s": self.cooldown_s / self.pace,
            "queue_target": self.target_queue_length,
            "workers": self.max_workers,
        }

    @property
    def rule(self) -> Keda:
        """What decides how many workers there are. ValueError with a line for each parameter that is wrong."""
        return Keda(
            trigger="queue",
            polling_interval_s=self.polling_interval_s,
            cooldown_s=self.cooldown_s,
            target_queue_length=self.target_queue_length,
            activation_queue_length=self.activation_queue_length,
            min_replicas=self.min_workers,
            max_replicas=self.max_workers,
        )


@dataclass(frozen=True)
class HybridSettings(FunctionSettings):
    """How a function edge in front of a core of a fixed size behaves; all but `replicas` is the edge's."""

    replicas: int = 1
    """Of the core."""

    def case(self) -> Mapping[str, float | str]:
        """Of both parts."""
        return {**super().case(), **self.core.case()}

    @property
    def edge(self) -> FunctionSettings:
        """What the edge's front is told."""
        return FunctionSettings(**{each.name: getattr(self, each.name) for each in fields(FunctionSettings)})

    @property
    def core(self) -> ServiceSettings:
        """What the core is told."""
        return ServiceSettings(self.replicas)
