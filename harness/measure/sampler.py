"""Watches what the units of a deployment use while a trial runs."""

import threading
from typing import Any

import pyarrow as pa

from harness.clock import now_ns
from harness.record.columns import SAMPLES
from targets.contract import Deployment, UnitUsage

INTERVAL_S = 0.08
"""A little over twelve times a second: own memory has no kernel peak, so it must be looked at often."""


class Sampler:
    """A thread that asks a deployment for its usage until it is left; a context manager."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._samples: list[tuple[int, UnitUsage]] = []
        self._looks = 0
        self._failures: list[Exception] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sampler", daemon=True)

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def problems(self) -> list[str]:
        """Why the samples are not of the whole trial: its peaks could then lie where nobody looked."""
        if not self._failures:
            return []
        first = self._failures[0]
        share = f"{len(self._failures)} of {self._looks}"
        return [f"memory and CPU could not be read at {share} looks: {type(first).__name__}: {first}"]

    def _watch(self) -> None:
        while True:
            at_ns = now_ns()
            self._looks += 1
            try:
                self._samples += [(at_ns, usage) for usage in self._deployment.usage()]
            except Exception as error:  # a unit that ended is no exception: this is a fault of ours, and must be seen
                self._failures.append(error)
            if self._stop.wait(INTERVAL_S):
                return

    def table(self, begin_ns: int) -> pa.Table:
        """The samples as a SAMPLES table, times relative to the trial's begin."""
        rows: list[dict[str, Any]] = [
            {
                "at_ns": at_ns - begin_ns,
                "unit": usage.unit,
                "memory_bytes": usage.memory_bytes,
                "own_memory_bytes": usage.own_memory_bytes,
                "cpu_ns": usage.cpu_ns,
                "throttled_ns": usage.throttled_ns,
            }
            for at_ns, usage in self._samples
        ]
        return pa.Table.from_pylist(rows, schema=SAMPLES)
