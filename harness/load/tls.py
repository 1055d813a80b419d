"""TLS between memory and memory: bytes in, bytes out. Who moves them over a socket decides how to wait."""

import ssl

from harness.load.failed import RequestFailed

RECORDS = 65_536
NOT_VERIFIED = "does not verify"
"""Stands in the error of a request whose server could not prove who it is."""
NO_TLS = "no TLS with"
"""Stands in the error of a request whose server speaks no TLS, or none that we do."""


class Tls:
    """One connection's TLS, of a handshake of its own: no session is resumed."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._host = host
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._in, self._out, server_hostname=host)
        self.is_open = False
        """The handshake is done."""
        self.has_ended = False
        """The other side said that nothing follows."""

    def shake_hands(self, data: bytes) -> bytes:
        """Take what came ("" at first); what is to be sent. RequestFailed when the other side is not whom we asked."""
        self._in.write(data)
        try:
            self._object.do_handshake()
            self.is_open = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLCertVerificationError as error:
            why = error.verify_message
            raise RequestFailed(f"the certificate of {self._host} {NOT_VERIFIED}: {why}") from error
        except ssl.SSLError as error:
            raise RequestFailed(f"{NO_TLS} {self._host}: {_reason(error)}") from error
        return self._out.read()

    def encrypt(self, data: bytes) -> bytes:
        """What is to be sent for `data`."""
        left = memoryview(data)
        while left:
            left = left[self._object.write(left) :]
        return self._out.read()

    def decrypt(self, data: bytes) -> bytes:
        """What came in `data`, as far as it is whole. RequestFailed when it is not TLS."""
        self._in.write(data)
        pieces = []
        try:
            while piece := self._object.read(RECORDS):
                pieces.append(piece)
            self.has_ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.has_ended = True
        except ssl.SSLError as error:
            raise RequestFailed(f"TLS with {self._host} broke: {_reason(error)}") from error
        return b"".join(pieces)


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
