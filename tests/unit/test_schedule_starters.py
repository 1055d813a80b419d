"""What starts a re-measurement: put in place beside everything that is somebody else's, and nowhere on bad input."""

import json
import os
import pwd
import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import boto3
import pytest
import yaml
from botocore.stub import Stubber
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from harness.commands.app import app
from harness.commands.schedule import With
from harness.errors import FrostlineError, MissingError, UsageError
from harness.schedule.due import standing
from harness.schedule.plan import MONTHS, Moment
from harness.schedule.starters import Job, cron, eventbridge, github, starter, starter_names, systemd
from tests.synthetic import manifest

NAMED = {"name": "quickstart"}
ARNS = {eventbridge.TARGET: "arn:aws:lambda:x:1:function:f", eventbridge.ROLE: "arn:aws:iam::1:role/r"}
CRONTAB = """#!/bin/sh
if [ "$1" = -l ]; then
  [ -f "$TABLE.broken" ] && { echo "permission denied" >&2; exit 1; }
  [ -f "$TABLE.code" ] && [ ! -f "$TABLE" ] && { cat "$TABLE.says" >&2; exit "$(cat "$TABLE.code")"; }
  [ -f "$TABLE" ] || { echo "no crontab for you" >&2; exit 1; }
  exec cat "$TABLE"
fi
exec cat > "$TABLE"
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder to work in, a home folder and a PATH of this test's own."""
    here = tmp_path / "it's 100% here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CONFIG_HOME", "AWS_PROFILE", *ARNS):
        monkeypatch.delenv(name, raising=False)
    return here


@pytest.fixture
def table(tmp_path, monkeypatch, home):
    """The file behind a crontab command of this test's own."""
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "crontab").write_text(CRONTAB)
    (commands / "crontab").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TABLE", str(tmp_path / "table"))
    return tmp_path / "table"


