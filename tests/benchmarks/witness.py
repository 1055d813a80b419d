"""A fast loopback server that stamps each request as it arrives: an independent witness of what was really sent.

Run as a process; prints its port, answers until standard input closes, then prints the stamps as float64 seconds.
"""

import array
import os
import select
import socket
import sys
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


def serve(stall_at: int, stall_s: float) -> None:
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
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[client.fileno()] = client
                poller.register(client, select.EPOLLIN)
                continue
            now = time.monotonic()
            data = clients[descriptor].recv(65536)
            if not data:
                poller.unregister(descriptor)
                clients.pop(descriptor).close()
                continue
            stamps.append(now)
            if len(stamps) == stall_at:
                time.sleep(stall_s)
            clients[descriptor].send(ANSWER)


if __name__ == "__main__":
    serve(int(sys.argv[1]), float(sys.argv[2]))
