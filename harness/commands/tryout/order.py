"""What is to be tried: a workload on a target, in the words of an experiment, so that the same is refused."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import targets
from harness.errors import UsageError
from harness.experiment.plan import Trial, plan
from harness.experiment.question import Experiment, parse_experiment
from harness.files.problems import quote
from harness.files.strict_yaml import Loader
from harness.files.yaml_scalars import Misread
from harness.measure.fitting import fit_to_machine

TRY = "try"


@dataclass(frozen=True)
class TryOrder:
    """What was asked for on the command line."""

    workload: str
    target: str
    model_dir: Path | None = None
    model_archive: Path | None = None
    sha256: str | None = None
    """Of the archive."""
    settings: Sequence[str] = ()
    """NAME=VALUE of the workload's own, each value as YAML has it."""
    memory_mb: int | None = None
    """Of one unit; None: as an experiment has it."""
    cpus: float | None = None
    """Of one replica."""
    timeout_s: float = 90

    def trial(self) -> tuple[Experiment, Trial]:
        """An experiment that asks for one start here, and its trial. UsageError or MissingError with every problem."""
        experiment = parse_experiment(self._fields(), TRY)
        if targets.target(self.target).capabilities.asynchronous:
            raise UsageError([f"--in: {self.target} only accepts requests, and answers later: try it in another"])
        if targets.target(self.target).capabilities.billed:
            raise UsageError(
                [f"--in: {self.target} costs money, and only `frostline run` says how much first: use that"]
            )
        runnable = fit_to_machine(experiment)
        return runnable.experiment, plan(runnable.experiment, [self.target])[0]

    def choice(self) -> dict[str, Any]:
        """The workload as an experiment names it. UsageError when a setting is none."""
        own: dict[str, Any] = {"name": self.workload}
        own |= {"model_dir": str(self.model_dir.absolute())} if self.model_dir else {}
        if self.model_archive or self.sha256:
            given = {"file": self.model_archive and str(self.model_archive.absolute()), "sha256": self.sha256}
            own["model_archive"] = {name: value for name, value in given.items() if value}
        return own | ({"settings": settings} if (settings := read_settings(self.settings)) else {})

    def _fields(self) -> dict[str, Any]:
        choice = self.choice()
        return {
            "name": TRY,
            "question": "Does it load, and is it right?",
            "workloads": [choice],
            "targets": [self.target],
            "cold_starts": 1,
            "rounds": 1,
            "sizing": self._sizing(),
            "load": {"timeout_s": self.timeout_s},
        }

    def _sizing(self) -> Mapping[str, Any]:
        if self.target not in targets.target_names() or targets.target_problems(self.target):
            return {}  # told as such
        kind = targets.target(self.target).parts[0].kind
        if kind == "function" and self.cpus is not None:
            raise UsageError([f"--cpus: a function's vCPU follows its memory, and {self.target} is one: leave it out"])
        given = {f"{kind}_memory_mb": self.memory_mb, "service_cpus": self.cpus}
        return {name: value for name, value in given.items() if value is not None}


def read_settings(given: Sequence[str]) -> dict[str, Any]:
    """Settings from NAME=VALUE. UsageError with every one that is none."""
    settings, problems = {}, []
    for text in given:
        name, sign, value = text.partition("=")
        try:
            if not (sign and name) or name in settings:
                raise ValueError("give NAME=VALUE, each name once")
            settings[name] = Loader(io.StringIO(value)).get_single_data()
        except (Misread, ValueError, yaml.YAMLError) as error:
            problems.append(f"--set: {quote(text)} is not accepted: {' '.join(str(error).split())[:200]}")
    if problems:
        raise UsageError(problems)
    return settings