def invoke(*words):
    """Exit code and output; our own errors as `main` would turn them into codes."""
    done = CliRunner().invoke(app, ["schedule", "install", *words])
    if isinstance(done.exception, FrostlineError):
        return done.exception.exit_code, str(done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def job(folder=None):
    folder = folder or Path.cwd()
    return Job(folder, folder / "frostline-schedule.yaml", folder / "results", Moment())


def test_the_command_line_offers_every_starter_there_is():
    assert sorted(starter_names()) == sorted(choice.value for choice in With)
    assert all(starter(name).name == name for name in starter_names())


@pytest.mark.parametrize("name", list(With))
def test_an_unknown_experiment_changes_nothing(table, home, monkeypatch, name):
    for variable, arn in ARNS.items():
        monkeypatch.setenv(variable, arn)
    table.write_text("1 2 * * * mine\n")
    assert invoke("quickstart", "--with", "cron")[0] == 0
    before = table.read_text(), Path("frostline-schedule.yaml").read_text()
    code, output = invoke("semantic-search", "nothing", "neither", "--with", name.value)
    assert code == 2
    assert "nothing" in output
    assert "neither" in output
    assert (table.read_text(), Path("frostline-schedule.yaml").read_text()) == before
    assert not Path(".github").exists()
    assert not (home.parent / "home").exists()


def test_something_else_is_never_replaced_by_a_schedule(table, home):
    Path("frostline-schedule.yaml").write_text("name: something else\n")
    code, _ = invoke("quickstart", "--with", "cron")
    assert code == 2
    assert Path("frostline-schedule.yaml").read_text() == "name: something else\n"
    assert not table.exists()


def test_cron_keeps_every_other_line_and_its_own_block_once(table, home):
    other = "# frostline remeasure begin: /elsewhere\nx\n# frostline remeasure end: /elsewhere\n"
    mine = f"MAILTO=me\n1 2 * * * mine 100\\%\n{other}"
    table.write_text(mine)
    assert invoke("quickstart", "--with", "cron")[0] == 0
    once = table.read_text()
    assert once.startswith(mine)
    assert once.count("remeasure --if-due") == 1
    table.write_text(once + "3 4 * * * later\n")
    assert invoke("--with", "cron")[0] == 0
    assert table.read_text() == mine + "3 4 * * * later\n" + once.removeprefix(mine)
    # What cron hands to the shell is what was meant, whatever the folder is called.
    line = next(line for line in once.splitlines() if "--if-due" in line)
    assert line.startswith("17 * * * * case $(date -u +\\%H) in 06|07|08) ")
    assert re.search(r"(?<!\\)%", line) is None
    command = line.split(maxsplit=5)[5]
    for handed_over in (command, command.replace("\\%", "%")):  # as BusyBox and as vixie do
        words = shlex.split(handed_over.partition(") ")[2].partition(") ")[2].removesuffix(";; esac"))
        assert words[:2] == ["cd", str(home)]
        assert str(home / "frostline-schedule.yaml") in words
        assert words[-3:] == [">>", str(home / "results" / "remeasure.log"), "2>&1"]


@pytest.mark.parametrize("escaped", [True, False], ids=["busybox", "vixie"])
@pytest.mark.parametrize(("hour", "called"), [("05", False), ("06", True), ("08", True), ("09", False)])
def test_the_line_does_in_a_shell_what_is_meant(home, tmp_path, monkeypatch, hour, called, escaped):
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "date").write_text(f'#!/bin/sh\n[ "$1$2" = -u+%H ] && echo {hour}\n')
    (commands / "it's").write_text('#!/bin/sh\nprintf "%s|" "$PWD" "$@"\n')
    for command in commands.iterdir():
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(Job, "words", property(lambda job: ["it's", "100%", "$HOME", "a b", str(job.plan)]))
    command = cron.line(job()).split(maxsplit=5)[5]
    subprocess.run(["/bin/sh", "-c", command if escaped else command.replace("\\%", "%")], check=True, timeout=60)
    log = home / "results" / "remeasure.log"
    said = log.read_text() if log.exists() else ""
    assert said == (f"{home}|100%|$HOME|a b|{home}/frostline-schedule.yaml|" if called else "")


ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "Pacific/Apia")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("day", "hour", "minute"), [(15, 6, 17), (1, 23, 59), (28, 15, 31), (5, 15, 1)])
def test_cron_in_any_zone_measures_once_from_each_moment_on(home, zone, day, hour, minute):
    """Cron's calls of two years, over all changes of the clock, as a cron would make them that knows no zone but its
    own; what is due is decided by what was measured."""
    moment = Moment(day=day, hour=hour, minute=minute)
    line = cron.line(Job(home, home / "p", home / "r", moment))
    assert line.split()[1:5] == ["*"] * 4
    hours = set(re.search(r" in ([0-9|]+)\)", line)[1].split("|"))
    here, now, measured = ZoneInfo(zone), datetime(2026, 1, 1, tzinfo=UTC), []
    while now < datetime(2028, 1, 1, tzinfo=UTC):
        if f"{now:%H}" in hours and now.astimezone(here).minute == int(line.split()[0]):
            runs = [manifest(run=str(n), started_at=at.isoformat(), experiment=NAMED) for n, at in enumerate(measured)]
            if standing("quickstart", runs, now, moment).due:
                measured.append(now)
        now += timedelta(minutes=1 if now.minute % 15 == minute % 15 else (minute - now.minute) % 15)
    moments = [datetime(year, month, day, hour, minute, tzinfo=UTC) for year in (2026, 2027) for month in MONTHS]
    late = [at - planned for at, planned in zip(measured, moments, strict=True)]
    assert all(timedelta(0) <= each <= timedelta(hours=2) for each in late), late


