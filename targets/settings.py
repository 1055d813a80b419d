"""How targets behave that an experiment can set: the classes of their settings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

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
