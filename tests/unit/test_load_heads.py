"""Replies that strict HTTP/1.1 does not have: taken where curl takes them, else refused with what is wrong."""

import pytest

from harness.load.failed import RequestFailed
from harness.load.parser import Exchange, ReplyParser

OK = b"HTTP/1.1 200 OK\r\n"
FIVE = b"Content-Length: 5\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
BODY = b"\r\nhello"
CHUNKS = b"\r\n5\r\nhello\r\n0\r\n\r\n"


def read(data, size=None, ends=False):
    """`data` in pieces of `size`, and then the end of the connection."""
    reader, exchange = ReplyParser(kept_header="x-kept"), Exchange()
    reader.begin(exchange)
    for at in range(0, len(data), size or len(data)):
        reader.feed(data[at : at + (size or len(data))], 1)
    if ends and not exchange.complete:
        reader.end(2)
    return exchange


TAKEN = {
    "identity until the end": OK + b"Transfer-Encoding: identity\r\n" + BODY,
    "identity with a length": OK + b"Transfer-Encoding: identity\r\n" + FIVE + BODY,
    "identity after chunked": OK + b"Transfer-Encoding: chunked, identity\r\n" + CHUNKS,
    "an empty coding": OK + b"Transfer-Encoding:\r\n" + FIVE + BODY,
    "gzip in chunks": OK + b"Transfer-Encoding: gzip, chunked\r\n" + CHUNKS,
    "chunked twice": OK + b"Transfer-Encoding: chunked, chunked\r\n" + CHUNKS,
    "no length": OK + BODY,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n" + BODY,
    "HTTP/2 in its first line": b"HTTP/2 200\r\n" + FIVE + BODY,
    "http in small letters": b"http/1.1 200 OK\r\n" + FIVE + BODY,
    "interim replies": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n" + OK + FIVE + BODY,
    "an interim one before an odd one": b"HTTP/1.1 103 Early\r\nA: b\r\n\r\n" + OK + FIVE + FIVE + BODY,
    "folded lines": OK + b"X-A: one\r\n two\r\n\tthree\r\n" + FIVE + BODY,
    "a folded length": OK + b"Content-Length:\r\n 5\r\n" + BODY,
    "names in small letters": OK + b"content-length: 5\r\n" + BODY,
    "line feeds alone": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "line feeds among others": OK + b"X-A: b\nContent-Length: 5\n\r\nhello",
    "an empty reason": b"HTTP/1.1 200 \r\n" + FIVE + BODY,
    "no reason": b"HTTP/1.1 200\r\n" + FIVE + BODY,
    "two spaces": b"HTTP/1.1  200  OK\r\n" + FIVE + BODY,
    "a space before a colon": OK + b"Content-Length : 5\r\n" + BODY,
    "spaces around a length": OK + b"Content-Length: \t 5 \t\r\n" + BODY,
    "a control character": OK + b"X-A: a\x01b\r\n" + FIVE + BODY,
    "a return in a value": OK + b"X-A: a\rb\r\n" + FIVE + BODY,
    "an odd name": OK + b"X(A): b\r\n: c\r\n" + FIVE + BODY,
    "the same length twice": OK + FIVE + FIVE + BODY,
    "the same length in one line": OK + b"Content-Length: 5, 5\r\n" + BODY,
    "a length with a sign": OK + b"Content-Length: +5\r\n" + BODY,
    "a length beyond all": OK + b"Content-Length: 99999999999999999999999\r\n" + BODY,
    "length and chunks": OK + b"Content-Length: 3\r\n" + CHUNKED + CHUNKS,
    "chunks and length": OK + CHUNKED + b"Content-Length: 3\r\n" + CHUNKS,
    "extensions of chunks": OK + CHUNKED + b'\r\n5;a="b c";d\r\nhello\r\n0;e\r\n\r\n',
    "spaces after a chunk's size": OK + CHUNKED + b"\r\n5  \r\nhello\r\n0\r\n\r\n",
    "trailers": OK + CHUNKED + b"Trailer: X-T\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
}


@pytest.mark.parametrize("size", [None, 1, 7], ids=["whole", "bytewise", "in sevens"])
@pytest.mark.parametrize("name", TAKEN)
def test_what_curl_takes_is_taken_however_it_is_cut(name, size):
    exchange = read(TAKEN[name], size, ends=True)
    assert (exchange.complete, exchange.status, b"".join(exchange.take_body().pieces)) == (True, 200, b"hello")


@pytest.mark.parametrize("name", ["length and chunks", "chunks and length", "a length beyond all", "no length"])
def test_a_connection_whose_reply_has_two_ends_or_none_carries_no_other(name):
    assert not read(TAKEN[name], ends=True).reusable