def test_the_starters_that_know_zones_are_told_utc(home):
    assert all(" UTC" in line for text in systemd.units(job()).values() for line in re.findall("OnCalendar.*", text))
    for variable, arn in ARNS.items():
        os.environ[variable] = arn
    try:
        assert eventbridge.schedule_of(job())["ScheduleExpressionTimezone"] == "UTC"
    finally:
        for variable in ARNS:
            del os.environ[variable]


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ("no crontab for you", 1),
        ("crontab: can't open 'you': No such file or directory", 1),
        ("crontab: can't open '/var/spool/cron/crontabs/USER': No such file or directory", 1),
        ("crontab: no crontab for you", 1),
        ("crontab: can't open your crontab file.", 1),
        ("", 1),
        (
            "crontab: 0481-103 Cannot open a file in the /var/spool/cron/crontabs directory.\n"
            "\tA file or directory in the path name does not exist.",
            1,
        ),
        ("", 0),
    ],
    ids=["vixie", "busybox", "busybox-whole-path", "macos", "solaris", "silent", "aix", "empty"],
)
def test_a_user_without_a_table_has_an_empty_one_by_the_word_of_every_cron(table, home, says, code):
    says = says.replace("USER", pwd.getpwuid(os.getuid()).pw_name)
    table.with_name("table.says").write_text(says and f"{says}\n")
    table.with_name("table.code").write_text(str(code))
    assert invoke("quickstart", "--with", "cron")[0] == 0
    assert table.read_bytes() == cron.with_block(b"", job())


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ("You (you) are not allowed to use this program (crontab)", 1),
        ("crontab: can't change directory to '/var/spool/cron/crontabs': No such file or directory", 1),
        ("crontab: must be suid to work properly", 1),
        ("/var/spool/cron/you: Permission denied", 1),
        ("", 2),
        ("crontab: can't open '/etc/passwd': No such file or directory", 1),
        ("crontab: can't open '/etc/cron.deny': No such file or directory", 1),
        ("crontab: can't open '/var/spool/cron/crontabs/another': No such file or directory", 1),
        ("crontab: can't open 'you': No such file or directory", 2),
        ("crontab: cannot open a file in the /etc/security directory. It does not exist", 1),
        ("no crontab for you", 2),
    ],
    ids=[
        "not-allowed",
        "no-spool",
        "no-suid",
        "no-permission",
        "silent",
        "no-passwd",
        "no-deny",
        "another-user",
        "busybox-usage",
        "aix-elsewhere",
        "usage",
    ],
)
def test_a_table_that_cannot_be_had_is_not_taken_for_an_empty_one(table, home, says, code):
    table.with_name("table.says").write_text(says and f"{says}\n")
    table.with_name("table.code").write_text(str(code))
    told, output = invoke("quickstart", "--with", "cron")
    assert told == 3
    assert "your crontab cannot be read" in output and says[:60] in output
    assert not table.exists()
    assert not Path("frostline-schedule.yaml").exists()


