"""A container service as a deployment: 1..n replicas, requests spread over them in turn by whoever sends."""

import http.client
import secrets
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from targets.backing.contract import Backing
from targets.clock import now_ns, sleep
from targets.contract import GENERATION_VARIABLE, DeploymentError, Endpoint, Order, StartFailed, UnitUsage
from targets.events import Event, EventLog, EventReader
from targets.local.last_words import tell_end
from targets.local.logged import Logged
from targets.local.resources import Usage
from targets.ownership import work_folder
from targets.packaging.archive import ImageArchive
from targets.serving import marks
from targets.settings import ServiceSettings

READY_LIMIT_S = 120.0
POLL_S = 0.002
LOOK_S = 0.05
"""How often a replica that starts is looked at: seldom, for looking takes time from its start."""
PATH = "/invoke"


class Replica(ABC):
    """One copy of the service, from create to remove."""

    path, ready_path = PATH, "/"
    """Where requests are sent, and what answers a GET with 200 as soon as they can come."""

    def __init__(self, name: str, log: EventLog) -> None:
        self.name = name
        self.log = log
        self.begun_ns = 0
        """When it was asked to start."""
        self.address = ""
        """host:port, once it was started, where a neighbour reaches it: an edge in front of it."""
        self._heard: list[marks.MarkKind] = []
        """Those that were heard of it: how far its start came."""

    @abstractmethod
    def start(self) -> int:
        """Create and start, logging each step; returns the port. StartFailed when it ends, else DeploymentError."""

    @abstractmethod
    def end_reason(self) -> str | None:
        """How it ended, in a few words; None while it runs."""

    def last_words(self) -> str:
        """The end of what it printed; empty where nobody keeps it."""
        return ""

    @abstractmethod
    def usage(self) -> Usage:
        """What the kernel counts for it now."""

    def look(self) -> None:  # noqa: B027 - most have nothing of that kind
        """See now what can only be seen while it runs and is told when it has ended; nothing where there is none."""

    @abstractmethod
    def remove(self) -> None:
        """End and delete it."""

    @abstractmethod
    def is_gone(self) -> bool:
        """After remove: whether nothing of it is left, by the word of whoever ran it."""

    def hear(self, line: bytes) -> bool:
        """Log the mark that a line of its channel is, from any thread. True when nothing follows.

        What is no mark of this unit is ignored."""
        mark = marks.accept(line, self.name, self.begun_ns)
        if mark:
            self._heard.append(mark[0])
            self.log.write(mark[0], self.name, mark[1])
        return mark is not None and mark[0] == "init_end"

    @property
    def is_ready(self) -> bool:
        """Whether its model is loaded, by its own mark."""
        return "init_end" in self._heard

    def wait_until_ready(self, port: int) -> None:
        """Ask until it answers. StartFailed when it ends first or takes too long."""
        look_ns = now_ns()
        deadline = look_ns + int(READY_LIMIT_S * 1e9)
        while not _is_answering(port, self.ready_path, READY_LIMIT_S):
            if why := self.end_reason():
                raise StartFailed(tell_end(f"replica {self.name} ended before it answered: {why}", self.last_words()))
            if now_ns() - look_ns > LOOK_S * 1e9:
                look_ns = now_ns()
                self.look()
            if now_ns() > deadline:
                raise StartFailed(f"replica {self.name} did not answer within {READY_LIMIT_S:.0f} s{self._place()}")
            sleep(POLL_S)
        self.log.write("ready", self.name)

    def _place(self) -> str:
        """Where a start is that takes too long, as far as its marks tell; empty once the model is loaded."""
        if self.is_ready:
            return ""
        return ": it is still in load()" if self._heard else ": its code has not begun"


