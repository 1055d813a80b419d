"""frostline-schedule.yaml: which experiments are measured again, and at what moment of a quarter."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from harness.clock import Quarter
from harness.errors import MissingError, UsageError
from harness.experiment.question import Experiment, experiment_names, read_experiment
from harness.files.problems import problems_in, quote
from harness.files.strict_yaml import is_file, read_mapping, write_mapping
from harness.files.whole import replacing
from harness.record.stated import Part

SCHEMA = "frostline/schedule/1"
MONTHS = (1, 4, 7, 10)
"""First month of each quarter."""
HEADING = f"""# {SCHEMA}: what `frostline remeasure` measures again every quarter. Written by
# `frostline schedule install`. An experiment is a name from `frostline list` or a YAML file beside this one.
# The moment is in UTC.
"""


class Moment(Part):
    """When in a quarter, UTC. Off the hour, when schedulers everywhere are busiest."""

    day: int = Field(1, ge=1, le=28)
    hour: int = Field(6, ge=0, le=23)
    minute: int = Field(17, ge=1, le=59)

    @property
    def cron(self) -> str:
        """Five fields: minute, hour, day, months, any weekday."""
        return f"{self.minute} {self.hour} {self.day} {','.join(map(str, MONTHS))} *"

    def of(self, quarter: Quarter) -> datetime:
        """This moment of a quarter."""
        return datetime(quarter.year, quarter.month, self.day, self.hour, self.minute, tzinfo=UTC)

    def __str__(self) -> str:
        return f"day {self.day} of each quarter, {self.hour:02}:{self.minute:02} UTC"


class Plan(Part):
    """What the schedule's file says."""

    schema_: Literal["frostline/schedule/1"] = Field("frostline/schedule/1", alias="schema")
    experiments: Annotated[list[Annotated[str, Field(min_length=1, max_length=500)]], Field(min_length=1)]
    moment: Moment = Moment()

    def write(self, file: Path) -> None:
        """Replace the file. MissingError when it cannot be written."""
        fields: dict[str, Any] = self.model_dump(mode="json", by_alias=True)
        try:
            with replacing(file) as stream:
                stream.write((HEADING + write_mapping(fields)).encode())
        except OSError as error:
            raise MissingError(f"{file} cannot be written ({error.strerror}): choose another --plan") from error


def read_plan(file: Path) -> tuple[Plan, list[Experiment]]:
    """The schedule and its experiments. UsageError with every problem of the file and of all its experiments."""
    if not is_file(file):
        raise UsageError(
            [f"there is no schedule {quote(str(file))}: `frostline schedule install EXPERIMENT... --with cron`"]
        )
    try:
        plan = Plan.model_validate(read_mapping(file))
    except ValidationError as error:
        raise UsageError([f"{file}: {line}" for line in problems_in(error)]) from None
    return plan, read_experiments(plan.experiments, file)


def read_experiments(names: list[str], file: Path) -> list[Experiment]:
    """The experiments of these names; files are looked for beside `file`. UsageError with every problem of all."""
    experiments: list[Experiment] = []
    problems: list[str] = []
    for name in names:
        try:
            experiments.append(read_experiment(name if name in experiment_names() else os.path.join(file.parent, name)))  # noqa: PTH118
        except UsageError as error:
            problems += error.problems
    known = [experiment.name for experiment in experiments]
    twice = sorted({name for name in known if known.count(name) > 1})
    problems += [f"experiments: two are called {name}: their runs could not be told apart" for name in twice]
    if problems:
        raise UsageError([f"{file}: {problem}" for problem in problems])
    return experiments


def as_written(names: list[str], file: Path) -> list[str]:
    """As they stand in the schedule: names of shipped experiments, and paths from the folder of `file`."""
    folder = file.absolute().parent
    return [name if name in experiment_names() else os.path.relpath(name, folder) for name in names]
