"""The pieces that an experiment is written in, each with its bounds."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, field_validator, model_validator

import targets
from harness.files.problems import has_more_values, quote
from harness.record.stated import Part
from targets.contract import Part as TargetPart
from targets.contract import Sizing
from targets.settings import LEAST_TMP_MB, MOST_TMP_MB
from targets.workloads.contract import EDGE, Workload

LEAST_MEMORY_MB = 128
MOST_MEMORY_MB = 10_240
MOST_SERVICE_MEMORY_MB = 122_880
MOST_SETTINGS = 10_000

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Regime = TypeVar("Regime", bound=str)
Regimes = Annotated[list[Regime], Field(min_length=1), AfterValidator(lambda regimes: list(dict.fromkeys(regimes)))]


class ArchiveChoice(Part):
    """A model of the user's own in one file."""

    file: Annotated[Path, AfterValidator(Path.absolute)]
    """A .tar, .tar.gz or .zip of plain files; a folder alone at its top is left out."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the file; another one is refused. What was unpacked once is kept under it."""


class OwnSizing(Part):
    """Of one workload, instead of what the experiment says; what is left out is the experiment's."""

    function_memory_mb: int | None = Field(None, ge=LEAST_MEMORY_MB, le=MOST_MEMORY_MB)
    """Of one sandbox."""
    service_memory_mb: int | None = Field(None, ge=LEAST_MEMORY_MB, le=MOST_SERVICE_MEMORY_MB)
    """Of one replica."""
    service_cpus: float | None = Field(None, ge=0.25, le=16)
    """Of one replica."""


class WorkloadChoice(Part):
    """A workload, with a model of the user's own or settings of its own; `label` tells two of one name apart."""

    name: str
    """One from `frostline list`, or of a plug-in."""
    label: Name | None = None
    """What its rows are called, where one workload is measured in several ways."""
    model_dir: Annotated[Path, AfterValidator(Path.absolute)] | None = None
    """A folder with a model of your own, in the place of the packaged one."""
    model_archive: ArchiveChoice | None = None
    """The same in one file, known by its sha256."""
    settings: dict[str, Any] = {}
    """The workload's own, where it has any."""
    load: Literal["init", "first_request"] = "init"
    """When its model is loaded: as a unit starts, or within the first request that the unit answers."""
    sizing: OwnSizing | None = None
    """Sizes of its own, where one workload is measured at several."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("settings", mode="before")
    @classmethod
    def _finite(cls, value: Any) -> Any:
        if has_more_values(value, MOST_SETTINGS):
            raise ValueError(f"{quote(value)} is not accepted: it holds more than {MOST_SETTINGS} values")
        return value

    @model_validator(mode="after")
    def _one_model(self) -> "WorkloadChoice":
        if self.model_dir is not None and self.model_archive is not None:
            raise ValueError("model_dir and model_archive are both given: leave one out")
        return self

    @property
    def has_own_model(self) -> bool:
        """Whether a model of the user's own takes the packaged one's place."""
        return self.model_dir is not None or self.model_archive is not None

    @property
    def own_model(self) -> Path | None:
        """The folder that holds it. DeploymentError where it is in an archive that cannot be unpacked."""
        if self.model_archive is None:
            return self.model_dir
        from targets.packaging.model_archive import unpacked

        return unpacked(self.model_archive.file, self.model_archive.sha256)

    @property
    def key(self) -> str:
        """What its rows are called."""
        return self.label or self.name

    def sized(self, sizing: "SizingChoice") -> "SizingChoice":
        """The experiment's sizing with what is this workload's own."""
        own = self.sizing.model_dump(exclude_none=True) if self.sizing else {}
        return sizing.model_copy(update=own)

    def resolve(self) -> Workload:
        """The workload itself, with its settings."""
        return targets.workload(self.name, self.settings)


class ProfileChoice(Part):
    """One load profile with its parameters: {bursty: {rate: 5, seconds: 8}}."""

    name: str
    """One from `frostline list`: it is the key, and its parameters are below it."""
    parameters: dict[str, Any]
    """Those of the profile, as below."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) == 1 and set(value) != {"name"}:
            name, parameters = next(iter(value.items()))
            return {"name": name, "parameters": parameters if parameters is not None else {}}
        return value


