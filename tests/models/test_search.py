"""The search with its real store: how connections are kept, what a store that is gone does; nothing is left."""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import docker
import psutil
import pytest

import targets
from targets.contract import DeploymentError
from targets.ownership import BACKING_LABEL
from tests.contract.subject import Subject, deploy, post
from tests.models.answers import unhurried

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
NAMES = [
    "process-service",
    "process-lambda",
    pytest.param("docker-service", marks=pytest.mark.docker),
    pytest.param("docker-lambda", marks=pytest.mark.docker),
]


@pytest.fixture(params=NAMES)
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """Each question has a connection of its own."""
    name = request.param
    environment = {"FROSTLINE_SETTINGS": json.dumps({"pooling": False})}
    with deploy(targets.target(name), "search", settings=unhurried(name), environment=environment) as subject:
        yield subject
        subject.deployment.destroy()
        assert subject.left() == []


def kill_store(subject: Subject) -> None:
    """By force, from outside."""
    if "docker" in subject.target.name:
        (container,) = [item for item in subject.containers() if BACKING_LABEL in item["Config"]["Labels"]]
        client = docker.from_env()
        client.containers.get(container["Id"]).kill()
        client.close()
        return
    deployment: Any = subject.deployment
    folder = deployment.order.environment["FROSTLINE_POSTGRES"].partition("host=")[2]
    (server,) = [item for item in psutil.process_iter(["cmdline"]) if f"{folder}/data" in (item.info["cmdline"] or [])]
    os.kill(server.pid, signal.SIGKILL)
    server.wait(10)


def test_without_pooling_no_start_opens_a_connection_and_a_store_that_is_gone_is_one_error(subject: Subject) -> None:
    assert "store_connection" not in subject.ask().evidence["init"]["phases_ns"]
    facts = subject.deployment.describe()["backing"]
    assert facts["server"] == "postgres" and facts["content"]["passages"] == 240
    assert facts["content"]["postgres"] and facts["content"]["pgvector"]
    deployment: Any = subject.deployment
    secret = deployment.order.environment["FROSTLINE_POSTGRES"]
    assert secret not in json.dumps(facts) and secret not in json.dumps(subject.deployment.events())
    kill_store(subject)
    refused = post(subject.endpoint, subject.workload.payloads()[0].body)
    assert refused.body["errorType"] == "StoreGone"
    assert refused.body["errorMessage"].startswith("the store (postgres) does not answer as it should: ")
    with pytest.raises(DeploymentError, match=r"the backing service postgres ended \(.*\): deploy anew"):
        subject.deployment.make_cold()


@pytest.mark.parametrize("name", NAMES)
def test_with_pooling_a_start_opens_a_connection(name: str) -> None:
    with deploy(targets.target(name), "search", settings=unhurried(name)) as subject:
        assert subject.ask().evidence["init"]["phases_ns"]["store_connection"] > 0
