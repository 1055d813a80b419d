"""A timer of the user's own systemd: it catches up after the machine was off, and needs no root."""

import os
from pathlib import Path

from harness.schedule.plan import MONTHS
from harness.schedule.starters import Job, refuse_foreign, write

UNIT = "frostline-remeasure"
SERVICE = """{mark}
[Unit]
Description=Frostline: measure again what the quarter lacks

[Service]
Type=oneshot
WorkingDirectory={folder}
ExecStart={command}
"""
TIMER = """{mark}
[Unit]
Description=Frostline: once a quarter

[Timer]
OnCalendar={calendar}
Persistent=true

[Install]
WantedBy=timers.target
"""


class Systemd:
    """Two unit files; the user enables them. It is called once a quarter, so it waits where somebody else measures."""

    name = "systemd"

    def check(self, job: Job) -> None:
        """Refuse where files of these names are not ours."""
        for file in units(job):
            refuse_foreign(file, mark(job))

    def install(self, job: Job) -> list[str]:
        """Write both and say how to enable them."""
        for file, text in units(job).items():
            write(file, text)
        return [
            *(f"written: {file}" for file in units(job)),
            f"enable it: systemctl --user daemon-reload && systemctl --user enable --now {UNIT}.timer",
            "to have it run while you are logged out: loginctl enable-linger",
        ]

    def remove(self, job: Job) -> list[str]:
        """Say what stops it."""
        files = " and ".join(str(file) for file in units(job))
        return [f"systemctl --user disable --now {UNIT}.timer, then delete {files}"]


def units(job: Job) -> dict[Path, str]:
    """Service and timer: their files, each with its text."""
    home = os.environ.get("XDG_CONFIG_HOME")
    folder = (Path(home) if home else Path.home() / ".config") / "systemd" / "user"
    moment = job.moment
    months = ",".join(f"{month:02}" for month in MONTHS)
    calendar = f"*-{months}-{moment.day:02} {moment.hour:02}:{moment.minute:02}:00 UTC"
    command = " ".join(quote_word(word) for word in [*job.words, "--wait"])
    texts = {
        "service": SERVICE.format(mark=mark(job), folder=str(job.folder).replace("%", "%%"), command=command),
        "timer": TIMER.format(mark=mark(job), calendar=calendar),
    }
    return {folder / f"{UNIT}.{kind}": text for kind, text in texts.items()}


def mark(job: Job) -> str:
    """The first line of both files, by which they are known as ours."""
    return f"# Written by `frostline schedule install --with systemd` for {job.plan}"


def quote_word(word: str) -> str:
    """A word of ExecStart: quotes and backslashes escaped, % and $ doubled, for systemd expands both."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


STARTER = Systemd()
