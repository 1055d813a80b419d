"""What a backing service is: a server that units need, such as a queue or a store, and one that runs for a deployment.

It is no unit: nothing is asked of it by the load, and its memory and CPU are in no row.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from targets.clock import now_ns, sleep
from targets.contract import DeploymentError, Sizing
from targets.packaging.bootstrap import Debian

READY_LIMIT_S = 60.0
POLL_S = 0.02
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
    program: str
    """Of its process on this machine."""
    install: str
    """How to install that on Debian."""
    port: int
    """Where it listens in its container."""
    sizing: Sizing
    """The limits of its container."""
    container_command: list[str]
    """Listens on `port`, writes below /tmp only, and lets in whoever knows $FROSTLINE_SECRET."""

    def process_command(self, program: str, folder: Path) -> list[str]:
        """Listens on a socket in `folder`, where only this user comes, and nowhere else."""

    def address(self, host: str, port: int, secret: str) -> str:
        """For its clients, over TCP."""

    def socket_address(self, folder: Path) -> str:
        """For its clients, through the socket in `folder`."""

    def ask(self, address: str) -> str:
        """Its version, once it takes requests. NotReady before, and when it is gone."""


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


@dataclass
class Backing:
    """The servers of one deployment, which are removed together."""

    running: dict[str, Running] = field(default_factory=dict)

    def ended(self) -> str | None:
        """Which of them has ended and how; None while all run."""
        ends = ((name, running.end_reason()) for name, running in self.running.items())
        return next((f"{name} ended: {why}" for name, why in ends if why), None)


def wait_until_ready(server: Server, running: Running) -> str:
    """Ask until it answers; its version. DeploymentError when it ends first or takes too long."""
    deadline_ns = now_ns() + int(READY_LIMIT_S * 1e9)
    while True:
        try:
            return server.ask(running.address)
        except NotReady as error:
            if why := running.end_reason():
                said = running.last_words().strip().splitlines()[-1:] or ["it printed nothing"]
                raise DeploymentError(f"{server.name} ended before it answered: {why}: {said[0][:300]}") from error
            if now_ns() > deadline_ns:
                limit = f"{READY_LIMIT_S:.0f} s"
                raise DeploymentError(f"{server.name} did not answer within {limit}: {error}: try again") from error
        sleep(POLL_S)
