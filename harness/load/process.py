"""The run's side of the load process: starts it, hands it plans, reads what it left. Imports no locust."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import TrialError
from harness.load.plan import LoadPlan
from harness.load.wire import FIELDS, REPLY
from loadprofiles.contract import fingerprint
from targets.ownership import work_folder

Progress = Callable[[int], None]


@dataclass(frozen=True)
class KeptReply:
    """One reply as it came: the kept header's value and the body."""

    header: bytes
    body: bytes


@dataclass(frozen=True)
class LoadResult:
    """What became of a schedule. `records` has one row per arrival, in order; stamps are absolute, 0 where none."""

    begin_ns: int
    records: "np.ndarray[Any, Any]"
    errors: list[str]
    """By record: its error text, "" when there is none."""
    replies: dict[int, KeptReply]
    workers: list[dict[str, Any]]


class LoadProcess:
    """One load process for a whole run; its start-up costs a second, and would fall into every trial."""

    def __init__(self, workers: int = 1, environment: dict[str, str] | None = None) -> None:
        self.workers = workers
        self.folder = work_folder("load")
        held, self._leash = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.load", str(workers), str(held)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            pass_fds=(held,),
            text=True,
            start_new_session=True,
        )
        os.close(held)

    def carry_out(self, plan: LoadPlan, offsets: Any, bodies: list[bytes], progress: Progress) -> LoadResult:
        """Send a schedule and wait until every request has ended; `progress` hears how many have. Raises TrialError."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        plan = replace(plan, folder=str(folder), sha256=fingerprint(offsets))
        plan.write(offsets, bodies)
        try:
            message = self._order(str(folder), progress)
            return _read(plan, message, len(offsets))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """End it at once, also in the midst of a schedule. Safe to call twice."""
        if self._leash >= 0:
            os.close(self._leash)
            self._leash = -1
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # an order that it ended without reading
                    stream.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _order(self, folder: str, progress: Progress) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(folder + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise TrialError(f"the load process has ended: {error}") from error
        for line in self._process.stdout:
            message: dict[str, Any] = json.loads(line)
            if "error" in message:
                raise TrialError(f"the load process failed: {message['error']}")
            if "begin_ns" in message:
                return message
            if "ended" in message:
                progress(message["ended"])
        raise TrialError(f"the load process ended with status {self._process.wait()}")


def _read(plan: LoadPlan, message: dict[str, Any], count: int) -> LoadResult:
    """Join the workers' stripes. TrialError unless every arrival has exactly one record."""
    ranks = range(len(message["workers"]))
    stripes = [np.fromfile(plan.output("records", rank), dtype=np.dtype(list(FIELDS))) for rank in ranks]
    order = np.argsort(np.concatenate([stripe["index"] for stripe in stripes]), kind="stable")
    records = np.concatenate(stripes)[order]
    if not np.array_equal(records["index"], np.arange(count)):
        raise TrialError(f"coverage is not exact: {len(records)} records for {count} arrivals")
    texts = [json.loads(plan.output("errors", rank).read_text()) for rank in ranks]
    errors = [text[number] for text, stripe in zip(texts, stripes, strict=True) for number in stripe["error"]]
    replies = {index: reply for rank in ranks for index, reply in _replies(plan.output("replies", rank))}
    return LoadResult(message["begin_ns"], records, [errors[at] for at in order], replies, message["workers"])


def _replies(path: Path) -> Iterator[tuple[int, KeptReply]]:
    data, at = path.read_bytes(), 0
    while at < len(data):
        index, header, body = REPLY.unpack_from(data, at)
        at += REPLY.size
        yield index, KeptReply(data[at : at + header], data[at + header : at + header + body])
        at += header + body
