"""The question, as YAML: read, checked in one go, every problem reported with its field, value and fix."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import loadprofiles
import targets
from harness.errors import UsageError
from loadprofiles import LoadProfile
from targets.contract import FunctionSettings, Sizing

SHIPPED = Path(__file__).parent / "experiments"
MOST_BYTES = 1_000_000
LEAST_MEMORY_MB = 128
MOST_MEMORY_MB = 10_240

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Part(BaseModel):
    """A piece of an experiment: unknown fields are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class WorkloadChoice(Part):
    """A workload, with a model of the user's own if `model_dir` is given."""

    name: str
    model_dir: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class ProfileChoice(Part):
    """One load profile with its parameters: {bursty: {rate: 5, seconds: 8}}."""

    name: str
    parameters: dict[str, Any]

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) == 1 and set(value) != {"name"}:
            name, parameters = next(iter(value.items()))
            return {"name": name, "parameters": parameters if parameters is not None else {}}
        return value


class SizingChoice(Part):
    """Per unit, in sizes that can be bought: a function's vCPU follows its memory."""

    function_memory_mb: int = Field(1769, ge=LEAST_MEMORY_MB, le=MOST_MEMORY_MB)
    service_memory_mb: int = Field(2048, ge=LEAST_MEMORY_MB, le=122_880)
    service_cpus: float = Field(1.0, ge=0.25, le=16)

    def of(self, kind: str) -> Sizing:
        """The sizing of one replica or one sandbox."""
        if kind == "function":
            return Sizing.of_function(self.function_memory_mb)
        return Sizing(self.service_memory_mb, self.service_cpus)


class FunctionChoice(Part):
    """Lambda's behaviour. `keep_alive_s` is in modelled seconds and is divided by the experiment's compression."""

    keep_alive_s: Seconds = 300
    timeout_s: Annotated[float, Field(gt=0, le=900)] = 60
    init_timeout_s: Annotated[float, Field(gt=0, le=900)] = 10
    concurrency_limit: int = Field(1000, ge=1, le=10_000)
    starts_per_10_s: int = Field(1000, ge=1, le=10_000)

    def settings(self, compression: float) -> FunctionSettings:
        """What the local Lambda is told."""
        return FunctionSettings(**{**self.model_dump(), "keep_alive_s": self.keep_alive_s / compression})


class LoadChoice(Part):
    """How the generator works."""

    workers: int = Field(1, ge=1, le=16)
    prewarm: int = Field(8, ge=0, le=1000)
    cap: int = Field(20_000, ge=1, le=60_000)
    timeout_s: Annotated[float, Field(gt=0, le=960)] = 90


class Objective(Part):
    """A service level objective: this percentile of latency, counted from the schedule, is at most this long."""

    percentile: float = Field(95, ge=50, le=99.9)
    latency_ms: float = Field(gt=0)


class Experiment(Part):
    """Workloads x targets x profiles, over interleaved rounds."""

    name: Name
    question: str = Field(max_length=500)
    workloads: Annotated[list[WorkloadChoice], Field(min_length=1)]
    targets: Annotated[list[str], Field(min_length=1)]
    without_engine: list[str] = []
    """Targets instead, where no Docker engine answers."""
    profiles: list[ProfileChoice] = []
    cold_starts: int = Field(2, ge=0, le=100)
    """Forced cold starts per workload, target and round."""
    rounds: int = Field(10, ge=1, le=1000)
    seed: int = Field(1, ge=0, le=2**63 - 1)
    compression: float = Field(1, ge=1, le=86_400)
    """How many modelled seconds pass in one second, for profiles that do not say and for keep-alive."""
    replicas: int = Field(1, ge=1, le=64)
    sizing: SizingChoice = SizingChoice()
    function: FunctionChoice = FunctionChoice()
    load: LoadChoice = LoadChoice()
    objective: Objective | None = None
    margin: float = Field(0.10, gt=0, lt=1)
    """Ratios within 1 +- margin count as the same; set before the run."""

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        problems = [
            *_unknown("workloads", [choice.name for choice in self.workloads], targets.workload_names()),
            *_unknown("targets", self.targets, targets.target_names()),
            *_unknown("without_engine", self.without_engine, targets.target_names()),
            *_unknown("profiles", [choice.name for choice in self.profiles], loadprofiles.profile_names()),
        ]
        if not self.profiles and not self.cold_starts:
            problems.append("profiles: there is no profile and cold_starts is 0: name at least one profile")
        for at, choice in enumerate(self.profiles):
            if choice.name in loadprofiles.profile_names():
                problems += _profile_problems(f"profiles.{at}.{choice.name}", choice, self.compression)
        problems += _model_problems(self.workloads)
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def load_profiles(self) -> list[tuple[str, LoadProfile]]:
        """The profiles with their parameters, in the order written; a name used twice is numbered."""
        found: list[tuple[str, LoadProfile]] = []
        names = [choice.name for choice in self.profiles]
        for at, choice in enumerate(self.profiles):
            label = (
                choice.name if names.count(choice.name) == 1 else f"{choice.name}-{names[: at + 1].count(choice.name)}"
            )
            found.append((label, _profile(choice, self.compression)))
        return found

    def sha256(self) -> str:
        """Identifies the definition: two runs of one experiment share it."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def experiment_names() -> list[str]:
    """The experiments that come with Frostline."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def read_experiment(name: str) -> Experiment:
    """A shipped experiment by name, or a YAML file. UsageError with every problem found."""
    return parse_experiment(_mapping(name), name)


def parse_experiment(fields: dict[str, Any], source: str) -> Experiment:
    """Check a mapping. UsageError with every problem found."""
    try:
        return Experiment.model_validate(fields)
    except ValidationError as error:
        raise UsageError([f"{source}: {line}" for line in problems_in(error)]) from None


def problems_in(error: ValidationError) -> list[str]:
    """One line per problem: field, value and what would be accepted."""
    lines: list[str] = []
    for problem in error.errors(include_url=False):
        where = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "value_error":
            prefix = f"{where}: " if where else ""
            lines += [prefix + line for line in problem["msg"].removeprefix("Value error, ").splitlines()]
        elif problem["type"] == "missing":
            lines.append(f"{where}: is missing: add it")
        else:
            lines.append(f"{where}: {_shown(problem['input'])} is not accepted: {problem['msg']}")
    return lines


def _mapping(name: str, depth: int = 0) -> dict[str, Any]:
    shipped = SHIPPED / f"{name}.yaml"
    path = shipped if name in experiment_names() else Path(name)
    if not path.is_file():
        known = ", ".join(experiment_names())
        raise UsageError([f"experiment: {_shown(name)} is neither a file nor one of: {known}"])
    try:
        data = path.read_bytes()
        if len(data) > MOST_BYTES:
            raise UsageError([f"{path}: has {len(data)} bytes: an experiment may have {MOST_BYTES}"])
        fields = yaml.safe_load(data)
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        told = " ".join(str(error).split())
        raise UsageError([f"{path}: is not readable YAML: {told[:300]}"]) from None
    if not isinstance(fields, dict) or not all(isinstance(key, str) for key in fields):
        raise UsageError(
            [f"{path}: is not a mapping of fields: begin with name, question, workloads, targets, profiles"]
        )
    return _with_model(fields, path, depth)


def _with_model(fields: dict[str, Any], path: Path, depth: int) -> dict[str, Any]:
    """`like: NAME` takes every field that is not given from a shipped experiment."""
    if "like" not in fields:
        return fields
    like = fields.pop("like")
    if depth or like not in experiment_names():
        raise UsageError([f"{path}: like: {_shown(like)} is not one of: {', '.join(experiment_names())}"])
    return {**_mapping(str(like), depth + 1), **fields}


def _unknown(field: str, names: list[str], known: list[str]) -> list[str]:
    return [f"{field}: {_shown(name)} is not one of: {', '.join(known)}" for name in names if name not in known]


def _profile(choice: ProfileChoice, compression: float) -> LoadProfile:
    kind = loadprofiles.profile(choice.name)
    return kind.model_validate({**kind.compressed(compression), **choice.parameters})


def _profile_problems(place: str, choice: ProfileChoice, compression: float) -> list[str]:
    try:
        _profile(choice, compression)
    except ValidationError as error:
        return [f"{place}.{line}" for line in problems_in(error)]
    return []


def _model_problems(choices: list[WorkloadChoice]) -> list[str]:
    from targets.packaging.model_folder import model_dir_problems

    known = [choice for choice in choices if choice.name in targets.workload_names()]
    return [
        f"workloads.{choice.name}.model_dir: {problem}"
        for choice in known
        for problem in model_dir_problems(targets.workload(choice.name), choice.model_dir)
    ]


def _shown(value: Any) -> str:
    text = ascii(value) if isinstance(value, str) else ascii(str(value))[1:-1]
    return text if len(text) <= 80 else text[:77] + "..."
