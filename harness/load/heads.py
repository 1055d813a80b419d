"""Heads of replies that strict HTTP/1.1 does not have, read as curl reads them, or refused with what is wrong."""

import re

from harness.load.failed import RequestFailed

END = re.compile(rb"\r?\n\r?\n")
FIRST = re.compile(rb"HTTP/(\d(?:\.\d)?)[ \t]+([1-9]\d\d)(?:[ \t]+(.*))?", re.IGNORECASE | re.DOTALL)
BEGIN = b"HTTP/"
TLS_BEGIN = re.compile(rb"[\x14-\x17]\x03")
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
LENGTH = re.compile(rb"\+?(\d+)(?![0-9A-Za-z]).*", re.DOTALL)
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
VERSIONS = {b"1.0": b"1.0", b"1.1": b"1.1", b"2": b"1.1", b"2.0": b"1.1"}
CODINGS = frozenset({b"chunked", b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress", b"br", b"zstd"})
"""What a body may be transferred in. It is measured as it comes: none of them is undone."""
MOST_LENGTH = 2**63 - 1
SHOWN = 60


class Malformed(RequestFailed):
    """The reply's head can be read in no way; the text says what is wrong with it."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"malformed reply: {problem}")


def not_http(problem: str) -> RequestFailed:
    """Something else than HTTP/1.1 came."""
    return RequestFailed(f"not HTTP/1.1: {problem}")


def shown(data: bytes) -> str:
    """Bytes of a server, as an error may repeat them."""
    return ascii(data[:SHOWN].decode("latin-1")) + ("..." if len(data) > SHOWN else "")


def mend(came: bytes) -> bytes | None:
    """All that came of a reply, with its head in strict form; interim replies are left out. None while the head is not
    whole. RequestFailed when no reading of it is right."""
    while True:
        check_begin(came)
        end = END.search(came)
        if end is None:
            return None
        version, status, reason, fields = read_head(came[: end.start()])
        rest = came[end.end() :]
        if status[:1] != b"1" or status == b"101":
            lines = [b"HTTP/%s %s %s" % (version, status, reason), *mended(fields)]
            return b"\r\n".join([*lines, b"", rest])
        came = rest
        if not came:
            return None


def check_begin(came: bytes) -> None:
    """RequestFailed as soon as the first line cannot be one of HTTP."""
    line, found, _ = came.lstrip(b"\r\n").partition(b"\n")
    line = line.rstrip(b"\r")
    if TLS_BEGIN.match(line):
        raise not_http("it speaks TLS")
    known = FIRST.fullmatch(line)
    if line[: len(BEGIN)].upper() != BEGIN[: len(line)] or (found and known is None):
        raise not_http(f"its first line is {shown(line)}")
    if known is not None and known[1] not in VERSIONS:
        raise not_http(f"its version is {shown(known[1])}")


def read_head(head: bytes) -> tuple[bytes, bytes, bytes, list[tuple[bytes, bytes]]]:
    """Version, status, reason and header fields. A line that begins with a space goes on with the one before it."""
    first, *lines = re.split(rb"\r?\n", head.lstrip(b"\r\n"))
    known = FIRST.fullmatch(first.rstrip())
    if known is None:
        raise not_http(f"its first line is {shown(first)}")
    fields: list[tuple[bytes, bytes]] = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if b"\0" in line:
            raise Malformed(f"its header line {shown(line)} has a zero byte")
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1] = fields[-1][0], fields[-1][1] + b" " + line.strip()
        elif not colon:
            raise Malformed(f"its header line {shown(line)} has no colon")
        else:
            fields.append((name.strip(), value.strip()))
    return VERSIONS[known[1]], known[2], CONTROL.sub(b" ", known[3] or b""), fields


def mended(fields: list[tuple[bytes, bytes]]) -> list[bytes]:
    """Lines of a strict head, in which one thing at most says where the body ends."""
    framing: dict[bytes, list[bytes]] = {b"content-length": [], b"transfer-encoding": []}
    lines = []
    for name, value in fields:
        if (found := framing.get(name.lower())) is not None:
            found += [part.strip() for part in value.split(b",")]
        elif TOKEN.fullmatch(name):
            lines.append(name + b": " + CONTROL.sub(b" ", value))
    lengths, is_chunked = framing[b"content-length"], read_codings(framing[b"transfer-encoding"])
    length = None if is_chunked else read_lengths(lengths)
    if is_chunked:
        lines.append(b"Transfer-Encoding: chunked")
    elif length is not None:
        lines.append(b"Content-Length: %d" % length)
    if lengths and (is_chunked or length is None):
        lines.append(b"Connection: close")  # two ends, of which another reader may take the other one
    return lines


def read_codings(codings: list[bytes]) -> bool:
    """Whether the body comes in chunks."""
    real = [coding.lower() for coding in codings if coding and coding.lower() != b"identity"]
    if unknown := [coding for coding in real if coding not in CODINGS]:
        raise Malformed(f"its Transfer-Encoding is {shown(unknown[0])}")
    if b"chunked" in real[:-1] and real[-1] != b"chunked":
        raise Malformed(f"its Transfer-Encoding is {shown(b', '.join(codings))}: chunked must come last")
    return real[-1:] == [b"chunked"]


def read_lengths(lengths: list[bytes]) -> int | None:
    """How long the body is; None where its end is that of the connection."""
    found: set[int] = set()
    for length in lengths:
        known = LENGTH.fullmatch(length)
        if known is None:
            raise Malformed(f"its Content-Length is {shown(length)}")
        found.add(int(known[1]) if len(known[1]) < 30 else MOST_LENGTH + 1)
    if len(found) > 1:
        raise Malformed(f"its Content-Length is {' and '.join(map(str, sorted(found)))}")
    return next((length for length in found if length <= MOST_LENGTH), None)
