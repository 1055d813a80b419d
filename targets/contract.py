"""What a target and a deployment are. What runs inside a unit knows nothing of it (targets.workloads.contract).

A platform may be a container beside us, under our kernel's clock, or a service far away that answers over HTTPS and
mails its logs a minute later. What it can prove stands in its Capabilities; nothing outside its file asks for its name.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from targets.events import Event
from targets.settings import Settings
from targets.workloads.contract import OwnImage, Workload

Kind = Literal["service", "function"]
"""The two sides of the question: who keeps units running, and who starts them for requests."""
TIMELINE_HEADER = "x-frostline-timeline"
"""The reply header in which whatever stands in front of a unit says what it did with the request, as JSON."""
REFUSED = "Sandbox.Refused"
"""The errorType of an answer that says: whoever runs units would not make or keep one, which is no fault of theirs."""
INITIALISED = "initialised"
"""In place of a start class: the platform says only that this was a unit's first request since it was initialised."""
GENERATION_VARIABLE = "FROSTLINE_GENERATION"
"""In a unit's environment: the nonce of the latest make_cold before it was started."""
MB_PER_VCPU = 1769
"""A function with this many MB of memory has one vCPU (AWS Lambda's published proportion)."""

LAMBDA_REQUEST_BYTES = 6_291_456
"""The largest body of a synchronous invocation (AWS Lambda's published quota of 6 MB)."""


@dataclass(frozen=True)
class Sizing:
    """What one unit (a sandbox or a replica) may use, in sizes that can be bought."""

    memory_mb: int
    cpus: float
    accelerators: int = 0
    """GPUs that it has for itself."""

    @property
    def threads(self) -> int:
        """Whole vCPUs, at least one: the model's thread pools and a service's inferences at once follow it."""
        return max(1, int(self.cpus))

    @classmethod
    def of_function(cls, memory_mb: int) -> "Sizing":
        """The size of a function of so much memory: CPU follows memory, as on Lambda."""
        return cls(memory_mb, round(memory_mb / MB_PER_VCPU, 4))


@dataclass(frozen=True)
class Package:
    """One workload made ready for one way of deploying: an image, or a folder of installed packages."""

    workload: str
    reference: str
    """Image tag, or the folder of installed packages."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Digest, size, base, interpreter, and anything that was not as asked; goes into the manifest."""
    model_dir: Path | None = None
    code: str = ""
    """The folder of our code and the workload's, for a unit that is a process; an image holds it."""
    own_image: OwnImage | None = None
    """An image of the user's, which knows nothing of us."""


@dataclass(frozen=True)
class Capabilities:
    """What a target can prove, and how. Recorded in the manifest; what the bench does follows from these alone."""

    clock: Literal["shared", "own"]
    """shared: units run under this machine's kernel, so their stamps are comparable with ours. own: only durations."""
    cold: Literal["removed", "renewed"]
    """make_cold proves that no unit is left, or only that the next answer comes from a new generation."""
    usage: Literal["polled", "per_request", "afterwards"]
    """usage() can be asked at any moment, or the platform tells memory with each request, or of each unit later."""
    events: bool
    """events() tells of every start and stop."""
    emulated: bool
    """Stands in for a cloud service that it is not."""
    isolated: bool
    """Holds each unit to its memory and CPU limits."""
    engine: bool = False
    """Units are containers of this machine's Docker engine, whose facts must hold and whose word can be had."""
    images_absent: bool = False
    """make_cold can remove the image as well, so that a start has to fetch it."""
    page_cache: bool = False
    """Units read their files through this machine's page cache."""
    scale_out: bool = False
    """Starts one more unit when it is told to."""
    streams: bool = False
    """An answer's chunks arrive as they are made; elsewhere a streamed answer comes whole."""
    asynchronous: bool = False
    """A request is accepted (202), and its answer is collected later."""
    accelerator: bool = False
    """Units can have GPUs."""
    invoke_api: bool = False
    """Its endpoint speaks the AWS Invoke API."""
    most_request_bytes: int | None = None
    """The largest body that it takes, by the platform's published limit or its server's own; None where none is known.
    A workload with a larger payload is refused before anything starts."""
    deploys: Literal["per_trial", "per_run"] = "per_trial"
    """per_run: deploying takes long, so one deployment serves all trials of a workload, reset before each."""
    deploy_s: float = 2.0
    """About how long deploying and removing take, for the estimate that is printed before a run."""
    billed: frozenset[str] = frozenset()
    """What costs money: requests, gb_seconds, unit_seconds ...; empty where nothing does."""

    def facts(self) -> dict[str, Any]:
        """As the manifest has them."""
        return {**asdict(self), "billed": sorted(self.billed)}


