"""The loaded model, its counters and the envelope of its answers: the same for a service and for a function."""

import _thread  # threading would be one more import of a sandbox that starts cold
import itertools
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from targets.clock import clock_id, now_ns
from targets.serving.marks import Channel
from targets.serving.platform import MEMORY_VARIABLE, memory_used_bytes, request_id, spent_ns, start_facts, unit_name
from targets.serving.timeline import Timeline

if TYPE_CHECKING:
    from targets.serving.call import Call
    from targets.serving.core_client import CoreClient


class Core:
    """Loads the workload named by FROSTLINE_WORKLOAD once; answers with an envelope that carries its own evidence."""

    def __init__(self, threads: int, timeline: Timeline | None = None) -> None:
        self.unit = unit_name()
        self.timeline = timeline or Timeline()
        self._facts = {"unit": self.unit, "clock": clock_id()}
        self._marks = Channel()
        self._marks.tell("init_begin", self.unit, self.timeline.entered_ns)
        self._invocations = itertools.count(1)
        self._client: CoreClient | None = None
        """Of the edge of a target of two parts, which alone asks anybody."""
        self._threads = threads
        self._loading = _thread.allocate_lock()
        self._infer: Any = None if os.environ.get("FROSTLINE_LOAD") == "first_request" else self._load(threads)
        self._facts.update(start_facts())
        self._tells_memory = MEMORY_VARIABLE in os.environ

    def _load(self, threads: int) -> Any:
        with self.timeline.stamp("imports"):
            from targets import workload
            from targets.serving.call import Call  # here, because it brings the contract along

            self._new_call = Call
            settings = json.loads(os.environ.get("FROSTLINE_SETTINGS", "{}"))
            model = workload(os.environ["FROSTLINE_WORKLOAD"], settings)
        folder = os.environ.get("FROSTLINE_MODEL_DIR")
        own_model = Path(folder) if folder else None
        self.timeline.failed_in = None
        if stage := os.environ.get("FROSTLINE_STAGE"):
            from targets.serving.stage import load_stage  # here, because few units are one part of two

            infer, self._client = load_stage(stage, model, self.timeline.phase, own_model, threads)
            return infer
        return model.load(self.timeline.phase, own_model, threads)

    def ready(self) -> None:
        """The start is over; says so to whoever started this unit."""
        self._marks.tell("init_end", self.unit, self.timeline.end())
        self._marks.close()

    def answer(self, event: dict[str, Any], context: object = None) -> dict[str, Any]:
        """One inference, whole. `context` is what a function's platform hands over with the event."""
        return self.begin(event, context=context).whole()

    def begin(self, event: dict[str, Any], received_ns: int | None = None, context: object = None) -> "Call":
        """One inference, to be taken whole or chunk by chunk."""
        return self.call(event, self.evidence(received_ns, context))

    def call(self, event: dict[str, Any], evidence: dict[str, Any]) -> "Call":
        """The same, where the evidence is needed even if the model refuses at once."""
        if self._infer is None:
            self._load_late(evidence)
        if self._client is not None:
            evidence["parts"] = self._client.begin()
        return self._new_call(self._infer, event, evidence)

    def _load_late(self, evidence: dict[str, Any]) -> None:
        """Within the first request; those that come meanwhile wait. LoadFailed where it cannot be: the next one tries
        again."""
        with self._loading:
            if self._infer is not None:
                return
            begun_ns = now_ns()
            try:
                with self.timeline.within_request():
                    self._infer = self._load(self._threads)
            except BaseException as error:
                raise load_failed(error, self.timeline) from error
            if "init" in evidence:
                evidence["init"]["late_ns"] = now_ns() - begun_ns

    def evidence(self, received_ns: int | None = None, context: object = None) -> dict[str, Any]:
        """What is known of one inference as it begins; a queue in this unit took it in at `received_ns`."""
        evidence: dict[str, Any] = {**self._facts, "invocation": next(self._invocations), "begun_ns": now_ns()}
        evidence["init_ended_ns"] = self.timeline.ended_ns
        if received_ns is not None:
            evidence["received_ns"] = received_ns
        if self._tells_memory and (used_bytes := memory_used_bytes()) is not None:
            evidence["memory_used_bytes"] = used_bytes
        if context is not None:
            evidence.update(_told(context, evidence["invocation"]))
        if evidence["invocation"] == 1:
            evidence["init"] = {"entered_ns": self.timeline.entered_ns, "phases_ns": self.timeline.phases_ns, **_gpu()}
        return evidence


def load_core(threads: int) -> Core:
    """A unit's core. LoadFailed, in the same words in every kind of unit, when the workload cannot be loaded."""
    timeline = Timeline()
    try:
        return Core(threads, timeline)
    except BaseException as error:  # sys.exit() in a model is its failure too
        raise load_failed(error, timeline) from error


def load_failed(error: BaseException, timeline: Timeline) -> Exception:
    """What ended a load, with the phase that it ended in."""
    from targets.serving.failure import LoadFailed  # here, because a sandbox that starts pays for every import

    return LoadFailed.of(error, timeline.failed_in)


def _gpu() -> dict[str, dict[str, str]]:
    """What the unit's GPU is, where its workload has opened one: looked up, for a start pays for every import."""
    module = sys.modules.get("targets.serving.accelerator")
    return {"gpu": module.FACTS} if module and module.FACTS else {}


def _told(context: object, invocation: int) -> dict[str, Any]:
    """What a function's platform says of this invocation; how late it began counts where it may have started a unit."""
    told = {"request_id": request_id(context), "spent_ns": spent_ns(context) if invocation == 1 else None}
    return {name: value for name, value in told.items() if value is not None}


def cpu_limit() -> int:
    """Whole vCPUs that this unit may use, at least one: model thread pools and workers follow it."""
    return max(1, int(float(os.environ.get("FROSTLINE_CPUS", "1"))))


def to_json(reply: Any) -> bytes:
    """A reply's bytes. TypeError or ValueError when what the model answered is no JSON, as NaN and Infinity are not."""
    try:
        return json.dumps(reply, allow_nan=False).encode()
    except ValueError as error:
        raise ValueError(f"the answer is no JSON: {error}") from error


def error_body(error: BaseException) -> dict[str, Any]:
    """An exception in the form in which a Lambda function reports one."""
    from targets.serving.failure import words_of  # here, because a sandbox that starts pays for every import

    return {"errorMessage": words_of(error)[:2000], "errorType": type(error).__name__}


def failed_reply(error: BaseException, evidence: dict[str, Any]) -> bytes:
    """The reply to an inference that failed: its unit did answer, and which start that was is as well known as for an
    answer."""
    return json.dumps({**error_body(error), "frostline": {**evidence, "ended_ns": now_ns()}}).encode()
