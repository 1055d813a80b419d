"""A unit that was killed because its memory ran out: the row says the limit and the peak."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from types import SimpleNamespace

import pyarrow as pa
import pytest

from harness.measure.rows.deaths import with_death
from harness.record.columns import NAME
from targets.contract import Order, Package, Sizing
from targets.events import EventLog
from targets.lambda_front.docker_sandbox import DockerSandbox
from targets.lambda_front.memory import glanced_at
from targets.lambda_front.upstream import HungUp
from targets.local import docker_service
from targets.local.resources import Usage, out_of_memory

MB = 2**20
ENDED = (
    b'{"errorType":"Runtime.ExitError","errorMessage":"RequestId: %s Error: Runtime exited with error: signal: killed"}'
)
ID = b"6462fd7d-4e98-43ba-ba47-f1acb96685a7"


@pytest.fixture
def log(tmp_path):
    with closing(EventLog(tmp_path / "events.jsonl")) as opened:
        yield opened


def test_what_was_not_seen_is_not_told():
    assert out_of_memory(256, 251 * MB) == "out of memory at 256 MB, peak 251 MB of its own"
    assert out_of_memory(256, None) == "out of memory at 256 MB, peak unseen"


def replica(log, monkeypatch, usages, state):
    monkeypatch.setattr(docker_service, "engine_errors", lambda *_: nullcontext())
    order = Order("run", Sizing(256, 0.5))
    made = docker_service.DockerReplica("0001", log, None, Package("w", "image"), order, None)
    made.container = SimpleNamespace(reload=lambda: None, status="exited", attrs={"State": state})
    made._cgroup = SimpleNamespace(usage=lambda: usages.pop(0))
    return made


def test_a_replica_tells_the_most_memory_of_its_own_that_was_seen(log, monkeypatch):
    usages = [Usage(256 * MB, 256 * MB, own * MB) for own in (90, 251, 40)]
    made = replica(log, monkeypatch, usages, {"OOMKilled": True, "ExitCode": 137})
    for _ in range(3):
        made.look()
    assert made.end_reason() == "out of memory at 256 MB, peak 251 MB of its own"


def test_another_end_keeps_its_exit_code(log, monkeypatch):
    made = replica(log, monkeypatch, [Usage()], {"OOMKilled": False, "ExitCode": 3})
    made.look()
    assert made.end_reason() == "exit code 3"


def answered(log, usage, status, reply):
    """What a sandbox makes of a reply of the emulator; an error as the reply is its hanging up."""

    async def ask(*_):
        if isinstance(reply, Exception):
            raise reply
        return status, reply

    async def asking():
        makers = SimpleNamespace(order=SimpleNamespace(sizing=Sizing(256, 0.5)), threads=ThreadPoolExecutor(1))
        sandbox = DockerSandbox("0001", log, makers, "")
        sandbox.own_peak_bytes = 251 * MB
        sandbox.upstream = SimpleNamespace(ask=ask)
        sandbox.container = SimpleNamespace(
            logs=lambda tail: b"init failed", reload=lambda: None, attrs={"State": {"OOMKilled": usage.oom_killed}}
        )
        sandbox.killed_usage = usage
        return await sandbox.invoke(b"{}", ID.decode())

    return asyncio.run(asking())


@pytest.mark.parametrize(("status", "reply"), [(502, b""), (200, ENDED % ID)])
def test_a_sandbox_whose_runtime_was_killed_for_memory_says_so(log, status, reply):
    told = answered(log, Usage(oom_killed=True), status, reply)
    error = json.loads(told.body)
    assert told.error == "Unhandled" and error["errorType"] == "Runtime.ExitError"
    assert "out of memory at 256 MB, peak 251 MB of its own" in error["errorMessage"]
    assert ID.decode() in error["errorMessage"]


@pytest.mark.parametrize(("status", "reply", "words"), [(502, b"", "init failed"), (200, ENDED % ID, "signal: killed")])
def test_another_end_of_a_runtime_is_not_blamed_on_memory(log, status, reply, words):
    told = answered(log, Usage(), status, reply)
    message = json.loads(told.body)["errorMessage"]
    assert words in message and "out of memory" not in message


def test_a_container_that_ended_in_a_request_tells_why(log):
    with pytest.raises(Exception, match=r"ended in a request .*out of memory at 256 MB"):
        answered(log, Usage(oom_killed=True), 0, HungUp("closed"))


def test_a_sandbox_is_glanced_at_while_a_long_request_runs_and_not_in_a_short_one(monkeypatch):
    async def running(every_s, wanted):
        monkeypatch.setattr("targets.lambda_front.memory.GLANCE_S", every_s)
        looks = []
        with glanced_at(SimpleNamespace(see_memory=lambda: looks.append(1))):
            async with asyncio.timeout(10):
                while len(looks) < wanted:
                    await asyncio.sleep(0.001)
        seen = len(looks)
        await asyncio.sleep(0.01)
        assert len(looks) == seen
        return seen

    assert asyncio.run(running(0.001, wanted=2)) >= 2 and asyncio.run(running(60, wanted=0)) == 0


ROWS = {"outcome": ["ok", "failed", "failed", "timed_out"], "status": [200, None, 500, None]}
DIED = {"kind": "died", "unit": "0001", "why": "out of memory at 256 MB, peak 251 MB of its own"}


@pytest.mark.parametrize(("units", "events"), [(1, [DIED]), (2, [DIED]), (1, [])])
def test_rows_without_a_reply_tell_how_the_only_replica_ended(units, events):
    made = [{"kind": "create", "unit": f"{number:04d}"} for number in range(1, units + 1)]
    errors = pa.array([None, "connection refused", "it raised", "late"]).cast(NAME)
    table = pa.table({**{name: pa.array(values) for name, values in ROWS.items()}, "error": errors})
    told = with_death(table, [*made, *events])["error"].to_pylist()
    words = f"connection refused: the replica ended: {DIED['why']}" if units == 1 and events else "connection refused"
    assert told == [None, words, "it raised", "late"]
