"""Locust's master for workers on other machines: a team like those of harness.load.__main__."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import gevent
from locust import runners
from locust.env import Environment

from harness.clock import now_ns
from harness.errors import TrialError
from harness.load.failures import WorkersLost
from harness.load.far.link import Link, SealedMaster
from harness.load.far.messages import OF_WORKERS, OVER
from harness.load.far.roster import Roster
from harness.load.far.sending import Sending
from harness.load.far.sockets import SealedServer, in_url, require_curve
from harness.load.far.source import identity, network_id
from harness.load.route import is_loopback
from harness.load.senders import SenderFailed
from harness.load.senders.contract import as_shown, origin
from harness.load.wire import LoadPlan
from harness.load.worker import LoneUser

LOOK_S = 0.5
FAREWELL_S = 0.5
"""For the last words to leave."""


class Fleet:
    """Waits for workers, and shares schedules among them."""

    is_lasting = True
    """Who is lost is replaced by whoever joins next."""

    def __init__(
        self, workers: int, host: str, port: int, within_s: float, token: str, say: Callable[..., None]
    ) -> None:
        """Listens at once. TrialError where it cannot."""
        require_curve()
        self.workers, self._within_s, self._say = workers, within_s, say
        self._sending: Sending | None = None
        self._is_asked = False
        """The run reads what is said only then: a pipe that fills would stop this process."""
        roster = Roster(workers, identity(), self._send, lambda line: say(said=line))
        sealed = SimpleNamespace(Server=lambda host, port: SealedServer(host, port, token, roster))
        runners.__dict__["rpc"] = sealed
        environment = Environment(user_classes=[LoneUser])
        runner = SealedMaster(environment, host, port)
        environment.runner, runner.roster = runner, roster
        self._link = Link(runner, roster)
        self._place = f"{in_url(host)}:{runner.server.port}"
        for kind in OF_WORKERS:
            runner.register_message(kind, self._receive)
        gevent.spawn(self._look)
        say(listening=self._place)

    def muster(self) -> None:
        """Wait until all workers are there. TrialError when they do not come in time."""
        deadline_ns = now_ns() + int(self._within_s * 1e9)
        with self._asked():
            self._await_all(deadline_ns)

    def _await_all(self, deadline_ns: int) -> None:
        while len(self._link.runner.clients.ready) < self.workers or len(self._link.roster.members) < self.workers:
            if now_ns() > deadline_ns:
                raise TrialError(
                    f"workers: {len(self._link.roster.members)} of {self.workers} were there within "
                    f"{self._within_s:g} s: start each with `frostline load-worker --join {self._place}` and this "
                    "run's token, or ask for fewer"
                )
            gevent.sleep(0.05)

    def carry_out(self, folder: str) -> tuple[int, list[dict[str, Any]]]:
        """Have the plan in this folder carried out; returns the moment of offset 0 and the workers' reports, or their
        errors."""
        members = list(self._link.roster.members.values())
        if len(members) < self.workers:
            raise WorkersLost(f"workers: {len(members)} of {self.workers} are there: the others are lost")
        self._sending = Sending(plan := LoadPlan.read(folder), members, self._link)
        if problems := self._out_of_reach(plan):
            raise SenderFailed("\n".join(problems))
        with self._asked():
            try:
                self._link.roster.is_busy = True
                return self._sending.carry_out()
            finally:
                self._link.roster.is_busy = False
                self._sending.drop()
                self._sending = None
                self._link.stop_users()

    def dismiss(self) -> None:
        """Tell all workers that nothing is left to do, and end."""
        for client in list(self._link.roster.members):
            self._send(client, OVER, {"why": "the run is over", "fault": False})
        gevent.sleep(FAREWELL_S)
        os._exit(0)  # whatever is under way: nobody waits for it

    @contextmanager
    def _asked(self) -> Iterator[None]:
        self._is_asked = True
        try:
            yield
        finally:
            self._is_asked = False

    def _out_of_reach(self, plan: LoadPlan) -> list[str]:
        """Endpoints that are this machine's own, which another one would look for on itself."""
        ours, own = network_id(), [each for each in plan.endpoints if is_loopback(origin(each)[0])]
        hosts = [member.host for member in self._link.roster.members.values() if member.network != ours or not ours]
        return [
            f"url: {as_shown(endpoint.url)} is an address that each machine has of its own: the worker on {host} would "
            "ask itself: give one that it can reach"
            for endpoint in own[:1]
            for host in hosts[:1]
        ]

    def _send(self, client: str, kind: str, data: dict[str, Any]) -> None:
        self._link.send(client, kind, data)

    def _receive(self, environment: Environment, msg: Any, **_: Any) -> None:
        member = self._link.roster.members.get(msg.node_id)
        if self._sending is not None and member is not None:
            self._sending.receive(member, msg.type, msg.data)

    def _look(self) -> None:
        """Who is silent is lost; and the run is told that this process lives."""
        while True:
            gevent.sleep(LOOK_S)
            self._link.roster.look()
            if self._is_asked:
                self._say(alive=True)
