"""Replies on file: the end of each body, where its envelope stands, and once for all that are alike what is before it.

A load process writes each reply as it ends; a reader takes them one by one. Neither ever holds them all.
"""

import hashlib
import os
import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

ENVELOPE = b'"frostline"'
"""The member that begins a body's envelope, which is its last one."""
REPLY = struct.Struct("<qIIIIBxxx")
"""Before each reply: index, number of its head, bytes of the header, of the request's id and of the tail, streamed."""
HEAD = struct.Struct("<Q")
"""Before each head: its bytes."""
BUFFER = 262_144
"""What is gathered of small replies before it is written."""


@dataclass(frozen=True)
class Reply:
    """One reply: its body is that of head number `head`, and then `tail`, from the last envelope on (b"": none)."""

    header: bytes = b""
    """The value of the kept header."""
    request_id: str = ""
    tail: bytes = b""
    head: int = 0
    streamed: bool = False
    """Server-sent events."""


class Body:
    """One body while it comes, to be cut where its last envelope begins."""

    __slots__ = ("_cut", "pieces", "size")

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self._cut: Cut | None = None

    def add(self, piece: bytes) -> None:
        """Take the next piece. The work is done piece by piece, so that a long body blocks nobody at its end."""
        if self.pieces:
            if self._cut is None:
                self._cut = Cut()
                self._cut.add(self.pieces[0])
            self._cut.add(piece)
        self.pieces.append(piece)
        self.size += len(piece)

    @classmethod
    def of(cls, data: bytes) -> "Body":
        """One that came in one piece."""
        body = cls()
        body.add(data)
        return body

    def split(self) -> tuple[bytes, list[bytes], bytes]:
        """The digest of what stands before its last envelope, that in pieces, and the rest."""
        if self._cut is not None:
            return self._cut.digest(), *split_at(self.pieces, self._cut.at)
        data = self.pieces[0] if self.pieces else b""
        at = data.rfind(ENVELOPE)
        head, tail = (data[:at], data[at:]) if at >= 0 else (data, b"")
        return hashlib.sha256(head).digest(), [head], tail


class Cut:
    """Where the last envelope begins in a body of several pieces, and the digest of all before it."""

    def __init__(self) -> None:
        self.at: int | None = None
        self._size = 0
        self._digest = self._head_digest = hashlib.sha256()
        self._carry = b""
        """The last bytes: not in the digest yet, because an envelope may begin in them."""

    def add(self, piece: bytes) -> None:
        """Look through the next piece."""
        window = self._carry + piece
        at = window.rfind(ENVELOPE)
        if at >= 0:
            self.at = self._size - len(self._carry) + at
            self._digest.update(window[:at])
            self._head_digest = self._digest.copy()
            window = window[at:]
        hashed = max(0, len(window) - len(ENVELOPE) + 1)
        self._digest.update(window[:hashed])
        self._carry = window[hashed:]
        self._size += len(piece)

    def digest(self) -> bytes:
        """Of the head; nothing can be added any more."""
        if self.at is None:
            self._digest.update(self._carry)
        return self._head_digest.digest()


def split_at(pieces: list[bytes], at: int | None) -> tuple[list[bytes], bytes]:
    """The pieces before `at`, and all after it in one; None leaves everything before it."""
    if at is None:
        return pieces, b""
    head: list[bytes] = []
    for number, piece in enumerate(pieces):
        if len(piece) > at:
            return [*head, piece[:at]], b"".join([piece[at:], *pieces[number + 1 :]])
        head.append(piece)
        at -= len(piece)
    return head, b""


class Spool:
    """Writes replies into two files as they end."""

    def __init__(self, replies: BinaryIO, heads: BinaryIO) -> None:
        self._replies, self._heads = replies, heads
        self._numbers: dict[bytes, int] = {}

    @classmethod
    def create(cls, replies: Path, heads: Path) -> "Spool":
        """Into new files."""
        return cls(replies.open("wb", BUFFER), heads.open("wb", BUFFER))

    def keep(self, index: int, header: bytes, request_id: bytes, streamed: bool, body: Body) -> None:
        """Write one reply; its head only when no other one was the same."""
        digest, head, tail = body.split()
        number = self._numbers.get(digest)
        if number is None:
            number = self._numbers[digest] = len(self._numbers)
            self._heads.write(HEAD.pack(sum(map(len, head))))
            self._heads.writelines(head)
        self._replies.write(REPLY.pack(index, number, len(header), len(request_id), len(tail), streamed))
        self._replies.writelines((header, request_id, tail))

    def close(self) -> None:
        """Write what is left."""
        self._replies.close()
        self._heads.close()


class Pair:
    """The two files of one spool, as their reader has them."""

    def __init__(self, replies: BinaryIO, heads: BinaryIO) -> None:
        self._replies, self._heads = replies, heads
        self.starts = array("q")
        """Where each head begins in its file; the last may be torn where its writer was killed, and counts for none."""
        at, end = 0, heads.seek(0, os.SEEK_END)
        while (size := self._size_at(at)) and at + HEAD.size + size[0] <= end:
            self.starts.append(at)
            at += HEAD.size + size[0]

    def __iter__(self) -> Iterator[tuple[int, Reply]]:
        at, end = 0, self._replies.seek(0, os.SEEK_END)
        while at + REPLY.size <= end:
            self._replies.seek(at)
            index, head, *sizes, streamed = REPLY.unpack(self._replies.read(REPLY.size))
            at += REPLY.size + sum(sizes)
            if at > end:
                return
            header, request_id, tail = (self._replies.read(size) for size in sizes)
            if head >= len(self.starts):
                continue
            yield index, Reply(header, request_id.decode("latin-1"), tail, head, bool(streamed))

    def head(self, number: int) -> bytes:
        """The bytes of one head."""
        size = self._size_at(self.starts[number])
        return self._heads.read(size[0]) if size else b""

    def close(self) -> None:
        """Let go of the files."""
        self._replies.close()
        self._heads.close()

    def _size_at(self, at: int) -> tuple[int] | None:
        self._heads.seek(at)
        fixed = self._heads.read(HEAD.size)
        return HEAD.unpack(fixed) if len(fixed) == HEAD.size else None


class Replies:
    """What was kept of the replies to what was sent: read from its files one at a time, in any order."""

    def __init__(self, pairs: Sequence[Pair] = ()) -> None:
        self._pairs = list(pairs)

    @classmethod
    def open(cls, files: Sequence[tuple[Path, Path]]) -> "Replies":
        """Those of these files, of replies and of heads; the files may be removed once they are open."""
        return cls([Pair(replies.open("rb"), heads.open("rb")) for replies, heads in files])

    def __iter__(self) -> Iterator[tuple[int, Reply]]:
        """Each with the index of its arrival. Heads that are alike have one number, within a worker."""
        first = 0
        for pair in self._pairs:
            for index, reply in pair:
                yield index, replace(reply, head=first + reply.head)
            first += len(pair.starts)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def head(self, number: int) -> bytes:
        """The bytes of head `number`. IndexError when there is none."""
        for pair in self._pairs:
            if number < len(pair.starts):
                return pair.head(number)
            number -= len(pair.starts)
        raise IndexError("no reply has a head of this number")

    def join(self, other: "Replies") -> "Replies":
        """These and others, whose heads are numbered on."""
        return Replies(self._pairs + other._pairs)

    def close(self) -> None:
        """Let go of the files. Safe to call twice."""
        for pair in self._pairs:
            pair.close()
