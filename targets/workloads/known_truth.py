"""No model: spends given times, touches given memory and goes wrong on command, and writes down what it really did.

Its settings and seed are one witness of the truth, its ledger is another: a file per unit in FROSTLINE_LEDGER, one JSON
object a line, each written in one call before what it announces, so that a crash loses none. Kinds: entered (pid),
phase (name, begun_ns, ended_ns), ready, begun and ended (request, at_ns).
"""

import json
import os
import random
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from targets.clock import now_ns, sleep
from targets.workloads.contract import Ask, Infer, Measured, Payload, Phase, Wheel

PAGE = 4096
MB = 1_048_576
CRASH_STATUS = 17
LEDGER = "FROSTLINE_LEDGER"
Fault = Literal["fail", "wrong", "hang", "crash", "overrun"]
Indices = tuple[int, ...]


@dataclass(frozen=True)
class Settings:
    """What is commanded. Shares are seeded draws per request; indices name requests, `slow_starts` names units."""

    imports_ms: float = 0.0
    weights_ms: float = 0.0
    tokenizer_ms: float = 0.0
    connections_ms: float = 0.0
    handler_ms: float = 1.0
    """Time of every request, or the median where `handler_sigma` is above 0."""
    handler_sigma: float = 0.0
    """Of the logarithm: requests are log-normal."""
    memory_mb: float = 0.0
    """Allocated and touched while weights are loaded."""
    seed: float = 1
    requests: float = 1000
    """Different commands there are; they come round again after that."""
    fail_share: float = 0.0
    wrong_share: float = 0.0
    hang: Indices = ()
    hang_ms: float = 3000.0
    crash: Indices = ()
    overrun: Indices = ()
    overrun_mb: float = 4096.0
    """Memory that an overrun touches unless it is killed first."""
    slow_starts: Indices = ()
    slow_start_ms: float = 15_000.0
    """How much longer the first start of these units takes; a repeated one is as fast as the others."""
    chunks: float = 0
    """Of each answer, which streams then, a share of its time before each; 0 answers whole."""
    gpu_ms: float = 0.0
    """What each answer says a device took for it: so much, and as many ns as its request's number. 0 says nothing."""


def read_settings(settings: Mapping[str, Any]) -> Settings:
    """Check a mapping. ValueError with every problem, each naming the field, the value and what it may be."""
    known = {field.name: field.default for field in fields(Settings)}
    problems = [f"{name} is not one of: {', '.join(known)}" for name in settings if name not in known]
    values: dict[str, Any] = {}
    for name in (name for name in settings if name in known):
        read = _indices if isinstance(known[name], tuple) else _number
        try:
            values[name] = read(name, settings[name])
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("\n".join(problems))
    return Settings(**values)


def _number(name: str, value: Any) -> float:
    most = 1.0 if name.endswith("_share") else 1e6
    least = 1 if name == "requests" else 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{name}: {str(value)[:80]!a} is not a number from {least} to {most:g}")
    return value


def _indices(name: str, value: Any) -> Indices:
    whole = isinstance(value, list | tuple) and all(type(item) is int and 0 <= item < 2**31 for item in value)
    if not whole:
        raise ValueError(f"{name}: {str(value)[:80]!a} is not a list of numbers from 0: write [3, 17]")
    return tuple(value)


@dataclass(frozen=True)
class Command:
    """What one request is to do."""

    request: int
    handler_ms: float
    fault: Fault | None = None


def command(settings: Settings, request: int) -> Command:
    """Drawn from the seed and the request's number alone, so that anyone can draw it again."""
    draw = random.Random(f"{settings.seed}/{request}")  # noqa: S311 - repeatable, not secret
    median, sigma = settings.handler_ms, settings.handler_sigma
    handler_ms = median * draw.lognormvariate(0, sigma) if sigma else median
    for fault in ("hang", "crash", "overrun"):
        if request in getattr(settings, fault):
            return Command(request, handler_ms, fault)
    chance = draw.random()
    if chance < settings.fail_share:
        return Command(request, handler_ms, "fail")
    if chance < settings.fail_share + settings.wrong_share:
        return Command(request, handler_ms, "wrong")
    return Command(request, handler_ms)


def gpu_ns(settings: Settings, request: int) -> int | None:
    """The device's time for a request, which differs from every other's; None where nothing is to be said."""
    return int(settings.gpu_ms * 1e6) + request if settings.gpu_ms else None


class Ledger:
    """Appends to this unit's file; does nothing where no ledger is asked for."""

    def __init__(self) -> None:
        folder = os.environ.get(LEDGER)
        path = Path(folder) / f"{_unit():04d}.jsonl" if folder else None
        self.first_start = path is None or not path.exists()
        self._file = path.open("ab", buffering=0) if path else None
        self.write("entered", pid=os.getpid())

    def write(self, kind: str, **facts: Any) -> None:
        """Append one line."""
        if self._file is not None:
            self._file.write(json.dumps({"kind": kind, "at_ns": now_ns(), **facts}).encode() + b"\n")


class Injected(Exception):
    """A commanded failure."""


