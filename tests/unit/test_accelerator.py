"""Where a torch model runs, what its start is made of, and what it says of its GPU: with a torch that is not one."""

import importlib.util
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from targets.contract import Order, Package, Sizing
from targets.local import containers, processes
from targets.serving import accelerator
from targets.serving.accelerator import COUNT_VARIABLE, LOADING_VARIABLE, open_device
from targets.serving.core import load_core
from targets.serving.failure import LoadFailed
from targets.serving.timeline import Timeline
from tests.fakes.plugged import plugged_in

GPU = Path(__file__).parents[1] / "fakes" / "gpu"
ORDER = Order("run", Sizing(512, 1.0, 2))


@pytest.fixture
def torch(monkeypatch):
    """The fake, new for each test, in a unit of one GPU."""
    path = GPU / "torch" / "__init__.py"
    spec = importlib.util.spec_from_file_location("torch", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(__import__("sys").modules, "torch", module)
    monkeypatch.setenv(COUNT_VARIABLE, "1")
    monkeypatch.setenv(LOADING_VARIABLE, "LAZY")
    monkeypatch.setattr(accelerator, "FACTS", {})
    monkeypatch.setattr(accelerator, "DRIVER_VERSION", GPU / "there is none")
    return module


@pytest.fixture
def core(torch, monkeypatch):
    """The serving core with the toy that runs where it is told to."""
    monkeypatch.setenv("FROSTLINE_WORKLOAD", "toy-cuda")
    for name in ("FROSTLINE_MODEL_DIR", "FROSTLINE_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    with plugged_in(GPU):
        yield lambda: load_core(threads=1)


def test_a_start_with_a_gpu_has_its_steps_as_phases_in_order(core, torch):
    phases = core().timeline.phases_ns
    assert list(phases) == ["imports", "cuda_context", "weights", "copy", "first_kernel"]
    memory, waits = "memory of the device", "wait for a stream"
    done = ["init", memory, "copy to cuda:0", waits, memory, "fill", waits]
    assert done == torch.DONE


def test_the_first_answer_tells_the_gpu_and_every_answer_its_time_by_the_gpus_clock(core, torch):
    unit = core()
    for count in (1, 7):
        reply = unit.answer({"count": count})
        assert reply["answer"] == 2.0 * count
        assert reply["frostline"]["gpu_ns"] == torch.COPY_NS + torch.LAUNCH_NS + count * torch.OPERATION_NS
        told = reply["frostline"].get("init", {}).get("gpu")
        gpu = {"device": "NVIDIA Frost 100", "torch": torch.__version__, "cuda": "13.0", "module_loading": "LAZY"}
        assert told == (gpu if count == 1 else None)


def test_the_driver_is_told_where_the_kernel_tells_it(torch, monkeypatch, tmp_path):
    (tmp_path / "version").write_text("580.159.04\n")
    monkeypatch.setattr(accelerator, "DRIVER_VERSION", tmp_path / "version")
    open_device(torch, Timeline().phase)
    assert accelerator.FACTS["driver"] == "580.159.04"


def test_that_nobody_said_how_kernels_are_loaded_is_told(torch, monkeypatch):
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.delenv(LOADING_VARIABLE)
    open_device(torch, Timeline().phase)
    assert accelerator.FACTS["module_loading"] == "unset: by the driver's default"


def test_without_a_gpu_of_its_own_a_unit_stays_on_the_cpu_and_has_no_gpu_time(core, torch, monkeypatch):
    monkeypatch.delenv(COUNT_VARIABLE)
    unit = core()
    assert list(unit.timeline.phases_ns) == ["imports", "weights"]
    own = unit.answer({"count": 7})["frostline"]
    assert "gpu_ns" not in own and "gpu" not in own["init"]
    assert torch.DONE == [] and not torch.cuda.is_initialised


def test_a_gpu_that_torch_was_not_built_for_is_one_error_and_no_silent_cpu(core, torch):
    torch.version, torch.__version__ = SimpleNamespace(cuda=None), "2.13.0+cpu"
    with pytest.raises(LoadFailed) as caught:
        core()
    assert str(caught.value) == (
        "RuntimeError: 1 GPUs are this unit's, and torch 2.13.0+cpu is built for the CPU alone: install a build with "
        "CUDA, or set sizing.accelerators to 0 (in load(), phase cuda_context)"
    )


def test_a_gpu_that_cannot_be_used_is_one_error_in_the_drivers_words(torch, monkeypatch):
    def refuse():
        raise RuntimeError("The NVIDIA driver on your system is too old")

    monkeypatch.setattr(torch.cuda, "init", refuse)
    with pytest.raises(
        RuntimeError, match=r"\(CUDA 13.0\) cannot use it: The NVIDIA driver on your system is too old: "
    ):
        open_device(torch, Timeline().phase)


def test_each_thread_times_its_own_stream(torch):
    device = open_device(torch, Timeline().phase)
    model, both = device.place(torch.Doubling([2.0])), threading.Barrier(2)

    def infer(count):
        watch = device.stopwatch()
        with watch:
            both.wait(10)  # the other thread is within its own inference
            model(torch.Tensor([1.0] * count).to(device.name))
            both.wait(10)
        return watch.gpu_ns, device.stopwatch()._stream

    with ThreadPoolExecutor(2) as threads:
        (one, first), (many, second) = threads.map(infer, (1, 1000))
    assert many - one == 999 * torch.OPERATION_NS
    assert first is not second and torch.cuda.current_stream() not in (first, second)


def test_a_stopwatch_that_is_entered_again_adds_up_and_leaves_out_what_lies_between(torch):
    device = open_device(torch, Timeline().phase)
    model = device.place(torch.Doubling([2.0]))
    tokens, watch = torch.Tensor([1.0]).to(device.name), device.stopwatch()
    assert watch.gpu_ns is None
    for _ in range(3):
        with watch:
            model(tokens)
        watch._stream.clock_ns += 10**9
    assert watch.gpu_ns == 3 * (torch.LAUNCH_NS + torch.OPERATION_NS)


def test_an_inference_that_fails_has_no_time_and_leaves_the_stream(torch):
    device = open_device(torch, Timeline().phase)
    watch = device.stopwatch()
    with pytest.raises(ZeroDivisionError), watch:
        raise ZeroDivisionError
    assert watch.gpu_ns is None and torch.cuda.current_stream() is not watch._stream


@pytest.mark.parametrize("environment", [containers.serving_environment, processes.serving_environment])
def test_a_unit_is_told_how_many_gpus_it_has_and_how_to_load_kernels(environment, monkeypatch):
    monkeypatch.setenv(LOADING_VARIABLE, "EAGER")
    package = Package("echo", "none")
    told = environment(package, ORDER)
    assert (told[COUNT_VARIABLE], told[LOADING_VARIABLE]) == ("2", "EAGER")
    assert not {COUNT_VARIABLE, LOADING_VARIABLE} & environment(package, Order("run", Sizing(512, 1.0))).keys()
