"""`frostline schedule install`: all is checked, then the schedule is written, then its starter is put in place; and
`frostline schedule remove`, after which nothing starts it."""

import os
from datetime import datetime
from pathlib import Path

from rich.console import Console

from harness.errors import UsageError
from harness.files.strict_yaml import is_file
from harness.files.text import harmless
from harness.measure.anchor import keep_images
from harness.record.figures import plural
from harness.schedule.due import read_manifests, standing
from harness.schedule.plan import Moment, Plan, as_written, read_experiments, read_plan
from harness.schedule.starters import Job, starter


def install(experiments: list[str], with_: str, file: Path, results: Path, console: Console, now: datetime) -> None:
    """Write the list down, or take the one that is there. UsageError and MissingError before anything is changed."""
    plan = new_plan(experiments, file) if experiments else present_plan(file)
    scheduled = read_experiments(plan.experiments, file)
    begins = starter(with_)
    job = Job.of(file, results, plan.moment)
    begins.check(job)
    if experiments:
        plan.write(file)
    lines = [f"{file}: {plural(len(scheduled), 'experiment')}, {plan.moment}", *begins.install(job)]
    manifests, _ = read_manifests(results, now)
    for experiment in scheduled:
        last = standing(experiment.name, manifests, now).last
        tags, problems = keep_images(last) if last else ([], [])
        lines += [f"{experiment.name}: kept for next quarter: {tag}" for tag in tags]
        lines += [f"{experiment.name}: no anchor for next quarter: {problem}" for problem in problems]
    for line in lines:
        console.print(harmless(line), markup=False, soft_wrap=True)


def remove(with_: str, file: Path, results: Path, console: Console) -> None:
    """Take the starter away, or say how; the schedule's own file stays. UsageError and MissingError where it cannot."""
    lines = starter(with_).remove(Job.of(file, results, Moment()))
    for line in [*lines, *([f"the schedule is kept: {file}"] if is_file(file) else [])]:
        console.print(harmless(line), markup=False, soft_wrap=True)


def present_plan(file: Path) -> Plan:
    """The schedule that is there. UsageError where there is none."""
    if not is_file(file):
        raise UsageError([f"schedule install: name the experiments (see `frostline list`): there is no {file} yet"])
    return read_plan(file)[0]


def new_plan(experiments: list[str], file: Path) -> Plan:
    """New names replace the list, the moment stays as it was; what is there must be a schedule, or something else would
    be overwritten. UsageError before anything is written."""
    if not file.absolute().parent.is_dir():
        raise UsageError([f"--plan {file}: there is no folder {file.parent}: make it or choose another"])
    if os.path.lexists(file) and not is_file(file):
        raise UsageError([f"--plan {file}: is there and is no file: move it away or choose another"])
    moment = read_plan(file)[0].moment if is_file(file) else Moment()
    return Plan(experiments=as_written(experiments, file), moment=moment)
