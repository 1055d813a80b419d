"""The loaded model, its counters and the envelope of its answers: the same for a service and for a function."""

import itertools
import json
import os
from pathlib import Path
from typing import Any

from targets.clock import clock_id, now_ns
from targets.serving.marks import mark
from targets.serving.timeline import Timeline


class Core:
    """Loads the workload named by FROSTLINE_WORKLOAD once; answers with an envelope that carries its own evidence."""

    def __init__(self, threads: int) -> None:
        self.unit = os.environ["FROSTLINE_UNIT"]
        self.clock = clock_id()
        self.timeline = Timeline()
        print(mark("init_begin", self.unit, self.timeline.entered_ns), flush=True)
        self._invocations = itertools.count(1)
        self._infer = self._load(threads)

    def _load(self, threads: int) -> Any:
        with self.timeline.phase("imports"):
            from targets import workload

            settings = json.loads(os.environ.get("FROSTLINE_SETTINGS", "{}"))
            model = workload(os.environ["FROSTLINE_WORKLOAD"], settings)
        own_model = os.environ.get("FROSTLINE_MODEL_DIR")
        return model.load(self.timeline.phase, Path(own_model) if own_model else None, threads)

    def ready(self) -> None:
        """The start is over; says so on standard output, where the pool's owner reads it."""
        print(mark("init_end", self.unit, self.timeline.end()), flush=True)

    def answer(self, event: dict[str, Any], received_ns: int | None = None) -> dict[str, Any]:
        """One inference. `received_ns` is when a queue inside this unit took the request in."""
        begun_ns = now_ns()
        evidence: dict[str, Any] = {"unit": self.unit, "clock": self.clock, "invocation": next(self._invocations)}
        answer = self._infer(event)
        evidence.update(begun_ns=begun_ns, ended_ns=now_ns(), init_ended_ns=self.timeline.ended_ns)
        if received_ns is not None:
            evidence["received_ns"] = received_ns
        if evidence["invocation"] == 1:
            evidence["init"] = {"entered_ns": self.timeline.entered_ns, "phases_ns": self.timeline.phases_ns}
        return {"answer": answer, "frostline": evidence}


def cpu_limit() -> int:
    """Whole vCPUs that this unit may use, at least one: model thread pools and workers follow it."""
    return max(1, int(float(os.environ.get("FROSTLINE_CPUS", "1"))))


def error_body(error: BaseException) -> dict[str, Any]:
    """An exception in the form in which a Lambda function reports one."""
    return {"errorMessage": str(error)[:2000], "errorType": type(error).__name__}
