"""What every target owes the bench; a new file of a platform is picked up with no edit here."""

import gc
import inspect
import json
import re
import secrets
import socket
from collections.abc import Iterator
from typing import Any, get_args
from urllib.parse import urlsplit

import docker
import psutil
import pytest

import targets
from targets.contract import Deployment, Kind, Order, Sizing, Target
from targets.ownership import RUN_LABEL, RUN_VARIABLE
from tests.conftest import engine_refusal, one_at_a_time

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
"""The Docker client leaves sockets to the collector, which is called where each deployment ends."""

NAMES = targets.target_names()
HERE = [
    pytest.param(name, marks=pytest.mark.docker) if targets.target(name).capabilities.engine else name for name in NAMES
]
"""Those that a test deploys: what has containers needs an engine."""
FIX = re.compile(r"\b(start|install|set|run|make|use|give|log in|grant|export|create)\b", re.IGNORECASE)
SIZING = Sizing.of_function(1769)
PATIENCE_S = 120


def members(protocol: type) -> set[str]:
    """Names that a protocol asks for: its fields and its methods."""
    methods = {name for name, value in vars(protocol).items() if inspect.isfunction(value)}
    return {name for name in {*inspect.get_annotations(protocol), *methods} if not name.startswith("_")}


@pytest.fixture(params=NAMES)
def target(request: pytest.FixtureRequest) -> Target:
    return targets.target(request.param)


def test_there_are_targets() -> None:
    assert {"docker-lambda", "docker-service", "process-lambda", "process-service"} <= set(NAMES)


def test_fields(target: Target, request: pytest.FixtureRequest) -> None:
    assert {name for name in members(Target) if not hasattr(target, name)} == set()
    assert target.name == request.node.callspec.params["target"], "the file's name and the target's must agree"
    assert target is targets.target(target.name)
    assert all(part.kind in get_args(Kind) for part in target.parts)
    assert target.settings() == target.settings(), "settings have defaults and compare"


def test_what_it_lacks_is_one_line_with_a_fix(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    for host in (None, "unix:///nonexistent/docker.sock"):
        if host:
            monkeypatch.setenv("DOCKER_HOST", host)
        why = target.missing()
        assert why is not None or not (host and target.capabilities.engine), "a dead engine is missing"
        assert why is None or ("\n" not in why and len(why) <= 400 and FIX.search(why)), why


@pytest.fixture(params=HERE)
def deployed(request: pytest.FixtureRequest) -> Iterator[tuple[Target, Deployment, str]]:
    """Echo on a target of this machine, and the run's name that everything of it carries."""
    target, run = targets.target(request.param), f"contract-{secrets.token_hex(4)}"
    assert target.missing() is None
    with one_at_a_time("packaging"):
        package = target.package(targets.workload("echo"), None, print)
    deployment = target.deploy(package, Order(run, SIZING))
    try:
        yield target, deployment, run
    finally:
        deployment.destroy()
        del deployment
        gc.collect()


def ask(deployment: Deployment) -> dict[str, Any]:
    """What one request is answered, by the first endpoint."""
    import http.client

    body = targets.workload("echo").payloads()[0].body
    endpoint = deployment.endpoints[0]
    parts = urlsplit(endpoint.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S)
    try:
        connection.request("POST", parts.path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert response.status == 200
        answer: dict[str, Any] = json.loads(response.read())
    finally:
        connection.close()
    return answer


def left_of(run: str) -> list[str]:
    """Processes and containers that carry the run's name."""
    found = [str(item) for item in psutil.process_iter(["environ"]) if carries(item, run)]
    if engine_refusal() is None:
        client = docker.from_env()
        filters = {"label": f"{RUN_LABEL}={run}"}
        found += [item.name for item in client.containers.list(all=True, filters=filters, ignore_removed=True)]
        client.close()
    return found


def carries(process: psutil.Process, run: str) -> bool:
    return (process.info["environ"] or {}).get(RUN_VARIABLE) == run


def test_it_is_asked_made_cold_and_destroyed(deployed: tuple[Target, Deployment, str]) -> None:
    target, deployment, run = deployed
    assert {name for name in members(Deployment) if not hasattr(deployment, name)} == set()
    first, second = ask(deployment), ask(deployment)
    text = json.loads(targets.workload("echo").payloads()[0].body)["text"]
    assert first["answer"] == second["answer"] == {"text": text}
    unit = first["frostline"]["unit"]
    assert [reply["frostline"]["invocation"] for reply in (first, second)] == [1, 2]
    assert second["frostline"]["unit"] == unit, "what is warm is used again"
    assert [usage.unit for usage in deployment.usage()] == [unit]
    assert left_of(run) != []

    deployment.make_cold()
    assert deployment.usage() == [], "nothing lives after it was made cold"
    deployment.wake()
    again = ask(deployment)["frostline"]
    assert again["unit"] != unit and again["invocation"] == 1, "the next answer comes from a fresh start"

    endpoint = deployment.endpoints[0]
    deployment.destroy()
    events = deployment.events()
    for kind in ("create", "removed"):
        assert [event["unit"] for event in events if event["kind"] == kind] == [unit, again["unit"]]
    starts = [event["for_request"] for event in events if event["kind"] == "create"]
    assert len(starts) == 2 and (target.parts[0].kind == "service" or starts == [True, True])
    assert isinstance(json.loads(json.dumps(deployment.describe())), dict)
    assert left_of(run) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", urlsplit(endpoint.url).port)) != 0
    deployment.destroy()
