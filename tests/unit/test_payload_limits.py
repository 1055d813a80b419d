"""A payload that a target does not take is refused with its size and the limit, before anything starts."""

from zlib import crc32

import pytest
from typer.testing import CliRunner

import targets
from harness.commands.app import app
from harness.errors import UsageError
from harness.experiment.question import parse_experiment
from targets.contract import LAMBDA_REQUEST_BYTES
from targets.serving import http_app
from tests.fakes.plugged import plugged_in

MODEL = """
import json
from targets.workloads.contract import Payload

class Pages:
    name = "{name}"
    summary = "Pages of any size"
    requirements, models, model_files = (), (), ()

    def load(self, phase, model_dir, threads):
        return lambda request: {{}}

    def payloads(self):
        {payloads}

    def check(self, payload, answer, own_model):
        return None

WORKLOAD = Pages()
"""
SIZED = 'return [Payload(f"page-{{at}}", b\'"\' + b"x" * (size - 2) + b\'"\') for at, size in enumerate(({sizes},))]'
MOST = LAMBDA_REQUEST_BYTES


@pytest.fixture
def pages(tmp_path):
    """Makes a workload of the user's whose payloads are of these sizes, or are what these lines return."""
    stack = plugged_in(tmp_path)

    def make(name, *sizes, payloads=None):
        path = tmp_path / "targets" / "workloads" / f"{name.replace('-', '_')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = payloads or SIZED.format(sizes=", ".join(map(str, sizes)))
        path.write_text(MODEL.format(name=name, payloads=lines))

    make("pages-none", 10)
    with stack:
        yield lambda *arguments, **options: (make(*arguments, **options), targets._workload_files.cache_clear())


def experiment(name, *names):
    fields = {"name": "x", "question": "?", "workloads": [name], "targets": list(names), "cold_starts": 1}
    return parse_experiment(fields, "x.yaml")


def test_a_payload_that_a_function_does_not_take_is_refused_with_its_size_and_who_takes_it(pages):
    pages("pages-a", 10, MOST + 1, 7_500_000)
    experiment("pages-a", "process-service", "docker-service")
    with pytest.raises(UsageError) as refused:
        experiment("pages-a", "process-service", "process-lambda", "docker-lambda")
    lines = refused.value.problems
    assert len(lines) == 2
    for line, target in zip(lines, ("process-lambda", "docker-lambda"), strict=True):
        assert line.startswith(
            f"x.yaml: targets: {target}: workload pages-a: payload 'page-2' (and 1 more) is 7,500,000 bytes as it is "
            f"sent, in JSON and with what base64 adds, and {target} takes at most 6,291,456: make it smaller, or "
            f"leave {target} out: "
        )
        assert "docker-queue, docker-service, process-queue, process-service take it" in line


@pytest.mark.parametrize("name", ["process-lambda", "docker-lambda", "process-service"])
def test_a_payload_that_is_just_as_large_as_may_be_is_taken(pages, name):
    pages("pages-b", MOST)
    assert experiment("pages-b", name).targets == [name]


@pytest.mark.parametrize(
    "command",
    [
        ["capacity", "pages-c", "process-lambda", "--latency-ms", "50"],
        ["lambda", "up", "pages-c", "--target", "process-lambda"],
        ["lambda", "up", "pages-c"],
    ],
    ids=["capacity", "lambda-up", "lambda-up-anywhere"],
)
def test_every_command_that_would_send_it_refuses_it(pages, command):
    pages("pages-c", MOST + 1)
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, UsageError)
    assert "page-0' is 6,291,457 bytes as it is sent" in str(done.exception)
    assert "at most 6,291,456" in str(done.exception)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("return []", "payloads() gives none: give at least one"),
        ("return [Payload('a', 'text')]", "payload 'a' is str: give bytes of JSON"),
        ("return [Payload('a', b'{')]", "payload 'a' is no JSON"),
        ("return [Payload('a', b'\\xff\\xd8')]", "put bytes into it as base64"),
        ("return [Payload('a', b'[NaN]')]", "payload 'a' is no JSON (NaN is no JSON)"),
        ("return [Payload('a', b'{\"a\": -Infinity}')]", "payload 'a' is no JSON (-Infinity is no JSON)"),
        ("return [Payload('a', '[1, 22]'.encode('utf-16'))]", "payload 'a' is no JSON ("),
        ("return [Payload('a', '[1, 222]'.encode('utf-32-le'))]", "payload 'a' is no JSON ("),
        ("return [Payload('a', b'\\xef\\xbb\\xbf[1]')]", "payload 'a' is no JSON ("),
        ("return [Payload('a', b'[' * 100_000)]", "payload 'a' is no JSON (it is nested too deeply)"),
        ("return open('/no/such/page.png')", "payloads() raised FileNotFoundError: "),
        ("raise SystemExit('no pages')", "payloads() raised SystemExit: no pages"),
        ("yield Payload('a', b'{}')", "payloads() gives a generator: give a list or tuple"),
        ("return {Payload('a', b'{}'): 1}", "payloads() gives a dict: give a list or tuple"),
        ("return [b'{}', Payload('a', b'{}')]", "payloads() gives a bytes in its list: give Payload(name, body)"),
        ("return None", "payloads() gives a NoneType: give a list or tuple"),
    ],
    ids=[
        "none",
        "text",
        "cut",
        "bytes",
        "nan",
        "inf",
        "utf-16",
        "utf-32",
        "bom",
        "deep",
        "raises",
        "exits",
        "generator",
        "dict",
        "stranger",
        "nothing",
    ],
)
def test_payloads_that_cannot_be_sent_are_one_line(pages, lines, says):
    pages(name := f"pages-{crc32(lines.encode())}", payloads=lines)
    with pytest.raises(UsageError) as refused:
        experiment(name, "process-service")
    (line,) = refused.value.problems
    assert says in line and "workloads.pages-" in line


def test_a_workload_that_exits_while_it_is_configured_is_one_line(pages):
    exits = "return []\n\n    def configure(self, settings):\n        raise SystemExit"
    pages("pages-exit", payloads=exits)
    with pytest.raises(ValueError, match=r"^configure\(\) raised SystemExit:$"):
        targets.workload("pages-exit", {"a": 1})


def test_what_a_target_takes_is_told_in_its_capabilities():
    takes = {name: targets.target(name).capabilities.facts()["most_request_bytes"] for name in targets.target_names()}
    assert takes["process-lambda"] == takes["docker-lambda"] == 6_291_456
    assert takes["process-service"] == takes["docker-service"] == http_app.MOST_BODY_BYTES == 268_435_456
