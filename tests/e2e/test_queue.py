"""A worker that dies in mid-request loses nothing, and a queue that is gone is told at once: on real ones."""

import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import psutil
import pytest

import targets
from targets.contract import Completion, DeploymentError
from targets.ownership import BACKING_LABEL, RUN_VARIABLE
from tests.contract.subject import Subject, deploy, post
from tests.e2e.bench import Bench
from tests.e2e.conftest import open_bench

NAMES = ["process-queue", pytest.param("docker-queue", marks=pytest.mark.docker)]
PATIENCE_S = 120
SLOW, QUICK = {"handler_ms": 1_500.0}, {"handler_ms": 1.0}


@pytest.fixture(params=NAMES)
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """Requests are given out again after 4 s, and up to three times."""
    target = targets.target(request.param)
    settings = target.settings().compress(60.0)
    brisk = {**vars(settings), "visibility_s": 4.0, "most_deliveries": 3, "max_workers": 1}
    with deploy(target, settings=type(settings)(**brisk)) as subject:
        yield subject


def put_in(subject: Subject, number: int, **fields: float) -> str:
    """Its id in the queue."""
    answer = post(subject.endpoint, json.dumps({"request": number, "fault": None, **fields}).encode())
    assert answer.status == 202
    return answer.headers[subject.endpoint.request_id_header]


def until(what: Any) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.02)
    return found


def end_by_force(started: dict[str, Any]) -> None:
    """The unit of this event."""
    if "container" not in started:
        os.kill(started["pid"], signal.SIGKILL)
        return
    client = docker.from_env()
    client.containers.get(started["container"]).kill()
    client.close()


def test_a_worker_killed_in_mid_request_loses_nothing_and_the_repeat_is_counted(subject: Subject) -> None:
    deployment: Any = subject.deployment
    slow = put_in(subject, 0, **SLOW)
    others = {put_in(subject, number, **QUICK) for number in range(1, 5)}
    until(lambda: deployment._ends.depth().running)
    (started,) = [event for event in deployment.events() if event["kind"] == "started"]
    end_by_force(started)
    ends: list[Completion] = list(deployment.completions(PATIENCE_S))
    assert {end.request_id for end in ends} == {slow, *others} and len(ends) == 5
    assert {end.status for end in ends} == {200}
    (again,) = [json.loads(end.body)["frostline"] for end in ends if end.request_id == slow]
    assert again["unit"] != started["unit"] and deployment.describe()["repeats"] == 1
    assert [event["unit"] for event in deployment.events() if event["kind"] == "died"] == [started["unit"]]


def test_a_queue_that_is_gone_is_one_error_at_once(subject: Subject) -> None:
    put_in(subject, 0, **SLOW)
    kill_queue(subject)
    begun = time.monotonic()
    with pytest.raises(DeploymentError, match="the queue is gone: it ended"):
        list(subject.deployment.completions(PATIENCE_S))
    refused = post(subject.endpoint, b"{}")
    assert refused.status == 503 and "the queue took no request" in refused.body["errorMessage"]
    assert time.monotonic() - begun < PATIENCE_S / 2, "nothing hangs"
    subject.deployment.destroy()
    assert subject.left() == []


def kill_queue(subject: Subject) -> None:
    if not subject.can.engine:
        run = subject.order.run_id
        (server,) = [item for item in psutil.process_iter(["name", "environ"]) if is_server(item, run)]
        server.kill()
        return
    client = docker.from_env()
    (container,) = [item for item in subject.containers() if BACKING_LABEL in item["Config"]["Labels"]]
    client.containers.get(container["Id"]).kill()
    client.close()


@pytest.fixture
def near_bench() -> Iterator[Bench]:
    """In a folder with a short path: that of a socket may have 107 characters."""
    with tempfile.TemporaryDirectory() as place, open_bench(Path(place), None) as bench:
        yield bench


def test_a_queue_that_dies_makes_its_trial_invalid_with_one_reason(near_bench: Bench) -> None:
    bench = near_bench
    experiment = bench.experiment(
        workloads=["echo"],
        targets=["process-queue"],
        profiles=[{"constant": {"rate": 2, "seconds": 20}}],
        begin="batch",
        settings={"process-queue": {"polling_interval_s": 1}},
    )
    started = bench.start("run", experiment, "--results", bench.results)
    until(lambda: named(bench, "targets.serving.queue_loop"))  # a worker, so that a request has come
    (server,) = named(bench, "--unixsocket")
    server.kill()
    finished = started.finish()
    (record,) = bench.folders()[-1].trials()
    gone = "ends of accepted requests could not be had: the queue is gone: it ended (killed by SIGKILL)"
    assert finished.code == 1 and record.problems == [gone]
    assert record.counts["failed"] and sum(record.counts.values()) == record.scheduled == 40
    assert gone in finished.out and "Traceback" not in finished.err


def named(bench: Bench, word: str) -> list[psutil.Process]:
    """Processes of its commands with this word in their own."""
    found = []
    for process in bench.processes():
        with suppress(psutil.Error):
            found += [process] if word in process.cmdline() else []
    return found


def is_server(process: psutil.Process, run: str) -> bool:
    environment = process.info["environ"] or {}
    return process.info["name"] == "redis-server" and environment.get(RUN_VARIABLE) == run
