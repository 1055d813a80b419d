"""Thousands of exchanges with a server that answers well, late, in pieces, twice, broken or not at all.

Each request has a number, which the server's reply repeats. Whatever the server does: every arrival has one record, no
reply is taken for another request's, and what a server began on reaches it once.
"""

import array
import asyncio
import random
import socket
import struct
from collections import Counter

import pytest

from harness.load.process import LoadProcess
from harness.load.wire import Fate, LoadPlan
from targets.contract import Endpoint
from tests.http_server import LoopServer

COUNT = 6_000
RATE = 500
SEEDS = (1, 2)
"""So many times as many requests in all."""


class Mutating(LoopServer):
    """What it does with request N is drawn from the seed and N: each does one thing that few servers do well."""

    def __init__(self, seed):
        self.seed, self.seen, self.done = seed, Counter(), Counter()
        self.spoilt: set[int] = set()
        """Numbers whose reply was changed so that it may say anything."""
        super().__init__()

    async def serve(self, reader, writer):
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                number = int(await reader.readexactly(8))
                self.seen[number] += 1
                draw = random.Random(self.seed * 1_000_003 + number)
                name = draw.choice(WAYS)
                self.done[name] += 1
                if not await getattr(self, name)(number, draw, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def good(self, number, draw):
        body = b"%08d" % number * draw.randint(1, 40)
        head = draw.choice((b"", b"HTTP/1.1 103 Early\r\nA: b\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"))
        if draw.random() < 0.5:
            return head + b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        at = draw.randint(1, len(body))
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:at], body[at:]) if part)
        return head + b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"

    async def plain(self, number, draw, writer):
        writer.write(self.good(number, draw))
        return True

    async def late(self, number, draw, writer):
        await asyncio.sleep(draw.random() * 0.02)
        return await self.plain(number, draw, writer)

    async def split(self, number, draw, writer):
        data = self.good(number, draw)
        at = draw.randrange(len(data))
        for part in (data[:at], data[at : at + 1], data[at + 1 :]):
            writer.write(part)
            await asyncio.sleep(0.001)
        return True

    async def cut(self, number, draw, writer):
        data = self.good(number, draw)
        writer.write(data[: draw.randrange(len(data))])
        return False

    async def torn(self, number, draw, writer):
        data = self.good(number, draw)
        writer.write(data[: draw.randrange(len(data))])
        await asyncio.sleep(0.001)
        return self.reset(writer)

    def reset(self, writer):
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
        return False

    async def twice(self, number, draw, writer):
        writer.write(self.good(number, draw) + self.good(number + 50_000_000, draw))
        return True

    async def followed(self, number, draw, writer):
        writer.write(self.good(number, draw) + draw.randbytes(draw.randint(1, 30)))
        return True

    async def flipped(self, number, draw, writer):
        self.spoilt.add(number)
        data = bytearray(self.good(number, draw))
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        writer.write(data)
        await asyncio.sleep(0.005)
        return False  # a length may have become longer: whoever waits for the rest is told that there is none

    async def noise(self, number, draw, writer):
        writer.write(draw.randbytes(draw.randint(1, 300)))
        await asyncio.sleep(0.001)
        return False

    async def silent(self, number, draw, writer):
        return False

    async def broken(self, number, draw, writer):
        return self.reset(writer)

    async def closing(self, number, draw, writer):
        """Without saying so."""
        await self.plain(number, draw, writer)
        return False

    async def closing_later(self, number, draw, writer):
        await self.plain(number, draw, writer)
        await asyncio.sleep(draw.random() * 0.01)
        return False

    async def resetting_later(self, number, draw, writer):
        await self.plain(number, draw, writer)
        await writer.drain()
        await asyncio.sleep(draw.random() * 0.01)
        return self.reset(writer)

    async def until_the_end(self, number, draw, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"%08d" % number * draw.randint(1, 40))
        return False


WHOLE = ("plain", "late", "split", "twice", "followed", "closing", "closing_later", "until_the_end")
WAYS = [*WHOLE, "plain", "plain", "cut", "torn", "flipped", "noise", "silent", "broken", "resetting_later"]


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_a_server_does_each_reply_belongs_to_its_request(seed, capfd):
    server, process = Mutating(seed), LoadProcess()
    try:
        plan = LoadPlan("", [Endpoint(f"http://127.0.0.1:{server.port}/", "POST")], "", COUNT / RATE, timeout_s=60)
        offsets = array.array("d", [number / RATE for number in range(COUNT)])
        sent = process.carry_out(plan, offsets, [b"%08d" % number for number in range(COUNT)], lambda ended: None)
    finally:
        process.close()
        server.close()
    records, errors = sent.records, sent.errors
    assert capfd.readouterr().err == "", "no traceback of the load process"
    assert records["index"].tolist() == list(range(COUNT))
    fates = [Fate(fate) for fate in records["fate"].tolist()]
    assert set(fates) <= {Fate.ANSWERED, Fate.FAILED}, Counter(fates)
    assert max(server.seen.values()) == 1, "what a server began on is never repeated"
    assert set(server.done) == set(WAYS)
    bodies = {index: sent.replies.head(reply.head) + reply.tail for index, reply in sent.replies}
    sent.replies.close()
    for number, (fate, error) in enumerate(zip(fates, errors, strict=True)):
        assert (fate == Fate.ANSWERED) == (not error)
        if fate == Fate.ANSWERED:
            assert server.seen[number] == 1, "a reply to a request that nobody saw"
            if number not in server.spoilt:
                body = bodies[number]
                assert body and body == b"%08d" % number * (len(body) // 8)
        if records["resent"][number]:
            assert records["fresh"][number]
