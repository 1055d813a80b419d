"""Which device a torch model runs on, the steps in which a GPU becomes ready, and the GPU's own time of an inference.

torch comes in as load() imported it; all of serving/ is shipped with each workload. In load():

    device = open_device(torch, phase)
    model = device.place(model)

and in an inference, around whatever runs on the device:

    watch = device.stopwatch()
    with watch:
        output = model(inputs.to(device.name))
    return Measured(answer, gpu_ns=watch.gpu_ns)
"""

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from targets.workloads.contract import Phase

COUNT_VARIABLE = "FROSTLINE_ACCELERATORS"
"""In a unit's environment: how many GPUs it has for itself; not set where it has none."""
LOADING_VARIABLE = "CUDA_MODULE_LOADING"
"""LAZY or EAGER: whether kernels are loaded when they are first launched, or with the context."""
DRIVER_VERSION = Path("/sys/module/nvidia/version")
NS_PER_MS = 1_000_000
FACTS: dict[str, str] = {}
"""What this unit's GPU is and by what it is driven, once it is open: the first answer's envelope tells it."""


class Stopwatch:
    """The device's own time of one inference. It may be entered again: the times add up, and what lies between them is
    not counted. A stream enters it for each step, and never over a `yield`.

    A CPU has no such time: `gpu_ns` stays None."""

    gpu_ns: int | None = None

    def __enter__(self) -> "Stopwatch":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Nothing is waited for."""


class Device(Protocol):
    """Where a model runs."""

    name: str
    """As torch calls it."""

    def place(self, model: Any) -> Any:
        """The model on this device, ready for its first inference."""

    def stopwatch(self) -> Stopwatch:
        """For one inference, in the thread that makes it."""


class Cpu:
    """Models are there already."""

    name = "cpu"

    def place(self, model: Any) -> Any:
        """The model as it is."""
        return model

    def stopwatch(self) -> Stopwatch:
        """One that never has a time."""
        return Stopwatch()


def open_device(torch: Any, phase: Phase) -> Device:
    """A GPU where this unit was given one, else the CPU. RuntimeError with the fix when torch cannot use that GPU."""
    given = int(os.environ.get(COUNT_VARIABLE, "0"))
    return Cuda(torch, phase, given) if given else Cpu()


class Cuda:
    """The first GPU that this unit sees. Its start has the phases cuda_context, copy and first_kernel."""

    name = "cuda:0"

    def __init__(self, torch: Any, phase: Phase, given: int) -> None:
        self._torch, self._phase = torch, phase
        self._threads = threading.local()
        with phase("cuda_context"):
            _make_context(torch, self.name, given)
        FACTS.update(_facts(torch, self.name))

    def place(self, model: Any) -> Any:
        """The weights copied from the host's memory, then one small kernel: the context's first. What the model's own
        kernels take to load is left to the first inference, as wherever nobody warms up."""
        with self._phase("copy"):
            model = model.to(self.name)
            self._torch.cuda.current_stream().synchronize()
        with self._phase("first_kernel"):
            self._torch.empty(1, device=self.name).fill_(1)
            self._torch.cuda.current_stream().synchronize()
        return model

    def stopwatch(self) -> Stopwatch:
        """One on the calling thread's own stream: what it times never waits for another thread's inference."""
        if not hasattr(self._threads, "stream"):
            self._threads.stream = self._torch.cuda.Stream()
        return CudaStopwatch(self._torch, self._threads.stream)


class CudaStopwatch(Stopwatch):
    """Time between two marks on a stream, by CUDA events. A GPU that waits for the next launch meanwhile is in it."""

    def __init__(self, torch: Any, stream: Any) -> None:
        self._torch, self._stream = torch, stream
        self._begin, self._end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def __enter__(self) -> "CudaStopwatch":
        self._scope = self._torch.cuda.stream(self._stream)
        self._scope.__enter__()
        self._begin.record(self._stream)
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Wait until what was launched on this stream is done, and for no other: the host is ahead of the GPU."""
        self._end.record(self._stream)
        self._scope.__exit__(kind, error, trace)
        if kind is None:
            self._end.synchronize()
            self.gpu_ns = (self.gpu_ns or 0) + round(self._begin.elapsed_time(self._end) * NS_PER_MS)


def _make_context(torch: Any, name: str, given: int) -> None:
    """RuntimeError when there is no GPU to be had, and nothing of the kind when it is merely slow."""
    build = f"torch {torch.__version__}"
    if torch.version.cuda is None:
        why = "is built for the CPU alone: install a build with CUDA"
    else:
        try:
            torch.cuda.init()
            torch.empty(1, device=name)  # memory of a device needs its context
            return
        except Exception as error:
            why = f"(CUDA {torch.version.cuda}) cannot use it: {error}: see that nvidia-smi answers, and install a "
            why += "build that its driver can run"
    raise RuntimeError(f"{given} GPUs are this unit's, and {build} {why}, or set sizing.accelerators to 0")


def _facts(torch: Any, name: str) -> dict[str, str]:
    facts = {"device": torch.cuda.get_device_name(name), "torch": torch.__version__, "cuda": torch.version.cuda}
    with suppress(OSError):
        facts["driver"] = DRIVER_VERSION.read_text().strip()
    return facts | {"module_loading": os.environ.get(LOADING_VARIABLE, "unset: by the driver's default")}
