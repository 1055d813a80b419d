"""AWS Signature Version 4 in headers: what stays the same of a request is made once, a call adds date and signature.

Source: "Create a signed AWS API request", AWS IAM user guide. Which headers are left out, and how path and query are
written, is as in botocore.auth.SigV4Auth, to the byte.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from harness.clock import unix_s
from harness.load.senders.contract import origin
from harness.load.senders.http import headers_of, write_head
from targets.contract import Endpoint

ALGORITHM = b"AWS4-HMAC-SHA256"
DATE, TOKEN = "X-Amz-Date", "X-Amz-Security-Token"
UNSIGNED = frozenset(
    {
        *("baggage", "connection", "content-length", "expect", "keep-alive", "proxy-authenticate"),
        *("proxy-authorization", "te", "traceparent", "tracestate", "trailer", "transfer-encoding", "upgrade"),
        *("user-agent", "x-amzn-trace-id"),
    }
)
"""Headers that may be changed on the way. botocore knows no content-length yet when it signs."""
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, repr=False, eq=False)
class Keys:
    """Credentials at one time; they are shown nowhere, and equal to themselves only."""

    access_key: str
    secret_key: str
    token: str | None = None


class Scope(NamedTuple):
    """For what a signature holds, beside its day."""

    service: str
    region: str


@dataclass(frozen=True, repr=False, eq=False, slots=True)
class Moment:
    """What all signatures of one second with the same keys have in common."""

    second: int
    keys: Keys
    date: bytes
    opening: bytes
    """Of the string to sign, up to the request's digest."""
    key: bytes
    credential: bytes
    """Of the header Authorization, up to the names of the headers that are signed."""


class Signer:
    """Makes the moments of one scope."""

    def __init__(self, scope: Scope, keys: Callable[[], Keys]) -> None:
        """`keys` is asked at each signature and never waits."""
        self._scope, self._keys = scope, keys
        self._moment: Moment | None = None

    def moment(self) -> Moment:
        """The present one. Raises what `keys` raises."""
        keys, second, latest = self._keys(), int(unix_s()), self._moment
        if latest is None or latest.second != second or latest.keys is not keys:
            latest = self._moment = self._make(second, keys, latest)
        return latest

    def _make(self, second: int, keys: Keys, latest: Moment | None) -> Moment:
        date = datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H%M%SZ")
        day, (service, region) = date[:8], self._scope
        scope = f"{day}/{region}/{service}/aws4_request".encode()
        is_same = latest is not None and latest.keys is keys and latest.date[:8] == day.encode()
        key = latest.key if latest is not None and is_same else signing_key(keys.secret_key, day, self._scope)
        credential = b"%s Credential=%s/%s, SignedHeaders=" % (ALGORITHM, keys.access_key.encode(), scope)
        opening = b"\n".join([ALGORITHM, date.encode(), scope, b""])
        return Moment(second, keys, date.encode(), opening, key, credential)


class SignedRequest:
    """One request; called at the moment of sending. What was signed in this second for this body is sent again."""

    def __init__(self, signer: Signer, endpoint: Endpoint, body: bytes) -> None:
        self._signer, self._body = signer, body
        headers = headers_of(endpoint, body, {"Host": signed_host(endpoint)})
        self._head = write_head(endpoint, headers)
        parts = urlsplit(endpoint.url)
        lines = [endpoint.method.upper(), signed_path(parts.path), signed_query(parts.query), ""]
        self._first = "\n".join(lines)
        self._headers = {name.lower(): " ".join(value.split()) for name, value in headers}
        self._digest = sha256(body).hexdigest()
        self._moment: Moment | None = None
        self._template: Template | None = None
        self._data = b""

    def __call__(self) -> bytes:
        """All of it, of this second. Raises what its keys raise."""
        moment = self._signer.moment()
        if moment is not self._moment:
            self._data, self._moment = self._sign(moment), moment
        return self._data

    def _sign(self, moment: Moment) -> bytes:
        template = self._template
        if template is None or template.keys is not moment.keys:
            template = self._template = self._template_for(moment.keys)
        digest = sha256(template.before + moment.date + template.after).hexdigest()
        signature = hmac.digest(moment.key, moment.opening + digest.encode(), "sha256").hex()
        return b"%s%s%s%s%s, Signature=%s\r\n\r\n%s" % (
            template.head,
            moment.date,
            b"\r\nAuthorization: ",
            moment.credential,
            template.names,
            signature.encode(),
            self._body,
        )

    def _template_for(self, keys: Keys) -> "Template":
        """All but the date; the token is part of what is signed."""
        headers = {**self._headers, **({TOKEN.lower(): keys.token} if keys.token else {}), DATE.lower(): ""}
        signed = sorted(headers.keys() - UNSIGNED)
        lines = [f"{name}:{headers[name]}" for name in signed]
        at = signed.index(DATE.lower()) + 1
        names = ";".join(signed)
        token = f"{TOKEN}: {keys.token}\r\n" if keys.token else ""
        return Template(
            keys,
            (self._first + "\n".join(lines[:at])).encode(),
            "\n".join(["", *lines[at:], "", names, self._digest]).encode(),
            names.encode(),
            self._head + f"{token}{DATE}: ".encode(),
        )


@dataclass(frozen=True, repr=False, eq=False, slots=True)
class Template:
    """One request with some keys, without its date: before and after it, in what is signed and in what is sent."""

    keys: Keys
    before: bytes
    after: bytes
    names: bytes
    """Of the headers that are signed."""
    head: bytes
    """What is sent before the date."""


def signing_key(secret_key: str, day: str, scope: Scope) -> bytes:
    """Of one day (YYYYMMDD)."""
    key = b"AWS4" + secret_key.encode()
    for part in (day, scope.region, scope.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def signed_host(endpoint: Endpoint) -> str:
    """As the header Host has it, too: without its scheme's own port."""
    host, port = origin(endpoint)
    name = f"[{host}]" if ":" in host else host
    return name if port == DEFAULT_PORTS[urlsplit(endpoint.url).scheme] else f"{name}:{port}"


def signed_path(path: str) -> str:
    """Without empty and dotted segments, and encoded once more, as all services but S3 have it."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if kept and path.endswith("/") else ""
    return quote("/" + "/".join(kept) + end, safe="/~")


def signed_query(query: str) -> str:
    """In the order of names, then values; each as it stands in the URL."""
    pairs: Sequence[tuple[str, str, str]] = [pair.partition("=") for pair in query.split("&")] if query else []
    return "&".join(f"{name}={value}" for name, value in sorted((name, value) for name, _, value in pairs))
