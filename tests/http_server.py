"""An HTTP/1.1 server of the tests in a thread, whose answers are methods."""

import asyncio
import ssl
import threading


class LoopServer:
    """Serves connections on loopback, in a thread with a loop of its own: `serve(reader, writer)` for each."""

    def __init__(self, host="127.0.0.1", **options):
        self.loop = asyncio.new_event_loop()
        start = asyncio.start_server(self.serve, host, 0, backlog=1000, **options)
        self.server = self.loop.run_until_complete(start)
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def close(self):
        async def end():
            self.server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await asyncio.sleep(0)  # the transports' last callbacks

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(20)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)
        self.loop.close()


class HttpServer(LoopServer):
    """Answers each path by its method of that name, over TLS where it has a certificate; remembers what was asked."""

    def __init__(self, host="127.0.0.1", certificate=None):
        self.requests: list[tuple[str, bytes]] = []
        self.connections = 0
        context = None
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
        super().__init__(host, ssl=context, limit=1 << 24)

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:-2])
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                self.requests.append((head.decode(), body))
                path = head.decode().split(" ", 2)[1].strip("/").split("?")[0]
                await getattr(self, path or "plain")(body, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def plain(self, body, writer):
        """The request's body."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async def hang(self, body, writer):
        """No answer."""
        await asyncio.Event().wait()