class SizingChoice(Part):
    """Memory and vCPU per unit, in sizes that can be bought: a function's vCPU follows its memory."""

    function_memory_mb: int = Field(1769, ge=LEAST_MEMORY_MB, le=MOST_MEMORY_MB)
    """Of one sandbox, which has memory / 1,769 vCPU, as on Lambda."""
    service_memory_mb: int = Field(2048, ge=LEAST_MEMORY_MB, le=MOST_SERVICE_MEMORY_MB)
    """Of one replica."""
    service_cpus: float = Field(1.0, ge=0.25, le=16)
    """Of one replica, which serves as many requests at once, and the others in turn."""
    edge_memory_mb: int | None = Field(None, ge=LEAST_MEMORY_MB, le=MOST_MEMORY_MB)
    """Of a function edge in front of a core, which is sized as a service; None: function_memory_mb."""
    accelerators: int = Field(0, ge=0, le=16)
    """GPUs of each unit but an edge's, on either side, for itself: replicas and concurrency_limit may be no more than
    they do for."""

    def of(self, part: TargetPart) -> Sizing:
        """The sizing of one unit of this part."""
        if part.name == EDGE:
            return Sizing.of_function(self.edge_memory_mb or self.function_memory_mb)
        if part.kind == "function":
            return replace(Sizing.of_function(self.function_memory_mb), accelerators=self.accelerators)
        return Sizing(self.service_memory_mb, self.service_cpus, self.accelerators)

    def of_further(self, parts: Sequence[TargetPart]) -> dict[str, Sizing]:
        """The sizings of all parts but the first, by name."""
        return {part.name: self.of(part) for part in parts[1:]}


class FunctionChoice(Part):
    """Of every target that behaves as Lambda does. `keep_alive_s` is in modelled seconds, which pass as fast as those
    of a trial's own profile; `tmp_mb` is the largest file that a container may write, all together are not limited."""

    keep_alive_s: Seconds = 300
    """So long an idle sandbox is kept, in modelled seconds. Our assumption: AWS publishes none."""
    timeout_s: Annotated[float, Field(gt=0, le=900)] = 60
    """A request that takes longer is ended, and its sandbox with it."""
    init_timeout_s: Annotated[float, Field(gt=0, le=900)] = 10
    """An initialisation that takes longer is cut off, and done again within the request."""
    concurrency_limit: int = Field(1000, ge=1, le=10_000)
    """Most sandboxes at once; a request beyond them is turned away (429)."""
    starts_per_10_s: int = Field(1000, ge=1, le=10_000)
    """Most sandboxes that are started in 10 seconds; a request beyond them is turned away (429)."""
    tmp_mb: int = Field(512, ge=LEAST_TMP_MB, le=MOST_TMP_MB)
    """The largest file that a container may write, in /tmp or elsewhere."""


class LoadChoice(Part):
    """How the generator works."""

    workers: int = Field(1, ge=1, le=16)
    """Processes that send."""
    prewarm: int = Field(8, ge=0, le=1000)
    """Connections that are open before the first request leaves."""
    cap: int = Field(20_000, ge=1, le=60_000)
    """Most requests in flight; one beyond them is shed, and the trial INVALID."""
    timeout_s: Annotated[float, Field(gt=0, le=960)] = 90
    """A request without an answer after so long has timed out."""


class ScaleOutChoice(Part):
    """A service gets `starts` more replicas, one after the other, while steady traffic goes on at the first ones."""

    starts: int = Field(2, ge=1, le=20)
    """How many replicas are added."""
    rate: float = Field(gt=0, le=10_000)
    """Of the steady traffic meanwhile."""
    seconds: Seconds
    """How long that lasts."""
