"""Reading a public price list over HTTPS, without credentials and with bounds on host, size and time."""

import json
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.parse import urlsplit

from harness.clock import now_ns
from harness.files.strict_json import MOST_DEPTH, is_deep, refuse
from harness.files.whole import one_line

Fetch = Callable[[str], bytes]
"""The bytes behind a URL; OSError, HTTPException or ValueError when there are none."""
HOST = "pricing.us-east-1.amazonaws.com"
MOST_BYTES = 100 * 2**20
PIECE_BYTES = 2**20
TIMEOUT_S = 30.0
"""Without a byte."""
MOST_S = 300.0
"""For a whole list."""


class Unread(Exception):
    """A price list that cannot be read, in one line."""


class SameHost(urllib.request.HTTPRedirectHandler):
    """A list may move within its host, and nowhere else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """urllib: asked before a redirect is followed."""
        check_host(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def check_host(url: str) -> None:
    """OSError unless a URL is HTTPS to HOST."""
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.netloc.removesuffix(":443") != HOST:
        raise OSError(f"only https to {HOST} is read")


def fetch_list(url: str, *handlers: urllib.request.BaseHandler) -> bytes:
    """At most MOST_BYTES within MOST_S. OSError or HTTPException when that fails."""
    check_host(url)
    deadline, taken = now_ns() + round(MOST_S * 1e9), bytearray()
    opener = urllib.request.build_opener(SameHost, *handlers)
    with opener.open(url, timeout=TIMEOUT_S) as reply:
        while piece := reply.read(PIECE_BYTES):
            taken += piece
            if len(taken) > MOST_BYTES:
                raise OSError(f"larger than {MOST_BYTES:,} bytes")
            if now_ns() > deadline:
                raise OSError(f"not read within {MOST_S:g} s")
    return bytes(taken)


def read_list(fetch: Fetch, url: str) -> dict[str, Any]:
    """The list behind a URL, its decimals exact. Unread says why it cannot be had."""
    try:
        return decode_list(fetch(url))
    except (OSError, ValueError, HTTPException) as error:
        raise Unread(one_line(str(error)) or type(error).__name__) from None


def decode_list(text: bytes) -> dict[str, Any]:
    """A JSON object, its numbers exact, whatever their size. ValueError for anything else."""
    try:
        value = json.loads(text.decode(), parse_int=Decimal, parse_float=Decimal, parse_constant=refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict) or is_deep(value):
        raise ValueError(f"not a JSON object nested at most {MOST_DEPTH} deep")
    return value
