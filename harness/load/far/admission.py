"""How a worker comes to be let in: it proves the token by its socket's handshake, says what it is, and is told."""

import platform
from collections.abc import Callable
from typing import Any

import gevent
from locust.rpc import Message

from harness.clock import now_ns
from harness.errors import MissingError, UsageError
from harness.files.text import harmless
from harness.load.far.messages import FULL, HELLO, OVER, WELCOME
from harness.load.far.sockets import SealedClient, in_url, message_of
from harness.load.far.source import identity, network_id

AGAIN_S = 1.0
"""Between two times that it is asked."""
REFUSALS = 3
"""Handshakes that fail in a row until it is believed: one may, as a connection that breaks."""
Tell = Callable[[str], None]


class Admission:
    """Of one worker at one master."""

    def __init__(self, host: str, port: int, within_s: float, token: str, tell: Tell) -> None:
        self._host, self._port, self._within_s = host, port, within_s
        self._token, self._tell = token, tell
        self._refusals = 0
        self._is_told = False
        self.place = f"{in_url(host)}:{port}"

    def obtain(self, client_id: str) -> SealedClient:
        """A socket at whose other end a run counts on this worker. UsageError where the token is not the run's,
        MissingError where nobody lets it in in time, or it is not of the run's Frostline."""
        client = SealedClient(self._host, self._port, client_id, self._token, self._refuse)
        says = {**identity(), "host": platform.node(), "network": network_id()}
        until_ns = now_ns() + int(self._within_s * 1e9)
        while now_ns() < until_ns:
            client.send(message_of(HELLO, says, client_id))
            if client.socket.poll(int(AGAIN_S * 1000)) and self._is_let_in(client.recv()):
                return client
            if self._refusals >= REFUSALS:
                raise UsageError(
                    [
                        f"--join: {self.place} takes no worker with this token: it is another run's, or what listens "
                        "there is no run of Frostline: give the token that the run showed"
                    ]
                )
        raise MissingError(
            f"--join: nobody at {self.place} has let this worker in within {self._within_s:g} s: begin the run with "
            "--listen, and see that its machine can be reached there"
        )

    def _is_let_in(self, message: Message) -> bool:
        self._refusals = 0
        if message.type == OVER:
            raise MissingError(harmless(reason(message.data)))
        if message.type == FULL and not self._is_told:
            self._is_told = True
            self._tell(f"{self.place} has all the workers that its run asked for: waiting for a place")
        if message.type == FULL:
            gevent.sleep(AGAIN_S)
        return bool(message.type == WELCOME)

    def _refuse(self) -> None:
        self._refusals += 1


def reason(data: Any) -> str:
    """Why a master does not want a worker any more."""
    return str(data.get("why")) if isinstance(data, dict) else ""