TABLES = {
    "empty": b"",
    "latin-1": b"# caf\xe9\n1 2 * * * echo \xff\xfe\n",
    "crlf": b"MAILTO=me\r\n1 2 * * * x\r\n",
    "no-end": b"1 2 * * * x",
    "crlf-no-end": b"1 2 * * * x\r",
    "other-breaks": b"a\x0bb\x0cc\x1cd\xc2\x85e\xe2\x80\xa8f\n",
    "blanks": b"\n\n  \n\t\n",
    "percents": b"1 2 * * * date +\\%H%in%put\n",
    "mentions": b"# see: # frostline remeasure begin: /x\n0 1 * * * echo '# frostline remeasure end: /x'\n",
    "environment": b"SHELL=/bin/bash\nCRON_TZ=Asia/Tokyo\n# comment\n@daily x\n",
    "nul": b"# \x00\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_of_a_crontab_only_our_own_block_changes_byte_by_byte(table, home, name):
    table.write_bytes(TABLES[name])
    assert invoke("quickstart", "--with", "cron")[0] == 0
    once = table.read_bytes()
    assert once.startswith(TABLES[name])
    assert once.count(b"--if-due") == 1
    assert invoke("--with", "cron")[0] == 0
    assert table.read_bytes() == once
    assert cron.without_block(once, job()) == TABLES[name]
    assert cron.without_block(TABLES[name], job()) == TABLES[name]
    edited = once.replace(b"\n", b"\r\n")  # by an editor of another system
    assert b"--if-due" not in cron.without_block(edited, job())


def plan_called(name):
    return Job(Path("/tmp/a"), Path("/tmp/a", name), Path("/tmp/a/results"), Moment())


def test_two_schedules_in_a_table_without_a_last_line_end_never_touch_another_line():
    first, second = plan_called("p1.yaml"), plan_called("p2.yaml")
    user = b"0 3 * * * /usr/bin/backup"
    table = user
    for each in (first, second, first, first, second):
        table = cron.with_block(table, each)
        assert table.split(b"\n")[0] == user
    assert table.count(b"begin") == 2
    assert cron.without_block(cron.without_block(table, first), second) == user
    assert cron.without_block(cron.without_block(table, second), first) == user
    behind = cron.with_block(user, first) + b"1 2 * * * later"
    assert cron.without_block(behind, first) == user + b"\n1 2 * * * later"
    again = cron.with_block(behind, first)
    assert again.startswith(user + b"\n1 2 * * * later\n# frostline")
    assert cron.without_block(again, first) == user + b"\n1 2 * * * later"


PIECES = st.lists(st.sampled_from([b"a", b"\n", b"\r", b"# x", b" ", b"\xff", b"1 2 * * * x\n"]), max_size=6)
PLANS = [plan_called(name) for name in ("p1.yaml", "p1.yaml ", "p 2%.yaml")]


@settings(max_examples=200, derandomize=True)
@given(before=PIECES, orders=st.lists(st.sampled_from(PLANS), max_size=6), out=st.permutations(PLANS))
def test_whatever_is_installed_again_and_in_what_order_all_removed_is_the_table_of_before(before, orders, out):
    user = table = b"".join(before)
    for each in orders:
        table = cron.with_block(table, each)
        assert table.startswith(user)
    assert table.count(b"begin") == len(set(orders))
    for each in out:
        table = cron.without_block(table, each)
    assert table == user


@settings(max_examples=200, derandomize=True)
@given(before=PIECES, between=PIECES, after=PIECES)
def test_what_a_user_writes_around_our_blocks_stays_in_lines_of_its_own(before, between, after):
    first, second = PLANS[:2]
    parts = [b"".join(part) for part in (before, between, after)]
    table = cron.with_block(parts[0], first) + parts[1]
    table = cron.with_block(table, second) + parts[2]
    for each in (first, second, first):
        table = cron.with_block(table, each)
    for each in (second, first):
        table = cron.without_block(table, each)
    ended = [
        part + b"\n" * (bool(part) and not part.endswith(b"\n") and any(parts[at + 1 :]))
        for at, part in enumerate(parts)
    ]
    assert table == b"".join(ended)


def test_a_block_that_an_earlier_version_wrote_is_replaced():
    plan = plan_called("it's 100%.yaml")
    begin, end = cron.marks(plan)
    words = f"--plan {shlex.quote(str(plan.plan))} --results /tmp/a/results >> '/tmp/it'\"'\"'s/remeasure.log' 2>&1"
    command = f"cd /tmp/a && mkdir -p /tmp/a/results && /old/bin/frostline remeasure --if-due {words}"
    line = f"17 6 * * * {command}".replace("%", "\\%")
    assert cron.without_block(f"x\n{begin}\n{line}\n{end}\ny\n".encode(), plan) == b"x\ny\n"


def test_what_stands_in_our_block_and_is_not_ours_is_not_thrown_away(table, home):
    begin, end = cron.marks(job())
    ours = cron.line(job())
    for inside, part in (
        ("3 4 * * * theirs", "theirs"),
        (begin, "twice without an end"),
        ("5 5 * * * /srv/other remeasure --if-due --plan /other.yaml", "other.yaml"),
        (f"5 5 * * * /srv/other remeasure --if-due --plan {job().plan}", "srv/other"),
        (ours.replace("frostline-schedule.yaml", "another.yaml"), "within our block"),
        (ours.replace("2>&1", "2>&1; theirs"), "within our block"),
        (ours.replace("--if-due", "--if-due $(theirs)"), "within our block"),
        (f"{ours} # theirs", "within our block"),
        (f"# {ours}", "within our block"),
    ):
        broken = f"{begin}\n{ours}\n{inside}\n{end}\n"
        table.write_text(broken)
        code, output = invoke("quickstart", "--with", "cron")
        assert code == 2, inside
        assert part in output
        assert table.read_text() == broken


def test_plans_whose_names_differ_by_a_blank_have_a_block_each():
    plain, blank = PLANS[:2]
    table = cron.with_block(cron.with_block(b"a\n", plain), blank)
    assert cron.with_block(cron.with_block(table, plain), blank) == table
    assert cron.without_block(table, plain) == cron.with_block(b"a\n", blank)


@pytest.mark.parametrize("blanks", [b" ", b"\t", b"  \t ", b" \r"], ids=["blank", "tab", "several", "and-crlf"])
@pytest.mark.parametrize("before", [b"", b"5 6 * * * theirs\n", b"5 6 * * * theirs"], ids=["none", "line", "open-end"])
def test_our_block_is_found_where_an_editor_put_blanks_at_the_ends_of_its_lines(before, blanks):
    own = cron.with_block(before, job())
    edited = own.replace(b"\n", blanks + b"\n")
    users = edited.partition(b"# frostline remeasure begin")[0]
    assert cron.without_block(edited, job()) == (users if own.startswith(before + b"#") else users[:-1])
    assert cron.with_block(edited, job()).count(b"--if-due") == 1


def test_a_block_whose_plan_ends_in_a_blank_is_not_taken_for_one_that_an_editor_changed():
    plain, blank = plan_called("p"), plan_called("p ")
    table = cron.with_block(b"a\n", blank)
    assert cron.without_block(table, plain) == table
    both = cron.with_block(table, plain)
    assert cron.without_block(both, plain) == table
    assert cron.without_block(both, blank) == cron.with_block(b"a\n", plain)
    half = table.replace(b"# frostline remeasure end: /tmp/a/p \n", b"")
    assert cron.without_block(half, plain) == half


def run_remove(*words):
    done = CliRunner().invoke(app, ["schedule", "remove", *words])
    if isinstance(done.exception, FrostlineError):
        return done.exception.exit_code, str(done.exception)
    return done.exit_code, done.output


@pytest.mark.parametrize("name", [name for name in TABLES if name != "empty"])
def test_remove_leaves_the_table_of_before_and_the_schedule(table, home, name):
    table.write_bytes(TABLES[name])
    assert invoke("quickstart", "--with", "cron")[0] == 0
    code, output = run_remove()
    assert (code, table.read_bytes()) == (0, TABLES[name])
    assert "removed from your crontab" in output and "is kept: frostline-schedule.yaml" in output
    code, output = run_remove("--with", "cron")
    assert (code, table.read_bytes()) == (0, TABLES[name])
    assert "has nothing of" in output


def test_remove_takes_nothing_away_where_our_block_is_not_whole(table, home):
    broken = cron.marks(job())[0] + "\n5 6 * * * theirs\n"
    table.write_text(broken)
    code, output = run_remove()
    assert (code, table.read_text()) == (2, broken)
    assert "without the end of the block" in output


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("systemd", "systemctl --user disable --now frostline-remeasure.timer, then delete "),
        ("github", "delete .github/workflows/frostline-remeasure.yml from the default branch"),
        ("eventbridge", "aws scheduler delete-schedule --name frostline-remeasure"),
    ],
)
def test_remove_says_what_to_delete_where_it_is_not_ours_to_do(table, home, name, said):
    code, output = run_remove("--with", name)
    assert code == 0
    assert said in output
    assert not table.exists()


