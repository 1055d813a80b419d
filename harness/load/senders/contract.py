"""What a sender is: it says which bytes leave for an endpoint, and over what. How they travel is the load path's."""

import ssl
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from targets.contract import Endpoint

Request = Callable[[], bytes]
"""One request from its first to its last byte; called at the moment of sending, so that a signature is of then."""


class Sender(Protocol):
    """One way of asking. One file each in this folder, or in a harness/load/senders/ on PYTHONPATH, which sets SENDER.

    Requests that are signed go in here: `request` prepares what stays the same, and what it returns adds date and
    signature when it is called. Everything else of the load path stays as it is.
    """

    schemes: tuple[str, ...]
    """Of the URLs that it serves unless an endpoint names another sender; none where it is only taken by its name."""

    def problems(self, endpoint: Endpoint) -> list[str]:
        """Why it cannot send there, one line each, which begins with the endpoint's field."""

    def tls(self, endpoint: Endpoint) -> ssl.SSLContext | None:
        """What vouches for the server; None sends without TLS."""

    def request(self, endpoint: Endpoint, body: bytes) -> Request:
        """One request with this body, made ready before the schedule begins."""


def origin(endpoint: Endpoint) -> tuple[str, int]:
    """Host and port of its URL; an IPv6 address stands without brackets."""
    parts = urlsplit(endpoint.url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
