"""One inference: its answer, whole or chunk by chunk, what the model measured of it, and when it happened."""

from collections.abc import Generator
from contextlib import closing
from types import GeneratorType
from typing import Any

from targets.clock import now_ns
from targets.pace import Pace
from targets.workloads.contract import Infer, Measured

FIGURES = ("gpu_ns", "tokens_in", "tokens_out")
STAMPS = ("unit_first_chunk_ns", "unit_chunk_gap_p50_ns", "unit_chunk_gap_p95_ns")


class Call:
    """Asks the model at once. `evidence` is what is known beforehand, and grows into the envelope's."""

    def __init__(self, infer: Infer, event: dict[str, Any], evidence: dict[str, Any]) -> None:
        self._evidence = evidence
        evidence.setdefault("begun_ns", now_ns())  # a rehearsal stamps nothing
        self._pace: Pace | None = None
        self._result = infer(event)
        self.streams = type(self._result) is GeneratorType

    def chunks(self) -> Generator[Any, None, None]:
        """Each chunk of a stream as it is made. To close this closes the model's generator."""
        self._pace = pace = Pace()
        with closing(self._result) as model:
            while True:
                try:
                    chunk = next(model)
                except StopIteration as end:
                    self._result = end.value
                    break
                pace.stamp(now_ns())
                yield chunk
        if self._result is not None and not (isinstance(self._result, Measured) and self._result.answer is None):
            kind = type(self._result).__name__
            raise TypeError(f"a stream ended with an answer ({kind}): yield it, and return Measured without one")

    def whole(self) -> dict[str, Any]:
        """The reply: a stream's answer is the list of its chunks."""
        answer = list(self.chunks()) if self.streams else self._result
        evidence = self.evidence()
        return {"answer": answer.answer if isinstance(answer, Measured) else answer, "frostline": evidence}

    def evidence(self) -> dict[str, Any]:
        """The envelope's own part; the answer must have ended."""
        self._evidence["ended_ns"] = now_ns()
        if self._pace is not None:
            self._evidence.update(_stamps(self._pace, self._evidence["begun_ns"]))
        if isinstance(self._result, Measured):
            self._evidence.update(_figures(self._result))
        return self._evidence


def _stamps(pace: Pace, begun_ns: int) -> dict[str, int]:
    """When the first chunk was made, from the begin, and what lay between two of them; what was not is left out."""
    first_ns, gaps_ns = pace.first_ns, pace.gaps_ns(0.5, 0.95)
    taken_ns = [None if first_ns is None else first_ns - begun_ns, *gaps_ns]
    return {name: ns for name, ns in zip(STAMPS, taken_ns, strict=True) if ns is not None}


def _figures(measured: Measured) -> dict[str, int]:
    """What was measured. ValueError when a figure is no count."""
    figures = {name: getattr(measured, name) for name in FIGURES}
    for name, value in figures.items():
        if value is not None and (type(value) is not int or value < 0):
            raise ValueError(f"Measured.{name}: {value!r:.80} is not a whole number from 0: give None where unknown")
    return {name: value for name, value in figures.items() if value is not None}
