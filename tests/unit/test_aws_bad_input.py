"""What a person sees who asks AWS for something that cannot be: one message, a code, and nothing is made there."""

import json

import pytest
from botocore.client import BaseClient
from botocore.exceptions import EndpointConnectionError

from harness.experiment.question import parse_experiment
from targets.aws import account as account_of
from targets.aws import common
from targets.contract import Package
from targets.local import containers
from tests.in_process import CommandLine
from tests.moto import mean

FIELDS = {
    "name": "asked",
    "question": "?",
    "workloads": [{"name": "echo"}],
    "profiles": [{"steady": {"rate": 2, "seconds": 5}}],
    "rounds": 1,
    "targets": ["docker-lambda"],
}


@pytest.fixture
def frostline(tmp_path, monkeypatch, capsys):
    """A command on an experiment of these fields, in a folder of its own, where AWS knows who asks and does no more."""
    mean(monkeypatch, "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(BaseClient, "_make_api_call", answer)
    monkeypatch.setattr(common, "build_image", lambda *_: image(200_000_000))
    monkeypatch.setattr(containers, "missing", lambda accelerators: None)
    monkeypatch.setattr(containers, "engine", Engine)
    asked.clear()
    account_of.forget()
    command = CommandLine(monkeypatch, capsys)

    def run(fields, *arguments):
        (tmp_path / "asked.yaml").write_text(json.dumps(FIELDS | fields))
        return command("run", "asked.yaml", *arguments)

    yield run
    assert set(asked) <= {"GetCallerIdentity"}, "nothing is made"
    assert list(tmp_path.glob("results/runs/*")) == []
    account_of.forget()


asked: list[str] = []


class Engine:
    """Has nothing, and is closed."""

    def close(self):
        pass


def answer(client, operation, parameters):
    asked.append(operation)
    return {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/frost"}


def image(size_bytes):
    return Package("echo", "frostline/echo:0123456789ab", {"machine": "x86_64", "size_bytes": size_bytes})


def sized(memory_mb):
    return {"sizing": {"function_memory_mb": memory_mb}}


def of_lambda(**settings):
    return {"targets": ["aws-lambda"], "settings": {"aws-lambda": settings}}


REFUSED = [
    pytest.param({}, ["--on", "azure"], "--on: 'azure' is not one of: aws", id="platform"),
    pytest.param(
        {"targets": ["docker-queue"]}, ["--on", "aws"], "--on aws: docker-queue has no counterpart", id="queue"
    ),
    pytest.param(
        {"targets": ["docker-hybrid"], "workloads": [{"name": "llm-gateway"}]},
        ["--on", "aws"],
        "--on aws: docker-hybrid has no counterpart there: leave it out of targets",
        id="hybrid",
    ),
    pytest.param(sized(64), ["--on", "aws"], "sizing.function_memory_mb: 64 is not accepted", id="too little"),
    pytest.param(sized(10_241), ["--on", "aws"], "sizing.function_memory_mb: 10241 is not accepted", id="too much"),
    pytest.param(
        of_lambda(role="arn:aws:iam::123456789012:role/x"),
        [],
        "role: an ARN is not accepted: give the role's name",
        id="ARN",
    ),
    pytest.param(of_lambda(way_in="http"), [], "way_in: 'http' is not one of: invoke, url", id="way in"),
    pytest.param(of_lambda(timeout_s=901), [], "timeout_s: 901 is not accepted", id="timeout"),
    pytest.param(
        {},
        ["--on", "aws", "--budget-usd", "0.00001"],
        "budget_usd: 1e-05 is less than the plan is expected",
        id="budget",
    ),
    pytest.param({}, ["--on", "aws", "--budget-usd", "0"], "budget_usd: 0 is less than the plan", id="no budget"),
    pytest.param({}, ["--on", "aws", "--budget-usd", "inf"], "budget_usd: inf is not accepted", id="no amount"),
    pytest.param({"budget_usd": 0}, ["--on", "aws"], "budget_usd: 0 is not accepted", id="no budget stated"),
]


@pytest.mark.parametrize(("fields", "arguments", "told"), REFUSED)
def test_what_cannot_be_done_as_written_is_2(frostline, fields, arguments, told):
    code, printed = frostline(fields, *arguments, "--yes")
    assert code == 2
    (said,) = [line for line in printed.splitlines() if line.startswith("frostline: ")]
    assert told in said and "123456789012" not in printed


def test_an_image_that_is_too_large_is_3_before_anything_is_made(frostline, monkeypatch):
    monkeypatch.setattr(common, "build_image", lambda *_: image(10_400_000_000))
    code, printed = frostline({}, "--on", "aws", "--yes")
    assert code == 3
    assert (
        "echo could not be packaged for aws-lambda: the image of echo has 10.4 GB, and aws-lambda takes 10: " in printed
    )


def test_a_region_that_there_is_not_is_3_with_those_that_there_are(frostline, monkeypatch):
    def unreachable(client, operation, parameters):
        raise EndpointConnectionError(endpoint_url=client.meta.endpoint_url)

    monkeypatch.setenv("AWS_REGION", "us-esat-1")
    monkeypatch.setattr(BaseClient, "_make_api_call", unreachable)
    code, printed = frostline({}, "--on", "aws", "--yes")
    assert code == 3
    assert "aws-lambda: sts is not in us-esat-1: set AWS_REGION to one of " in printed and "us-east-1" in printed


def test_without_a_person_and_without_yes_nothing_begins(frostline, monkeypatch):
    code, printed = frostline({}, "--on", "aws")
    assert code == 2 and "nobody is there to be asked" in printed


def test_such_an_experiment_is_one_that_could_be_run():
    assert parse_experiment(FIELDS, "test").targets == ["docker-lambda"]
