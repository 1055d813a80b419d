"""What an endpoint consumes: hours of its instances by our clock, or what its requests held a unit for at most.

SageMaker tells nobody what one request is billed: it is taken to hold its unit for as long as it was under way.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from targets.aws.lambda_meter import HOURS_PER_MONTH, SECONDS_PER_HOUR
from targets.clock import now_ns
from targets.contract import Consumed

MB_PER_GB, BYTES_PER_GB = 1024, 10**9


class Bought(Protocol):
    """What an endpoint is bought as."""

    def use(self, requests: int, held_s: float) -> Iterable[Consumed]:
        """What so many requests cost at most that hold units for so long, all together."""

    def kept(self, seconds: float) -> Iterable[Consumed]:
        """What units cost that are there for so long whether they are asked or not."""


@dataclass(frozen=True)
class Serverless:
    """Seconds of a request in a unit of so much memory, and the data that goes into it.

    What comes out of it is billed as well, and is not in here: nobody tells a meter how large a reply was.
    """

    memory_mb: int
    provisioned: int
    request_bytes: int
    """Of the workload's largest request."""

    @property
    def sku(self) -> str:
        """Of a second."""
        return f"sagemaker.serverless.{self.memory_mb // MB_PER_GB}gb.second"

    def use(self, requests: int, held_s: float) -> Iterator[Consumed]:
        """By the second, without steps."""
        yield Consumed(self.sku, held_s, "endpoint", "bound")
        yield Consumed(
            "sagemaker.serverless.data-gb", requests * self.request_bytes / BYTES_PER_GB, "requests", "bound"
        )

    def kept(self, seconds: float) -> Iterator[Consumed]:
        """No book has the price of a unit that is kept ready: it is below that of one in use, and is taken as that."""
        if self.provisioned:
            yield Consumed(self.sku, seconds * self.provisioned, "provisioned units", "bound")


@dataclass(frozen=True)
class Instances:
    """So many instances of a type."""

    instance_type: str
    count: int

    def use(self, requests: int, held_s: float) -> Iterator[Consumed]:
        """Nothing: instances are paid whether they are asked or not."""
        yield from ()

    def kept(self, seconds: float) -> Iterator[Consumed]:
        """Hours of all of them."""
        hours = seconds * self.count / SECONDS_PER_HOUR
        yield Consumed(f"sagemaker.{self.instance_type}.hour", hours, "instances", "clock")


class SageMakerMeter:
    """Counts from its making on; may be asked by another thread.

    While an endpoint is renewed its new units are there beside the old ones, and both are paid.
    """

    def __init__(self, bought: Bought, image_gb: float) -> None:
        self._bought, self._image_gb = bought, image_gb
        self._begun_ns = now_ns()
        self._ended_ns: int | None = None
        self._lock = threading.Lock()
        self._fleets: list[int] = []
        """When each that is there was ordered."""
        self._gone_ns = 0
        """How long those were there that are not any more, all together."""
        self._untold, self._untold_s = 0, 0.0

    def add_fleet(self) -> None:
        """Units were ordered."""
        with self._lock:
            self._fleets.append(now_ns())

    def keep_last_fleet(self) -> None:
        """The latest have taken the place of all others."""
        with self._lock:
            self._end_fleets(self._fleets[:-1])
            self._fleets = self._fleets[-1:]

    def drop_last_fleet(self) -> None:
        """The latest did not come about."""
        with self._lock:
            self._end_fleets(self._fleets[-1:])
            self._fleets = self._fleets[:-1]

    def write_off(self, requests: int, held_s: float) -> None:
        """Count requests by the time that they were under way."""
        with self._lock:
            self._untold += requests
            self._untold_s += held_s

    def end(self) -> None:
        """All of it is gone."""
        with self._lock:
            self._end_fleets(self._fleets)
            self._fleets = []
            self._ended_ns = self._ended_ns or now_ns()

    def consumed(self) -> list[Consumed]:
        """All of it so far."""
        with self._lock:
            at_ns, untold, untold_s = now_ns(), self._untold, self._untold_s
            kept_ns = self._gone_ns + sum(at_ns - begun_ns for begun_ns in self._fleets)
            there_ns = (self._ended_ns or at_ns) - self._begun_ns
        return [
            *(self._bought.use(untold, untold_s) if untold else ()),
            *self._bought.kept(kept_ns / 1e9),
            image_kept(self._image_gb, there_ns / 1e9),
        ]

    def bound(self, requests: int, held_s: float) -> list[Consumed]:
        """What so many requests cost at most that are under way for so long, all together."""
        return list(self._bought.use(requests, held_s))

    def _end_fleets(self, begun_ns: Sequence[int]) -> None:
        at_ns = now_ns()
        self._gone_ns += sum(at_ns - each for each in begun_ns)


def image_kept(image_gb: float, seconds: float) -> Consumed:
    """The image in the registry."""
    return Consumed("ecr.gb-month", image_gb * seconds / SECONDS_PER_HOUR / HOURS_PER_MONTH, "image", "clock")