@dataclass(frozen=True)
class Part:
    """A piece of a target that is sized and bought on its own: most targets have one, an edge before a core has two."""

    name: str
    kind: Kind
    bought_as: str
    """Name of the way of buying whose prices apply, e.g. "aws_lambda"."""


SomeSettings = TypeVar("SomeSettings")
Source = Literal["witnessed", "clock", "bound"]
"""Whose word an amount is: told by the platform; by our clock, from its order to its end; what nobody told, at most."""


@dataclass(frozen=True)
class Order:
    """What a deployment is asked for."""

    run_id: str
    sizing: Sizing
    """Of the target's first part."""
    settings: Settings | None = None
    """None: the target's defaults."""
    sizings: Mapping[str, Sizing] = field(default_factory=dict)
    """Of the further parts, by name."""
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    """Where a function's front listens; 0 takes a free port."""
    ledger: Path | None = None
    """A folder that the workload may write into while it runs; it is handed into each unit."""
    images_absent: bool = False
    """make_cold removes the image as well, and the next start loads it again from a file."""
    counted: "Callable[[Metered], object] | None" = None
    """Is told of a deployment that is metered as soon as it begins to consume anything, before it is there."""

    def settings_of(self, kind: type[SomeSettings]) -> SomeSettings:
        """The settings, of the class that the target declares. DeploymentError when they are another target's."""
        settings = kind() if self.settings is None else self.settings
        if not isinstance(settings, kind):
            raise DeploymentError(f"settings of class {type(settings).__name__} are not {kind.__name__}: give those")
        return settings


@dataclass(frozen=True)
class Endpoint:
    """Where and how requests leave."""

    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside those that every request has."""
    sender: str = ""
    """Name of a sender of the load path; empty takes the one for the URL's scheme."""
    ca_file: str = ""
    """Certificates of authorities (PEM) that vouch for the server instead of the system's."""
    insecure: bool = False
    """Whoever answers is believed to be who was asked: no certificate is verified."""
    request_id_header: str = ""
    """The reply header in which the platform gives the request's id."""
    kept_header: str = TIMELINE_HEADER
    """The reply header in which whoever stands in front, or the platform, tells of the request; "" keeps none."""
    sender_settings: Mapping[str, str] = field(default_factory=dict)
    """What its sender has to know beside, such as a region; never a secret."""


@dataclass(frozen=True)
class UnitUsage:
    """What one unit uses at one moment; a figure that cannot be read is None, never 0."""

    unit: str
    memory_bytes: int | None
    own_memory_bytes: int | None
    """Anonymous and shared memory: without the page cache."""
    cpu_ns: int | None
    throttled_ns: int | None = None


@dataclass(frozen=True)
class Witnessed:
    """What a platform itself says of one request or unit, later: durations on its own clock; None: untold."""

    request_id: str | None = None
    """None where it is said of the whole `unit`, whose start `start_type` and `phases_ns` and whose peak
    `memory_used_bytes` is then."""
    unit: str | None = None
    start_type: str | None = None
    """The name of a start class: cold, cold_reinit, reset, restored, proactive or warm; or INITIALISED."""
    billed_ns: int | None = None
    init_ns: int | None = None
    restore_ns: int | None = None
    memory_used_bytes: int | None = None
    phases_ns: Mapping[str, int] = field(default_factory=dict)
    """Parts of a start that only the platform sees, each a RESERVED_PHASE: queue, image, create, start, boot."""


@dataclass(frozen=True)
class Completion:
    """The end of a request that was only accepted at first, as a collector on this machine saw it."""

    request_id: str
    at_ns: int
    """On our clock."""
    status: int
    body: bytes


