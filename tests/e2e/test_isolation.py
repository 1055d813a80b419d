"""How containers are held: what the engine was told, and what the kernel does to who tries."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import targets
from harness.clock import now_ns
from harness.load.process import Arrival
from targets.contract import Deployment, Order, Sizing
from targets.ownership import EXPIRES_LABEL, OWNER_LABEL, RUN_LABEL, Owner

pytestmark = pytest.mark.docker

SIZING = Sizing(384, 0.5)
RUN = f"isolation-{secrets.token_hex(4)}"
PYTHON = "/opt/frostline/venv/bin/python"


def ask(deployment: Deployment) -> int:
    """One request, which makes a function start its sandbox; returns the HTTP status."""
    return arrival_at(deployment).status


def arrival_at(deployment: Deployment) -> Arrival:
    """One request, sent and answered."""
    from harness.load.single import Lone

    body = targets.workload("echo").payloads()[0].body
    return Lone(deployment.endpoints[0], [body]).ask(0, now_ns(), 60)


@pytest.fixture(scope="module", params=["docker-service", "docker-lambda"])
def container(request, engine, packages) -> Iterator[Any]:
    """The one container of a running deployment that has answered."""
    package = packages["echo", "docker-service"]
    deployment = targets.target(request.param).deploy(package, Order(RUN, SIZING))
    try:
        assert ask(deployment) == 200
        (found,) = engine.containers.list(filters={"label": f"{RUN_LABEL}={RUN}"})
        yield found
        volumes = {mount["Name"] for mount in found.attrs["Mounts"] if mount["Type"] == "volume"}
    finally:
        deployment.destroy()
    assert volumes and not volumes & {volume.name for volume in engine.volumes.list()}
    assert engine.containers.list(all=True, filters={"label": f"{RUN_LABEL}={RUN}"}) == []


def inside(container: Any, code: str) -> tuple[int, str]:
    """What a Python line does in the container, as the user that serves."""
    code, output = container.exec_run([PYTHON, "-c", code])
    return code, output.decode().strip()


def test_it_carries_the_labels_by_which_it_is_found(container):
    assert container.labels[RUN_LABEL] == RUN
    assert Owner.parse(container.labels[OWNER_LABEL]) == Owner.current()
    assert int(container.labels[EXPIRES_LABEL]) > 0
    assert container.name.startswith(f"frostline-{RUN}-")


def test_the_engine_was_told_to_hold_it(container):
    host, config = container.attrs["HostConfig"], container.attrs["Config"]
    assert config["User"] == "65534:65534"
    assert host["ReadonlyRootfs"] is True and host["Privileged"] is False
    assert host["CapDrop"] == ["ALL"] and not host["CapAdd"]
    assert "no-new-privileges" in host["SecurityOpt"]
    assert host["Memory"] == host["MemorySwap"] == 384 * 2**20
    assert host["NanoCpus"] == 500_000_000
    assert host["PidsLimit"] and not host["Binds"] and not host.get("Tmpfs")
    mounts = sorted((mount["Type"], mount["Destination"]) for mount in container.attrs["Mounts"])
    assert mounts == [("bind", "/var/lib/frostline/marks"), ("volume", "/tmp")]
    assert [binding["HostIp"] for binding in container.ports["8080/tcp"]] == ["127.0.0.1"]


def test_the_kernel_holds_it(container):
    """Of the very process that serves, as the host sees it."""
    pid = container.attrs["State"]["Pid"]
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert status["Uid"].split() == ["65534"] * 4 and status["Gid"].split() == ["65534"] * 4
    assert status["NoNewPrivs"].strip() == "1"
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0


def test_its_root_cannot_be_written_but_its_tmp_can(container):
    code, told = inside(container, "open('/opt/frostline/code/x', 'w')")
    assert code == 1 and "Read-only file system" in told
    assert inside(container, "open('/tmp/x', 'w').write('x'); print('written')") == (0, "written")


def test_more_than_its_memory_can_be_written_to_its_tmp(container):
    """On disk, and not charged: 480 MB in a container of 384 MB whose swap is off."""
    written = "import os, shutil; f = open('/tmp/big', 'wb'); [f.write(bytes(2**20)) for _ in range(480)]; f.close();"
    code, told = inside(container, written + "print(os.path.getsize('/tmp/big') // 2**20); os.remove('/tmp/big')")
    assert (code, told) == (0, "480")


def test_a_function_has_no_shared_memory_and_no_file_beyond_its_tmp(container):
    is_function = "-fn-" in container.name
    _, shared = inside(container, "import os; print(os.path.exists('/dev/shm'))")
    assert shared == str(not is_function)
    code, told = inside(container, "f = open('/tmp/x', 'wb'); f.truncate(512 * 2**20 + 1)")
    assert (code != 0 and "File too large" in told) if is_function else code == 0


def test_its_limits_are_those_that_were_ordered(container):
    """cgroup v1 or v2, as the container itself sees them."""
    code, told = inside(
        container,
        "import pathlib as p; c = p.Path('/sys/fs/cgroup');"
        "v1 = c / 'memory/memory.limit_in_bytes'; v2 = c / 'memory.max';"
        "print((v1 if v1.exists() else v2).read_text().strip());"
        "q = c / 'cpu/cpu.cfs_quota_us'; m = c / 'cpu.max';"
        "quota = [q.read_text(), (c / 'cpu/cpu.cfs_period_us').read_text()] if q.exists() else m.read_text().split();"
        "print(int(quota[0]) / int(quota[1]))",
    )
    assert code == 0 and told.split() == [str(384 * 2**20), "0.5"]


def test_memory_beyond_the_limit_is_refused(container):
    """The kernel ends the eater, or Python cannot get the memory: either way it never holds so much."""
    code, told = inside(container, "x = bytearray(600 * 2**20); print('got it')")
    assert code != 0 and "got it" not in told


def test_a_sandbox_that_the_engine_will_not_make_is_told_as_its_refusal(packages):
    deployment = targets.target("docker-lambda").deploy(
        packages["echo", "docker-service"], Order(RUN, Sizing(384, 4096))
    )
    try:
        told = arrival_at(deployment).head
        assert b"Sandbox.Refused" in told and b"CPUs" in told and b"http" not in told
    finally:
        deployment.destroy()
