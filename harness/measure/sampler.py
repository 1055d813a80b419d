"""Watches what the units of a deployment use while a trial runs."""

import threading
from array import array

import numpy as np
import pyarrow as pa

from harness.clock import now_ns
from harness.record.columns import SAMPLES
from targets.contract import Deployment, UnitUsage

INTERVAL_S = 0.08
"""A little over twelve times a second: own memory has no kernel peak, so it must be looked at often."""
FIGURES = ("memory_bytes", "own_memory_bytes", "cpu_ns", "throttled_ns")
BATCH = 65_536
"""Samples that become one chunk of the table: nothing is ever copied as a whole."""
UNREAD = -1
"""In a column of figures, none of which can be negative."""


class Samples:
    """Columns that grow look by look: 36 bytes a sample."""

    def __init__(self) -> None:
        self._units: dict[str, int] = {}
        self._moments, self._sizes = array("q"), array("i")
        self._chunks: list[list[pa.Array]] = []
        self._begin_chunk(BATCH)

    def _begin_chunk(self, size: int) -> None:
        self._codes, self._figures = np.empty(size, np.int32), np.empty((len(FIGURES), size), np.int64)
        self._filled = 0

    def add(self, at_ns: int, usages: list[UnitUsage]) -> None:
        """Take in one look: all of it, or nothing when it is not as it must be."""
        codes = [self._units.setdefault(usage.unit, len(self._units)) for usage in usages]
        figures = np.array([_figures_of(usage) for usage in usages], np.int64).reshape(-1, len(FIGURES))
        if self._filled + len(codes) > len(self._codes):
            self._end_chunk()
            self._begin_chunk(max(BATCH, len(codes)))
        place = slice(self._filled, self._filled + len(codes))
        self._codes[place], self._figures[:, place] = codes, figures.T
        self._filled = place.stop
        self._moments.append(at_ns)
        self._sizes.append(len(codes))

    def _end_chunk(self) -> None:
        figures = [column[: self._filled] for column in self._figures]
        columns = [pa.array(column, mask=column == UNREAD) for column in figures]
        self._chunks.append([pa.array(self._codes[: self._filled]), *columns])

    def table(self, begin_ns: int) -> pa.Table:
        """The samples as a SAMPLES table, times relative to the trial's begin; nothing can be added after it."""
        self._end_chunk()
        names = pa.array(list(self._units), pa.string())
        moments = np.repeat(np.frombuffer(self._moments, np.int64) - begin_ns, np.frombuffer(self._sizes, np.int32))
        batches, at = [], 0
        for codes, *figures in self._chunks:
            at_ns = pa.array(moments[at : at + len(codes)])
            columns = [at_ns, pa.DictionaryArray.from_arrays(codes, names), *figures]
            batches.append(pa.RecordBatch.from_arrays(columns, schema=SAMPLES))
            at += len(codes)
        return pa.Table.from_batches(batches, SAMPLES)


def _figures_of(usage: UnitUsage) -> list[int]:
    return [UNREAD if (figure := getattr(usage, name)) is None else figure for name in FIGURES]


class Sampler:
    """A thread that asks a deployment for its usage until it is left; a context manager.

    Where usage is not `polled` nothing is asked, and the table is empty.
    """

    def __init__(self, deployment: Deployment, polled: bool = True) -> None:
        self._deployment = deployment
        self._samples = Samples()
        self._looks = 0
        self._failures = 0
        self._first_failure: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sampler", daemon=True) if polled else None

    def __enter__(self) -> "Sampler":
        if self._thread:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    @property
    def problems(self) -> list[str]:
        """Why the samples are not of the whole trial: its peaks could then lie where nobody looked."""
        first = self._first_failure
        if first is None:
            return []
        share = f"{self._failures} of {self._looks}"
        return [f"memory and CPU could not be read at {share} looks: {type(first).__name__}: {first}"]

    def _watch(self) -> None:
        while True:
            self.look()
            if self._stop.wait(INTERVAL_S):
                return

    def look(self) -> None:
        """Ask once, and keep what is told."""
        at_ns = now_ns()
        self._looks += 1
        try:
            self._samples.add(at_ns, self._deployment.usage())
        except Exception as error:  # a unit that ended is no exception: this is a fault of ours, and must be seen
            self._failures += 1
            self._first_failure = self._first_failure or error

    def table(self, begin_ns: int) -> pa.Table:
        """The samples as a SAMPLES table, times relative to the trial's begin."""
        return self._samples.table(begin_ns)
