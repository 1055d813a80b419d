"""The user's crontab: a marked block of our own; every other line stays as it is."""

import shlex
import shutil
import subprocess

from harness.errors import MissingError, UsageError
from harness.files.whole import one_line
from harness.schedule.starters import Job

NOTHING = "no crontab"
"""What every cron says of a user who has none."""


class Cron:
    """Daily, because cron does not catch up on what it missed; on most days there is nothing due."""

    name = "cron"

    def check(self, job: Job) -> None:
        """There must be the command, and a crontab that can be read and is whole."""
        if shutil.which("crontab") is None:
            raise MissingError(
                "there is no crontab command: install cron (e.g. `apt install cron`), or use --with systemd"
            )
        without_block(crontab(), job)

    def install(self, job: Job) -> list[str]:
        """Replace our block, or add it at the end."""
        text = without_block(crontab(), job) + block(job)
        done = subprocess.run(["crontab", "-"], input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MissingError(f"crontab refused the new table: {one_line(done.stderr)}; the old one is kept")
        return ["installed in your crontab (`crontab -l`): it looks every day whether the quarter has been measured"]


def crontab() -> str:
    """The user's table. MissingError when it cannot be read: it would be lost if it were taken for empty."""
    done = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False)
    if not done.returncode:
        return done.stdout
    if NOTHING in done.stderr.lower():
        return ""
    raise MissingError(f"your crontab cannot be read: {one_line(done.stderr)}; ask who runs this machine")


def marks(job: Job) -> tuple[str, str]:
    """The lines around our block. One machine may have several schedules."""
    return f"# frostline remeasure begin: {job.plan}", f"# frostline remeasure end: {job.plan}"


def block(job: Job) -> str:
    """A line for each day; cron takes a bare % for a new line."""
    log = shlex.quote(str(job.results / "remeasure.log"))
    results, folder = shlex.quote(str(job.results)), shlex.quote(str(job.folder))
    command = f"cd {folder} && mkdir -p {results} && {shlex.join(job.words)} >> {log} 2>&1"
    begin, end = marks(job)
    timing = f"{job.moment.minute} {job.moment.hour} * * *"
    return "\n".join([begin, f"{timing} {command}".replace("%", r"\%"), end, ""])


def without_block(text: str, job: Job) -> str:
    """The table without ours. UsageError when the end of ours is missing: what follows may be somebody else's."""
    begin, end = marks(job)
    kept: list[str] = []
    ours = False
    for line in text.splitlines():
        if line.rstrip() == begin:
            ours = True
        elif ours and line.rstrip() == end:
            ours = False
        elif not ours:
            kept.append(line)
    if ours:
        raise UsageError([f"your crontab has the line {begin!r} without the end of the block: mend it (`crontab -e`)"])
    return "".join(f"{line}\n" for line in kept)


STARTER = Cron()
