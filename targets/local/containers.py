"""Containers as Frostline runs them: labelled, limited, without privileges, published on loopback only."""

import os
import socket
import struct
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import docker
import docker.constants
import docker.errors
import psutil
from docker.models.containers import Container

from targets.clock import now_ns, sleep
from targets.contract import DeploymentError, Order, Package, Sizing, StartFailed
from targets.local import gpus
from targets.local.last_words import tell_end
from targets.local.processes import THREAD_VARIABLES, model_environment
from targets.ownership import start_time
from targets.packaging.engine import ENGINE_ERRORS
from targets.serving.marks import FILE_VARIABLE

PORT = 8080
MB = 1024 * 1024
PORT_LIMIT_S = 10.0
"""An engine that is busy tells the port of a running container at a later look."""
PORT_POLL_S = 0.005
LAST_LINES = 40
LEDGER_DIR = "/var/lib/frostline/ledger"
MARKS_FILE = "/var/lib/frostline/marks"
HARDENED: dict[str, Any] = {
    "user": "65534:65534",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "pids_limit": 512,
}
"""What holds for every container of ours."""


def engine(pool_size: int = 10) -> docker.DockerClient:
    """A client for the reachable engine. DeploymentError with the fix when there is none."""
    try:
        client = docker.from_env(max_pool_size=pool_size, timeout=120)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        raise DeploymentError(
            f"no Docker engine answers ({error}): start one (make engine), or use a process- target"
        ) from error
    return client


def missing(accelerators: int) -> str | None:
    """Why no container with so many GPUs can be run here, and the fix; None when one can."""
    try:
        with closing(engine()) as client:
            hands_gpus_out = not accelerators or has_gpu_runtime(client.info())
    except DeploymentError as error:
        return str(error)
    except (docker.errors.DockerException, OSError) as error:
        return f"the Docker engine does not say what it can do ({error}): start it again, or use a process- target"
    if hands_gpus_out:
        return gpus.missing(accelerators)
    return (
        f"{accelerators} GPUs a unit are asked for, and the Docker engine has no way to hand one to a container: "
        "install the NVIDIA Container Toolkit, run `nvidia-ctk runtime configure` and start the engine again, "
        "or use a process- target"
    )


def has_gpu_runtime(info: Mapping[str, Any]) -> bool:
    """Whether an engine that says this of itself has NVIDIA's runtime, or found GPUs by device specifications (CDI)."""
    devices = info.get("DiscoveredDevices") or []
    return "nvidia" in (info.get("Runtimes") or {}) or any(
        device.get("Source") == "cdi" and str(device.get("ID")).startswith("nvidia.com/gpu") for device in devices
    )


def create(
    client: docker.DockerClient,
    image: str,
    command: list[str] | None,
    name: str,
    sizing: Sizing,
    environment: dict[str, str],
    labels: dict[str, str],
    marks: Path | None = None,
    ledger: str | None = None,
    gpu_ids: Sequence[str] = (),
    tmp_mb: int | None = None,
    shared_memory: bool = True,
    port: int | None = PORT,
    network: str | None = None,
    alias: str = "",
) -> Container:
    """Create, not start. Root is read-only, /tmp is disk, swap is off, so the memory limit is the limit.

    `command` None is the image's own, `port` is where it listens, None for one that does not. On a `network` of ours
    the others there reach it as `alias`. `marks` is a file of this machine to which the container may append, `ledger`
    a folder that it may write into, `gpu_ids` are the GPUs it sees. No file may be larger than `tmp_mb`. Without
    `shared_memory` there is no /dev/shm.
    """
    if marks is not None:
        environment = environment | {FILE_VARIABLE: MARKS_FILE}
    return client.containers.create(
        image,
        command,
        name=name,
        environment=environment,
        labels=labels,
        ports={f"{port}/tcp": ("127.0.0.1", None)} if port else {},
        **_place(network, alias),
        **_limits(sizing, tmp_mb),
        **HARDENED,
        volumes={ledger: {"bind": LEDGER_DIR, "mode": "rw"}} if ledger else {},
        mounts=_mounts(marks),
        ipc_mode=None if shared_memory else "none",
        device_requests=gpu_requests(gpu_ids),
        log_config=docker.types.LogConfig(type="json-file", config={"max-size": "1m"}),
    )


def _limits(sizing: Sizing, tmp_mb: int | None) -> dict[str, Any]:
    """Of memory, swap and all, of CPUs, and of a file's length."""
    memory_bytes = sizing.memory_mb * MB
    longest = [docker.types.Ulimit(name="fsize", soft=tmp_mb * MB, hard=tmp_mb * MB)] if tmp_mb else None
    cpus = int(sizing.cpus * 1e9)
    return {"mem_limit": memory_bytes, "memswap_limit": memory_bytes, "nano_cpus": cpus, "ulimits": longest}


def _place(network: str | None, alias: str) -> dict[str, Any]:
    """Where in a network of ours it is; nothing for the engine's own."""
    if network is None:
        return {}
    endpoint = docker.types.EndpointConfig(docker.constants.DEFAULT_DOCKER_API_VERSION, aliases=[alias])
    return {"network": network, "networking_config": {network: endpoint} if alias else None}