@pytest.mark.parametrize("name", ["the same length twice", "folded lines", "line feeds alone"])
def test_a_connection_whose_reply_was_only_odd_carries_the_next(name):
    assert read(TAKEN[name]).reusable


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("fields", [b"", b"Content-Length: 0\r\n", b"Content-Length: 500\r\n"])
def test_a_reply_that_has_no_body_is_whole(status, fields):
    exchange = read(b"HTTP/1.1 %d X\r\n" % status + fields + b"\r\n")
    assert (exchange.complete, exchange.status, exchange.size) == (True, status, 0)


def test_kept_headers_of_an_odd_head_are_kept():
    assert read(OK + b"X-Kept : a\r\n b\r\n" + FIVE + BODY).header_value == b"a b"


REFUSED = {
    "a negative length": (OK + b"Content-Length: -5\r\n" + BODY, "malformed reply: its Content-Length is '-5'"),
    "a length in words": (OK + b"Content-Length: five\r\n" + BODY, "malformed reply: its Content-Length is 'five'"),
    "no length after all": (OK + b"Content-Length:\r\n" + BODY, "malformed reply: its Content-Length is ''"),
    "two lengths": (OK + FIVE + b"Content-Length: 6\r\n" + BODY, "malformed reply: its Content-Length is 5 and 6"),
    "an unknown coding": (OK + b"Transfer-Encoding: odd\r\n" + BODY, "malformed reply: its Transfer-Encoding is 'odd'"),
    "gzip of chunks": (
        OK + b"Transfer-Encoding: chunked, gzip\r\n" + CHUNKS,
        "malformed reply: its Transfer-Encoding is 'chunked, gzip': chunked must come last",
    ),
    "no colon": (OK + b"odd line\r\n" + FIVE + BODY, "malformed reply: its header line 'odd line' has no colon"),
    "a zero byte": (OK + b"A: b\0\r\n" + BODY, "malformed reply: its header line 'A: b\\x00' has a zero byte"),
    "a chunk without a size": (
        OK + CHUNKED + b"\r\nzz\r\nhello\r\n0\r\n\r\n",
        "malformed reply: the size of one of its chunks is no hexadecimal number",
    ),
    "a chunk beyond all": (
        OK + CHUNKED + b"\r\nfffffffffffffffff\r\nhello",
        "malformed reply: the size of one of its chunks is beyond any reply's",
    ),
    "a chunk that is longer": (
        OK + CHUNKED + b"\r\n3\r\nhello\r\n0\r\n\r\n",
        "malformed reply: one of its chunks is longer than it says",
    ),
    "another protocol": (b"SSH-2.0-OpenSSH\r\n", "not HTTP/1.1: its first line is 'SSH-2.0-OpenSSH'"),
    "another version": (b"HTTP/1.2 200 OK\r\n" + FIVE + BODY, "not HTTP/1.1: its version is '1.2'"),
    "a status of two digits": (b"HTTP/1.1 20 OK\r\n\r\n", "not HTTP/1.1: its first line is 'HTTP/1.1 20 OK'"),
    "a status of nothing": (b"HTTP/1.1 000 X\r\n\r\n", "not HTTP/1.1: its first line is 'HTTP/1.1 000 X'"),
    "TLS": (b"\x15\x03\x01\x00\x02\x02\x28", "not HTTP/1.1: it speaks TLS"),
    "a switch without a connection of its own": (
        b"HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\n",
        "not HTTP/1.1: it switched to another protocol (status 101)",
    ),
    "a switch without a word": (
        b"HTTP/1.1 101 Go\r\nContent-Length: 0\r\n\r\n",
        "not HTTP/1.1: it switched to another protocol (status 101)",
    ),
    "a switch of an odd head": (
        b"HTTP/1.1 101 Go\r\nodd name: x\r\n\r\n",
        "not HTTP/1.1: it switched to another protocol (status 101)",
    ),
    "a switch": (
        b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        "not HTTP/1.1: it switched to another protocol (status 101)",
    ),
}


AT_ONCE = ("another protocol", "TLS")
"""Known by their first byte, so that no more is waited for."""


@pytest.mark.parametrize("size", [None, 1], ids=["whole", "bytewise"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_told_in_words_about_the_server(name, size):
    data, said = REFUSED[name]
    with pytest.raises(RequestFailed) as refused:
        read(data, size)
    assert str(refused.value) == said or (size and name in AT_ONCE and str(refused.value).startswith("not HTTP/1.1: "))
