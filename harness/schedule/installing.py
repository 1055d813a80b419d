"""`frostline schedule install`: all is checked, then the schedule is written, then its starter is put in place."""

from pathlib import Path

from rich.console import Console

from harness.clock import utc_now
from harness.errors import UsageError
from harness.files.strict_yaml import is_file
from harness.files.text import harmless
from harness.measure.anchor import keep_images
from harness.record.figures import counted
from harness.schedule.due import standing, stored
from harness.schedule.plan import Moment, Plan, as_written, read_plan, scheduled
from harness.schedule.starter import Job
from harness.schedule.starters import starter


def install(experiments: list[str], with_: str, plan: Path, results: Path, console: Console) -> None:
    """Write the list down, or take the one that is there. UsageError and MissingError before anything is changed."""
    chosen = _plan(experiments, plan)
    found = scheduled(chosen.experiments, plan)
    begins = starter(with_)
    job = Job.of(plan, results, chosen.moment)
    begins.check(job)
    if experiments:
        chosen.write(plan)
    told = [f"{plan}: {counted(len(found), 'experiment')}, {chosen.moment}", *begins.install(job)]
    manifests, _ = stored(results)
    for experiment in found:
        last = standing(experiment.name, manifests, utc_now()).last
        tags, problems = keep_images(last) if last else ([], [])
        told += [f"{experiment.name}: kept for next quarter: {tag}" for tag in tags]
        told += [f"{experiment.name}: no anchor for next quarter: {problem}" for problem in problems]
    for line in told:
        console.print(harmless(line), markup=False, soft_wrap=True)


def _plan(experiments: list[str], file: Path) -> Plan:
    """New names replace the list; the moment stays as it was. UsageError before anything is written."""
    if not experiments:
        if not is_file(file):
            raise UsageError([f"schedule install: name the experiments (see `frostline list`): there is no {file} yet"])
        return read_plan(file)[0]
    if not file.absolute().parent.is_dir():
        raise UsageError([f"--plan {file}: there is no folder {file.parent}: make it or choose another"])
    moment = read_moment(file) if is_file(file) else Moment()
    return Plan(experiments=as_written(experiments, file), moment=moment)


def read_moment(file: Path) -> Moment:
    """Of the schedule that is to be replaced; it must be one, or something else would be overwritten."""
    return read_plan(file)[0].moment
