"""What a sender is: it says which bytes leave for an endpoint, and over what. How they travel is the load path's.

A sender that can say no such thing, because a library of its provider's does all, carries its requests out itself.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from targets.contract import Endpoint

Request = Callable[[], bytes]
"""One request from its first to its last byte; called at the moment of sending, so that a signature is of then."""

SCHEME = re.compile(r"([^/?#@:\\]*:)?[/\\]+")
HOST = re.compile(r"(\[[^@]*\]|[^:@]*)(:\d*)?")


class Sender(Protocol):
    """One way of asking. One file each in this folder, or in a harness/load/senders/ on PYTHONPATH, which sets SENDER.

    An endpoint names it, or has a URL whose scheme is called like the file. Requests that are signed go in here:
    `request` prepares what stays the same, and what it returns adds date and signature when it is called. Everything
    else of the load path stays as it is.
    """

    def problems(self, endpoint: Endpoint) -> list[str]:
        """Why it cannot send there, one line each, which begins with the endpoint's field."""

    def tls(self, endpoint: Endpoint) -> ssl.SSLContext | None:
        """What vouches for the server; None sends without TLS."""

    def request(self, endpoint: Endpoint, body: bytes) -> Request:
        """One request with this body, made ready before the schedule begins."""


@dataclass(frozen=True)
class Response:
    """What came back for a request that its sender carried out itself."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes


Call = Callable[[], Response]
"""One request, carried out once when it is called: whatever its status, it returns what came. TimedOut, RequestFailed
or OSError where nothing whole did; all else that it raises is a fault of the sender's own."""


@runtime_checkable
class Caller(Protocol):
    """A sender that carries its requests out itself, each in a thread of the system's: nothing of it holds up others.

    Its file sets SENDER as others do. Of its connections nothing is known here, nor when the first byte came.
    """

    def problems(self, endpoint: Endpoint) -> list[str]:
        """Why it cannot send there, one line each, which begins with the endpoint's field."""

    def calls(self, endpoint: Endpoint, bodies: list[bytes], timeout_s: float) -> AbstractContextManager[list[Call]]:
        """One for each body, made ready before the schedule begins; none takes much longer than `timeout_s`.

        Each thread that sends enters calls of its own, and leaves them at its end, when their connections must be
        closed: a load process's sockets belong to the thread that made them.
        """


def origin(endpoint: Endpoint) -> tuple[str, int]:
    """Host and port of its URL; an IPv6 address stands without brackets."""
    parts = urlsplit(endpoint.url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def as_shown(url: str) -> str:
    """A URL as it may be printed or kept: without name and password, and of its query only the names: a value may be a
    key."""
    start, mark, query = without_userinfo(url).partition("#")[0].partition("?")
    return start + mark + "&".join(map(_without_value, query.split("&")))


def _without_value(part: str) -> str:
    name, mark, value = part.partition("=")
    return f"{name}=***" if value else name + mark if mark else "***" if name else ""


def without_userinfo(url: str) -> str:
    """A URL as it may be shown, whatever is wrong with it: without the name and password that may stand in it.

    A password with a slash in it is no authority any more, yet no business of whoever reads an error.
    """
    scheme = SCHEME.match(url)
    start = scheme.end() if scheme else 0
    authority = re.split(r"[/?#\\]", url[start:], maxsplit=1)[0]
    at = url.rfind("@")
    return url if at < start or HOST.fullmatch(authority) else url[:start] + url[at + 1 :]
