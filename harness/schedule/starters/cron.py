"""The user's crontab: a marked block of our own; every other byte stays as it is.

Cron goes by the machine's own clock on the wall, and not every cron knows CRON_TZ. So our line is called in each hour,
and goes on only in the three from the moment on, in UTC: whatever the zone and its changes, one of them comes after the
moment, and `--if-due` does the rest.
"""

import os
import pwd
import re
import shlex
import shutil
import subprocess
from contextlib import suppress

from harness.errors import MissingError, UsageError
from harness.files.problems import quote
from harness.files.whole import one_line
from harness.schedule.starters import Job

NOTHING = re.compile(
    r"no f?crontab for|has no f?crontab|can't open your crontab(?: file)?\.?\Z|"
    r"cannot open a file in the \S*/crontabs? directory\b.* does not exist",
    re.DOTALL,
)
"""What the crons say of a user who has no table, with a status of 1 (vixie, cronie, dcron; Solaris; AIX)."""
NO_FILE = re.compile(r"can't open '(?P<file>[^']*)': no such file")
"""What BusyBox says of any file that is not there: the user's table is called after the user."""
WORD = r"""(?:[A-Za-z0-9@+=:,./_-]|'[^']*'|"'"|\\%)+"""
COMMAND = (
    rf"cd {WORD} && mkdir -p {WORD} && (?:{WORD} )+remeasure --if-due --plan (?P<plan>{WORD}) --results {WORD} "
    rf">> {WORD} 2>&1"
)
OURS = [
    re.compile(form)
    for form in (
        rf"\d+ \* \* \* \* case \$\(date -u \+\\%H\) in [0-9|]+\) {COMMAND};; esac",
        rf"\d+ \d+ \* \* \* {COMMAND}",
    )
]
"""Our line, as it is and as it was when it was called once a day."""
OPEN_END = b"# the line above had no end"
"""In our block where the table ended in the middle of a line: without our block it does so again."""
BLOCK = re.compile(
    rb"# frostline remeasure begin: ([^\r\n]*?)[ \t]*\r?\n(?:[^\n]*\n)*?# frostline remeasure end: \1[ \t]*\r?(?:\n|$)"
)
"""The block of any schedule."""
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
    """Each hour, because cron does not catch up on what it missed; mostly there is nothing due."""

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
        return [
            "installed in your crontab (`crontab -l`): it is called once an hour, and in three hours of each day, from "
            f"{job.moment.hour:02}:{job.moment.minute:02} UTC on, it looks whether the quarter has been measured"
        ]

    def remove(self, job: Job) -> list[str]:
        """Take our block away."""
        table = crontab()
        others = without_block(table, job)
        if others == table:
            return [f"your crontab has nothing of {job.plan}: it stays as it is"]
        write_crontab(others)
        return ["removed from your crontab: all else in it is as it was"]


def crontab() -> bytes:
    """The user's table. MissingError when it cannot be read: it would be lost if it were taken for empty."""
    done = run("-l")
    if not done.returncode:
        return done.stdout
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode == 1 and not done.stdout.strip() and is_nothing(said):
        return b""
    raise MissingError(f"your crontab cannot be read: {one_line(said)}; ask who runs this machine")


def is_nothing(said: str) -> bool:
    """Whether a crontab command that ended with 1 and says this means that the user has no table."""
    if missing := NO_FILE.search(said.lower()):
        with suppress(KeyError):  # a user without a name
            own = pwd.getpwuid(os.getuid()).pw_name.lower()
            if re.fullmatch(rf"/var/spool/cron/(crontabs/|tabs/)?{re.escape(own)}", missing["file"]):
                return True
        return "/" not in missing["file"]
    return not said or NOTHING.search(said.lower()) is not None


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
    open_ends: list[int] = []
    block: list[bytes] = []
    for each in re.findall(rb"[^\n]*\n|[^\n]+", table):
        if not block and not is_mark(each, begin):
            kept.append(each)
            continue
        block.append(each)
        if not is_mark(each, end):
            continue
        if is_of_another(block, job):
            kept += block
        else:
            refuse_strangers(block[1:-1], job)
            open_ends += [len(kept)] if any(is_mark(line, OPEN_END) for line in block) else []
        block = []
    if block and not is_of_another(block, job):
        raise UsageError([f"your crontab has the line {shown(begin)} without the end of the block: {MEND}"])
    kept += block
    for place in reversed(open_ends):
        open_again(kept, place)
    return b"".join(kept)


def is_mark(line: bytes, mark: bytes) -> bool:
    """Whether a line is this mark, as it is or with the blanks that an editor may put at its end."""
    return mark in (line.rstrip(b"\r\n"), line.rstrip())


def is_of_another(block: list[bytes], job: Job) -> bool:
    """Whether a block is another plan's, whose path ends in the blanks in which the marks differ from ours."""
    begin = os.fsencode(marks(job)[0])
    return block[0].rstrip(b"\r\n") != begin and not any(is_ours(line.rstrip(), job) for line in block)


def open_again(kept: list[bytes], place: int) -> None:
    """The line before `place` had no end when our block came: without it it has none again, or the block of another
    schedule that follows keeps that in mind; lines of the user's that follow need the end."""
    following = b"".join(kept[place:])
    if not following and kept:
        kept[-1] = kept[-1].removesuffix(b"\n")
    elif BLOCK.match(following):
        kept.insert(place + 1, OPEN_END + b"\n")


def refuse_strangers(inner: list[bytes], job: Job) -> None:
    """UsageError where lines within our block are not ours."""
    begin = os.fsencode(marks(job)[0])
    for each in inner:
        if is_mark(each, begin):
            raise UsageError([f"your crontab has the line {shown(begin)} twice without an end between: {MEND}"])
        text = each.rstrip()
        if text and text != OPEN_END and not is_ours(text, job):
            raise UsageError([f"your crontab has {shown(text)} within our block: move it out of there: {MEND}"])


def is_ours(text: bytes, job: Job) -> bool:
    """Whether a line is one that we wrote for this plan, wherever Frostline and the results were then."""
    plan = str(job.plan)
    quoted = (quote_word(plan), shlex.quote(plan).replace("%", "\\%"))
    lines = [form.fullmatch(os.fsdecode(text)) for form in OURS]
    return any(line is not None and line["plan"] in quoted for line in lines)


def shown(text: bytes) -> str:
    """A line of a crontab, for a message."""
    return quote(text.decode(errors="replace"))


STARTER = Cron()