def _mounts(marks: Path | None) -> list[docker.types.Mount]:
    """A /tmp that is removed with the container; and no volume for the marks, for of a file that the engine cannot see
    it would make a folder."""
    tmp = docker.types.Mount("/tmp", None, type="volume")  # noqa: S108 - in the container
    return [tmp, docker.types.Mount(MARKS_FILE, str(marks), type="bind")] if marks else [tmp]


def gpu_requests(ids: Sequence[str]) -> list[docker.types.DeviceRequest] | None:
    """These GPUs for one container, as `docker run --gpus device=` asks for them; None for none."""
    return [docker.types.DeviceRequest(device_ids=list(ids), capabilities=[["gpu"]])] if ids else None


def published_port(container: Container, port: int = PORT) -> int:
    """The loopback port of a started container, awaited while it runs. StartFailed when it ends first or has none."""
    deadline = now_ns() + int(PORT_LIMIT_S * 1e9)
    while True:
        container.reload()
        if bindings := container.ports.get(f"{port}/tcp"):
            return int(bindings[0]["HostPort"])
        if container.status not in ("created", "running"):
            raise StartFailed(tell_end(f"container {container.name} ended as it started", last_lines(container)))
        if now_ns() > deadline:
            raise StartFailed(
                f"container {container.name} runs, and the engine has published no port of it within "
                f"{PORT_LIMIT_S:.0f} s"
            )
        sleep(PORT_POLL_S)


def address(container: Container, port: int = PORT) -> str:
    """host:port by which its neighbours on its network reach a started container; "" where it is on none."""
    networks = container.attrs["NetworkSettings"]["Networks"].values()
    return next((f"{each['IPAddress']}:{port}" for each in networks if each["IPAddress"]), "")


def last_lines(container: Container) -> str:
    """The end of what a container printed."""
    output: bytes = container.logs(tail=LAST_LINES)
    return output.decode(errors="replace")


def end_reason(container: Container) -> str | None:
    """Its exit code when it has ended; None while it runs."""
    try:
        container.reload()
    except docker.errors.NotFound:
        return "its container is gone: something else removed it"
    if container.status in ("running", "created"):
        return None
    state = container.attrs["State"]
    return f"exit code {state['ExitCode']}{', out of memory' if state['OOMKilled'] else ''}"


def wait(container: Container, seconds: float) -> int | None:
    """Its exit code; None where it still runs after so long. Docker errors."""
    begin_ns = now_ns()
    try:
        return int(container.wait(timeout=seconds)["StatusCode"])
    except ENGINE_ERRORS:  # so the client tells the end of its patience as well
        if now_ns() - begin_ns < seconds * 1e9 or end_reason(container):
            raise
        return None


def ask_to_end(container: Container) -> None:
    """SIGTERM, where it still runs."""
    with suppress(docker.errors.NotFound):
        container.reload()
        if container.status == "running":
            container.kill("SIGTERM")


def is_gone(client: docker.DockerClient, container: str) -> bool:
    """Whether the engine has no container of this id."""
    try:
        client.containers.get(container)
    except docker.errors.NotFound:
        return True
    return False


def remove(container: Container) -> bool:
    """End and delete; one that is gone, before or in spite of an error, is fine. False while somebody else removes it.

    Until it is gone, what it has is nobody else's.
    """
    try:
        container.remove(force=True, v=True)
    except docker.errors.NotFound:
        return True
    except ENGINE_ERRORS as error:
        gone = _is_known_gone(container)
        if not gone and "already in progress" not in str(error):
            raise
        return gone
    return True


def _is_known_gone(container: Container) -> bool:
    try:
        container.reload()
    except docker.errors.NotFound:
        return True
    except ENGINE_ERRORS:  # it does not say
        pass
    return False


def engine_facts(client: docker.DockerClient) -> dict[str, Any]:
    """What the engine says of itself that bears on results."""
    info = client.info()
    keys = {"ServerVersion": "version", "Driver": "storage", "CgroupVersion": "cgroup", "OperatingSystem": "system"}
    return {name: info.get(key) for key, name in keys.items()} | {
        "cpus": info.get("NCPU"),
        "memory_bytes": info.get("MemTotal"),
    }


def engine_process() -> str | None:
    """Which process the engine is now, as pid/start time; None where it is not behind a Unix socket of this machine."""
    host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not host.startswith("unix://") or not hasattr(socket, "SO_PEERCRED"):
        return None
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(host.removeprefix("unix://"))
            pid = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
            return f"{pid}/{start_time(pid)}"
        except (OSError, psutil.Error) as error:
            return f"does not answer: {type(error).__name__}"


def serving_environment(package: Package, order: Order) -> dict[str, str]:
    """What the serving code reads in a container; paths and model folder are the image's own."""
    if package.own_image is not None:  # it knows nothing of us: only its thread pools may follow the limit, as ours do
        return dict.fromkeys(THREAD_VARIABLES, str(max(1, int(order.sizing.cpus))))
    ledger = {"FROSTLINE_LEDGER": LEDGER_DIR} if order.ledger else {}
    return model_environment(package.workload, order.sizing.cpus, order) | ledger
