"""Starts and ends the emulator: a process in an environment of its own, since it pins what ours has in another version.

`make emulator` installs it.
"""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import docker
import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / ".venv" / "emulator" / "bin" / "ministack"
REGION = "us-east-1"
READY_LIMIT_S = 120
END_LIMIT_S = 60


@dataclass(frozen=True)
class Emulator:
    """One that runs."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """With which AWS's tools, and ours, ask it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **keys)

    def containers(self) -> list[Any]:
        """Those that it has started."""
        with closing(docker.from_env(timeout=120)) as engine:
            label = f"ministack.instance={socket.gethostname()}:{self.port}"
            return list(engine.containers.list(all=True, filters={"label": label}, ignore_removed=True))


def require_emulator() -> None:
    """Skip where it is not installed; FROSTLINE_REQUIRE_EMULATOR=1 makes that a failure."""
    if PROGRAM.exists():
        return
    if os.environ.get("FROSTLINE_REQUIRE_EMULATOR") == "1":
        pytest.fail("FROSTLINE_REQUIRE_EMULATOR=1, but it is not installed: `make emulator`", pytrace=False)
    pytest.skip("no emulator of AWS here: `make emulator` installs it")


@contextmanager
def emulator(folder: Path, **further: str) -> Iterator[Emulator]:
    """One on a free port of loopback; what it started ends with it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = {"BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    kept = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
    with (folder / "emulator.log").open("wb") as log:
        process = subprocess.Popen(
            [PROGRAM], env={**kept, **place, **further}, stdout=log, stderr=log, start_new_session=True, cwd=folder
        )
    running = Emulator(port)
    try:
        _await_ready(process, running)
        yield running
    finally:
        _end(process)
        for container in running.containers():
            container.remove(force=True, v=True)


def _await_ready(process: "subprocess.Popen[bytes]", running: Emulator) -> None:
    deadline = time.monotonic() + READY_LIMIT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the emulator ended as it started"
        try:
            with urllib.request.urlopen(f"{running.url}/_ministack/health", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the emulator was not ready in time")


def _end(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
