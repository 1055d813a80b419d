"""One HTTP request as it is parsed."""

import os
from dataclasses import dataclass, field

from targets.lambda_front.refusal import Refused


@dataclass(slots=True)
class Request:
    """`received_ns` is when it was whole; `refused` is set where it is no request that could be answered."""

    method: bytes = b""
    path: bytes = b""
    target: str = ""
    """Path and query, once the head is whole."""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    size: int = 0
    """Of the body, also where it is more than was kept."""
    head_size: int = 0
    """As far as the parser has told it: a header when it is whole."""
    head_read: int = 0
    """Bytes that were of this head only, while it was not whole."""
    is_old: bool = False
    """HTTP/1.0."""
    keep_alive: bool = True
    received_ns: int = 0
    id: str = ""
    """Once it waits for its answer."""
    refused: Refused | None = None


def target_of(path: bytes) -> str:
    """Path and query, also where a client sent a whole URL as it would to a proxy."""
    text = path.decode("latin-1")
    if not text.startswith(("http://", "https://")):
        return text
    _, slash, path_only = text.partition("://")[2].partition("/")
    return slash + path_only


def new_id() -> str:
    """A UUID of version 4. Half the time that the uuid module takes."""
    drawn = os.urandom(16).hex()
    variant = "89ab"[int(drawn[16], 16) & 3]
    return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-{variant}{drawn[17:20]}-{drawn[20:]}"
