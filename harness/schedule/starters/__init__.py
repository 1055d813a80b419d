"""What starts a re-measurement: the contract that each file with a STARTER here fulfils; a new one is a new file."""

import pkgutil
import re
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from harness.errors import MissingError, UsageError
from harness.files.problems import quote
from harness.files.whole import read_file, replacing
from harness.schedule.plan import Moment

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
MOST_BYTES = 1_000_000
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Job:
    """What is to be started: `frostline remeasure --if-due`, in a folder, for one schedule."""

    folder: Path
    plan: Path
    results: Path
    moment: Moment

    @classmethod
    def of(cls, plan: Path, results: Path, moment: Moment) -> "Job":
        """From the folder that the command was given in. UsageError for paths that no scheduler's file can hold."""
        job = cls(Path.cwd(), plan.absolute(), results.absolute(), moment)
        odd = [path for path in (job.folder, job.plan, job.results) if CONTROL.search(str(path))]
        if odd:
            raise UsageError(
                [f"{quote(str(path))}: a path with control characters cannot be scheduled" for path in odd]
            )
        return job

    @property
    def words(self) -> list[str]:
        """The command with its arguments, for this machine."""
        script = Path(sys.executable).with_name("frostline")
        begin = [str(script)] if script.is_file() else [sys.executable, "-c", "from harness.cli import main; main()"]
        return [*begin, "remeasure", "--if-due", "--plan", str(self.plan), "--results", str(self.results)]


class Starter(Protocol):
    """One way of starting a re-measurement."""

    name: str

    def check(self, job: Job) -> None:
        """UsageError or MissingError where it cannot be installed. Changes nothing."""

    def install(self, job: Job) -> list[str]:
        """Put it in place, or in the place of its own earlier self. Returns what the user has to know and do."""

    def remove(self, job: Job) -> list[str]:
        """Take it away, or tell the user what to delete. UsageError or MissingError where it cannot be removed."""


def starter_names() -> list[str]:
    """Every starter, found by listing this folder."""
    return sorted(entry.name for entry in pkgutil.iter_modules([str(HERE)]))


def starter(name: str) -> Starter:
    """The starter of this name. KeyError when there is none."""
    if name not in starter_names():
        raise KeyError(name)
    loaded: Starter = import_module(f"harness.schedule.starters.{name}").STARTER
    return loaded


def refuse_foreign(file: Path, mark: str) -> None:
    """UsageError when there is such a file and its first line is not `mark`: it is somebody else's, as any link is."""
    if file.is_symlink():
        raise UsageError([f"{file} is a link, which is not ours: move it away, nothing was overwritten"])
    try:
        first = read_file(file, MOST_BYTES).decode(errors="replace").partition("\n")[0]
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError([f"{file} cannot be read ({error.strerror}): move it away"]) from None
    if first.strip() != mark:
        raise UsageError([f"{file} was not written for this schedule: move it away, nothing was overwritten"])


def write(file: Path, text: str) -> None:
    """Replace the file. MissingError when it cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as stream:
            stream.write(text.encode())
    except OSError as error:
        raise MissingError(f"{file} cannot be written ({error.strerror}): make its folder writable") from error
