"""A container that is not there any more, without an engine."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import SimpleNamespace

import docker.errors
import pytest

from targets.contract import StartFailed
from targets.events import EventLog
from targets.lambda_front import docker_sandbox
from targets.lambda_front.docker_sandbox import DockerSandbox
from targets.lambda_front.sandbox import SandboxDied
from targets.lambda_front.upstream import HungUp, Upstream

CLOSED_PORT = 1


@pytest.fixture
def log(tmp_path):
    with closing(EventLog(tmp_path / "events.jsonl")) as opened:
        yield opened


def test_a_container_that_ends_before_it_listens_is_not_waited_for(log, monkeypatch):
    monkeypatch.setattr(docker_sandbox, "LOOK_S", 0.05)
    ended = SimpleNamespace(reload=lambda: None, status="exited", logs=lambda tail: b"no such entry point")

    async def starting():
        makers = SimpleNamespace(threads=ThreadPoolExecutor(1))
        sandbox = DockerSandbox("0001", log, makers, "")
        sandbox.container = ended
        async with asyncio.timeout(10):
            await sandbox._wait_until_listening(CLOSED_PORT)

    with pytest.raises(SandboxDied, match="sandbox 0001 ended as it started: no such entry point"):
        asyncio.run(starting())


def test_an_emulator_that_accepts_and_never_answers_is_given_up_at_the_start_limit(log, monkeypatch):
    monkeypatch.setattr(docker_sandbox, "START_LIMIT_S", 0.2)
    there = SimpleNamespace(reload=lambda: None, status="running", logs=lambda tail: b"loading")

    async def silent(reader, writer):
        await reader.read()
        writer.close()

    async def starting():
        sandbox = DockerSandbox("0001", log, SimpleNamespace(threads=ThreadPoolExecutor(1)), "")
        sandbox.container = there
        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server, asyncio.timeout(10):
            await sandbox._wait_until_listening(server.sockets[0].getsockname()[1])

    with pytest.raises(SandboxDied, match="sandbox 0001 did not listen within"):
        asyncio.run(starting())


def test_a_reply_that_came_too_late_is_not_taken_for_the_next_requests():
    async def answer(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        slow = b"/slow" in request
        await asyncio.sleep(0.3 if slow else 0)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + (b"slow" if slow else b"fast"))
        await reader.read()
        writer.close()

    async def asking():
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            upstream = Upstream(server.sockets[0].getsockname()[1])
            with pytest.raises(HungUp, match=r"no reply within 0\.1 s"):
                await upstream.ask("GET", "/slow", limit_s=0.1)
            reply = await upstream.ask("GET", "/fast", limit_s=10)
            upstream.close()
            await asyncio.sleep(0.5)  # until both of the server's sides have seen that it hung up
            return reply

    assert asyncio.run(asking()) == (200, b"fast")


@pytest.fixture
def refusal(log):
    """The kind and message with which a sandbox cannot be made or started, by what the engine's call raises."""

    def meet(error):
        def call():
            raise error

        async def meeting():
            await DockerSandbox("0001", log, SimpleNamespace(threads=ThreadPoolExecutor(1)), "")._engine(call)

        with pytest.raises(SandboxDied) as met:
            asyncio.run(meeting())
        return met.value.kind, str(met.value)

    return meet


def test_what_the_engine_refuses_is_not_the_functions_fault_and_a_container_that_ended_is(refusal):
    told = "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"
    address = "http+docker://localhost/v1.41/containers/create?name=frostline-x" + "-" * 200
    error = docker.errors.APIError(f"400 Client Error for {address}: Bad Request", explanation=told)
    assert refusal(error) == ("Sandbox.Refused", f"the engine refused: {told}")
    image = docker.errors.ImageNotFound("404", explanation="No such image: frostline/echo:x")
    assert refusal(image) == ("Sandbox.Refused", "the engine refused: No such image: frostline/echo:x")
    assert refusal(ConnectionResetError("reset"))[0] == "Sandbox.Refused"
    ended = StartFailed("container c ended as it started: no such module")
    assert refusal(ended) == ("Sandbox.Died", "sandbox 0001: container c ended as it started: no such module")
