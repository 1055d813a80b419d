"""The Invoke operation of AWS's service model, in front of a pool."""

import base64
import binascii
import json
import math
import uuid
from urllib.parse import parse_qs

from targets.contract import TIMELINE_HEADER
from targets.lambda_front.backlog import Backlog
from targets.lambda_front.log_tail import log_tail
from targets.lambda_front.names import LATEST, check_target
from targets.lambda_front.passage import Passage
from targets.lambda_front.payload import REPLY_TOO_LARGE, check_json, check_size
from targets.lambda_front.pool import Pool, Throttled
from targets.lambda_front.refusal import Answer, Refused, invalid, not_satisfied, unknown_operation
from targets.lambda_front.request import Request
from targets.lambda_front.sandbox import SandboxDied
from targets.serving.quota import MAX_REPLY_BYTES

LONGEST_CONTEXT = 3583
KINDS = {b"": "RequestResponse", **{kind.encode(): kind for kind in ("Event", "RequestResponse", "DryRun")}}
LOGS = (b"", b"None", b"Tail")
STAND_BY = "/frostline/stand-by"
OWN_ROUTES = {(b"POST", "/frostline/drop"), (b"POST", STAND_BY), (b"GET", "/frostline/pool")}
UNSUPPORTED = {
    b"x-amz-tenant-id": "the function has no tenant isolation: leave TenantId out",
    b"x-amz-durable-execution-name": "the function is not durable: leave DurableExecutionName out",
}

DECISIVE = frozenset({b"x-amz-invocation-type", b"x-amz-log-type", b"x-amz-client-context", *UNSUPPORTED})
"""Headers without which nothing of the headers needs to be looked at."""


class Front:
    """Answers whole requests; `check_head` tells beforehand what a request's head alone decides."""

    def __init__(self, pool: Pool, function: str, memory_mb: int | None = None) -> None:
        self.pool = pool
        self.function = function
        self.memory_mb = memory_mb
        self._good_target: str | None = None
        """The last that named the function as it is, so that what is sent over and over is compared only."""
        self._backlog = Backlog(pool)

    async def close(self) -> None:
        """Give up the events that wait, then the pool."""
        await self._backlog.close()
        await self.pool.close()

    def check_head(self, request: Request, size: int) -> None:
        """Refused when the request cannot be carried out whatever its body says, which has `size` bytes."""
        if request.target != self._good_target or request.method != b"POST":
            if self._is_own_route(request):
                return
            self._good_target = request.target
        if not DECISIVE.isdisjoint(request.headers):
            _check_headers(request.headers)
        check_size(size, _kind(request) == "Event")

    def _is_own_route(self, request: Request) -> bool:
        """Whether it asks the front itself. Refused when it asks neither that nor this function."""
        try:
            refusal = check_target(request.target, self.function)
        except LookupError:
            if (request.method, request.target.partition("?")[0]) in OWN_ROUTES:
                return True
            raise unknown_operation("this front has the Invoke operation only") from None
        if request.method != b"POST":
            raise unknown_operation("Invoke is a POST")
        if refusal is not None:
            raise refusal
        return False

    async def answer(self, request: Request) -> Answer:
        """The reply to a whole request."""
        try:
            _name(request)
            self.check_head(request, request.size)
            if request.target.startswith("/frostline/"):
                return await self._manage(request)
            return await self._invoke(request)
        except Refused as refused:
            return refused.answer()

    async def _invoke(self, request: Request) -> Answer:
        kind, body = _kind(request), bytes(request.body)
        if body:
            check_json(body)
        else:  # an absent payload is an empty event
            body = b"{}"
        passage = Passage(request.received_ns, request.id, request.headers.get(b"x-amz-log-type") == b"Tail")
        if kind == "DryRun":
            return 204, b"", {}
        if kind == "Event":
            self._backlog.accept(body, passage)
            return 202, b"", {}
        return await self._respond(body, passage)

    async def _respond(self, body: bytes, passage: Passage) -> Answer:
        headers = {"x-amz-executed-version": LATEST}
        try:
            reply = await self.pool.invoke(body, passage)
        except Throttled as throttled:
            more, retry = {"Reason": throttled.reason}, {"retry-after": "1"}
            raise Refused(429, "TooManyRequestsException", f"Rate Exceeded: {throttled}", more, retry) from throttled
        except SandboxDied as error:
            answer = json.dumps({"errorType": error.kind, "errorMessage": str(error)}).encode()
            headers["x-amz-function-error"] = "Unhandled"
        else:
            answer = reply.body
            if len(answer) > MAX_REPLY_BYTES:
                answer = REPLY_TOO_LARGE
            if reply.error or answer is REPLY_TOO_LARGE:
                headers["x-amz-function-error"] = reply.error or "Unhandled"
        if passage.report is not None:
            headers["x-amz-log-result"] = log_tail(passage.report, passage.request_id, self.memory_mb)
        headers[TIMELINE_HEADER] = json.dumps({"received_ns": passage.received_ns, **passage.facts})
        return 200, answer, headers

    async def _manage(self, request: Request) -> Answer:
        """The front's own routes."""
        if request.method == b"GET":
            return 200, json.dumps({"size": self.pool.size}).encode(), {}
        path, _, query_text = request.target.partition("?")
        query = parse_qs(query_text)
        if path == STAND_BY:
            return await self._stand_by(query, bytes(request.body))
        self.pool.generation = query.get("generation", [self.pool.generation])[0]
        return 200, json.dumps({"removed": await self.pool.drop_all()}).encode(), {}

    async def _stand_by(self, query: dict[str, list[str]], body: bytes) -> Answer:
        """`idle_s` has one age for each sandbox, `first_s` says when the first request is due (Pool.stand_by)."""
        try:
            idle_s = [_seconds(age_s, -math.inf) for text in query.get("idle_s", []) for age_s in text.split(",")]
            standing = await self.pool.stand_by(idle_s, _seconds(query.get("first_s", ["0"])[0], 0.0), body)
        except ValueError as error:
            raise Refused(400, "InvalidRequestContentException", str(error)) from error
        return 200, json.dumps({"standing": standing}).encode(), {}