class Deployment(Protocol):
    """Something running that can be asked, made cold, described and destroyed."""

    endpoints: tuple[Endpoint, ...]
    generation: str
    """Nonce of the latest make_cold, or of the deployment's begin; units started since echo it in their envelopes."""

    def wake(self) -> None:
        """After make_cold: start what a request does not start by itself (a replica); nothing for a function.

        Raises StartFailed or another DeploymentError."""

    def make_cold(self) -> str:
        """Let no unit that runs now answer again; returns the new `generation`. Raises DeploymentError.

        Where `cold` is removed, no unit is left; where it is renewed, the generation is the proof.
        """

    def reset(self, ledger: Path | None) -> None:
        """As deploy left it: no unit of a function, every replica of a service answers. Between trials of `per_run`.

        Units started from now on write into `ledger`. Raises StartFailed or another DeploymentError."""

    def scale_out(self) -> Endpoint:
        """Start one more unit while the others serve; where it answers. DeploymentError where it is no capability.

        Raises StartFailed or another DeploymentError."""

    def usage(self) -> list[UnitUsage]:
        """What each living unit uses now; DeploymentError where usage is not `polled`."""

    def events(self) -> list[Event]:
        """Everything that was started, initialised and stopped so far, in the order in which the platform noted it.

        `at_ns` says when it happened: what a unit stamped itself may be noted after something later. Empty where events
        are no capability. Answers after destroy as well, whose removals are among them.
        """

    def settle(self, limit_s: float) -> None:
        """After the last reply or completion: wait for logs that come late, at most so long."""

    def witnesses(self) -> Iterable[Witnessed]:
        """What the platform has said so far of requests and units, each once; what never came is simply not there."""

    def completions(self, limit_s: float) -> Iterable[Completion]:
        """Ends of accepted requests, each once, after at most so long; DeploymentError where not asynchronous."""

    def describe(self) -> dict[str, Any]:
        """Facts for the result: limits in force, settings, versions.

        `init_timeout_s` among them says when an initialisation is cut off and done again, where that is so."""

    def destroy(self) -> None:
        """Remove everything. Safe to call twice."""


