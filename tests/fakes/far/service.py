"""The platform's own API and its functions' endpoints, over HTTPS and HTTP alike.

POST and GET /deployments; GET and DELETE /deployments/NAME, POST .../update and .../anew, GET .../log?after=N.
POST /invoke/NAME is answered, POST /queue/NAME only accepted: its end is told by GET /queue/NAME?after=N, and how many
there are by GET /queue/NAME/state.
"""

import json
import re
import secrets
import ssl
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from targets.clock import now_ns
from tests.fakes.far.function import Function
from tests.fakes.far.pool import Throttled
from tests.fakes.far.queue import Queue

REQUEST_ID = "x-far-request-id"
POLL_S = 1.0
ROUTES = {
    ("POST", r"/deployments"): "deploy",
    ("GET", r"/deployments"): "names",
    ("GET", r"/deployments/(\w+)"): "look",
    ("DELETE", r"/deployments/(\w+)"): "remove",
    ("POST", r"/deployments/(\w+)/update"): "update",
    ("POST", r"/deployments/(\w+)/anew"): "begin_anew",
    ("GET", r"/deployments/(\w+)/log"): "log",
    ("POST", r"/invoke/(\w+)"): "invoke",
    ("POST", r"/queue/(\w+)"): "accept",
    ("GET", r"/queue/(\w+)"): "ends",
    ("GET", r"/queue/(\w+)/state"): "queue_state",
}
Answer = tuple[int, dict[str, Any] | bytes]
THROTTLED = 429, {"errorType": "TooManyRequests", "errorMessage": "too many requests are being handled"}


class Region:
    """Everything that is deployed."""

    def __init__(self, deploy_s: float) -> None:
        self._deploy_ns = int(deploy_s * 1e9)
        self._deployed: dict[str, tuple[Function, Queue, int]] = {}

    def answer(self, method: str, url: str, body: bytes, request_id: str) -> Answer:
        """Do what one request asks for."""
        parts = urlsplit(url)
        for (verb, pattern), name in ROUTES.items():
            if verb == method and (match := re.fullmatch(pattern, parts.path)):
                query = {key: int(values[0]) for key, values in parse_qs(parts.query).items()}
                try:
                    return getattr(self, f"_{name}")(*match.groups(), body=body, request_id=request_id, **query)
                except KeyError as error:
                    return 404, {"errorType": "NotFound", "errorMessage": f"nothing is deployed as {error}"}
        return 404, {"errorType": "NotFound", "errorMessage": f"{method} {parts.path} is no operation"}

    def _deploy(self, body: bytes, **_: object) -> Answer:
        name = f"fn{secrets.token_hex(6)}"
        function = Function(json.loads(body))
        self._deployed[name] = function, Queue(function), now_ns() + self._deploy_ns
        return 202, {"name": name}

    def _names(self, **_: object) -> Answer:
        return 200, {"deployments": [{"name": name, **held[0].tags} for name, held in list(self._deployed.items())]}

    def _look(self, name: str, **_: object) -> Answer:
        return 200, {"state": "active" if self._deployed[name][2] <= now_ns() else "pending"}

    def _remove(self, name: str, **_: object) -> Answer:
        if held := self._deployed.pop(name, None):  # fine when it is gone
            function, queue, _ready_ns = held
            function.pool.close()
            queue.close()
        return 200, {}

    def _update(self, name: str, body: bytes, **_: object) -> Answer:
        self._deployed[name][0].update(**json.loads(body))
        return 200, {}

    def _begin_anew(self, name: str, body: bytes, **_: object) -> Answer:
        self._deployed[name][0].begin_anew(**json.loads(body))
        return 200, {}

    def _log(self, name: str, after: int, **_: object) -> Answer:
        return 200, {"lines": self._deployed[name][0].mail.read(after)}

    def _invoke(self, name: str, body: bytes, request_id: str, **_: object) -> Answer:
        try:
            return 200, self._deployed[name][0].invoke(body or b"{}", request_id)
        except Throttled:
            return THROTTLED

    def _accept(self, name: str, body: bytes, request_id: str, **_: object) -> Answer:
        self._deployed[name][1].put(body, request_id)
        return 202, {}

    def _ends(self, name: str, after: int, **_: object) -> Answer:
        return 200, {"ends": self._deployed[name][1].read(after, POLL_S)}

    def _queue_state(self, name: str, **_: object) -> Answer:
        return 200, self._deployed[name][1].state

    def close(self) -> None:
        """End every sandbox."""
        for name in list(self._deployed):
            self._remove(name)


class Handler(BaseHTTPRequestHandler):
    """One connection; its requests are answered one after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 3600

    def __init__(self, region: Region, *arguments: Any) -> None:
        self._region = region
        super().__init__(*arguments)

    def do_POST(self) -> None:
        """Answer any method."""
        request_id = secrets.token_hex(8)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        status, answer = self._region.answer(self.command, self.path, body, request_id)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {
            "content-type": "application/json",
            "content-length": len(data),
            REQUEST_ID: request_id,
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_DELETE = do_POST

    def log_message(self, *_: object) -> None:
        """Say nothing: what happened is told by mail."""


class Server(ThreadingHTTPServer):
    """Listens on loopback; with a context, TLS is spoken, in the connection's own thread."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, region: Region, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), partial(Handler, region))
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, or does not trust us, is its own affair."""