def test_install_says_when_cron_looks(table, home):
    _, output = invoke("quickstart", "--with", "cron")
    assert "called once an hour" in output
    assert "in three hours of each day, from 06:17 UTC on" in output


def test_a_line_that_is_too_long_for_cron_is_refused_before_anything_is_written(table, home, monkeypatch):
    long = home / ("a" * 200) / ("b" * 200)
    long.mkdir(parents=True)
    monkeypatch.chdir(long)
    code, output = invoke("quickstart", "--with", "cron")
    assert code == 2
    assert "use shorter paths" in output
    assert not table.exists()
    assert list(long.iterdir()) == []


@pytest.mark.parametrize("kind", ["fifo", "folder", "link"])
@pytest.mark.parametrize("name", ["frostline-schedule.yaml", str(github.FILE)])
def test_what_is_no_file_of_ours_is_never_written_over(home, kind, name):
    place = Path(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    {"fifo": os.mkfifo, "folder": os.mkdir, "link": lambda path: path.symlink_to("nowhere")}[kind](place)
    code, output = invoke("quickstart", "--with", "github")
    assert code == 2
    assert "move it away" in output
    assert place.lstat().st_mode & 0o170000 == {"fifo": 0o010000, "folder": 0o040000, "link": 0o120000}[kind]


def test_a_crontab_that_cannot_be_read_is_not_taken_for_an_empty_one(table, home):
    table.write_text("1 2 * * * mine\n")
    table.with_name("table.broken").touch()
    code, output = invoke("quickstart", "--with", "cron")
    assert code == 3
    assert "permission denied" in output
    assert table.read_text() == "1 2 * * * mine\n"
    assert not Path("frostline-schedule.yaml").exists()
    table.with_name("table.broken").unlink()
    broken = cron.marks(job())[0] + "\n5 6 * * * perhaps somebody else's\n"
    table.write_text(broken)
    code, output = invoke("quickstart", "--with", "cron")
    assert code == 2
    assert "without the end of the block" in output
    assert table.read_text() == broken


def test_without_cron_the_fix_is_told(home, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    code, output = invoke("quickstart", "--with", "cron")
    assert code == 3
    assert "install cron" in output
    assert not Path("frostline-schedule.yaml").exists()


def test_systemd_units_are_the_users_own_and_no_others_are_touched(home):
    folder = home.parent / "home" / ".config" / "systemd" / "user"
    assert invoke("quickstart", "--with", "systemd")[0] == 0
    code, output = invoke("--with", "systemd")
    assert code == 0
    assert "systemctl --user enable --now frostline-remeasure.timer" in output
    timer = (folder / "frostline-remeasure.timer").read_text()
    assert "OnCalendar=*-01,04,07,10-01 06:17:00" in timer
    assert "Persistent=true" in timer
    service = (folder / "frostline-remeasure.service").read_text()
    assert "100%% here" in service
    assert re.search(r"(?<!%)%(?!%)", service.partition("\n")[2]) is None
    (folder / "frostline-remeasure.timer").write_text("[Timer]\nOnCalendar=daily\n")
    (folder / "frostline-remeasure.service").unlink()
    code, output = invoke("baseline", "--with", "systemd")
    assert code == 2
    assert "nothing was overwritten" in output
    assert not (folder / "frostline-remeasure.service").exists()
    assert "baseline" not in Path("frostline-schedule.yaml").read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_systemd_itself_takes_the_moment(home):
    calendar = next(
        line.removeprefix("OnCalendar=")
        for text in systemd.units(job()).values()
        for line in text.splitlines()
        if line.startswith("OnCalendar=")
    )
    done = subprocess.run(
        ["systemd-analyze", "calendar", "--iterations=4", calendar], capture_output=True, text=True, check=True
    )
    assert set(re.findall(r"\d{4}-(\d\d)-01 06:17:00 UTC", done.stdout)) == {"01", "04", "07", "10"}


def test_the_workflow_uses_our_own_commands_and_no_strangers_action(home):
    assert invoke("quickstart", "--with", "github")[0] == 0
    text = github.FILE.read_text()
    workflow = yaml.safe_load(text)
    assert workflow[True]["schedule"] == [{"cron": "17 6 1 1,4,7,10 *"}]
    assert "60 days without activity" in text
    [steps] = [held["steps"] for held in workflow["jobs"].values()]
    used = [step["uses"].partition("@")[0] for step in steps if "uses" in step]
    assert used == ["actions/checkout", "actions/upload-artifact"]
    commands = [step["run"] for step in steps if "run" in step]
    assert commands[0] == "make install"
    assert "remeasure --if-due --plan frostline-schedule.yaml" in commands[1]
    assert str(home) not in text
    assert workflow["permissions"] == {"contents": "read"}
    github.FILE.write_text("name: theirs\n")
    code, output = invoke("--with", "github")
    assert code == 2
    assert "nothing was overwritten" in output
    assert github.FILE.read_text() == "name: theirs\n"


def test_a_workflow_cannot_reach_outside_nor_smuggle_in_commands(home, tmp_path):
    code, output = invoke("quickstart", "--with", "github", "--results", str(tmp_path / "elsewhere"))
    assert code == 2
    assert "outside" in output
    assert not github.FILE.exists()
    code, output = invoke("quickstart", "--with", "github", "--results", "${{ secrets.X }}; true")
    assert code == 2
    assert "letters, digits" in output
    assert not github.FILE.exists()


def test_eventbridge_names_both_arns_that_are_not_told(home):
    code, output = invoke("quickstart", "--with", "eventbridge")
    assert code == 2
    assert all(name in output for name in ARNS)
    assert not Path("frostline-schedule.yaml").exists()


@pytest.fixture
def aws(home, monkeypatch):
    """A client that answers what the test says, and the request that is expected."""
    for variable, arn in ARNS.items():
        monkeypatch.setenv(variable, arn)
    client = boto3.client("scheduler", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    monkeypatch.setattr(boto3, "client", lambda service: client)
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


EXPECTED = {
    "Name": "frostline-remeasure",
    "Description": "Frostline: quarterly re-measurement",
    "ScheduleExpression": "cron(17 6 1 1,4,7,10 ? *)",
    "ScheduleExpressionTimezone": "UTC",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {
        "Arn": ARNS[eventbridge.TARGET],
        "RoleArn": ARNS[eventbridge.ROLE],
        "Input": json.dumps({"command": ["frostline", "remeasure", "--if-due"]}),
        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
    },
}
ANSWER = {"ScheduleArn": "arn:aws:scheduler:us-east-1:1:schedule/default/frostline-remeasure"}


def test_eventbridge_gets_one_schedule_and_no_file_the_arns(aws, home):
    aws.add_response("create_schedule", ANSWER, EXPECTED)
    code, output = invoke("quickstart", "--with", "eventbridge")
    assert code == 0
    assert "created" in output
    aws.add_client_error("create_schedule", "ConflictException", "there is one")
    aws.add_response("update_schedule", ANSWER, EXPECTED)
    code, output = invoke("--with", "eventbridge")
    assert code == 0
    assert "updated" in output
    assert [path for path in home.rglob("*") if path.is_file() and "arn:" in path.read_text()] == []


def test_what_aws_refuses_is_told_in_its_own_words(aws):
    aws.add_client_error("create_schedule", "ValidationException", "RoleArn is not to my liking")
    with pytest.raises(MissingError, match="RoleArn is not to my liking"):
        eventbridge.put(job(), eventbridge.scheduler())


def test_a_path_that_no_scheduler_can_hold_is_refused(home, monkeypatch, tmp_path):
    odd = tmp_path / "two\nlines"
    odd.mkdir()
    monkeypatch.chdir(odd)
    with pytest.raises(UsageError, match="control characters"):
        Job.of(Path("plan.yaml"), Path("results"), Moment())
