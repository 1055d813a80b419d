"""Replies while they come and on file: chunks, events, and a body cut where its envelope begins."""

import gc
import io
import itertools
import json
import tracemalloc

import pytest

from harness.load.events import EventCounter
from harness.load.failed import RequestFailed
from harness.load.parser import Exchange, ReplyParser
from harness.load.replies import Body, Pair, Replies, Reply, Spool

HEAD = b"HTTP/1.1 200 OK\r\nX-Kept: yes\r\nX-Id: 7\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
EVENTS = HEAD + b"Content-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = b'event: frostline\ndata: {"frostline": {"unit": "1"}}\n\n'


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def read(*pieces, end_ns=None):
    """What a parser makes of pieces that come at moments 1, 2, ... and maybe of the end of the connection."""
    parser, exchange = ReplyParser("x-kept", "X-Id"), Exchange()
    parser.begin(exchange)
    for moment, piece in enumerate(pieces, 1):
        parser.feed(piece, moment)
    if end_ns is not None:
        parser.end(end_ns)
    return exchange


def body_of(exchange):
    return b"".join(exchange.body.pieces) if exchange.body else b""


def stamps(exchange):
    names = ("first_byte_ns", "first_chunk_ns", "last_chunk_ns", "done_ns")
    return (*(getattr(exchange, name) for name in names), exchange.chunks)


def test_a_reply_in_one_piece_has_no_chunks():
    exchange = read(HEAD + b"Content-Length: 2\r\n\r\n", b"o", b"k")
    assert stamps(exchange) == (1, 0, 0, 3, 0)
    assert (exchange.status, exchange.size, body_of(exchange)) == (200, 2, b"ok")
    assert (exchange.header_value, exchange.request_id) == (b"yes", b"7")
    assert exchange.complete and exchange.reusable and not exchange.streamed


def test_chunks_are_stamped_when_the_last_of_their_bytes_came():
    first, second = chunk(b"abc"), chunk(b"de")
    exchange = read(CHUNKED, first[:4], first[4:] + second[:1], second[1:], b"0\r\n\r\n")
    assert stamps(exchange) == (1, 3, 4, 5, 2)
    assert body_of(exchange) == b"abcde"


def test_the_chunk_that_ends_a_reply_is_none():
    assert stamps(read(CHUNKED + b"0\r\n\r\n")) == (1, 0, 0, 1, 0)


def test_of_a_stream_events_are_counted_and_not_chunks():
    events = [b'data: {"chunk": %d}\n\n' % n for n in range(3)]
    exchange = read(
        EVENTS, chunk(events[0] + events[1][:5]), chunk(events[1][5:]), chunk(events[2]), chunk(LAST) + b"0\r\n\r\n"
    )
    assert stamps(exchange) == (1, 2, 4, 5, 3)
    assert exchange.streamed
    assert body_of(exchange) == b"".join(events) + LAST


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (b"data: a\n\ndata: b\n\n", 2),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", 2),
        (b"data: a\r\rdata: b\r\r", 2),
        (b"data: a\ndata: b\n\n", 1),
        (b": a comment\n\nid: 7\n\nretry: 5\n\n", 0),
        (b"event: ping\n\n", 0),
        (b"event: error\ndata: x\n\n", 0),
        (b"data: a\n\nevent: error\ndata: x\n\n", 1),
        (b"\xef\xbb\xbfdata: a\n\ndata: b\n\n", 2),
        (b"\xef\xbb\xbf\n\ndata: b\n\n", 1),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", 1),
        (b"data: x\nevent: frostline\n\ndata: y\n\n", 1),
        (b"event:frostline\ndata\n\n", 0),
        (b"event: frostline2\ndata: x\n\n", 1),
        (b"event: frostline" + b" " * 100 + b"\ndata: x\n\n", 1),
        (b"data: " + b"x" * 500 + b"\n\n", 1),
        (b"datum: x\n\n", 0),
        (b"data: x\n", 0),
        (b"", 0),
    ],
)
def test_events_count_alike_however_they_are_cut(text, count):
    assert EventCounter().feed(text) == count
    for size in (1, 2, 3, 7):
        counter = EventCounter()
        assert sum(counter.feed(text[at : at + size]) for at in range(0, len(text), size)) == count


def test_an_interim_reply_is_no_reply():
    with pytest.raises(RequestFailed, match="closed before the reply"):
        read(b"HTTP/1.1 100 Continue\r\n\r\n", end_ns=2)


