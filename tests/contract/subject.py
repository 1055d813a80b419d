"""A target deployed for its tests, and a plain client that asks it: nothing of the harness stands between."""

import gc
import http.client
import json
import os
import secrets
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
import psutil
import pytest

import targets
from targets.contract import Deployment, Endpoint, Order, Sizing, Target
from targets.ownership import BACKING_LABEL, RUN_LABEL, RUN_VARIABLE
from targets.settings import QueueSettings, Settings
from targets.workloads.contract import Workload
from tests.conftest import engine_refusal, one_at_a_time
from tests.fakes.plugged import FAR, plugged_in

SIZING = Sizing.of_function(1769)
PATIENCE_S = 120
WORKLOAD = "known-truth"
HURRY = 60.0
BRISK = {"visibility_s": 2.0, "most_deliveries": 1}
with plugged_in(FAR):
    PLATFORMS = {name: targets.platform(of) for name in targets.target_names() if (of := targets.platform_of(name))}


@dataclass(frozen=True)
class Answer:
    """One reply, whole."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def evidence(self) -> dict[str, Any]:
        """The envelope."""
        found: dict[str, Any] = self.body["frostline"]
        return found


@dataclass
class Subject:
    """A target with a deployment of its own."""

    target: Target
    deployment: Deployment
    order: Order
    workload: Workload
    asked: int = 0

    @property
    def can(self) -> Any:
        """Its capabilities."""
        return self.target.capabilities

    @property
    def endpoint(self) -> Endpoint:
        """The first."""
        return self.deployment.endpoints[0]

    def ask(self, endpoint: Endpoint | None = None) -> Answer:
        """One request, and its answer, which is checked; waited for where it was only accepted."""
        payloads = self.workload.payloads()
        payload, self.asked = payloads[self.asked % len(payloads)], self.asked + 1
        used = endpoint or self.endpoint
        answer = post(used, payload.body)
        if self.can.asynchronous:
            assert answer.status == 202, "accepted, and no more"
            answer = self.collect(answer.headers[used.request_id_header])
        assert answer.status == 200
        assert self.workload.check(payload, answer.body.get("answer"), False) is None, answer.body
        return answer

    def collect(self, request_id: str) -> Answer:
        """The end of an accepted request, which is told once."""
        (end,) = [end for end in self.deployment.completions(PATIENCE_S) if end.request_id == request_id]
        assert request_id not in {end.request_id for end in self.deployment.completions(0)}
        return Answer(end.status, {}, json.loads(end.body))

    def left(self) -> list[str]:
        """Processes, containers and remnants of its run."""
        run = self.order.run_id
        found = [str(item) for item in psutil.process_iter(["environ"]) if _carries(item, run)]
        found += [f"container {container['Name']}" for container in self.containers()]
        found += [f"network {name}" for name in self.networks()]
        if (platform := PLATFORMS.get(self.target.name)) is not None:
            found += [remnant.name for remnant in platform.remnants(run)]
        return found

    def units(self) -> list[dict[str, Any]]:
        """What the engine says of the container of each unit."""
        return [item for item in self.containers() if BACKING_LABEL not in item["Config"]["Labels"]]

    def containers(self) -> list[dict[str, Any]]:
        """What the engine says of each container of its run; nothing where no engine answers."""
        if engine_refusal() is not None:
            return []
        client = docker.from_env()
        filters = {"label": f"{RUN_LABEL}={self.order.run_id}"}
        found = [item.attrs for item in client.containers.list(all=True, filters=filters, ignore_removed=True)]
        client.close()
        return found

    def networks(self) -> list[str]:
        """Names of the networks of its run; nothing where no engine answers."""
        if engine_refusal() is not None:
            return []
        client = docker.from_env()
        found = client.networks.list(filters={"label": f"{RUN_LABEL}={self.order.run_id}"})
        names = [network.name for network in found]
        client.close()
        return names


def require(target: Target) -> None:
    """Skip where a server is not installed that the target needs; FROSTLINE_REQUIRE_SERVERS=1 makes that a failure."""
    why = target.missing()
    if why and os.environ.get("FROSTLINE_REQUIRE_SERVERS") != "1":
        pytest.skip(why)
    assert why is None


def hurried(target: Target) -> Settings:
    """Its defaults; of a queue, whose rule looks but every 30 s and gives a lost request out again after a minute, with
    times that a test can wait for."""
    settings = target.settings()
    return replace(settings.compress(HURRY), **BRISK) if isinstance(settings, QueueSettings) else settings


@contextmanager
def deploy(target: Target, workload: str = WORKLOAD, ledger: Path | None = None, **changes: Any) -> Iterator[Subject]:
    """A workload on a target; what is left of the target's order is given by `changes`."""
    require(target)
    model = targets.workload(workload)
    with one_at_a_time("packaging"):
        package = target.package(model, None, print)
    order = Order(f"contract-{secrets.token_hex(4)}", SIZING, settings=hurried(target), ledger=ledger)
    order = replace(order, **changes)
    order = replace(order, sizings={part.name: order.sizing for part in target.parts[1:]})
    deployment = target.deploy(package, order)
    try:
        yield Subject(target, deployment, order, model)
    finally:
        deployment.destroy()
        del deployment
        gc.collect()  # the Docker client leaves sockets to the collector


def post(endpoint: Endpoint, body: bytes, at_first: Callable[[], object] | None = None) -> Answer:
    """One request on a connection of its own; `at_first` is called when the first piece of a stream has come."""
    parts = urlsplit(endpoint.url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=endpoint.ca_file or None)
        connection = http.client.HTTPSConnection(parts.netloc, timeout=PATIENCE_S, context=context)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE_S)
    headers = {"Content-Type": "application/json", **endpoint.headers}
    try:
        connection.request(endpoint.method, parts.path, body, headers)
        response = connection.getresponse()
        told = {name.lower(): value for name, value in response.headers.items()}
        first = response.read1() if at_first else b""
        if at_first:
            at_first()
        return Answer(response.status, told, _parse(told.get("content-type", ""), first + response.read()))
    finally:
        connection.close()


def _parse(kind: str, body: bytes) -> Any:
    """A JSON body; of a stream, its chunks and its envelope."""
    if kind != "text/event-stream":
        return json.loads(body)
    data = [line.removeprefix("data: ") for line in body.decode().splitlines() if line.startswith("data: ")]
    events = [json.loads(text) for text in data]
    return {"answer": [event["chunk"] for event in events if "chunk" in event], **events[-1]}


def _carries(process: psutil.Process, run: str) -> bool:
    with suppress(psutil.Error):
        return (process.info["environ"] or {}).get(RUN_VARIABLE) == run and process.status() != psutil.STATUS_ZOMBIE
    return False
