"""The command line as a user runs it, in a place of its own, and everything that it started while it ran."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import psutil
import yaml

from harness.record.folder import RunFolder
from targets.ownership import OWNER_LABEL, RUN_LABEL

WIDE = """
from harness.measure import validity
validity.in_force = validity.Limits(600 * 10**9, 1.0, 1000.0, 1.0, throttling_counts=False)
"""
"""These tests count; they time nothing. A busy machine keeps such limits, so a trial that is INVALID all the same is
Frostline's fault and fails its test."""
MAIN = WIDE + "from harness.cli import main; main()"
HANG_S = 600
"""Nothing takes so long, not even on a machine where all takes ten times as long: it hangs."""


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass
class Started:
    """A command that runs in a process group of its own."""

    process: "subprocess.Popen[bytes]"
    out: Path
    err: Path

    @property
    def said(self) -> str:
        return self.out.read_text()

    def signal(self, number: signal.Signals, group: bool = False) -> None:
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def finish(self, timeout_s: float = HANG_S) -> Finished:
        code = self.process.wait(timeout_s)
        return Finished(code, self.out.read_text(), self.err.read_text())


class Bench:
    """Knows its own things by the temporary folder in their environment and by the process that owns a container."""

    def __init__(self, folder: Path, engine: "docker.DockerClient | None") -> None:
        self.folder = folder
        self.engine = engine
        self.results = folder / "results"
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True)
        self.started: list[Started] = []
        self.ports: set[int] = set()
        """Every port that was seen to listen."""

    def experiment(self, **fields: Any) -> Path:
        """A YAML file. Low rates: two cores carry the load, the platform and the models."""
        path = self.folder / f"{fields.get('name', 'tiny')}.yaml"
        usual = {"name": "tiny", "question": "Does it hold?", "rounds": 1, "seed": 5, "cold_starts": 0, "attempts": 1}
        usual["begin"] = "empty"  # what these runs show are starts
        path.write_text(yaml.safe_dump({**usual, **fields}))
        return path

    def start(self, *arguments: str | Path, code: str = MAIN, **environment: str) -> Started:
        here = self.folder / f"said-{len(self.started)}"
        here.mkdir()
        out, err = here / "out", here / "err"
        with out.open("wb") as out_file, err.open("wb") as err_file:
            process = subprocess.Popen(
                [sys.executable, "-c", code, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=out_file,
                stderr=err_file,
                env={
                    **os.environ,
                    "TMPDIR": str(self.temporary),
                    # Nothing is timed here, so runs of two benches need not wait for each other.
                    "FROSTLINE_LOCK": str(self.folder / "measuring.lock"),
                    "COLUMNS": "200",
                    "PYTHONFAULTHANDLER": "1",
                    **environment,
                },
                start_new_session=True,
            )
        self.started.append(Started(process, out, err))
        return self.started[-1]

    def run(self, *arguments: str | Path, **environment: str) -> Finished:
        return self.start(*arguments, **environment).finish()

    def measure(self, experiment: Path, *arguments: str, **environment: str) -> Finished:
        return self.run("run", experiment, "--results", self.results, *arguments, **environment)

    def folders(self) -> list[RunFolder]:
        return [RunFolder.open(path.parent) for path in sorted(self.results.glob("runs/*/manifest.json"))]

    def processes(self) -> Iterator[psutil.Process]:
        """What a command started and what that started in turn; not the commands themselves."""
        own = {started.process.pid for started in self.started}
        for process in psutil.process_iter():
            try:
                folder = Path(process.environ().get("TMPDIR", "/"))  # a unit has one of its own in that of its run
                if process.pid not in own and folder.is_relative_to(self.temporary):
                    yield process
            except (psutil.Error, OSError):
                continue

    def containers(self) -> list[Any]:
        if self.engine is None:
            return []
        found = self.engine.containers.list(all=True, filters={"label": RUN_LABEL}, ignore_removed=True)
        return [container for container in found if self._owns(container.labels)]

    def networks(self) -> list[Any]:
        found = [] if self.engine is None else self.engine.networks.list(filters={"label": RUN_LABEL})
        return [network for network in found if self._owns(network.attrs["Labels"])]

    def _owns(self, labels: dict[str, str]) -> bool:
        return labels.get(OWNER_LABEL, "").split("/")[0] in {str(started.process.pid) for started in self.started}

    def listeners(self) -> set[tuple[str, int]]:
        """(address, port) of everything of ours that listens, on the host's side."""
        found = set()
        for process in self.processes():
            try:
                connections = process.net_connections("tcp")
            except psutil.Error:
                continue
            found |= {(held.laddr.ip, held.laddr.port) for held in connections if held.status == psutil.CONN_LISTEN}
        for container in self.containers():
            bindings = [binding for port in container.ports.values() for binding in port or []]
            found |= {(binding["HostIp"], int(binding["HostPort"])) for binding in bindings}
        self.ports |= {port for _, port in found}
        return found

    def leftovers(self) -> list[str]:
        """All that is left of ours: empty once every command has ended."""
        found = [f"process {process.pid} {_command(process)}" for process in self.processes()]
        found += [f"container {container.name}" for container in self.containers()]
        found += [f"network {network.name}" for network in self.networks()]
        found += [f"port {port}" for port in sorted(self.ports) if listens(port)]
        return found + [f"temporary {path.name}" for path in self.temporary.iterdir()]

    def end(self) -> None:
        """End what a failed test left running."""
        for started in self.started:
            if started.process.poll() is None:
                started.process.kill()
                started.process.wait()
        for process in self.processes():
            process.kill()
        for container in self.containers():
            container.remove(force=True)
        for network in self.networks():
            network.remove()


def until(condition: Callable[[], Any], what: str, limit_s: float = HANG_S) -> Any:
    """Wait for the truth of `condition` and return it."""
    deadline = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(0.02)
    return found


def listens(port: int) -> bool:
    """Whether somebody accepts connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def assert_valid(folder: RunFolder) -> None:
    """Every attempt of every trial is valid and holds rows: nothing passes because nothing could be measured."""
    records = folder.trials()
    assert [problem for record in records for problem in record.problems] == []
    assert all(record.scheduled > 0 for record in records)


def assert_done(bench: Bench, finished: Finished) -> RunFolder:
    """A run that carried out every trial, said so by its exit code and left nothing. Returns the latest run."""
    assert finished.code == 0, finished.out + finished.err
    folder = bench.folders()[-1]
    assert folder.manifest.finished_at is not None
    assert len({record.trial for record in folder.trials()}) == folder.manifest.trials > 0
    assert_valid(folder)
    assert bench.leftovers() == []
    return folder


def summary(bench: Bench, run: str) -> dict[str, Any]:
    """What `show --format json` prints."""
    shown: dict[str, Any] = json.loads(bench.run("show", run, "--format", "json", "--results", bench.results).out)
    return shown


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:200]
    except psutil.Error:
        return "(ended)"