def _seconds(text: str, least: float) -> float:
    """ValueError where it is no finite time, or less than the least."""
    seconds = float(text)
    if not math.isfinite(seconds) or seconds < least:
        raise ValueError(f"{text} is no number of seconds" + (f" from {least:g} on" if math.isfinite(least) else ""))
    return seconds


def _check_headers(headers: dict[bytes, bytes]) -> None:
    kind, log = headers.get(b"x-amz-invocation-type", b""), headers.get(b"x-amz-log-type", b"")
    if kind not in KINDS:
        raise not_satisfied(
            "invocationType", kind.decode("latin-1"), "enum value set: [Event, RequestResponse, DryRun]"
        )
    if log not in LOGS:
        raise not_satisfied("logType", log.decode("latin-1"), "enum value set: [None, Tail]")
    if b"x-amz-client-context" in headers:
        _check_context(headers[b"x-amz-client-context"])
    for name, message in UNSUPPORTED.items():
        if name in headers:
            raise invalid(message)


def _kind(request: Request) -> str:
    return KINDS[request.headers.get(b"x-amz-invocation-type", b"")]


def _name(request: Request) -> None:
    """Take over the caller's own id of the request, which must be a UUID."""
    given = request.headers.get(b"x-amzn-requestid")
    if given is not None:
        try:
            request.id = str(uuid.UUID(given.decode("latin-1")))
        except ValueError:
            message = f"x-amzn-RequestId: {given[:80].decode('latin-1')} is not a valid UUID string"
            raise Refused(400, "InvalidRequestContentException", message) from None


def _check_context(given: bytes) -> None:
    """The client's context must be one; no workload is given a context, so it goes no further."""
    if len(given) > LONGEST_CONTEXT:
        raise not_satisfied("clientContext", f"{len(given)} bytes", f"length: at most {LONGEST_CONTEXT}")
    try:
        context = json.loads(base64.b64decode(given, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        context = None
    if not isinstance(context, dict):
        raise Refused(
            400, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object."
        )
