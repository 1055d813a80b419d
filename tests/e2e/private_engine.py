"""A Docker engine of a test's own: its own socket, folder, bridge and pid file; ended with everything it runs."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import docker

NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Of this process among those that test side by side."""
BRIDGE = f"frostline-t{NUMBER}"
SUBNET = f"172.31.{251 - NUMBER % 100}.1/24"
LIMIT_S = 300


class PrivateEngine:
    """A context manager; `host` goes into DOCKER_HOST."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fle-"))  # short: the path of a Unix socket has 107 characters
        self.host = f"unix://{self.folder}/engine.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PrivateEngine":
        try:
            _ip("link", "add", BRIDGE, "type", "bridge")
            _ip("addr", "add", SUBNET, "dev", BRIDGE)
            _ip("link", "set", BRIDGE, "up")
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for container in self.client().containers.list(all=True):
                container.remove(force=True)
        finally:
            self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._stop()
        subprocess.run(["ip", "link", "del", BRIDGE], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self) -> docker.DockerClient:
        return docker.DockerClient(base_url=self.host, timeout=120)

    def containers(self) -> list[Any]:
        return self.client().containers.list(all=True)

    def running(self) -> bool:
        try:
            return bool(self.client().containers.list())
        except (docker.errors.DockerException, OSError):
            return False

    def copy_images(self, name: str) -> None:
        """From the usual engine, so that nothing is fetched or bootstrapped again."""
        usual = docker.from_env(timeout=120)
        for image in usual.images.list(name=name):
            for tag in image.tags:
                self.client().images.load(b"".join(usual.images.get(tag).save(named=tag)))
        usual.close()

    def restart(self) -> None:
        self._stop()
        self._start()

    def _start(self) -> None:
        options = {
            "--host": self.host,
            "--data-root": self.folder / "data",
            "--exec-root": self.folder / "exec",
            "--pidfile": self.folder / "pid",
            "--bridge": BRIDGE,
            # Starting with rules of its own, it would flush those of the usual engine; loopback needs none.
            "--iptables": "false",
        }
        log = (self.folder / "log").open("ab")
        words = [f"{name}={value}" for name, value in options.items()]
        self._process = subprocess.Popen(["dockerd", *words], stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + LIMIT_S
        while not self._answers():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except (docker.errors.DockerException, OSError):
            return False

    def _stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(LIMIT_S)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
