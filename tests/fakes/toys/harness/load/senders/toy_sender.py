"""A sender in one file: HTTP whose requests are numbered and signed at the moment of sending."""

import hashlib
import itertools

from harness.load.senders.contract import Request
from harness.load.senders.http import Http, write_request
from targets.contract import Endpoint

SECRET = b"toy"


class ToySender(Http):
    """Taken by its name alone."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def request(self, endpoint: Endpoint, body: bytes) -> Request:
        """Written anew each time: no two requests bear one signature."""

        def sign() -> bytes:
            number = str(next(self._numbers))
            signature = hashlib.sha256(SECRET + number.encode() + body).hexdigest()
            return write_request(endpoint, body, {"x-toy-number": number, "x-toy-signature": signature})

        return sign


SENDER = ToySender()
