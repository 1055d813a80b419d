"""Ends of accepted requests, on file until they are judged: their bodies may be large, and are read one at a time."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

from harness.measure.rows.words import is_end
from targets.contract import Completion


class KeptCompletions:
    """Takes them as they are collected, gives them back in that order. To be closed by whoever has read them."""

    def __init__(self, ends: Iterable[Completion] = ()) -> None:
        self.dropped = 0
        """Those that had not the form of an end."""
        self._file: IO[bytes] | None = None
        """None as long as there is none."""
        self.take(ends)

    def take(self, ends: Iterable[Completion]) -> None:
        """Keep each as it comes: those before an error that ends them stay."""
        for end in ends:
            if not is_end(end):
                self.dropped += 1
                continue
            self._file = self._file or tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this
            head = [end.request_id, end.at_ns, end.status, len(end.body)]
            self._file.write(json.dumps(head).encode() + b"\n")
            self._file.write(end.body)

    def __iter__(self) -> Iterator[Completion]:
        if self._file is None:
            return
        self._file.seek(0)
        while line := self._file.readline():
            request_id, at_ns, status, size = json.loads(line)
            yield Completion(request_id, at_ns, status, self._file.read(size))

    def close(self) -> None:
        """Let go of the file. Safe to call twice."""
        if self._file is not None:
            self._file.close()
