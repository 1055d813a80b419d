"""A folder on PYTHONPATH that mirrors the tree adds targets, workloads and load profiles, with no edit anywhere."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

import targets
from harness.commands import lambda_up
from harness.errors import MissingError
from harness.selftest.examination import choose_targets
from targets.local.processes import CODE
from targets.names import files_by_name
from tests.fakes.plug_ins import put, python_path
from tests.fakes.plugged import plugged_in

TARGET = '''"""A target of one file."""

class Bare:
    """Only what a list shows of it."""

    name = "bare"

TARGET = Bare()
'''
RULE = '''"""A rule of one file."""

from dataclasses import dataclass

from targets.rules.fixed_replicas import FixedReplicas


@dataclass(frozen=True)
class Twice(FixedReplicas):
    """Two for one."""

    name = "twice"


RULE = Twice
'''
LOST = "import no_such_library\n"
PROFILE = '''"""A load profile of one file."""

from loadprofiles.constant import Constant


class Even(Constant):
    """As constant as constant."""


PROFILE = Even
'''


def frostline(*arguments: str, on_path: tuple[Path, ...]) -> "subprocess.CompletedProcess[str]":
    return python("from harness.cli import main; main()", *arguments, on_path=on_path)


def python(code: str, *arguments: str, on_path: tuple[Path, ...]) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": python_path(*on_path, CODE), "COLUMNS": "200"}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_plug_in_alone_on_the_path_does_not_hide_our_own_tree(tmp_path):
    write(tmp_path / "mine" / "targets" / "bareland" / "bare.py", TARGET)
    put(tmp_path / "mine", "toy_device.py", "device.py")
    environment = {**os.environ, "PYTHONPATH": "mine"}  # relative, and without ours, which is installed
    command = [sys.executable, "-P", "-c", "from harness.cli import main; main()", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert listed.returncode == 0, listed.stderr
    assert {"bare", "toy-device", "echo", "docker-lambda"} <= set(listed.stdout.split())


def test_what_lies_on_the_path_is_listed(tmp_path):
    write(tmp_path / "targets" / "bareland" / "bare.py", TARGET)
    write(tmp_path / "targets" / "local" / "bare_neighbour.py", TARGET.replace('"bare"', '"bare-neighbour"'))
    write(tmp_path / "loadprofiles" / "even.py", PROFILE)
    write(tmp_path / "targets" / "rules" / "twice.py", RULE)
    put(tmp_path)
    listed = frostline("list", on_path=(tmp_path,))
    assert listed.returncode == 0, listed.stderr
    for name in (
        "bare",
        "bare-neighbour",
        "even",
        "twice",
        "cloud-run",
        "toy-stream",
        "toy-device",
        "toy",
        "docker-lambda",
        "echo",
        "constant",
    ):
        assert f" {name} " in listed.stdout.replace("\n", " "), name
    assert "device " not in listed.stdout.split(), "what workloads share is no workload"


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("targets/bareland/process_service.py", "target process-service is in"),
        ("targets/workloads/echo.py", "workload echo is in"),
        ("loadprofiles/steady.py", "load profile steady is in"),
    ],
)
def test_two_of_one_name_are_one_error_that_names_both_places(tmp_path, place, says):
    theirs = write(tmp_path / place, f"{TARGET}\nWORKLOAD = None\nPROFILE = None\n")
    for command in (["list"], ["run", "quickstart", "--results", str(tmp_path / "results")]):
        done = frostline(*command, on_path=(tmp_path,))
        assert (done.returncode, done.stdout) == (2, "")
        lines = [line for line in done.stderr.splitlines() if says in line]
        assert len(lines) == 1 and done.stderr.count("Traceback") == 0, done.stderr
        assert str(theirs) in lines[0] and str(CODE) in lines[0] and "rename one of the two files" in lines[0]


def test_two_senders_of_one_name_are_one_error_that_names_both_places(tmp_path):
    theirs = write(tmp_path / "harness" / "load" / "senders" / "http.py", "SENDER = None\n")
    done = frostline("load", "http://127.0.0.1:9/", "--rate", "1", "--seconds", "1", on_path=(tmp_path,))
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    (line,) = done.stderr.splitlines()
    assert "sender http is in" in line and str(theirs) in line and "rename one of the two files" in line


def test_two_load_profiles_of_one_name_are_one_error_of_load_as_well(tmp_path):
    theirs = write(tmp_path / "loadprofiles" / "steady.py", PROFILE)
    done = frostline("load", "http://127.0.0.1:9/", "--rate", "1", "--seconds", "1", on_path=(tmp_path,))
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and "load profile steady is in" in line and str(theirs) in line


def test_two_rules_of_one_name_are_one_error_of_the_list(tmp_path):
    theirs = write(tmp_path / "targets" / "rules" / "hpa.py", RULE)
    done = frostline("list", on_path=(tmp_path,))
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and "rule hpa is in" in line and str(theirs) in line


def test_a_plug_in_that_cannot_be_read_is_a_line_of_the_list(tmp_path):
    write(tmp_path / "targets" / "lostland" / "lost.py", LOST + TARGET)
    write(tmp_path / "targets" / "workloads" / "lost_model.py", LOST + "WORKLOAD = 1\n")
    write(tmp_path / "targets" / "workloads" / "no_model.py", "WORKLOAD = 1\n")
    write(tmp_path / "loadprofiles" / "lost_profile.py", LOST + "PROFILE = 1\n")
    write(tmp_path / "targets" / "rules" / "lost_rule.py", LOST + "RULE = 1\n")
    listed = frostline("list", on_path=(tmp_path,))
    assert listed.returncode == 0, listed.stderr
    lines = {line.split()[0]: line.split(maxsplit=1)[1] for line in listed.stdout.splitlines() if line[0] == " "}
    for name in ("lost", "lost-model", "lost-profile", "lost-rule"):
        assert lines[name] == "cannot be read: ModuleNotFoundError: No module named 'no_such_library'"
    assert lines["no-model"] == "cannot be read: 'int' object has no attribute 'summary'"
    assert lines["process-lambda"].startswith("Emulated") and "steady" in lines


def test_a_file_that_sets_nothing_to_choose_is_not_listed(tmp_path):
    for place in ("targets/workloads", "targets/rules", "targets/lostland", "loadprofiles"):
        write(tmp_path / place / "shared_helpers.py", "raise SystemExit('imported')\n")
    listed = frostline("list", on_path=(tmp_path,))
    assert listed.returncode == 0 and "shared-helpers" not in listed.stdout, listed.stderr


@pytest.mark.parametrize(
    "text",
    [
        "TARGET = 1\n",
        "import json\nTARGET=1",
        "x = 0\r\nTARGET: dict[str, int] = {}\r\n",
        "\ufeffTARGET: 'Target' = 1\n",
        "TARGET  =  (\n1)",
    ],
)
def test_a_file_is_found_however_it_sets_the_name(tmp_path, text):
    (tmp_path / "one.py").write_bytes(text.encode())
    assert files_by_name("target", "TARGET", [str(tmp_path)]) == {"one": tmp_path / "one.py"}


@pytest.mark.parametrize(
    "text", ["TARGETS = 1\n", "print(TARGET == 1)\n", "TARGET == 1\n", "    TARGET = 1\n", "# TARGET = 1"]
)
def test_a_file_that_only_speaks_of_the_name_is_not(tmp_path, text):
    (tmp_path / "one.py").write_text(text)
    assert files_by_name("target", "TARGET", [str(tmp_path)]) == {}


def test_a_file_that_cannot_be_read_stops_nothing_but_itself(tmp_path, monkeypatch):
    read_text = Path.read_text

    def read(path: Path, *arguments: str, **options: str) -> str:
        if path.stem == "kept_from_us":
            raise PermissionError(13, "Permission denied", str(path))
        return read_text(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", read)
    write(tmp_path / "a" / "good_one.py", TARGET)
    for name in ("a", "b"):
        write(tmp_path / name / "kept_from_us.py", TARGET)
        (tmp_path / name / ".#lunch.py").symlink_to("somebody@somewhere.1234")
        (tmp_path / name / "lost.py").symlink_to("nowhere.py")
        (tmp_path / name / "folder.py").mkdir()
        write(tmp_path / name / "no name.py", TARGET)
    named = files_by_name("target", "TARGET", [str(tmp_path / "a"), str(tmp_path / "b")])
    assert named == {
        "good-one": tmp_path / "a" / "good_one.py",
        "kept-from-us": tmp_path / "a" / "kept_from_us.py",
    }, "whoever asks for one that could not be read is told why"


def test_an_editors_lock_and_a_dangling_link_stop_no_list(tmp_path):
    for place in ("targets/workloads", "targets/lostland", "loadprofiles"):
        write(tmp_path / place / "x.txt", "")
        (tmp_path / place / ".#lunch.py").symlink_to("somebody@somewhere.1234")
        (tmp_path / place / "lunch.py").symlink_to("nowhere.py")
    listed = frostline("list", on_path=(tmp_path,))
    assert listed.returncode == 0 and "steady" in listed.stdout, listed.stderr


def test_a_target_that_calls_itself_otherwise_than_its_file_is_refused_with_both_fixes(tmp_path):
    write(tmp_path / "targets" / "bareland" / "bare_run.py", TARGET)
    write(tmp_path / "targets" / "workloads" / "probe.py", "class W:\n    name = 'prob'\n\nWORKLOAD = W()\n")
    listed = frostline("list", on_path=(tmp_path,))
    says = "cannot be read: it says name = {}: say {}, or call the file after the name"
    assert says.format("'bare'", "'bare-run'") in listed.stdout
    assert says.format("'prob'", "'probe'") in listed.stdout
    done = frostline("capacity", "echo", "bare-run", "--latency-ms", "5", on_path=(tmp_path,))
    assert done.returncode == 2 and "bare-run" in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_lambda_up_leaves_out_what_cannot_be_used_and_says_so(tmp_path, monkeypatch, capsys):
    write(tmp_path / "targets" / "lostland" / "lost.py", LOST + TARGET)
    write(tmp_path / "targets" / "lostland" / "bare.py", TARGET)
    served = []
    monkeypatch.setattr(lambda_up, "_serve", lambda order, target, package, console: served.append(target.name))
    for name in ("docker-lambda", "process-lambda"):
        monkeypatch.setattr(targets.target(name), "package", lambda workload, model_dir, say: None, raising=False)
    order = lambda_up.LambdaOrder("echo", 0, 1769, {}, None, "")
    with plugged_in(tmp_path):
        lambda_up.lambda_up(order, Console(width=200))
        (told,) = dataclasses.replace(order, target="lost").problems()
    assert len(served) == 1 and served[0] in ("docker-lambda", "process-lambda")
    said = capsys.readouterr().out
    why = "its file cannot be read: ModuleNotFoundError: No module named 'no_such_library'"
    assert f"note: target lost is left out: {why}\n" in said and "note: target bare is left out: " in said
    assert told == f"--target: lost: {why}"


def test_the_self_test_leaves_out_what_cannot_be_used_and_says_so(tmp_path):
    write(tmp_path / "targets" / "lostland" / "lost.py", LOST + TARGET)
    write(tmp_path / "targets" / "lostland" / "bare.py", TARGET)
    said = []
    with plugged_in(tmp_path):
        chosen = choose_targets([], said.append)
        with pytest.raises(MissingError, match="lost: its file cannot be read: ModuleNotFoundError"):
            choose_targets(["lost"], said.append)
    assert "process-lambda" in chosen and not {"lost", "bare"} & set(chosen)
    assert any(line.startswith("NOT EXAMINED: lost: its file cannot be read: ") for line in said), said


def test_two_plug_ins_of_one_name_are_refused_too(tmp_path):
    first, second = (write(tmp_path / name / "targets" / name / "bare.py", TARGET) for name in ("one", "two"))
    done = frostline("list", on_path=(tmp_path / "one", tmp_path / "two"))
    assert str(first) in done.stderr and str(second) in done.stderr


def test_one_folder_that_is_named_twice_is_one_plug_in(tmp_path):
    write(tmp_path / "targets" / "bareland" / "bare.py", TARGET)
    assert frostline("list", on_path=(tmp_path, tmp_path)).returncode == 0


def test_another_copy_of_ours_is_no_plug_in(tmp_path):
    """As where one checkout is worked on, and another one is installed."""
    for package in ("targets", "loadprofiles", "harness", "harness/load", "harness/load/senders"):
        write(tmp_path / package / "__init__.py", "raise SystemExit('the other one was imported')")
    write(tmp_path / "targets" / "workloads" / "echo.py", "raise SystemExit('the other one was imported')")
    write(tmp_path / "loadprofiles" / "steady.py", "raise SystemExit('the other one was imported')")
    write(tmp_path / "harness" / "load" / "senders" / "http.py", "raise SystemExit('the other one was imported')")
    listed = python("from harness.load.senders import sender_names; print(sender_names())", on_path=(CODE, tmp_path))
    assert listed.stdout == "['aws-invoke', 'boto3', 'http', 'https']\n", listed.stderr
    listed = python("from harness.cli import main; main()", "list", on_path=(CODE, tmp_path))
    assert listed.returncode == 0, listed.stderr


def test_files_that_are_no_plug_ins_do_no_harm(tmp_path):
    """A folder that happens to be called targets, as in the directory where somebody calls `python -m`."""
    write(tmp_path / "targets" / "linux" / "build.py", "raise SystemExit('imported')\n").write_bytes(b"x = '\xff'\n")
    (tmp_path / "targets" / "readme").write_text("nothing")
    assert frostline("list", on_path=(tmp_path,)).returncode == 0
