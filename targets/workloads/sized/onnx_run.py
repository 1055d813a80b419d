"""The model under ONNX Runtime."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from targets.serving.onnx_session import cpu_session
from targets.workloads.contract import Phase
from targets.workloads.sized.model_files import GRAPH, read_weights


@dataclass(frozen=True)
class OnnxEncoder:
    """The loaded model."""

    numpy: Any
    session: Any
    weights: Mapping[str, Any]
    """The session reads them where they are."""

    def __call__(self, tokens: list[int], expert: int) -> list[float]:
        """The vector of norm 1."""
        inputs = {"tokens": self.numpy.array(tokens), "expert": self.numpy.array(expert)}
        vector: list[float] = self.session.run(None, inputs)[0].tolist()
        return vector


def load(phase: Phase, folder: Path, threads: int) -> OnnxEncoder:
    """Phases imports and weights. ValueError when a file is not whole."""
    with phase("imports"):
        import numpy
        import onnxruntime

    with phase("weights"):
        # Read, and not left to the runtime, which would map the file and read the experts alone that are asked.
        new = onnxruntime.OrtValue.ortvalue_from_numpy
        weights = {name: new(values) for name, values in read_weights(numpy, folder)}
        session = cpu_session(onnxruntime, folder / GRAPH, threads, weights)
    return OnnxEncoder(numpy, session, weights)
