"""The way to an endpoint, made ready before the first request: looked up, built, certificates loaded."""

import ipaddress
import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

from harness.load.senders import Caller, SenderFailed, endpoint_problems, failure_of, sender_of
from harness.load.senders.contract import Request, origin
from targets.contract import Endpoint
from targets.names import FAULTS


@dataclass
class Route:
    """The way to an endpoint, made ready before the first request: looked up, built, certificates loaded."""

    endpoint: Endpoint
    bodies: list[bytes]
    requests: list[Request]
    """One for each body."""
    addresses: list[tuple[int, Any]]
    """Families and addresses in the order in which they are tried: the latest one that worked is the first."""
    tls: ssl.SSLContext | None
    keep: bool
    """Replies are kept."""
    caller: Caller | None = None
    """Who carries the requests out; then nothing else of the way is ours."""
    reached: dict[str, None] = field(default_factory=dict)
    """The addresses that took us, in the order in which they first did."""

    @classmethod
    def to(cls, endpoint: Endpoint, bodies: list[bytes], keep: bool) -> "Route":
        """SenderFailed when its sender cannot send there, OSError when the host has no address."""
        if problems := endpoint_problems(endpoint):
            raise SenderFailed("\n".join(problems))
        try:
            sender = sender_of(endpoint)
            if isinstance(sender, Caller):
                return cls(endpoint, bodies, [], [], None, keep, sender)
            tls, requests = sender.tls(endpoint), [sender.request(endpoint, body) for body in bodies]
        except FAULTS as error:
            raise SenderFailed(failure_of(endpoint, error)) from error
        return cls(endpoint, bodies, requests, addresses_of(endpoint), tls, keep)

    def prefer(self, address: tuple[int, Any]) -> None:
        """Try this one first from now on: another one may lead nowhere."""
        if self.addresses[0] != address:
            self.addresses.remove(address)
            self.addresses.insert(0, address)

    def defer(self, address: tuple[int, Any]) -> None:
        """Try this one last from now on."""
        self.addresses.remove(address)
        self.addresses.append(address)


def addresses_of(endpoint: Endpoint) -> list[tuple[int, Any]]:
    """Every address of the endpoint's host, in the system's order. OSError when there is none."""
    host, port = origin(endpoint)
    is_local = is_localhost(host)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        if not is_local:
            raise
        found = []
    except UnicodeError as error:  # a label of more than 63 characters
        raise OSError(f"{host!a} is no name of a host: {error}") from error
    addresses: list[tuple[int, Any]] = [(family, address) for family, _, _, _, address in found]
    if is_local:  # whatever the system's table says: a server may listen on either
        addresses += [each for each in loopbacks(port) if each not in addresses]
    return addresses


def is_loopback(host: str) -> bool:
    """Whether it is a name or an address of this machine's own, as it stands in a URL."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return is_localhost(host)


def is_localhost(host: str) -> bool:
    """Whether it is a name of this machine's own, as RFC 6761 has it: no resolver need know all of them."""
    name = host.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def loopbacks(port: int) -> list[tuple[int, Any]]:
    """This machine's own addresses."""
    return [(socket.AF_INET, ("127.0.0.1", port)), (socket.AF_INET6, ("::1", port, 0, 0))]
