"""As much of torch as a workload with a GPU asks for, of a GPU that is not there: each stream has a clock of its own,
which only work on it moves, and nothing is known of an event before somebody has waited for it."""

import os
import threading
from contextlib import contextmanager
from types import SimpleNamespace

__version__ = "2.11.0+fake"
version = SimpleNamespace(cuda="13.0")
COPY_NS, LAUNCH_NS, OPERATION_NS = 7_000, 40_000, 1_250
DONE = []
"""What was done, in order."""


class Stream:
    def __init__(self):
        self.clock_ns = 5_000_000_000

    def work(self, what, ns):
        DONE.append(what)
        self.clock_ns += ns

    def synchronize(self):
        DONE.append("wait for a stream")


class Event:
    def __init__(self, enable_timing=False):
        self.is_timed, self.at_ns, self.is_known = enable_timing, None, False

    def record(self, stream):
        self.at_ns = stream.clock_ns

    def synchronize(self):
        self.is_known = self.at_ns is not None

    def elapsed_time(self, end):
        if not (self.is_timed and end.is_timed and end.is_known):
            raise RuntimeError("both events must be timed and over")
        return (end.at_ns - self.at_ns) / 1e6


class Tensor:
    def __init__(self, values, device="cpu"):
        self.values, self.device = values, device

    def to(self, device):
        if device != self.device:
            cuda.current_stream().work(f"copy to {device}", COPY_NS)
        return Tensor(self.values, device)

    def fill_(self, value):
        cuda.current_stream().work("fill", LAUNCH_NS)
        return self

    def tolist(self):
        return self.values


class Doubling(Tensor):
    """A model: its weights lie somewhere, and what it is asked must lie there too."""

    def to(self, device):
        return Doubling(self.values, super().to(device).device)

    def __call__(self, tensor):
        if tensor.device != self.device:
            raise RuntimeError(f"the input is on {tensor.device}, the weights on {self.device}")
        if self.device != "cpu":
            cuda.current_stream().work("double", LAUNCH_NS + OPERATION_NS * len(tensor.values))
        return Tensor([2 * value for value in tensor.values], self.device)


def empty(count, device="cpu"):
    if device != "cpu":
        cuda.init()
        DONE.append("memory of the device")
    return Tensor([0.0] * count, device)


class Cuda:
    def __init__(self):
        self.Stream, self.Event = Stream, Event
        self.is_initialised = False
        self._first = Stream()
        self._current = threading.local()

    def init(self):
        if not self.is_initialised:
            DONE.append("init")
        self.is_initialised = True
        os.environ.setdefault("CUDA_MODULE_LOADING", "LAZY")

    def get_device_name(self, device):
        return "NVIDIA Frost 100"

    def current_stream(self):
        return getattr(self._current, "stream", self._first)

    @contextmanager
    def stream(self, stream):
        before = self.current_stream()
        self._current.stream = stream
        try:
            yield
        finally:
            self._current.stream = before

    def synchronize(self):
        raise AssertionError("this would wait for every thread's work")


cuda = Cuda()
