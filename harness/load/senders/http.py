"""Plain HTTP/1.1, over IPv4 or IPv6."""

import re
import ssl
from urllib.parse import urlsplit

from harness.load.senders.contract import Request, as_shown, origin, without_userinfo
from targets.contract import Endpoint

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
"""Headers that frame a request: they are written here and nowhere else."""
BODILESS = frozenset({"HEAD", "CONNECT"})
"""Methods whose replies are framed in another way than all others."""


class Http:
    """Sends what the endpoint says, byte for byte the same each time."""

    scheme = "http"
    """Of every URL that it can be given."""

    def problems(self, endpoint: Endpoint) -> list[str]:
        """What of the URL, the method and the headers cannot be sent."""
        problems = [*self._url_problems(endpoint.url)]
        if not TOKEN.fullmatch(endpoint.method) or endpoint.method in BODILESS:
            problems.append(f"method: {endpoint.method!a} is not accepted: give one like GET or POST")
        spelled: dict[str, str] = {}
        for name, value in endpoint.headers.items():
            if (other := spelled.setdefault(name.lower(), name)) != name:
                problems.append(f"headers: {name!a} is not accepted: {other!a} is the same one: leave out one of both")
            elif not TOKEN.fullmatch(name) or name.lower() in OURS:
                problems.append(f"headers: {name!a} is not accepted: it is no header that can be chosen")
            elif not (value.isascii() and value.isprintable()):
                problems.append(f"headers: the value of {name} is not accepted: give printable ASCII on one line")
        return problems + self._trust_problems(endpoint)

    def tls(self, endpoint: Endpoint) -> ssl.SSLContext | None:
        """None."""
        return None

    def request(self, endpoint: Endpoint, body: bytes) -> Request:
        """Built once: nothing of it depends on when it leaves."""
        data = write_request(endpoint, body, {})
        return lambda: data

    def _trust_problems(self, endpoint: Endpoint) -> list[str]:
        given = [name for name in ("ca_file", "insecure") if getattr(endpoint, name)]
        return [f"{name}: plain HTTP has no certificate: leave it out, or give https://" for name in given]

    def _url_problems(self, url: str) -> list[str]:
        bare = without_userinfo(url)
        refusal, form = f"url: {as_shown(url)[:200]!a} is not accepted: ", f"{self.scheme}://host:port/path"
        if not (url.isascii() and url.isprintable()) or " " in url:
            return [f"{refusal}write other characters than printable ASCII as %XX"]
        try:
            parts = urlsplit(bare)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            return [f"{refusal}{error}: give {form}"]
        if parts.scheme != self.scheme or not host or port == 0 or "%" in host:
            return [f"{refusal}give {form}"]
        if bare != url:
            return ["url: a name or password in it would not be sent: leave it out, and give a header instead"]
        return []


def write_request(endpoint: Endpoint, body: bytes, further: dict[str, str]) -> bytes:
    """A request with the endpoint's headers and `further` ones."""
    return write_head(endpoint, headers_of(endpoint, body, further)) + b"\r\n" + body


def headers_of(endpoint: Endpoint, body: bytes, further: dict[str, str]) -> list[tuple[str, str]]:
    """All that a request has, the endpoint's and `further` ones: a later one replaces another of its name, which is one
    in whatever case."""
    parts = urlsplit(endpoint.url)
    host, port = origin(endpoint)
    name = f"[{host}]" if ":" in host else host
    ours = {"Host": f"{name}:{port}" if parts.port else name}
    if body or endpoint.method in ("POST", "PUT", "PATCH"):
        ours |= {"Content-Length": str(len(body)), "Content-Type": "application/json"}
    headers = [*ours.items(), *endpoint.headers.items(), *further.items()]
    return list({name.lower(): (name, value) for name, value in headers}.values())


def write_head(endpoint: Endpoint, headers: list[tuple[str, str]]) -> bytes:
    """A request's first line and these headers, without the empty line that ends a head."""
    parts = urlsplit(endpoint.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"{endpoint.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), ""]
    return "\r\n".join(lines).encode()


SENDER = Http()
