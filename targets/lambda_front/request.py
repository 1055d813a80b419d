"""One HTTP request as it is parsed."""

import uuid
from dataclasses import dataclass, field

from targets.lambda_front.refusal import Refused


@dataclass
class Request:
    """`received_ns` is when it was whole; `refused` is set where it is no request that could be answered."""

    method: bytes = b""
    path: bytes = b""
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
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    refused: Refused | None = None

    @property
    def target(self) -> str:
        """Path and query, also where a client sent a whole URL as it would to a proxy."""
        text = self.path.decode("latin-1")
        if not text.startswith(("http://", "https://")):
            return text
        _, slash, path = text.partition("://")[2].partition("/")
        return slash + path