class ServiceDeployment(Logged):
    """Replicas of one service. Cold means from nothing: every replica is removed and one is started anew."""

    def __init__(
        self,
        new: Callable[[str, EventLog, Order], Replica],
        backing: Backing,
        facts: dict[str, Any],
        archive: ImageArchive | None = None,
        resources: ExitStack | None = None,
    ) -> None:
        self.order = order = backing.order
        self._backing = backing
        self.replicas = order.settings_of(ServiceSettings).replicas
        self.generation = secrets.token_hex(4)
        self._archive = archive
        self._resources = resources or ExitStack()
        """What is closed with the deployment: a client of the engine, what backs it."""
        self.endpoints: tuple[Endpoint, ...] = ()
        self._new = new
        self._facts = facts
        self._folder = work_folder("service")
        self._log = EventLog(self._folder / "events.jsonl")
        self._reader = EventReader(self._folder / "events.jsonl")
        self._replicas: list[Replica] = []
        self._count = 0
        self._log.write("open")
        try:
            self._add_all()
        except BaseException:
            self.destroy()
            raise

    def wake(self) -> None:
        """Start one replica after make_cold, because a request is coming."""
        self._add(for_request=True)

    def scale_out(self) -> Endpoint:
        """Start one more replica beside the others; where it answers."""
        self._add(for_request=True)
        return self.endpoints[-1]

    def make_cold(self) -> str:
        """Remove every replica, and the image where it is to be absent. DeploymentError when one is still there."""
        self._backing.check()
        self._empty()
        if self._archive is not None:
            self._archive.forget()
        self.generation = secrets.token_hex(4)
        return self.generation

    def reset(self, ledger: Path | None) -> None:
        """Remove every replica and start as many as were ordered."""
        self.check_ledger(ledger)
        self.make_cold()
        self._add_all()

    def _empty(self) -> None:
        self.endpoints = ()
        problems = []
        for replica in reversed(list(self._replicas)):
            try:
                self._remove(replica)
                if replica.is_gone():
                    self._replicas.remove(replica)
                else:
                    problems.append(f"replica {replica.name} is left after it was removed")
            except DeploymentError as error:  # it stays listed, and the others are removed
                problems.append(str(error))
        if problems:
            raise DeploymentError("; ".join(problems))

    @property
    def addresses(self) -> list[str]:
        """Where a neighbour of the replicas reaches each."""
        return [replica.address for replica in self._replicas]

    def ended(self) -> list[str]:
        """How each replica that has ended by itself did, in words."""
        ends = ((replica.name, replica.end_reason()) for replica in list(self._replicas))
        return [f"{name}: {why}" for name, why in ends if why]

    def usage(self) -> list[UnitUsage]:
        """What the kernel counts for each replica."""
        usages = [(replica.name, replica.usage()) for replica in list(self._replicas)]
        return [
            UnitUsage(unit, use.memory_bytes, use.own_memory_bytes, use.cpu_ns, use.throttled_ns)
            for unit, use in usages
        ]

    def events(self) -> list[Event]:
        """Everything that was started and stopped so far."""
        return self._reader.read()

    def describe(self) -> dict[str, Any]:
        """Replicas, and how requests are spread over them."""
        threads = f"1 an inference, {self.order.sizing.threads} at once in a replica"
        return {
            "replicas": self.replicas,
            "spread": "in turn, by the load generator",
            "threads": threads,
            **self._facts,
            **self._backing.facts,
        }

    def destroy(self) -> None:
        """Remove everything. Safe to call twice."""
        with self._resources, ExitStack() as last:  # whatever cannot be removed, the rest is
            last.callback(self._close_log)
            if self._archive is not None:
                last.callback(self._archive.restore)
            self._empty()

    def _close_log(self) -> None:
        self._log.close()
        self._reader.read()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _add_all(self) -> None:
        for _ in range(self.replicas):
            self._add(for_request=False)

    def _add(self, for_request: bool) -> None:
        self._count += 1
        environment = {**self.order.environment, GENERATION_VARIABLE: self.generation}
        replica = self._new(f"{self._count:04d}", self._log, replace(self.order, environment=environment))
        if self._archive is not None:
            self._log.write("load", replica.name)
            self._archive.load()
            self._log.write("loaded", replica.name)
        self._log.write("create", replica.name, for_request=for_request)
        self._replicas.append(replica)
        port = replica.start()
        replica.wait_until_ready(port)
        self.endpoints += (Endpoint(f"http://127.0.0.1:{port}{replica.path}"),)

    def _remove(self, replica: Replica) -> None:
        if why := replica.end_reason():
            self._log.write("died", replica.name, why=tell_end(why, replica.last_words()).split("\n")[0])
        usage = replica.usage()
        replica.remove()
        self._log.write("removed", replica.name, **vars(usage))


def _is_answering(port: int, path: str, timeout_s: float) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
