"""The user's crontab: a marked block of our own; every other byte stays as it is.

Cron goes by the machine's own clock on the wall, and not every cron knows CRON_TZ. So our line is called in each hour,
and goes on only in the three from the moment on, in UTC: whatever the zone and its changes, one of them comes after the
moment, and `--if-due` does the rest.
"""

import os
import re
import shutil
import subprocess

from harness.errors import MissingError, UsageError
from harness.files.problems import quote
from harness.files.whole import one_line
from harness.schedule.starters import Job

NOTHING = re.compile(
    r"no f?crontab for|has no f?crontab|can't open '[^']*': no such file|can't open your crontab|"
    r"cannot open a file .* does not exist",
    re.DOTALL,
)
"""What the crons say of a user who has no table (vixie, cronie, dcron; BusyBox; Solaris; AIX)."""
OURS = b"remeasure --if-due"
OPEN_END = b"# the line above had no end"
"""In our block where the table ended in the middle of a line: without our block it does so again."""
HOURS = 3
"""In which our line goes on, a day: minutes of the wall are up to 59 later in UTC, and a change of the clock may take
one of them away."""
PLAIN = re.compile(r"[A-Za-z0-9@+=:,./_-]+")
"""A word that no shell takes for anything else."""
TIMEOUT_S = 30
MEND = "mend it (`crontab -e`)"
LONGEST = 998
"""Characters of a command that vixie's cron takes."""


class Cron:
    """Daily, because cron does not catch up on what it missed; on most days there is nothing due."""

    name = "cron"

    def check(self, job: Job) -> None:
        """There must be the command, and a crontab that can be read and is whole."""
        if shutil.which("crontab") is None:
            raise MissingError(
                "there is no crontab command: install cron (e.g. `apt install cron`), or use --with systemd"
            )
        if (length := len(os.fsencode(line(job)))) > LONGEST:
            raise UsageError(
                [f"a line of a crontab has at most {LONGEST} bytes, ours would have {length}: use shorter paths"]
            )
        without_block(crontab(), job)

    def install(self, job: Job) -> list[str]:
        """Replace our block, or add it at the end."""
        write_crontab(with_block(crontab(), job))
        return ["installed in your crontab (`crontab -l`): it looks every day whether the quarter has been measured"]


def crontab() -> bytes:
    """The user's table. MissingError when it cannot be read: it would be lost if it were taken for empty."""
    done = run("-l")
    if not done.returncode:
        return done.stdout
    said = done.stderr.decode(errors="replace").strip()
    if not done.stdout.strip() and (NOTHING.search(said.lower()) or (done.returncode == 1 and not said)):
        return b""
    raise MissingError(f"your crontab cannot be read: {one_line(said)}; ask who runs this machine")


def write_crontab(table: bytes) -> None:
    """Replace the user's table. MissingError when cron refuses it."""
    done = run("-", table)
    if done.returncode:
        why = one_line(done.stderr.decode(errors="replace"))
        raise MissingError(f"crontab refused the new table: {why}; the old one is kept")


def run(word: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """The crontab command, in the language that its messages are known in."""
    try:
        return subprocess.run(
            ["crontab", word],
            input=given,
            capture_output=True,
            check=False,
            timeout=TIMEOUT_S,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingError(f"crontab cannot be called: {one_line(str(error))}; use --with systemd") from None


def marks(job: Job) -> tuple[str, str]:
    """The lines around our block. One machine may have several schedules."""
    return f"# frostline remeasure begin: {job.plan}", f"# frostline remeasure end: {job.plan}"


def line(job: Job) -> str:
    """Our line. Cron takes a bare % for a new line."""
    hours = "|".join(f"{(job.moment.hour + later) % 24:02}" for later in range(HOURS))
    log, results, folder = (quote_word(str(path)) for path in (job.results / "remeasure.log", job.results, job.folder))
    command = f"cd {folder} && mkdir -p {results} && {' '.join(map(quote_word, job.words))} >> {log} 2>&1"
    return f"{job.moment.minute} * * * * case $(date -u +\\%H) in {hours}) {command};; esac"


def quote_word(word: str) -> str:
    """A word for the shell. A % stands behind a backslash and outside of quotes, so that it is one both for a cron that
    takes the backslash away and for one that leaves it to the shell."""
    if PLAIN.fullmatch(word):
        return word
    return "'" + word.replace("'", "'\"'\"'").replace("%", "'\\%'") + "'"


def with_block(table: bytes, job: Job) -> bytes:
    """The table with our block at its end, once."""
    others = without_block(table, job)
    begin, end = (os.fsencode(mark) for mark in marks(job))
    has_open_end = bool(others) and not others.endswith(b"\n")
    inner = [OPEN_END] if has_open_end else []
    return others + b"\n" * has_open_end + b"\n".join([begin, *inner, os.fsencode(line(job)), end, b""])


def without_block(table: bytes, job: Job) -> bytes:
    """The table without ours, byte by byte as it is. UsageError when our block is not whole, or has a line that is not
    ours: it may be somebody else's."""
    begin, end = (os.fsencode(mark) for mark in marks(job))
    kept: list[bytes] = []
    inner: list[bytes] | None = None
    for each in re.findall(rb"[^\n]*\n|[^\n]+", table):
        text = each.rstrip()
        if text == begin and inner is None:
            inner = []
        elif inner is None:
            kept.append(each)
        elif text == end:
            if OPEN_END in inner and kept:
                kept[-1] = kept[-1].removesuffix(b"\n")
            refuse_strangers(inner, begin)
            inner = None
        else:
            inner.append(text)
    if inner is not None:
        raise UsageError([f"your crontab has the line {shown(begin)} without the end of the block: {MEND}"])
    return b"".join(kept)


def refuse_strangers(inner: list[bytes], begin: bytes) -> None:
    """UsageError where lines within our block are not ours."""
    for text in inner:
        if text == begin:
            raise UsageError([f"your crontab has the line {shown(begin)} twice without an end between: {MEND}"])
        if text and OURS not in text and text != OPEN_END:
            raise UsageError([f"your crontab has {shown(text)} within our block: move it out of there: {MEND}"])


def shown(text: bytes) -> str:
    """A line of a crontab, for a message."""
    return quote(text.decode(errors="replace"))


STARTER = Cron()
