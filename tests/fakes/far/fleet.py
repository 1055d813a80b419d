"""A service: replicas, and a balancer that hands requests on in turn."""

import http.client
import itertools
import threading
from collections.abc import Mapping
from typing import Any

from tests.fakes.far.deployed import Deployed
from tests.fakes.far.replica import Replica

PATIENCE_S = 3600


class Fleet(Deployed):
    """Units are started when it is told to, and replaced by nobody."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        super().__init__(order)
        self._wanted: int = order["replicas"]
        self._count = 0
        self._turn = itertools.count()
        self._lock = threading.Lock()
        self._replicas: list[Replica] = []
        self._retired: list[Replica] = []
        self.add(self._wanted, for_request=False)

    def add(self, count: int, for_request: bool) -> list[str]:
        """Start so many more; returns their units."""
        with self._lock:
            added = []
            for _ in range(count):
                self._count += 1
                unit = f"{self._count:04d}"
                self.truth.events.write("create", unit, for_request=for_request)
                added.append(Replica(unit, self.environment, self.truth.events))
            self._replicas += added
        return [replica.unit for replica in added]

    def states(self) -> dict[str, str]:
        """Of each unit: pending, running or stopped."""
        return {replica.unit: replica.state for replica in self._replicas}

    def peaks(self) -> dict[str, int]:
        """The most memory of each unit so far, of those that are gone as well, in bytes."""
        with self._lock:
            for replica in self._replicas:
                replica.note_peak()
            units = [*self._retired, *self._replicas]
        return {replica.unit: replica.peak_bytes for replica in units if replica.peak_bytes is not None}

    def renew(self, anew: bool) -> None:
        """End every replica; `anew`: start as many as were ordered, counted from one."""
        self._retire_all()
        if anew:
            self._count, self._retired = 0, []
            self.add(self._wanted, for_request=False)

    def close(self) -> None:
        """End every replica."""
        self._retire_all()

    def _retire_all(self) -> None:
        with self._lock:
            for replica in self._replicas:
                replica.retire()
            self._retired += self._replicas
            self._replicas = []

    def hand_on(self, body: bytes, unit: str | None) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """The reply of the replica whose turn it is, or of `unit`, as it begins. ConnectionError when none answers."""
        running = [held for held in self._replicas if held.state == "running" and unit in (None, held.unit)]
        if not running:
            raise ConnectionRefusedError
        port = running[next(self._turn) % len(running)].port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        try:
            connection.request("POST", "/invoke", body, {"content-type": "application/json"})
            return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise
