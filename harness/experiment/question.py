"""The question, as YAML: read, checked in one go, every problem reported with its field, value and fix."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator

import targets
from harness.errors import UsageError
from harness.experiment.parts import split_problems
from harness.experiment.payloads import payload_problems, payload_size_problems
from harness.experiment.pieces import (
    FunctionChoice,
    LoadChoice,
    Name,
    ProfileChoice,
    Regimes,
    ScaleOutChoice,
    SizingChoice,
    WorkloadChoice,
)
from harness.experiment.profiles import profile, profile_names
from harness.experiment.settings import MOST_REPLICAS, settings_of, settings_problems
from harness.files.problems import near, no_workload, not_one_of, problems_in, quote
from harness.files.strict_yaml import is_file, read_mapping
from harness.files.text import harmless
from harness.files.whole import one_line
from harness.record.definition import SHIPPED, definition_sha256
from harness.record.nouns import BeginState
from harness.record.stated import Expected, Objective, Part, PricedAs, Ratings, Stakes
from loadprofiles import LoadProfile
from targets.contract import DeploymentError, Target
from targets.settings import Settings

MOST_BUDGET_USD = 100_000


class Experiment(Part):
    """Workloads x targets x profiles, over interleaved rounds."""

    name: Name
    """What runs of it are called: a-z, 0-9 and -."""
    question: str = Field(max_length=500)
    """The question in a sentence, as the report begins with it."""
    workloads: Annotated[list[WorkloadChoice], Field(min_length=1)]
    """What is measured: names from `frostline list`, or mappings where there is more to say of one."""
    targets: Annotated[list[str], Field(min_length=1)]
    """Where it is measured: names from `frostline list`, of both sides of the question."""
    without_engine: list[str] = []
    """Targets instead, where no Docker engine answers."""
    compression: float = Field(1, ge=1, le=86_400)
    """How many modelled seconds pass in one second, for profiles that do not say. Keep-alive is compressed as the
    traffic of each trial is: not at all where the profile has no time to compress."""
    profiles: list[ProfileChoice] = []
    """The traffic, each as {NAME: {parameter: value}}; without any, only cold starts are forced."""
    begin: BeginState = "steady"
    """What the first request of a profile finds at a function: the sandboxes that enough of this traffic would have
    left, about ten times as long as one is kept, or none. Empty shows a start-up transient. Batch is empty, too, and
    says that the traffic is whole batches, such as a nightly one: each trial is one, from its first start to its last
    end, and a month is as many of them as its requests make."""
    cold_starts: int = Field(2, ge=0, le=100)
    """Forced cold starts per workload, target, regime and round."""
    page_cache: Regimes[Literal["kept", "dropped"]] = ["kept"]
    """Each is a regime of its own; dropped, where this machine permits it, before every forced cold start."""
    images: Regimes[Literal["present", "absent"]] = ["present"]
    """Absent: the image is removed before every forced cold start, and loading it again is a part of the start."""
    scale_out: ScaleOutChoice | None = None
    """More replicas under load, where a target can start them."""
    rounds: int = Field(10, ge=1, le=1000)
    """How often every trial is repeated, in an order drawn anew: no verdict comes from fewer than 10."""
    attempts: int = Field(3, ge=1, le=3)
    """Most attempts at a trial that turns out INVALID; every one is kept, the last one counts."""
    seed: int = Field(1, ge=0, le=2**63 - 1)
    """Of everything that is drawn: the same seed gives the same order and the same arrivals."""
    replicas: int = Field(1, ge=1, le=MOST_REPLICAS)
    """Units of a service, all the time."""
    sizing: SizingChoice = SizingChoice()
    """What one unit may use."""
    function: FunctionChoice = FunctionChoice()
    """How a function behaves."""
    settings: dict[str, dict[str, Any]] = {}
    """By target: settings of its own, which count before `function` and `replicas`."""
    load: LoadChoice = LoadChoice()
    """How requests are sent."""
    budget_usd: float | None = Field(None, gt=0, le=MOST_BUDGET_USD)
    """A run on targets that cost money is ended when it has spent so much by its own metering. Without one, the most
    that its plan can cost is its budget."""
    region: str | None = Field(None, pattern=r"^[a-z0-9-]{1,40}$")
    """Where targets of a platform are made, as it calls that; without one, where the environment says. Targets of this
    machine have none."""
    objective: Objective | None = None
    """What users still find good; without one, nothing is said of it, and nothing is guessed."""
    margin: float = Field(0.10, gt=0, lt=1)
    """Ratios from 1 / (1 + margin) to 1 + margin count as the same; set before the run."""
    expected: Expected | None = None
    """The traffic of a month, which forecast and cost are for; it changes no measurement."""
    priced_as: PricedAs = PricedAs()
    """What the two sides are bought as; it changes no measurement."""
    stakes: Stakes = Stakes()
    """What people and bad answers cost; it changes no measurement."""
    ratings: Ratings = Ratings()
    """What nobody can measure, as you judge it; it changes no measurement."""

    # Checks are per field, so that a problem of one field does not hide those of another.

    @field_validator("workloads")
    @classmethod
    def _usable_workloads(cls, choices: list[WorkloadChoice]) -> list[WorkloadChoice]:
        names, keys = [choice.name for choice in choices], [choice.key for choice in choices]
        known = targets.workload_names()
        problems = [f"workloads: {no_workload(name, known)}" for name in names if name not in known]
        problems += _repeated("workloads", keys)
        problems += [*_model_problems(choices), *_settings_problems(choices)]
        _refuse(problems or payload_problems(choices))
        return choices

    @field_validator("targets", "without_engine")
    @classmethod
    def _usable_targets(cls, names: list[str], info: ValidationInfo) -> list[str]:
        field = str(info.field_name)
        _refuse(_name_problems(field, names, targets.target_names()) or _claim_problems(field, names))
        choices = info.data.get("workloads", [])
        problems = [*split_problems(choices, names), *payload_size_problems(choices, names)]
        _refuse([f"{field}: {line}" for line in problems])
        return names

    @field_validator("settings")
    @classmethod
    def _usable_settings(cls, settings: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        known = targets.target_names()
        problems = _unknown("settings", list(settings), known)
        for name, own in settings.items():
            if name in known:
                problems += [f"settings.{name}.{line}" for line in settings_problems(targets.target(name), own)]
        _refuse(problems)
        return settings

    @field_validator("profiles")
    @classmethod
    def _usable_profiles(cls, choices: list[ProfileChoice], info: ValidationInfo) -> list[ProfileChoice]:
        known, compression = profile_names(), info.data.get("compression", 1.0)
        problems = _unknown("profiles", [choice.name for choice in choices], known)
        for at, choice in enumerate(choices):
            if choice.name in known:
                problems += _profile_problems(f"profiles.{at}.{choice.name}", choice, compression)
        _refuse(problems)
        return [_with_record(choice, compression) for choice in choices]

    @field_validator("expected")
    @classmethod
    def _one_peak(cls, expected: Expected | None, info: ValidationInfo) -> Expected | None:
        if expected and expected.peak_to_mean is not None and info.data.get("begin") == "batch":
            peak = f"expected.peak_to_mean: {expected.peak_to_mean:g} is not accepted with `begin: batch`"
            _refuse([f"{peak}: the peak is the rate of the batch itself, so leave it out"])
        return expected

    @field_validator("cold_starts")
    @classmethod
    def _something_to_do(cls, count: int, info: ValidationInfo) -> int:
        if not count and info.data.get("profiles") == []:
            _refuse(["cold_starts: 0 is not accepted where there is no profile: name one, or raise it"])
        return count

    def load_profiles(self) -> list[tuple[str, LoadProfile]]:
        """The profiles with their parameters, in the order written; a name used twice is numbered."""
        profiles: list[tuple[str, LoadProfile]] = []
        names = [choice.name for choice in self.profiles]
        for at, choice in enumerate(self.profiles):
            label = (
                choice.name if names.count(choice.name) == 1 else f"{choice.name}-{names[: at + 1].count(choice.name)}"
            )
            profiles.append((label, _profile(choice, self.compression)))
        return profiles

    def settings_of(self, target: Target, compression: float = 1) -> Settings:
        """How this target is to behave where so many modelled seconds pass in one; keep-alive in real seconds."""
        shared = {**self.function.model_dump(), "replicas": self.replicas}
        return settings_of(target, shared, self.settings.get(target.name, {}), compression)

    def sha256(self) -> str:
        """Identifies what is measured: two runs of one experiment share it. What is said of money does not count."""
        return definition_sha256(self.model_dump(mode="json"))


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
        raise UsageError([f"{source}: {line}" for line in problems_in(error, Experiment)]) from None


def _mapping(name: str) -> dict[str, Any]:
    path = SHIPPED / f"{name}.yaml" if name in experiment_names() else Path(name)
    if not is_file(path):
        known = experiment_names()
        told = f"{quote(name)} is neither a file nor one of: {', '.join(known)}{near(name, known)}"
        raise UsageError([f"experiment: {told}"])
    return _with_model(read_mapping(path), path)


def _with_model(fields: dict[str, Any], path: Path) -> dict[str, Any]:
    """`like: NAME` takes every field that is not given from a shipped experiment."""
    if "like" not in fields:
        return fields
    like = fields.pop("like")
    if like not in experiment_names():
        raise UsageError([f"{path}: like: {not_one_of(like, experiment_names())}"])
    return {**_mapping(str(like)), **fields}


def _refuse(problems: list[str]) -> None:
    if problems:
        raise ValueError("\n".join(problems))


def _name_problems(field: str, names: list[str], known: list[str]) -> list[str]:
    """Unknown names, and names given twice."""
    return _unknown(field, names, known) + _repeated(field, names)


def _claim_problems(field: str, names: list[str]) -> list[str]:
    """Of targets that cannot be read, or that claim what cannot be."""
    return [f"{field}: {name}: {one_line(harmless(line))}" for name in names for line in targets.target_problems(name)]


def _repeated(field: str, names: list[str]) -> list[str]:
    """Two trials would be one and the same."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    return [f"{field}: {quote(name)} is given twice" for name in repeated]


def _unknown(field: str, names: list[str], known: list[str]) -> list[str]:
    return [f"{field}: {not_one_of(name, known)}" for name in names if name not in known]


def _profile(choice: ProfileChoice, compression: float) -> LoadProfile:
    kind = profile(choice.name)
    return kind.model_validate({**kind.compression_parameters(compression), **choice.parameters})


def _with_record(choice: ProfileChoice, compression: float) -> ProfileChoice:
    """Its parameters as they are kept: with what identifies a file that it reads."""
    record = _profile(choice, compression).record
    return choice.model_copy(update={"parameters": {**choice.parameters, **record}}) if record else choice


def _profile_problems(place: str, choice: ProfileChoice, compression: float) -> list[str]:
    try:
        _profile(choice, compression)
    except ValidationError as error:
        return [f"{place}.{line}" for line in problems_in(error, profile(choice.name))]
    return []


def _model_problems(choices: list[WorkloadChoice]) -> list[str]:
    known = [choice for choice in choices if choice.name in targets.workload_names()]
    return [
        f"workloads.{choice.name}.{'model_archive' if choice.model_archive else 'model_dir'}: {line}"
        for choice in known
        for line in _model_dir_problems(choice)
    ]


def _settings_problems(choices: list[WorkloadChoice]) -> list[str]:
    problems = []
    for choice in (choice for choice in choices if choice.name in targets.workload_names()):
        try:
            choice.resolve()
        except ValueError as error:
            problems += [
                f"workloads.{choice.key}.settings: {one_line(harmless(line))}" for line in str(error).split("\n")
            ]
    return problems


def _model_dir_problems(choice: WorkloadChoice) -> list[str]:
    from targets.packaging.model_folder import model_dir_problems

    try:
        try:
            workload = choice.resolve()
        except ValueError:  # its settings are told as what they are
            workload = targets.workload(choice.name)
        return model_dir_problems(workload, choice.own_model)
    except DeploymentError as error:
        return str(error).split("\n")
    except (OSError, ValueError) as error:
        return [f"{quote(choice.model_dir)} cannot be read: {quote(error)}"]
