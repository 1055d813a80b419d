"""How a unit comes by its GPUs, with an engine and a machine that are not there."""

from types import SimpleNamespace

import pytest

from targets.contract import Sizing
from targets.local import containers, processes

CDI = {"DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}]}


class Containers:
    """Keeps what the engine was asked to create."""

    def __init__(self):
        self.asked = []

    def create(self, image, command, **options):
        self.asked.append(options)


def created(accelerators):
    made = Containers()
    sizing = Sizing(2048, 1.0, accelerators)
    containers.create(SimpleNamespace(containers=made), "image", ["run"], "name", sizing, {}, {})
    return made.asked[0]


@pytest.mark.parametrize("count", [1, 4])
def test_a_container_asks_for_as_many_as_its_unit_is_sized_for(count):
    (request,) = created(count)["device_requests"]
    assert (request["Count"], request["Capabilities"], request["DeviceIDs"]) == (count, [["gpu"]], [])


def test_a_unit_without_gpus_asks_for_none():
    assert created(0)["device_requests"] is None


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

    def machine(info, gpus):
        for number in range(gpus):
            (tmp_path / f"nvidia{number}").touch()
        (tmp_path / "nvidiactl").touch()
        monkeypatch.setattr(processes, "DEVICES", tmp_path)
        monkeypatch.setattr(containers, "engine", lambda: SimpleNamespace(info=lambda: info, close=lambda: None))

    return machine


def test_an_engine_without_a_gpu_runtime_is_told_with_its_fix(machine):
    machine({"Runtimes": {"runc": {}}}, gpus=1)
    assert containers.missing(0) is None
    why = containers.missing(1)
    assert "no way to hand one to a container: install the NVIDIA Container Toolkit" in why
    assert "\n" not in why and len(why) <= 400


@pytest.mark.parametrize("look", [containers.missing, processes.missing])
def test_too_few_gpus_are_told_with_their_number(machine, look):
    machine(CDI, gpus=2)
    assert [look(count) for count in (0, 1, 2)] == [None, None, None]
    assert look(3) == "3 GPUs a unit are asked for, and this machine has 2: set sizing.accelerators to less"
