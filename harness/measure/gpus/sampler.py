"""The run's side of the sampler: starts its process, keeps what it says, and makes of it the samples of a trial."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Collection
from typing import Any

import pyarrow as pa

from harness.record.gpus import FIGURES, GPU_SAMPLES
from targets.local import own_children

FIRST_LOOK_S = 30.0
"""A driver without persistence mode loads itself at the first question."""
END_S = 10.0


class GpuSampler:
    """A context manager. Where no GPU was asked for nothing is started, and the table is empty."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._looks: list[tuple[int, list[dict[str, int | None]]]] = []
        self._error = ""
        self._has_begun = threading.Event()

    def __enter__(self) -> "GpuSampler":
        if not self._wanted:
            return self
        command = [sys.executable, "-m", "harness.measure.gpus"]
        self._process = own_children.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ})
        self._thread = threading.Thread(target=self._listen, name="gpus", daemon=True)
        self._thread.start()
        if not self._has_begun.wait(FIRST_LOOK_S):
            self._error = f"NVML said nothing within {FIRST_LOOK_S:.0f} s"
        return self

    def __exit__(self, *_: object) -> None:
        if not self._wanted:
            return
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.close()  # it looks once more, and ends
            self._process.wait(END_S)
        except (OSError, subprocess.TimeoutExpired):
            self._error = self._error or f"the sampler of GPUs did not end within {END_S:.0f} s"
            self._process.kill()
            self._process.wait()
        self._thread.join()
        self._process.stdout.close()
        if self._process.returncode and not self._error:
            self._error = f"the sampler of GPUs ended with status {self._process.returncode}"

    @property
    def problems(self) -> list[str]:
        """Why the samples are not of the whole trial."""
        return [f"the GPUs could not be read throughout: {self._error}"] if self._error else []

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            told: dict[str, Any] = json.loads(line)
            if "error" in told:
                self._error = told["error"]
            else:
                self._looks.append((told["at_ns"], told["gpus"]))
            self._has_begun.set()
        self._has_begun.set()

    def table(self, begin_ns: int, gpus: Collection[str]) -> pa.Table:
        """The samples of these GPUs as a GPU_SAMPLES table, times relative to the trial's begin."""
        rows = [
            {"at_ns": at_ns - begin_ns, "gpu": str(number), **{name: look.get(name) for name in FIGURES}}
            for at_ns, looks in self._looks
            for number, look in enumerate(looks)
            if str(number) in gpus
        ]
        return pa.Table.from_pylist(rows, GPU_SAMPLES)
