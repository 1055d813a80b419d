"""The memory that workers write their records into. It is the run's own: what a worker saw is kept whoever dies."""

import errno
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import TrialError
from harness.load.failures import lack_of
from harness.load.wire import FIELDS, RECORD, Fate, LoadPlan

Records = np.ndarray[Any, Any]
RECORD_TYPE = np.dtype(list(FIELDS))
LOST_TEXT = "its error text was lost"
STEP_BYTES = 2**26
"""So much memory is asked for at once: a signal in between is heard."""


@contextmanager
def reserve(plan: LoadPlan, count: int, workers: int, ranks: Sequence[int] | None = None) -> Iterator[None]:
    """Give each worker, or those of these ranks, memory for its stripe of `count` records, under the names that `plan`
    has for them. TrialError where there is not enough."""
    opened: list[int] = []
    try:
        try:
            for rank in range(workers) if ranks is None else ranks:
                opened.append(_memory(plan.output("records", rank)))
                _allocate(opened[-1], RECORD.size * len(range(rank, count, workers)))
        except OSError as error:
            need = f"{count:,} requests take {RECORD.size * count:,} bytes of records"
            raise TrialError(f"{need}: {_lack_of(error, plan.folder)}") from error
        yield
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _memory(path: Path) -> int:
    """A file in memory, which a link at `path` leads to while it is open; on disk where there is no such thing."""
    if not hasattr(os, "memfd_create"):
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    descriptor = os.memfd_create("frostline-records")
    path.symlink_to(f"/proc/{os.getpid()}/fd/{descriptor}")
    return descriptor


def _lack_of(error: OSError, folder: str) -> str:
    """A file in memory that has no space left has no memory."""
    is_memory = error.errno == errno.ENOSPC and hasattr(os, "memfd_create")
    return lack_of(MemoryError() if is_memory else error, folder)


def _allocate(descriptor: int, size: int) -> None:
    """All of it now: where memory runs out later, the process is killed."""
    if not hasattr(os, "posix_fallocate"):
        os.ftruncate(descriptor, size)
        return
    for at in range(0, size, STEP_BYTES):
        os.posix_fallocate(descriptor, at, min(STEP_BYTES, size - at))


def begin_of(plan: LoadPlan, workers: int) -> int:
    """The moment of offset 0 as records have it; 0 where no worker had begun."""
    for rank in range(workers):
        first = _records(plan, rank, 1)
        if len(first) and first["scheduled_ns"][0]:
            return int(first["scheduled_ns"][0]) - int(plan.offsets()[rank] * 1e9)
    return 0


def latest_start(plan: LoadPlan, rank: int) -> int:
    """The moment at which a worker began on its latest request; 0 where it had not begun."""
    return int(_records(plan, rank)["started_ns"].max(initial=0))


def read_stripe(plan: LoadPlan, rank: int) -> tuple[Records, list[str]]:
    """What a worker wrote: its records, and the error text of each, "" where there is none."""
    stripe, texts = _records(plan, rank), [""]
    with suppress(OSError, ValueError):  # of a worker that was killed the file may be torn, or not even be there
        texts += map(json.loads, plan.output("errors", rank).read_text().splitlines())
    return stripe, [texts[number] if number < len(texts) else LOST_TEXT for number in stripe["error"]]


def complete(plan: LoadPlan, stripe: Records, rank: int, of: int, begin_ns: int) -> None:
    """Of a worker that did not get to write all: what is not on record was never begun."""
    unwritten = np.flatnonzero(stripe["scheduled_ns"] == 0)
    if not len(unwritten):
        return
    indexes = rank + of * unwritten
    offsets_ns = (np.frombuffer(plan.offsets(), dtype=np.float64)[indexes] * 1e9).astype(np.int64)
    stripe["index"][unwritten], stripe["scheduled_ns"][unwritten] = indexes, begin_ns + offsets_ns


def disown_answers(stripe: Records, kept: set[int]) -> None:
    """An answer whose reply the generator could not keep is none that the target failed to give: it is unfinished, with
    all that was seen of it."""
    lost = (stripe["fate"] == Fate.ANSWERED) & (stripe["reply_bytes"] > 0)
    lost &= ~np.isin(stripe["index"], np.fromiter(kept, np.int64, len(kept)))
    stripe["fate"][lost] = Fate.UNFINISHED


def unkept(records: Records) -> NDArray[np.bool_]:
    """Which arrivals were answered, but by a reply that the generator could not keep."""
    found: NDArray[np.bool_] = (records["fate"] == Fate.UNFINISHED) & (records["status"] > 0)
    return found


def _records(plan: LoadPlan, rank: int, most: int = -1) -> Records:
    return np.fromfile(plan.output("records", rank), dtype=RECORD_TYPE, count=most)