@pytest.mark.parametrize(
    "cut", [b"H", b"HTTP/1.1 200 OK\r\nCont", b"HTTP/1.1 100 Go\r\n", b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200"]
)
def test_a_head_that_is_cut_is_told(cut):
    with pytest.raises(RequestFailed, match="closed in the midst of its head"):
        read(cut, end_ns=2)


def test_what_an_interim_reply_says_of_lengths_is_not_the_replys():
    exchange = read(b"HTTP/1.1 103 Early\r\nContent-Length: 9\r\n\r\n" + HEAD + b"\r\nuntil the end", end_ns=5)
    assert (body_of(exchange), exchange.done_ns, exchange.reusable) == (b"until the end", 5, False)


@pytest.mark.parametrize("framing", [b"Content-Length: 3\r\n\r\nab", b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"])
def test_a_reply_that_is_cut_is_not_whole(framing):
    with pytest.raises(RequestFailed, match="closed in mid-reply"):
        read(HEAD + framing, end_ns=2)


@pytest.mark.parametrize("surplus", [b"HTTP/1.1 500 No\r\nContent-Length: 1\r\n\r\nx", b"rubbish"])
def test_what_follows_a_whole_reply_is_nobodys_and_ends_the_connection(surplus):
    exchange = read(HEAD + b"Content-Length: 2\r\n\r\nok" + surplus)
    assert (exchange.status, body_of(exchange), exchange.complete, exchange.reusable) == (200, b"ok", True, False)


def test_a_parser_reads_one_reply_after_the_other():
    parser = ReplyParser("x-kept", "x-id")
    for number in range(3):
        exchange = Exchange()
        parser.begin(exchange)
        parser.feed(CHUNKED + chunk(b"%d" % number) + b"0\r\n\r\n", number + 1)
        assert (body_of(exchange), exchange.chunks, exchange.reusable) == (b"%d" % number, 1, True)


def split(body):
    digest, head, tail = body.split()
    return digest, b"".join(head), tail


ENVELOPE = b'"frostline": {"unit": "1"}}'
BODIES = [
    (b'{"answer": 1, ', ENVELOPE),
    (b"", ENVELOPE),
    (b'{"answer": "frost"}', b""),
    (b"", b""),
    (b'{"answer": "\\"frostline\\"", ', ENVELOPE),
    (b'{"answer": ["frostline", "frostline"], ', ENVELOPE),
    (b'{"answer": "' + b"x" * 300 + b'", ', ENVELOPE),
    (b'{"answer": "frostlin', b""),
]


@pytest.mark.parametrize(("head", "tail"), BODIES)
@pytest.mark.parametrize("size", [1, 3, 10, 11, 12, 100, 1000])
def test_a_body_is_cut_at_its_last_envelope_however_it_came(head, tail, size):
    whole, data = Body.of(head + tail), head + tail
    assert split(whole)[1:] == (head, tail)
    body = Body()
    for at in range(0, len(data), size):
        body.add(data[at : at + size])
    assert split(body) == split(whole)


def test_alike_are_heads_of_the_same_bytes_alone():
    digests = [Body.of(head + tail).split()[0] for head, tail in BODIES]
    assert digests[1] == digests[3], "both are empty"
    assert len(set(digests)) == len({head for head, _ in BODIES})


@pytest.fixture
def files(tmp_path):
    return tmp_path / "replies", tmp_path / "heads"


def test_replies_come_back_from_their_files_and_heads_once(files):
    spool = Spool.create(*files)
    kept = [(n, b"h%d" % n, b"id-%d" % n, n % 2 == 0, BODIES[n % 2]) for n in range(100)]
    for index, header, request_id, streamed, (head, tail) in kept:
        spool.keep(index, header, request_id, streamed, Body.of(head + tail))
    spool.close()
    replies = Replies.open([files, files])
    for file in files:
        file.unlink()
    try:
        assert len(replies) == 200
        found = list(replies)
        assert [index for index, _ in found] == [n for n, *_ in kept] * 2
        for (index, reply), (n, header, request_id, streamed, (head, tail)) in zip(found, kept * 2, strict=True):
            assert (index, reply.header, reply.request_id) == (n, header, request_id.decode())
            assert (reply.streamed, replies.head(reply.head), reply.tail) == (streamed, head, tail)
        assert {reply.head for _, reply in found} == {0, 1, 2, 3}
        with pytest.raises(IndexError):
            replies.head(4)
    finally:
        replies.close()
        replies.close()


def test_an_envelope_is_json_and_so_is_what_stands_before_it(files):
    envelope = {"answer": {"a": [1]}, "frostline": {"unit": "1"}}
    spool = Spool.create(*files)
    spool.keep(0, b"", b"", False, Body.of(json.dumps(envelope).encode()))
    spool.close()
    replies = Replies.open([files])
    ((_, reply),) = replies
    assert json.loads(b"{" + reply.tail) == {"frostline": envelope["frostline"]}
    assert json.loads(replies.head(reply.head).rstrip(b", \n\r\t") + b"}") == {"answer": envelope["answer"]}
    replies.close()


def test_large_replies_are_never_held(files):
    """Not by writing nor reading 200 of 1 MB, which have 2 answers, nor by the 100 idle connections that they leave."""
    size, count = 1_000_000, 200
    answers = [b"a" * size, b"b" * size]
    gc.collect()
    tracemalloc.start()
    try:
        spool, parsers = Spool.create(*files), [ReplyParser() for _ in range(100)]
        for index, parser in zip(range(count), itertools.cycle(parsers)):
            exchange = Exchange()
            parser.begin(exchange)
            tail = b'"frostline": %d}' % index
            parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (size + len(tail)), 1)
            for at in range(0, size, 65_536):
                parser.feed(answers[index % 2][at : at + 65_536], 2)
            parser.feed(tail, 3)
            spool.keep(index, b"", b"", False, exchange.take_body())
        spool.close()
        replies = Replies.open([files])
        heads = {reply.head for _, reply in replies}
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(heads) == 2
    assert [replies.head(number) for number in sorted(heads)] == answers
    assert sum(file.stat().st_size for file in files) < 3 * size
    assert peak < 6 * size
    replies.close()


def test_replies_of_several_sources_have_heads_numbered_through():
    def pair(*bodies):
        replies, heads = io.BytesIO(), io.BytesIO()
        spool = Spool(replies, heads)
        for index, body in enumerate(bodies):
            spool.keep(index, b"", b"", False, Body.of(body))
        return Replies([Pair(replies, heads)])

    joined = Replies().join(pair(b"a", b"b")).join(pair()).join(pair(b"b", b"c"))
    assert [joined.head(reply.head) for _, reply in joined] == [b"a", b"b", b"b", b"c"]
    assert [reply for _, reply in itertools.islice(joined, 1)] == [Reply()]