class Handler:
    """The loaded stand-in for a model."""

    def __init__(self, settings: Settings, phase: Phase) -> None:
        self.settings = settings
        self.ledger = Ledger()
        self.weights = bytearray()
        slow = _unit() in settings.slow_starts and self.ledger.first_start
        self._spend(phase, "imports", settings.imports_ms)
        self._spend(phase, "weights", settings.weights_ms + slow * settings.slow_start_ms, self._allocate)
        self._spend(phase, "tokenizer", settings.tokenizer_ms)
        self._spend(phase, "connections", settings.connections_ms)
        self.ledger.write("ready")

    def __call__(self, request: dict[str, Any]) -> Any:
        """Carry out one command. Injected when it is to fail."""
        chunks = int(self.settings.chunks)
        stream = self._answer(request, chunks or 1)
        if chunks:
            return stream
        (answer,) = stream
        device_ns = gpu_ns(self.settings, int(request["request"]))
        return answer if device_ns is None else Measured(answer, gpu_ns=device_ns)

    def _answer(self, request: dict[str, Any], chunks: int) -> Generator[dict[str, int], None, Measured]:
        begun_ns = now_ns()
        number, fault = int(request["request"]), request.get("fault")
        self.ledger.write("begun", request=number, at_ns=begun_ns)  # not of the writing, which may come later
        if fault == "crash":
            os._exit(CRASH_STATUS)
        if fault == "overrun":
            _touch_memory(int(self.settings.overrun_mb * MB))
        ms = self.settings.hang_ms if fault == "hang" else request["handler_ms"]
        answer = {"request": -1 - number if fault == "wrong" else number}
        for chunk in range(1, chunks):
            _until(begun_ns, ms * chunk / chunks)
            yield answer
        _until(begun_ns, ms)
        self.ledger.write("ended", request=number)
        if fault == "fail":
            raise Injected(f"request {number} was told to fail")
        yield answer
        return Measured(gpu_ns=gpu_ns(self.settings, number))

    def _spend(self, phase: Phase, name: str, ms: float, work: Callable[[], None] | None = None) -> None:
        stamp: AbstractContextManager[None] = phase(name) if ms else nullcontext()
        with stamp:
            begun_ns = now_ns()
            if work is not None:
                work()
            _until(begun_ns, ms)
            ended_ns = now_ns()
        if ms:
            self.ledger.write("phase", name=name, begun_ns=begun_ns, ended_ns=ended_ns)

    def _allocate(self) -> None:
        self.weights = _touch_memory(int(self.settings.memory_mb * MB))


def _unit() -> int:
    return int(os.environ.get("FROSTLINE_UNIT", "0"))


def _touch_memory(size: int) -> bytearray:
    memory = bytearray(size)
    for at in range(0, size, PAGE):
        memory[at] = 1
    return memory


def _until(begun_ns: int, ms: float) -> None:
    left_ns = begun_ns + ms * 1e6 - now_ns()
    if left_ns > 0:
        sleep(left_ns / 1e9)


class KnownTruth:
    """A workload whose every figure is known beforehand: what the harness measures can be held against it."""

    name = "known-truth"
    summary = "No model: given times, memory and faults, with a ledger of what was done; the harness is tested with it"
    requirements: tuple[str, ...] = ()
    models: tuple[Wheel, ...] = ()
    model_files: tuple[str, ...] = ()

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()

    def configure(self, settings: Mapping[str, Any]) -> "KnownTruth":
        """The same with these settings. ValueError with every problem."""
        return KnownTruth(read_settings(settings))

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Spend each phase's time. ValueError when a model is given."""
        if model_dir is not None:
            raise ValueError(f"known-truth has no model, so {model_dir} cannot replace it: leave the model folder out")
        return Handler(self.settings, phase)

    def load_edge(self, phase: Phase, model_dir: Path | None, threads: int, core: Ask) -> Infer:
        """Nothing of its own: every command is the core's, which alone keeps a ledger."""
        return core

    def load_core(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """All of it."""
        return self.load(phase, model_dir, threads)

    def payloads(self) -> Sequence[Payload]:
        """One command for each request number, in order."""
        commands = (command(self.settings, request) for request in range(int(self.settings.requests)))
        return [Payload(f"command-{order.request}", json.dumps(asdict(order)).encode()) for order in commands]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when the answer, or each of its chunks, gives back the request's number."""
        number, chunks = json.loads(payload.body)["request"], int(self.settings.chunks)
        if not chunks:
            return _problem(answer, number)
        if not isinstance(answer, list) or len(answer) != chunks:
            return f"asked as {number}, answered {type(answer).__name__} and not {chunks} chunks"
        return next(filter(None, (_problem(chunk, number) for chunk in answer)), None)


def _problem(answer: Any, number: int) -> str | None:
    answered_number = answer.get("request") if isinstance(answer, dict) else None
    if type(answered_number) is not int:
        return f"asked as {number}, answered {type(answer).__name__} without a number"
    return None if answered_number == number else f"asked as {number}, answered as another"


WORKLOAD = KnownTruth()
