"""A model of a wanted size: a transformer encoder with random weights, in which size is all that differs.

Each layer holds experts, and a request is answered by one of them: with the size grows how many there are, and not the
work of a request, which is the same few million multiplications at 10 MB and at 2 GB. What differs beside: files,
image and memory, of course, and that an expert is met less often, so that less of it is in the CPU's caches. All
weights are read when the model is loaded, as by a dense model, whose every request needs them all. A dense model of
that size takes longer for a request as well: to its latency add what its own inference takes.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from targets.serving.torch_model import TORCH
from targets.workloads.contract import Infer, Payload, Phase, Wheel
from targets.workloads.sized import onnx_run, torch_run
from targets.workloads.sized.model_files import write_model
from targets.workloads.sized.reference import reference
from targets.workloads.sized.shape import LEAST_MB, MOST_MB, POSITIONS, VOCABULARY, WIDTH, Shape

Answering = Callable[[list[int], int], list[float]]
"""Tokens and an expert in, the vector out."""
ONNX = (
    "onnxruntime==1.31.1",
    "numpy==2.4.6",
    "flatbuffers==25.12.19",
    "packaging==26.3",
    "protobuf==7.36.2",
)
RUNTIMES: dict[str, Callable[[Phase, Path, int], Answering]] = {"onnx": onnx_run.load, "torch": torch_run.load}
REQUIREMENTS = {"onnx": ONNX, "torch": TORCH}
TEXTS = (4, 8, 12, 16)
"""Lengths of the payloads, in tokens."""
TOLERANCE = 1e-4
"""Of each number: what rounding of 32-bit floats can do is a hundredth of it, another expert's answer a thousand times
as much."""


@dataclass(frozen=True)
class Settings:
    """What the experiment says."""

    size_mb: float = 10
    runtime: str = "onnx"


def read_settings(settings: Mapping[str, Any]) -> Settings:
    """Check a mapping. ValueError with every problem, one a line."""
    known = Settings.__dataclass_fields__
    problems = [f"{name} is not one of: {', '.join(known)}" for name in settings if name not in known]
    size_mb, runtime = settings.get("size_mb", Settings.size_mb), settings.get("runtime", Settings.runtime)
    number = isinstance(size_mb, int | float) and not isinstance(size_mb, bool)
    if not number or not LEAST_MB <= size_mb <= MOST_MB:
        problems.append(f"size_mb: {str(size_mb)[:80]!a} is not a number from {LEAST_MB} to {MOST_MB:,}: correct it")
    if not isinstance(runtime, str) or runtime not in RUNTIMES:
        problems.append(f"runtime: {str(runtime)[:80]!a} is not one of: {', '.join(RUNTIMES)}")
    if problems:
        raise ValueError("\n".join(problems))
    return Settings(float(size_mb), runtime)


class Sized:
    """An encoder of about `size_mb` MB of weights, run by `runtime`."""

    name = "sized"
    summary = "Transformer encoder of any wanted size with random weights, ONNX or torch; its work stays the same"
    models: tuple[Wheel, ...] = ()
    model_files: tuple[str, ...] = ()

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.shape = Shape.of(self.settings.size_mb)
        self.requirements = REQUIREMENTS[self.settings.runtime]

    def configure(self, settings: Mapping[str, Any]) -> "Sized":
        """The same with these settings. ValueError with every problem."""
        return Sized(read_settings(settings))

    @property
    def recipe(self) -> str:
        """What its model's files depend on beside this folder's code: both runtimes read the same."""
        return f"{self.shape.size / 1e6:,.1f} MB, {self.shape.experts:,} experts in each layer"

    def write_model(self, folder: Path) -> None:
        """Make the weights and the graph."""
        write_model(self.shape, folder)

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Phases imports and weights. It answers {"vector"}, rounded to 1e-6."""
        if model_dir is None:
            raise ValueError("sized has no model folder: its model is made when it is packaged; package it again")
        answer = RUNTIMES[self.settings.runtime](phase, model_dir, threads)

        def infer(request: dict[str, Any]) -> dict[str, Any]:
            tokens = numbers_of(request.get("tokens"), VOCABULARY)
            (expert,) = numbers_of([request.get("expert")], self.shape.experts)
            return {"vector": [round(value, 6) for value in answer(tokens, expert)]}

        return infer

    def payloads(self) -> Sequence[Payload]:
        """Texts of several lengths, for the first expert, the last, and some between."""
        return [
            Payload(f"{length}-tokens-expert-{expert}", json.dumps({"tokens": tokens, "expert": expert}).encode())
            for at, length in enumerate(TEXTS)
            for expert in [at * (self.shape.experts - 1) // (len(TEXTS) - 1)]
            for tokens in [[(37 * place + 101 * length) % VOCABULARY for place in range(length)]]
        ]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when the vector is the one that the seed's weights give, reckoned without any runtime."""
        vector = answer.get("vector") if isinstance(answer, dict) and set(answer) == {"vector"} else None
        if not isinstance(vector, list) or len(vector) != WIDTH:
            return f'answer is {type(answer).__name__}, not an object with just "vector", a list of {WIDTH} numbers'
        wrong_at = [at for at, value in enumerate(vector) if type(value) not in (int, float) or not -2 <= value <= 2]
        if wrong_at:
            return f'"vector" has {len(wrong_at)} entries that are no numbers from -2 to 2, the first at {wrong_at[0]}'
        asked = json.loads(payload.body)
        right = reference(self.shape, tuple(asked["tokens"]), asked["expert"])
        off = max(abs(a - b) for a, b in zip(vector, right, strict=True))
        return None if off <= TOLERANCE else f'"vector" is off by {off:.3g}, more than {TOLERANCE:g}'


def numbers_of(value: Any, below: int) -> list[int]:
    """A request's list of numbers. ValueError when it is none that the model takes."""
    whole = isinstance(value, list) and 1 <= len(value) <= POSITIONS
    if not whole or not all(type(item) is int and 0 <= item < below for item in value):
        raise ValueError(
            f"send 1 to {POSITIONS} tokens from 0 to {VOCABULARY - 1}, and an expert from 0 to {below - 1}"
        )
    return list(value)


WORKLOAD = Sized()
