"""HTTP/1.1 over TLS: a server must prove by its certificate that it is whom the URL names, unless told otherwise."""

import ssl
from functools import cache
from pathlib import Path

from harness.load.senders.http import Http
from targets.contract import Endpoint


class Https(Http):
    """Plain HTTP's bytes, and whom to believe."""

    scheme = "https"

    def tls(self, endpoint: Endpoint) -> ssl.SSLContext:
        """The system's authorities or those of `ca_file` vouch for the server; with `insecure` nobody does."""
        written_ns = Path(endpoint.ca_file).stat().st_mtime_ns if endpoint.ca_file else 0
        return _context(endpoint.ca_file, endpoint.insecure, written_ns)

    def _trust_problems(self, endpoint: Endpoint) -> list[str]:
        if endpoint.ca_file and endpoint.insecure:
            return ["ca_file: with insecure nothing is verified: give one of both"]
        try:
            self.tls(endpoint)
        except OSError as error:  # also what ssl says of a file without a certificate
            why = error.strerror or str(error)
            return [f"ca_file: {endpoint.ca_file!a} is not accepted ({why}): name a file of PEM certificates"]
        return []


@cache
def _context(ca_file: str, insecure: bool, written_ns: int) -> ssl.SSLContext:
    """Loaded once, which takes 25 ms with the system's authorities; a file that was written anew is read anew."""
    context = ssl.create_default_context(cafile=ca_file or None)
    context.set_alpn_protocols(["http/1.1"])
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


SENDER = Https()
