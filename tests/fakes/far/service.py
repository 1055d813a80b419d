"""How the platform is reached, over HTTPS and HTTP alike: its API, its functions, and POST /serve/NAME[/UNIT]."""

import http.client
import json
import re
import secrets
import ssl
import threading
from contextlib import closing
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes.far.region import Region

REQUEST_ID = "x-far-request-id"
SERVED = re.compile(r"/serve/(\w+)(?:/(\w+))?")


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
        if served := SERVED.fullmatch(self.path):
            self._hand_on(served[1], served[2], body)
            return
        status, answer = self._region.answer(self.command, self.path, body, request_id)
        self._reply(status, answer if isinstance(answer, bytes) else json.dumps(answer).encode(), request_id)

    def _hand_on(self, name: str, unit: str | None, body: bytes) -> None:
        """A service's reply, piece by piece as it comes."""
        try:
            connection, response = self._region.fleet(name).hand_on(body, unit)
        except KeyError:
            self._reply(404, b"{}")
        except (OSError, http.client.HTTPException):
            self._reply(502, b'{"errorType": "BadGateway", "errorMessage": "no replica answered"}')
        else:
            with closing(connection):
                kind = response.headers.get("content-type", "")
                if kind == "text/event-stream":
                    self._relay(response, kind)
                else:
                    self._reply(response.status, response.read())

    def _relay(self, response: http.client.HTTPResponse, kind: str) -> None:
        self._begin(response.status, {"content-type": kind, "transfer-encoding": "chunked"})
        while piece := response.read1():
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _reply(self, status: int, data: bytes, request_id: str = "") -> None:
        headers = {"content-type": "application/json", "content-length": str(len(data))}
        self._begin(status, headers | ({REQUEST_ID: request_id} if request_id else {}))
        self.wfile.write(data)

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

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
