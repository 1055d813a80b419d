"""Locust's two sockets, sealed: who does not hold the run's token gets no byte past ZeroMQ's own handshake.

CURVE proves each side to the other, encrypts, and lets nothing be forged or sent again; its keys are derived from the
token, which never travels. Locust reads nothing of whoever failed that.
"""

import hmac
from collections.abc import Callable
from typing import Any, Protocol

import gevent
import zmq.green as zmq
from locust.rpc import Message
from locust.rpc.zmqrpc import BaseSocket
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from harness.clock import now_ns
from harness.errors import MissingError, TrialError
from harness.load.far.token import keys

MOST_MESSAGE_BYTES = 2**21
"""A connection that sends a longer one is closed; pieces are half as long."""
HANDSHAKE_MS = 10_000
"""Who has not proved the token by then is cut off."""
LINGER_MS = 2_000
"""So long what was said last may still leave."""
ZAP = "inproc://zeromq.zap.01"
"""Where libzmq asks whether a client's key is to be let in (ZeroMQ RFC 27)."""
FAILURES = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH


class Door(Protocol):
    """Who decides which messages of proven clients Locust gets to see."""

    def lets_in(self, client: str, message: Message) -> bool:
        """Whether Locust may handle this message."""

    def refuse(self) -> None:
        """Somebody failed to prove the token."""


def require_curve() -> None:
    """MissingError where this libzmq cannot seal."""
    if not zmq.has("curve"):
        raise MissingError(
            "this build of pyzmq has no CURVE, without which workers cannot be joined: pip install pyzmq"
        )


class SealedServer(BaseSocket):
    """The master's socket."""

    def __init__(self, host: str, port: int, token: str, door: Door) -> None:
        """Listens at once. TrialError where it cannot."""
        super().__init__(zmq.ROUTER, ":" not in host)  # type: ignore[no-untyped-call]
        self._door = door
        _harden(self.socket)
        self._gate = self.socket.context.socket(zmq.REP)
        self._gate.bind(ZAP)
        self._public_of_workers, _ = keys(token, "worker")
        _, self.socket.curve_secretkey = keys(token, "master")
        self.socket.curve_server, self.socket.zap_domain = True, b"frostline"
        self._greenlets = [gevent.spawn(self._answer_gate), gevent.spawn(_watch, self.socket, door.refuse)]
        try:
            self.socket.bind(f"tcp://{in_url(host)}:{port or '*'}")
        except zmq.ZMQError as error:
            raise TrialError(f"{in_url(host)}:{port} cannot be listened on: {error.strerror}: give another") from error
        self.port = int(bytes(self.socket.getsockopt(zmq.LAST_ENDPOINT)).rpartition(b":")[2])

    def recv_from_client(self) -> tuple[str, Message]:
        """The next message that Locust is to see; what cannot be read is passed over."""
        while True:
            frames = self.socket.recv_multipart()
            if (message := read_message(frames[-1])) is None or len(frames) != 2:
                continue
            client = frames[0].decode("latin-1")
            if client == message.node_id and self._door.lets_in(client, message):
                return client, message

    def send_to_client(self, message: Message) -> None:
        """To who has left it is lost, as it would be on its way."""
        self.socket.send_multipart([message.node_id.encode("latin-1"), as_bytes(message)])

    def close(self, linger: int | None = LINGER_MS) -> None:
        """Let go of all."""
        gevent.killall(self._greenlets)
        self._gate.close(0)
        self.socket.close(linger)

    def _answer_gate(self) -> None:
        while True:
            version, request, _domain, _address, _identity, mechanism, *credentials = self._gate.recv_multipart()
            known = z85.decode(self._public_of_workers)
            is_known = mechanism == b"CURVE" and len(credentials) == 1 and hmac.compare_digest(credentials[0], known)
            status = [b"200", b"OK", b"worker"] if is_known else [b"400", b"unknown key", b""]
            self._gate.send_multipart([version, request, *status, b""])


class SealedClient(BaseSocket):
    """A worker's socket."""

    def __init__(self, host: str, port: int, identity: str, token: str, refuse: Callable[[], None]) -> None:
        """Connects, and again for as long as it is open; `refuse` hears of each handshake that failed."""
        super().__init__(zmq.DEALER, ":" not in host)  # type: ignore[no-untyped-call]
        _harden(self.socket)
        self.socket.identity = identity.encode("latin-1")
        self.socket.curve_serverkey, _ = keys(token, "master")
        self.socket.curve_publickey, self.socket.curve_secretkey = keys(token, "worker")
        self._greenlet = gevent.spawn(_watch, self.socket, refuse)
        self.socket.immediate = True  # nothing is queued for a master that is not there
        self.heard_ns = now_ns()
        """When the master was heard last."""
        self.socket.connect(f"tcp://{in_url(host)}:{port}")

    def send(self, message: Message) -> None:
        """Lost while the master is out of reach."""
        try:
            self.socket.send(as_bytes(message), zmq.NOBLOCK)
        except zmq.Again:
            return

    def recv(self) -> Message:
        """The next message; what cannot be read is passed over."""
        while True:
            if (message := read_message(self.socket.recv())) is not None:
                self.heard_ns = now_ns()
                return message

    def close(self, linger: int | None = LINGER_MS) -> None:
        """Let go of all."""
        self._greenlet.kill()
        self.socket.close(linger)


def message_of(kind: str, data: dict[str, Any], node_id: str) -> Message:
    """One of Locust's."""
    return Message(kind, data, node_id)  # type: ignore[no-untyped-call]


def as_bytes(message: Message) -> bytes:
    """As it travels."""
    return bytes(message.serialize())  # type: ignore[no-untyped-call]


def read_message(data: bytes) -> Message | None:
    """A message of Locust's, which is msgpack and names no code to run; None where it is none."""
    try:
        message = Message.unserialize(data)  # type: ignore[no-untyped-call]
    except Exception:  # msgpack and Locust's hook raise in many ways
        return None
    return message if isinstance(message.type, str) and isinstance(message.node_id, str) else None


def in_url(host: str) -> str:
    """A host as an address has it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _harden(socket: Any) -> None:
    socket.maxmsgsize, socket.handshake_ivl = MOST_MESSAGE_BYTES, HANDSHAKE_MS


def _watch(socket: Any, refuse: Callable[[], None]) -> None:
    """Hear of handshakes that fail."""
    monitor = socket.get_monitor_socket(FAILURES)
    while True:
        parse_monitor_message(monitor.recv_multipart())
        refuse()
