"""What a person sees who asks for something that cannot be done: one message, an exit code, never a traceback."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import targets
from harness.commands.load.order import LoadOrder
from harness.errors import RecordError, UsageError
from harness.experiment.question import experiment_names
from harness.record.folder import RunFolder
from targets.contract import DeploymentError, Sizing
from targets.local.front_process import FrontProcess
from targets.settings import FunctionSettings
from tests.synthetic import manifest

FROSTLINE = [sys.executable, "-c", "from harness.cli import main; main()"]


@pytest.fixture
def frostline(tmp_path):
    """Run a command in an empty folder; returns (exit code, all that was printed)."""

    def run(*arguments):
        environment = {**os.environ, "COLUMNS": "200"}
        done = subprocess.run(
            [*FROSTLINE, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
            env=environment,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run"], ["name an experiment", "frostline list"]),
        (["run", "nothing"], ["'nothing' is neither a file nor one of", *experiment_names()]),
        (["run", "x" * 5000], ["is neither a file"]),
        (["run", "quickstart", "--rounds", "0"], ["rounds: 0 is not accepted"]),
        (["run", "quickstart", "--rounds", "few"], ["--rounds"]),
        (["run", "quickstart", "--resume", "latest"], ["--resume takes neither"]),
        (["run", "--resume", "latest"], ["no readable run"]),
        (["show"], ["no readable run", "frostline run"]),
        (["show", "2026"], ["'2026'", "there are none yet"]),
        (["load"], ["Missing argument"]),
        (["nothing"], ["nothing"]),
    ],
)
def test_bad_usage_is_2_and_says_what_is_wrong(frostline, arguments, parts):
    code, output = frostline(*arguments)
    assert code == 2
    assert [part for part in parts if part not in output] == []
    assert len(output) < 3000


def order(url, **fields):
    return LoadOrder(url, "constant", 1, 1, 1, 1, None, 1, **fields)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://localhost/", "begin it with http:// or https://"),
        ("localhost:80", "begin it with http:// or https://"),
        ("", "begin it with http:// or https://"),
        ("http://", "give http://host:port/path"),
        ("https://", "give https://host:port/path"),
        ("http://localhost:99999/", "give http://host:port/path"),
        ("http://[/", "give http://host:port/path"),
        ("http://[::1/", "give http://host:port/path"),
        ("http://[fe80::1%25eth0]/", "give http://host:port/path"),
        ("http://x:0", "give http://host:port/path"),
        ("http://name:wo/rd@localhost/", "write / ? # \\ and @ in them as %XX"),
        ("http://localhost/a b", "than printable ASCII as %XX"),
        ("http://localhost/\u2744", "than printable ASCII as %XX"),
        ("http://localhost/\r\nX: y", "than printable ASCII as %XX"),
    ],
)
def test_a_bad_url_is_refused(url, said):
    with pytest.raises(UsageError) as refused:
        order(url).check()
    (problem,) = refused.value.problems
    assert problem.startswith("url: ")
    assert said in problem


@pytest.mark.parametrize("url", ["http://localhost", "https://localhost:1/a?b=c#d", "http://[::1]:80/", "HTTP://127.1"])
def test_a_good_url_is_taken(url):
    assert order(url).check().endpoint.url == url


@pytest.mark.parametrize(
    ("url", "fields", "said"),
    [
        (
            "https://localhost/",
            {"ca_file": Path("/no/such/file")},
            "--ca-file: '/no/such/file' is not accepted (No such",
        ),
        ("https://localhost/", {"ca_file": Path(__file__)}, "name a file of PEM certificates"),
        ("https://localhost/", {"ca_file": Path("/")}, "name a file of PEM certificates"),
        (
            "https://localhost/",
            {"ca_file": Path("x"), "insecure": True},
            "--ca-file: with insecure nothing is verified",
        ),
        ("http://localhost/", {"ca_file": Path("x")}, "--ca-file: plain HTTP has no certificate"),
        ("http://localhost/", {"insecure": True}, "--insecure: plain HTTP has no certificate"),
    ],
)
def test_whom_to_believe_is_checked_before_anything_is_sent(url, fields, said):
    with pytest.raises(UsageError) as refused:
        order(url, **fields).check()
    (problem,) = refused.value.problems
    assert said in problem


def test_load_reports_everything_at_once(frostline):
    code, output = frostline(
        *("load", "ftp://x", "--rate", "-1", "--seconds", "0", "--workers", "99"),
        *("--timeout-s", "nan", "--body", "/no/such/file"),
    )
    assert code == 2
    for part in ("url: ", "--rate: -1", "--seconds: 0", "--workers: 99", "--timeout-s: nan", "--body: /no/such/file"):
        assert part in output
    code, output = frostline("load", "http://localhost/", "--profile", "spiky", "--workers", "0")
    assert code == 2
    assert "--profile: 'spiky' is not one of: bursty" in output
    assert "--workers: 0" in output


@pytest.mark.parametrize("host", ["x" * 70, "a..b"])
def test_a_host_without_an_address_is_refused(host):
    with pytest.raises(UsageError, match="its host has no address"):
        order(f"http://{host}/").check()


def test_lambda_up_reports_everything_at_once(frostline):
    code, output = frostline(
        *("lambda", "up", "resnet", "--port", "99999", "--memory-mb", "5", "--timeout-s", "0"),
        *("--keep-alive-s", "nan", "--concurrency-limit", "-3", "--target", "ec2"),
    )
    assert code == 2
    for part in (
        f"workload: 'resnet' is not one of: {', '.join(targets.workload_names())}",
        "--port: 99999",
        "--memory-mb: 5",
        "--timeout-s: 0",
        "--keep-alive-s: nan",
        "--concurrency-limit: -3",
        "--target: 'ec2' is not one of: docker-lambda, process-lambda",
    ):
        assert part in output


def test_lambda_up_looks_at_the_model_first(frostline):
    code, output = frostline("lambda", "up", "filetype", "--model-dir", "nowhere", "--port", "-1")
    assert code == 2
    assert "--model-dir: model directory nowhere does not exist" in output
    assert "--port: -1" in output


def test_a_port_in_use_is_a_message():
    settings = {"kind": "process", "name": "echo", "environment": {}, "sizing": vars(Sizing(128, 1.0))}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DeploymentError, match=rf"did not start on port {port}: .*address already in use"):
            FrontProcess({**settings, "generation": "", "function": vars(FunctionSettings())}, "test-run", port)


@pytest.mark.parametrize("results", ["taken", "taken/inside", "/proc/nothing", "x" * 300])
def test_results_that_cannot_be_written_are_a_message(tmp_path, results):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(RecordError, match="choose another --results"):
        RunFolder.create(tmp_path / results, manifest())


def test_the_lists_name_everything(frostline):
    code, output = frostline("list")
    assert code == 0
    for name in [*experiment_names(), *targets.workload_names(), *targets.target_names(), "bursty"]:
        assert f"  {name} " in output
    assert "cannot be read" not in output


def test_an_interrupted_load_ends_with_130_and_leaves_nothing(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        process = subprocess.Popen(
            [*FROSTLINE, "load", url, "--seconds", "30", "--rate", "5"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        silent.settimeout(30)
        silent.accept()[0].close()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "choices"),
    [
        (("show",), "text, md, csv, json"),
        (("compare", "a", "b"), "text, md, csv, json"),
        (("cost",), "text, md, csv, json"),
        (("history", "q"), "text, md, json"),
        (("report",), "html, md"),
        (("capacity", "echo", "process-service"), "text, json"),
        (("selftest",), "text, json"),
        (("load", "http://127.0.0.1:1/"), "text, json"),
    ],
)
def test_a_format_that_does_not_exist_is_refused_by_every_command_in_the_same_words(frostline, arguments, choices):
    code, told = frostline(*arguments, "--format", "pdf")
    assert code == 2
    assert told.strip() == f"frostline: format 'pdf' does not exist: choose one of {choices}"
