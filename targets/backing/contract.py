"""What a backing service is: a server that units need, such as a queue or a store, and one that runs for a deployment.

It is no unit: nothing is asked of it by the load, and its memory and CPU are in no row.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from targets.clock import now_ns, sleep
from targets.contract import DeploymentError, Order, Package, Sizing
from targets.local.last_words import exit_words, tell_end
from targets.packaging.bootstrap import Debian
from targets.workloads.contract import Backed, Workload, address_variable

READY_LIMIT_S = 60.0
POLL_S = 0.02
FILL_LIMIT_S = 300.0
FILL_SIZING = Sizing(2048, 1.0)
"""Of what fills a server: that is no unit, and a unit's own size may be small."""
FACT = "backing"
"""Under which a package and a deployment tell of the server that the workload needs."""
SECRET_VARIABLE = "FROSTLINE_SECRET"  # noqa: S105 - a name
"""In the environment of a server's container, and nowhere else: what its clients must know."""


class NotReady(Exception):
    """A server does not answer as it should: not yet, or not any more."""


class Server(Protocol):
    """One kind of server. One file each in this folder, which sets SERVER."""

    name: str
    image: str
    """The official one; where it cannot be had, `debian` stands in."""
    debian: Debian
    install: str
    """How to have its program on this machine."""
    runs_as_root: bool
    """Whether its program does; where it does not, root starts it as another user, who can do nothing."""
    port: int
    """Where it listens in its container."""
    sizing: Sizing
    """The limits of its container."""
    container_command: list[str]
    """Listens on `port`, writes below /tmp only, and lets in whoever knows $FROSTLINE_SECRET."""

    def program(self) -> str | None:
        """The path of its program on this machine; None where there is none that will do."""

    def process_command(self, program: str, folder: Path) -> list[str]:
        """Listens on a socket in `folder`, where only this user comes, and nowhere else."""

    def address(self, host: str, port: int, secret: str) -> str:
        """For its clients, over TCP."""

    def socket_address(self, folder: Path) -> str:
        """For its clients, through the socket in `folder`."""

    def ask(self, address: str) -> str | None:
        """Its version, once it takes requests; None where it tells that to nobody who has not logged in. NotReady
        before, and when it is gone."""


class Running(Protocol):
    """A server that runs."""

    address: str
    """For this process."""
    inner_address: str
    """For units."""
    network: str | None
    """Of containers, where units are to be; None where there is none."""
    facts: dict[str, Any]

    def end_reason(self) -> str | None:
        """How it ended, in a few words; None while it runs."""

    def last_words(self) -> str:
        """The end of what it printed."""

    def remove(self) -> None:
        """End and delete it with all that it has. Safe to call twice."""


@dataclass(frozen=True)
class Backing:
    """The server of one deployment, and what its units are to be started with; none where they need none."""

    order: Order
    """With the server's address in the units' environment."""
    name: str = ""
    running: Running | None = None

    @classmethod
    def of(cls, server: Server, running: Running, order: Order) -> "Backing":
        """A server that runs, for units that this order asks for."""
        environment = {**order.environment, address_variable(server.name): running.inner_address}
        return cls(replace(order, environment=environment), server.name, running)

    @property
    def network(self) -> str | None:
        """Where containers are to be; None for the engine's usual one."""
        return self.running.network if self.running else None

    @property
    def facts(self) -> dict[str, Any]:
        """What goes into the manifest."""
        return {FACT: self.running.facts} if self.running else {}

    def check(self) -> None:
        """DeploymentError when the server has ended, which nothing restarts."""
        if self.running and (why := self.running.end_reason()):
            raise DeploymentError(f"the backing service {self.name} ended ({why}): deploy anew")


def server_of(workload: Workload) -> Server | None:
    """What its units need beside them; None for nothing. DeploymentError for a kind of which there is no file."""
    if not isinstance(workload, Backed):
        return None
    return named(workload.backing)


def named(name: str) -> Server:
    """The server that targets/backing/NAME.py sets. DeploymentError where there is none."""
    try:
        server: Server = import_module(f"targets.backing.{name}").SERVER
    except (ModuleNotFoundError, AttributeError) as error:
        raise DeploymentError(f"no backing service is called {name!r:.80}: targets/backing/NAME.py sets it") from error
    return server


def needed_by(package: Package) -> Server | None:
    """The server that was prepared with a package; None where its workload needs none."""
    return named(package.facts[FACT]["server"]) if FACT in package.facts else None


def backed(
    package: Package,
    order: Order,
    stack: ExitStack,
    start: Callable[[Server], Running],
    fill: Callable[[Backing], str],
) -> Backing:
    """Start and fill the server that a package's units need, which is removed with `stack`; where they need none, just
    the order. `fill` returns what was printed as the content was put in. DeploymentError."""
    if (server := needed_by(package)) is None:
        return Backing(order)
    running = start(server)
    stack.callback(running.remove)
    backing = Backing.of(server, running, order)
    running.facts["content"] = content_of(fill(backing))
    return backing


def why_unbacked(workload: Workload, target: str) -> str | None:
    """Why a target that starts no server for its units cannot hold a workload, and the fix; None where it can."""
    if not isinstance(workload, Backed):
        return None
    return (
        f"workload {workload.name} needs {workload.backing} beside its units, which {target} does not start: measure "
        "it on services and functions of this machine, docker-service and docker-lambda"
    )


def check_filled(name: str, status: int | None, printed: str) -> None:
    """DeploymentError where what put the content in ended with another status than 0, or not in time (None)."""
    if status is None:
        limit = f"{FILL_LIMIT_S:.0f} s"
        raise DeploymentError(
            tell_end(f"filling {name} takes more than {limit}: let fill() put in less at a time, or less", printed)
        )
    if status:
        raise DeploymentError(tell_end(f"filling {name} ended with {exit_words(status)}", printed))


def content_of(printed: str) -> Mapping[str, Any]:
    """What filling a server has told of its content: the last of its lines that is a JSON object. DeploymentError where
    none is."""
    for line in reversed(printed.splitlines()):
        with suppress(ValueError):
            told = json.loads(line)
            if isinstance(told, dict):
                return told
    said = printed.strip().splitlines()[-1:] or ["it printed nothing"]
    raise DeploymentError(f"fill() told nothing of the content ({said[0][:300]}): let it return facts fit for JSON")


def wait_until_ready(server: Server, running: Running) -> None:
    """Ask until it answers; its facts then have its version, where it tells that. DeploymentError when it ends first or
    takes too long."""
    deadline_ns = now_ns() + int(READY_LIMIT_S * 1e9)
    while True:
        try:
            version = server.ask(running.address)
            running.facts.update({"version": version} if version else {})
            return
        except NotReady as error:
            if why := running.end_reason():
                said = running.last_words().strip().splitlines()[-1:] or ["it printed nothing"]
                raise DeploymentError(f"{server.name} ended before it answered: {why}: {said[0][:300]}") from error
            if now_ns() > deadline_ns:
                limit = f"{READY_LIMIT_S:.0f} s"
                raise DeploymentError(f"{server.name} did not answer within {limit}: {error}: try again") from error
        sleep(POLL_S)
