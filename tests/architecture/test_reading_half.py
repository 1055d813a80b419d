"""A stored run is read by a machine that has the data libraries and nothing else."""

import json
import subprocess
import sys

import pytest

from tests.synthetic import make_run

ABSENT = ("docker", "boto3", "botocore", "locust", "gevent", "torch", "onnxruntime", "tokenizers")
PROGRAM = f"""
import sys

ABSENT = {ABSENT}


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"{{name}} is not installed on this machine", name=name)


sys.meta_path.insert(0, Absent())
from harness.cli import main

try:
    main()
finally:
    assert not [name for name in sys.modules if name.split(".")[0] in (*ABSENT, "targets")]
"""


def on_a_bare_machine(program, *arguments, folder):
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, cwd=folder, check=False
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    experiment = {"name": "quickstart", "expected": {"requests_per_month": 1_000_000}}
    make_run(folder, rounds=2, requests_per_trial=60, experiment=experiment)
    return folder


def test_the_machine_is_bare(tmp_path):
    probe = """
for name in ABSENT:
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        print(error)
"""
    done = on_a_bare_machine(PROGRAM.split("from harness.cli")[0] + probe, folder=tmp_path)
    assert done.stdout.splitlines() == [f"{name} is not installed on this machine" for name in ABSENT]


@pytest.mark.parametrize("form", ["text", "md", "csv", "json"])
def test_a_run_is_shown(results, form):
    done = on_a_bare_machine(PROGRAM, "show", "--results", str(results), "--format", form, folder=results)
    assert done.stderr == ""
    assert done.returncode == 0
    assert "docker-lambda" in done.stdout
    if form == "json":
        told = json.loads(done.stdout)
        assert told["schema"] == "frostline/summary/1"
        assert {row["profile"] for row in told["rows"]} == {"cold", "steady"}


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["cost"], "USD a month, term by term"),
        (["report"], "written: "),
        (["report", "--format", "md"], "written: "),
        (["review", "new", "--name", "bare"], "written: "),
        (["history", "quickstart"], "docker-lambda"),
    ],
    ids=" ".join,
)
def test_what_follows_from_a_run_needs_no_more(results, command, says):
    done = on_a_bare_machine(PROGRAM, *command, "--results", str(results), folder=results)
    assert done.stderr == ""
    assert done.returncode == 0
    assert says in done.stdout


def test_reviews_are_checked(results):
    on_a_bare_machine(PROGRAM, "review", "new", "--name", "checked", "--results", str(results), folder=results)
    done = on_a_bare_machine(PROGRAM, "review", "check", "--results", str(results), folder=results)
    assert done.stderr == ""
    assert done.returncode == 1, "a person has not decided yet"
