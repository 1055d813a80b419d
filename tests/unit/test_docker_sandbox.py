"""A container that is not there any more, without an engine."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from targets.events import EventLog
from targets.lambda_front import docker_sandbox
from targets.lambda_front.docker_sandbox import DockerSandbox
from targets.lambda_front.sandbox import SandboxDied

CLOSED_PORT = 1


def test_a_container_that_ends_before_it_listens_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(docker_sandbox, "LOOK_S", 0.05)
    ended = SimpleNamespace(reload=lambda: None, status="exited", logs=lambda tail: b"no such entry point")

    async def starting():
        makers = SimpleNamespace(threads=ThreadPoolExecutor(1))
        sandbox = DockerSandbox("0001", EventLog(tmp_path / "events.jsonl"), makers)
        sandbox.container = ended
        async with asyncio.timeout(10):
            await sandbox._wait_until_listening(CLOSED_PORT)

    with pytest.raises(SandboxDied, match="sandbox 0001 ended as it started: no such entry point"):
        asyncio.run(starting())
