"""How a unit comes by its GPUs, with an engine and a machine that are not there."""

import asyncio
import os
from contextlib import closing, nullcontext
from types import SimpleNamespace

import docker.errors
import pytest

import targets
from targets.contract import DeploymentError, Order, Package, Sizing
from targets.events import EventLog
from targets.lambda_front import process_sandbox, sandbox
from targets.lambda_front.docker_sandbox import DockerSandboxes, SandboxOrder
from targets.lambda_front.sandbox import SandboxDied
from targets.local import containers, gpus, process_service
from targets.local.docker_service import DockerReplica
from targets.local.resources import Usage
from targets.settings import FunctionSettings, ServiceSettings

CDI = {"DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}]}


class Containers:
    """Keeps what the engine was asked to create."""

    def __init__(self):
        self.asked = []

    def create(self, image, command, **options):
        self.asked.append(options)


def created(gpu_ids):
    made = Containers()
    sizing = Sizing(2048, 1.0, len(gpu_ids))
    containers.create(SimpleNamespace(containers=made), "image", ["run"], "name", sizing, {}, {}, gpu_ids=gpu_ids)
    return made.asked[0]


@pytest.mark.parametrize("ids", [["0"], ["2", "3"]])
def test_a_container_asks_for_the_gpus_that_are_its_own(ids):
    (request,) = created(ids)["device_requests"]
    assert (request["Count"], request["Capabilities"], request["DeviceIDs"]) == (0, [["gpu"]], ids)


def test_a_unit_without_gpus_asks_for_none():
    assert created([])["device_requests"] is None


@pytest.mark.parametrize(
    ("info", "has"),
    [
        ({"Runtimes": {"runc": {}, "nvidia": {"path": "nvidia-container-runtime"}}}, True),
        (CDI, True),
        ({"Runtimes": {"runc": {}}, "DiscoveredDevices": None}, False),
        ({"DiscoveredDevices": [{"Source": "cdi", "ID": "vendor.com/card=0"}]}, False),
        ({}, False),
    ],
)
def test_whether_an_engine_hands_out_gpus(info, has):
    assert containers.has_gpu_runtime(info) is has


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine whose engine says `info` of itself, with as many GPUs as are asked for."""

    def machine(info, count):
        for number in range(count):
            (tmp_path / f"nvidia{number}").touch()
        (tmp_path / "nvidiactl").touch()
        monkeypatch.setattr(gpus, "DEVICES", tmp_path)
        monkeypatch.setattr(containers, "engine", lambda: SimpleNamespace(info=lambda: info, close=lambda: None))

    return machine


def test_an_engine_without_a_gpu_runtime_is_told_with_its_fix(machine):
    machine({"Runtimes": {"runc": {}}}, count=1)
    assert containers.missing(0) is None
    why = containers.missing(1)
    assert "no way to hand one to a container: install the NVIDIA Container Toolkit" in why
    assert "\n" not in why and len(why) <= 400


@pytest.mark.parametrize("look", [containers.missing, gpus.missing])
def test_too_few_gpus_are_told_with_their_number(machine, look):
    machine(CDI, count=2)
    assert [look(count) for count in (0, 1, 2)] == [None, None, None]
    assert look(3) == "3 GPUs a unit are asked for, and this machine has 2: set sizing.accelerators to less"


def test_an_engine_that_breaks_off_is_a_reason_and_no_traceback(monkeypatch):
    def info():
        raise docker.errors.APIError("500 Server Error")

    monkeypatch.setattr(containers, "engine", lambda: SimpleNamespace(info=info, close=lambda: None))
    assert "does not say what it can do (500 Server Error): start it again" in containers.missing(1)


def test_no_gpu_is_two_units_at_once(machine):
    machine(CDI, count=4)
    own = gpus.Gpus(2)
    assert (own.take("a"), own.take("b")) == (["0", "1"], ["2", "3"])
    with pytest.raises(DeploymentError, match="unit c is to have 2 GPUs for itself, and 0 are free: run fewer units"):
        own.take("c")
    own.give_back("a")
    own.give_back("a")
    assert own.take("c") == ["0", "1"]
    with pytest.raises(DeploymentError, match="unit a was removed"):
        own.take("a")


@pytest.mark.parametrize("target", ["process-service", "docker-service", "process-lambda", "docker-lambda"])
def test_more_units_than_there_are_gpus_for_are_refused_before_anything_starts(machine, target):
    machine(CDI, count=3)
    setting, many = ("replicas", ServiceSettings(2)) if "service" in target else ("concurrency_limit", None)
    with pytest.raises(DeploymentError, match=rf"^{setting}: .* this machine has 3: set {setting} to 1 at most, or"):
        targets.target(target).deploy(Package("echo", "none"), Order("run", Sizing(512, 1.0, 2), many))


class Engine:
    """Makes containers that run, and keeps which GPUs each was created with."""

    def __init__(self):
        self.containers = self
        self.asked = []

    def create(self, *_, device_requests, **__):
        self.asked.append(device_requests[0]["DeviceIDs"])
        attrs = {"State": {"Pid": None}, "NetworkSettings": {"Networks": {}}}
        none, ports = lambda **_: None, {f"{containers.PORT}/tcp": [{"HostPort": "1"}]}
        return SimpleNamespace(
            id="c",
            name="c",
            attrs=attrs,
            ports=ports,
            reload=none,
            start=none,
            remove=none,
            attach=lambda **_: iter(()),
        )


def test_replicas_have_gpus_of_their_own(machine, tmp_path):
    machine(CDI, count=2)
    engine, own = Engine(), gpus.Gpus(1)
    order = Order("run", Sizing(512, 1.0, 1), ServiceSettings(2))
    with closing(EventLog(tmp_path / "events.jsonl")) as log:
        first, second, third = (
            DockerReplica(name, log, engine, Package("echo", "image"), order, own) for name in ("1", "2", "3")
        )
        first.start()
        second.start()
        with pytest.raises(DeploymentError, match="unit 3 is to have 1 GPUs for itself"):
            third.start()
        first.remove()
        third.start()
    assert engine.asked == [["0"], ["1"], ["0"]]


@pytest.fixture
def environments(monkeypatch):
    """Environments of the serving processes that are started meanwhile: none is."""
    seen = []

    def serving(module, environment, connection, hear):
        connection.close()
        seen.append(environment)
        return SimpleNamespace(pid=os.getpid(), mark="m", status=0, usage=Usage, kill=lambda: None)

    for module in (process_service, process_sandbox):
        monkeypatch.setattr(module, "ServingProcess", serving)
    return seen


def visible(environments):
    return [environment.get("CUDA_VISIBLE_DEVICES") for environment in environments]


def test_replicas_that_are_processes_see_their_own_gpus_alone(machine, tmp_path, environments):
    machine(CDI, count=4)
    for each in (2, 0):
        own, order = gpus.Gpus(each), Order("run", Sizing(512, 1.0, each))
        with closing(EventLog(tmp_path / "events.jsonl")) as log:
            for name in ("1", "2"):
                process_service.ProcessReplica(name, log, Package("echo", "site"), order, own).start()
    assert visible(environments) == ["0,1", "2,3", None, None]
    assert environments[0]["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_sandboxes_that_are_processes_see_their_own_gpus_alone(machine, tmp_path, environments):
    machine(CDI, count=2)

    async def life(log):
        makers = process_sandbox.ProcessSandboxes({}, log, Sizing(512, 1.0, 1))
        first, second, third = (makers.new(name, "") for name in ("1", "2", "3"))
        for made in (first, second):
            await made.create()
            await made.start()
        waiting = asyncio.ensure_future(third.create())
        await asyncio.sleep(0)
        assert not waiting.done()
        await first.remove()
        await waiting
        await third.start()
        for made in (second, third):
            await made.remove()

    with closing(EventLog(tmp_path / "events.jsonl")) as log:
        asyncio.run(life(log))
    assert visible(environments) == ["0", "1", "0"]


def test_a_sandbox_that_waits_for_gpus_in_vain_has_died(machine, monkeypatch):
    machine(CDI, count=1)
    monkeypatch.setattr(sandbox, "GPU_LIMIT_S", 0.0)
    with pytest.raises(SandboxDied, match="sandbox 0001: unit 0001 is to have 2 GPUs for itself, and 1 are free"):
        asyncio.run(sandbox.take_gpus(gpus.Gpus(2), "0001"))


def test_a_sandbox_that_was_removed_waits_for_no_gpu(machine, monkeypatch):
    machine(CDI, count=1)
    own = gpus.Gpus(1)
    own.give_back("0001")

    async def asking():
        async with asyncio.timeout(10):
            await sandbox.take_gpus(own, "0001")

    with pytest.raises(SandboxDied, match="sandbox 0001: unit 0001 was removed"):
        asyncio.run(asking())


def test_who_has_no_gpu_waits_for_none():
    none = gpus.Gpus(0)
    none.give_back("0001")
    assert none.take("0001") == []


class Stuck:
    """A container whose removal the engine answers with an error; it may be gone all the same."""

    id = name = "c"

    def __init__(self, why, gone):
        self.why, self.gone = why, gone

    def remove(self, **_):
        raise self.why

    def reload(self):
        if self.gone:
            raise docker.errors.NotFound("no such container")


SILENT = OSError("timed out")
IN_PROGRESS = docker.errors.APIError("removal of container c is already in progress")


@pytest.mark.parametrize(
    ("why", "gone", "raises"),
    [(SILENT, True, False), (SILENT, False, True), (IN_PROGRESS, True, False), (IN_PROGRESS, False, False)],
)
@pytest.mark.parametrize("kind", ["service", "function"])
def test_gpus_come_back_once_the_container_is_known_to_be_gone(machine, tmp_path, monkeypatch, kind, why, gone, raises):
    machine(CDI, count=1)
    monkeypatch.setattr(containers, "engine", lambda pool_size: Engine())

    def service(log):
        replica = DockerReplica("1", log, Engine(), Package("echo", "image"), Order("run", Sizing(512, 1.0, 1)), own)
        own.take("1")
        replica.container = Stuck(why, gone)
        replica.remove()

    async def function(log):
        makers = DockerSandboxes(SandboxOrder("image", "prefix", Sizing(512, 1.0, 1), FunctionSettings(), {}, {}), log)
        makers.gpus = own
        made = makers.new("1", "")
        await made.create()
        made._creation = asyncio.get_running_loop().create_future()
        made._creation.set_result(Stuck(why, gone))
        await made.remove()

    own, refused = gpus.Gpus(1), (DeploymentError, SandboxDied)
    with closing(EventLog(tmp_path / "events.jsonl")) as log, pytest.raises(refused) if raises else nullcontext():
        service(log) if kind == "service" else asyncio.run(function(log))
    if gone:
        assert own.take("2") == ["0"]
    else:
        with pytest.raises(DeploymentError, match="0 are free"):
            own.take("2")


def test_sandboxes_that_are_containers_have_gpus_of_their_own(machine, tmp_path, monkeypatch):
    machine(CDI, count=2)
    engine = Engine()
    monkeypatch.setattr(containers, "engine", lambda pool_size: engine)

    async def life(log):
        order = SandboxOrder("image", "prefix", Sizing(512, 1.0, 1), FunctionSettings(), {}, {})
        makers = DockerSandboxes(order, log)
        first, second, third = (makers.new(name, "") for name in ("1", "2", "3"))
        await first.create()
        await second.create()
        await first.remove()
        await third.create()
        for made in (second, third):
            await made.remove()

    with closing(EventLog(tmp_path / "events.jsonl")) as log:
        asyncio.run(life(log))
    assert engine.asked == [["0"], ["1"], ["0"]]
