"""A fast loopback server that stamps each request as it arrives: an independent witness of what was really sent.

Run as a process; prints its port, answers until standard input closes, then prints the stamps as float64 seconds. With
a certificate and a key it speaks TLS.
"""

import array
import os
import select
import socket
import ssl
import sys
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


def serve(stall_at: int, stall_s: float, context: ssl.SSLContext | None) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    print(listener.getsockname()[1], flush=True)
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    poller.register(sys.stdin, select.EPOLLIN)
    clients: dict[int, socket.socket] = {}
    stamps = array.array("d")
    while True:
        for descriptor, _ in poller.poll():
            if descriptor == sys.stdin.fileno():
                os.write(1, stamps.tobytes()) if len(stamps) < 8000 else sys.stdout.buffer.write(stamps.tobytes())
                sys.stdout.flush()
                return
            if descriptor == listener.fileno():
                client = accept(listener, context)
                clients[client.fileno()] = client
                poller.register(client, select.EPOLLIN)
                continue
            now = time.monotonic()
            try:
                data = clients[descriptor].recv(65536)
            except ssl.SSLWantReadError:  # a record that is not whole yet
                continue
            if not data:
                poller.unregister(descriptor)
                clients.pop(descriptor).close()
                continue
            stamps.append(now)
            if len(stamps) == stall_at:
                time.sleep(stall_s)
            clients[descriptor].send(ANSWER)


def accept(listener: socket.socket, context: ssl.SSLContext | None) -> socket.socket:
    """The next client; over TLS after its handshake, for which all others wait."""
    client, _ = listener.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context is not None:
        client.settimeout(5)
        client = context.wrap_socket(client, server_side=True)
        client.setblocking(False)
    return client


def context_of(paths: list[str]) -> ssl.SSLContext | None:
    """TLS with this certificate and key; None without them."""
    if not paths:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*paths)
    return context


if __name__ == "__main__":
    serve(int(sys.argv[1]), float(sys.argv[2]), context_of(sys.argv[3:]))