class Target(Protocol):
    """A way to deploy. One file each in a platform's folder under targets/, which sets TARGET."""

    name: str
    parts: tuple[Part, ...]
    """The first is the one that requests reach."""
    capabilities: Capabilities
    settings: Callable[[], Settings]
    """The class of its settings."""

    def missing(self, accelerators: int = 0) -> str | None:
        """Why this target cannot run here with so many GPUs a unit, and the fix; None when it can."""

    def package(self, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
        """Make the workload ready; slow the first time, cached by content. `say` takes lines for the user."""

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Start it; a service is returned once it has answered. Raises StartFailed or another DeploymentError."""


@runtime_checkable
class Mortal(Protocol):
    """A deployment with a process of its own before its units, which may end without being told to."""

    def wait(self) -> str:
        """Wait until that process ends, and say how it did, in words."""


@runtime_checkable
class Attended(Protocol):
    """A deployment of a function that can have units beforehand, as if earlier requests had left them."""

    def stand_by(self, idle_s: Sequence[float], first_s: float, body: bytes) -> int:
        """Have one unit for each of `idle_s`, and no other; each that is new answers `body` once.

        The next request is due `first_s` seconds after the moment at which they have been idle for `idle_s`; one whose
        time is negative takes no request until so much later, as if one held it. They are logged as started for no
        request. Returns how many there are, which is less than were asked for where some did
        not start. Raises DeploymentError."""


@runtime_checkable
class Bounded(Protocol):
    """A target of which this machine can hold only so many units at once."""

    def refusal(self, order: Order, more: int) -> str | None:
        """Why what is ordered would be more, and the fix; None when it can be held. `deploy` refuses it as well."""


@dataclass(frozen=True)
class Shortage:
    """Something of which what is ordered needs more than there is, for one unit or for all that run at once."""

    what: Literal["cpus", "memory_mb"]
    asked: float
    """Of one unit."""
    present: float
    units: int = 1
    part: str = ""
    """Whose unit it is, where a target has several parts; "" is the first."""


@runtime_checkable
class Sized(Protocol):
    """A target whose units are held to their size by this machine, which may have less."""

    def shortages(self, order: Order, more: int) -> list[Shortage]:
        """All that is lacking, each cause once; `more` units are started beside those that always run.

        Raises DeploymentError when whoever holds the units does not say what it has."""


@dataclass(frozen=True)
class Consumed:
    """An amount of something that a platform bills."""

    sku: str
    """The price book's name of it, such as lambda.x86.gb-second."""
    quantity: float
    of: str
    """What consumed it: function, task, load balancer ..."""
    source: Source


@dataclass(frozen=True)
class Demand:
    """What a run will ask of one deployment, as far as it is known beforehand."""

    requests: int
    """All attempts that may be made of its trials are counted."""
    starts: int
    """Forced ones among them."""
    seconds: float
    """How long it will be there."""
    request_s: float
    """What one request holds a unit for."""
    colds: int = 0
    """Requests that may meet a start."""
    trials: int = 1
    """Each begins anew."""
    start_s: float = 60.0
    """How long what is started for one request alone is there."""


@runtime_checkable
class Billed(Protocol):
    """A target that costs money."""

    def resources(self, package: Package, order: Order) -> Sequence[str]:
        """What deploying makes there, a line each."""

    def foresee(self, package: Package, order: Order, demand: Demand) -> Sequence[Consumed]:
        """What so much would consume."""


@runtime_checkable
class Metered(Protocol):
    """A deployment that counts what it consumes."""

    def consumed(self) -> Sequence[Consumed]:
        """All of it since it was ordered; never less than before. May be asked from another thread, and at once."""

    def bound(self, requests: int, in_flight_s: float) -> Sequence[Consumed]:
        """What so many requests of which nobody has told anything yet have consumed at most.

        They were under way for `in_flight_s`, all together."""

    def write_off(self, requests: int, in_flight_s: float | None) -> None:
        """Nobody will tell of these: from now on `consumed` has their bound. None: of how long they were under way
        nobody knows either, so they are taken to have gone on as long as they may."""


@runtime_checkable
class Reported(Protocol):
    """A deployment whose replies carry the platform's own word, in the header that its endpoints keep."""

    def hear(self, request_id: str, header: bytes) -> None:
        """Take in the word of one reply, for `witnesses`; b"" where it carries none."""


@dataclass(frozen=True)
class Remnant:
    """Something of ours that is left on a platform."""

    name: str
    run: str
    owner: str
    """As targets.ownership.Owner writes itself; "" where it is not known."""
    expires_s: float | None = None
    """Wall time until which it is left alone where another machine made it, as containers are; None: it is not."""


class Platform(Protocol):
    """Where several targets run that no look at this machine finds: platform.py of their folder, which sets PLATFORM.

    It is called after its folder."""

    stand_ins: Mapping[Kind, str]
    """By side of the question: its target that an experiment's local ones are replaced by."""
    region: str
    """Where things are made and looked for from now on, which may be set; "" is where the environment says."""

    def where(self) -> str:
        """Which account, region and server are meant, in words that may be stored."""

    def refusal(self) -> str | None:
        """Why it cannot be used from here, and the fix; None when it can."""

    def remnants(self, run: str = "") -> Iterable[Remnant]:
        """Everything of ours that is there, of one run or of all; what must go first comes first. Raises
        DeploymentError where nothing can be looked at."""

    def unseen(self) -> Sequence[str]:
        """What the latest `remnants` could not look at, and why, a line each: nothing is known of it."""

    def remove(self, remnant: Remnant) -> None:
        """Remove it; fine when it is gone. Raises DeploymentError."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, of this machine or of a platform. `needed`: nothing can be measured without it."""

    what: str
    ok: bool
    told: str
    needed: bool = False


@runtime_checkable
class Examined(Protocol):
    """A platform that says what it can be used for from here."""

    def findings(self) -> Iterable[Finding]:
        """What was looked at, and the fix for what is not well. Soon, and nothing is made; names no account or key."""


@runtime_checkable
class Governed(Protocol):
    """A platform that lets each of its users do so much, and no more."""

    def policy(self, names: Sequence[str] = ()) -> str:
        """What whoever measures on these of its targets, or on all, has to be allowed, as the platform takes it."""


class DeploymentError(Exception):
    """The target could not be packaged, started or stopped: the message names what and the fix."""


class StartFailed(DeploymentError):
    """A unit was created, and then ended or did not answer in time: what was deployed fails, and not the machine."""
