"""Who has joined, and who is lost: by what each of them says, and by its silence."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from harness.clock import now_ns
from harness.files.text import harmless
from harness.load.far.messages import FULL, HELLO, LEAVING, OF_LOCUST, OF_WORKERS, OVER, WELCOME
from harness.load.far.source import Identity, difference

SILENT_S = 10.0
"""A worker says something each second; one that is not heard for so long is lost, whatever has become of it."""
OVERSLEPT_S = 2.0
"""A master that was stopped for so long itself has heard nobody: that is no silence of theirs."""
LONGEST_NAME = 100
Reply = Callable[[str, str, dict[str, Any]], None]


class Said(Protocol):
    """One of Locust's messages."""

    type: str
    data: Any


@dataclass
class Member:
    """A worker that has joined."""

    client: str
    """What Locust calls it."""
    host: str
    network: str
    heard_ns: int


class Roster:
    """At most `most` members, all of the same Frostline as ours. A `Door` of the master's socket."""

    def __init__(self, most: int, ours: Identity, reply: Reply, tell: Callable[[str], None]) -> None:
        self.most = most
        self.members: dict[str, Member] = {}
        self.is_busy = False
        """A schedule is under way: who comes now would have Locust deal its users anew, and waits for the next."""
        self.on_loss: Callable[[str, str], None] = lambda client, why: None
        self._ours, self._reply, self._tell = ours, reply, tell
        self._looked_ns = now_ns()
        self._has_refused = False

    def lets_in(self, client: str, message: Said) -> bool:
        """Whether Locust may handle it."""
        if message.type == HELLO:
            self._greet(client, message.data if isinstance(message.data, dict) else {})
            return False
        member = self.members.get(client)
        if member is None:  # was taken for lost, or never said who it is
            self._reply(client, OVER, {"why": "the run does not count on this worker any more", "fault": True})
            return False
        member.heard_ns = now_ns()
        if message.type == LEAVING:
            why = message.data.get("why") if isinstance(message.data, dict) else ""
            self.lose(client, f"left: {_name(why)}")
            return False
        return message.type in OF_LOCUST or (message.type in OF_WORKERS and isinstance(message.data, dict))

    def refuse(self) -> None:
        """Somebody did not prove the token: said once, for it may go on trying."""
        if not self._has_refused:
            self._has_refused = True
            self._tell("refused: somebody who does not hold this run's token")

    def look(self) -> None:
        """Who has been silent for too long is lost."""
        now = now_ns()
        overslept, self._looked_ns = now - self._looked_ns > OVERSLEPT_S * 1e9, now
        for member in list(self.members.values()):
            if overslept:
                member.heard_ns = now
            elif now - member.heard_ns > SILENT_S * 1e9:
                self.lose(member.client, f"was not heard for {SILENT_S:g} s")

    def lose(self, client: str, why: str) -> None:
        """It is none of ours any more."""
        if self.members.pop(client, None):
            self.on_loss(client, why)

    def _greet(self, client: str, said: dict[str, Any]) -> None:
        host = _name(said.get("host"))
        theirs = {name: _name(said.get(name)) for name in self._ours}
        if client in self.members:  # the welcome was lost on its way
            self._reply(client, WELCOME, {})
        elif other := difference(theirs, self._ours):
            why = f"the worker on {host} has another Frostline: {other}: install the run's on its machine"
            self._tell(f"refused: {why}")
            self._reply(client, OVER, {"why": why, "fault": True})
        elif len(self.members) == self.most or self.is_busy:
            self._reply(client, FULL, {})
        else:
            self.members[client] = Member(client, host, _name(said.get("network")), now_ns())
            self._tell(f"worker {len(self.members)} of {self.most} has joined, on {host}")
            self._reply(client, WELCOME, {})


def _name(text: Any) -> str:
    return harmless(text)[:LONGEST_NAME] if isinstance(text, str) else ""
