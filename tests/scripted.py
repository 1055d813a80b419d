"""A server of the tests that does with each of its connections what it is told to, down to how it ends it."""

import contextlib
import socket
import ssl
import struct
import threading

OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"


def reply(body=b"ok"):
    """A plain good one."""
    return OK % (len(body), body)


def reset(connection):
    """End it without an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Scripted:
    """Calls `script(connection, number)` for each connection, in threads of their own or one after the other."""

    def __init__(self, script, at_once=True, backlog=100, certificate=None, family=socket.AF_INET):
        self.requests: list[bytes] = []
        self.connections = 0
        self._script, self._at_once = script, at_once
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*certificate)
        self._listener = socket.socket(family)
        self._listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self._listener.listen(backlog)
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(10)

    def read(self, connection):
        """The next request, whole; b"" when there is none. It is remembered."""
        came = b""
        while b"\r\n\r\n" not in came or len(came) < self._size(came):
            piece = connection.recv(65_536)
            if not piece:
                return b""
            came += piece
        self.requests.append(came)
        return came

    def _size(self, came):
        head, _, _ = came.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        return len(head) + 4 + int(fields.get(b"content-length", 0))

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self.connections += 1
            if self._at_once:
                self._threads.append(threading.Thread(target=self._serve, args=(connection, self.connections - 1)))
                self._threads[-1].daemon = True
                self._threads[-1].start()
            else:
                self._serve(connection, self.connections - 1)

    def _serve(self, connection, number):
        with contextlib.suppress(OSError):  # the client's end, or the test's
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            self._script(connection, number)
            connection.close()
