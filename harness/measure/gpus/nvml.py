"""The driver's word on each GPU, by NVIDIA's own library. What a GPU or its driver does not tell is None, never 0."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from harness.record.facts import Fact, MachineFacts
from harness.record.gpus import FIGURES, Look

INSTALL = "pip install 'frostline[gpu]'"


class NvmlGone(Exception):
    """The library, or the driver behind it, is not there or has ceased to answer. The message says why."""


@contextmanager
def opened() -> Iterator["Nvml"]:
    """The library while it is initialised. NvmlGone when it cannot be."""
    try:
        import pynvml
    except ImportError as error:
        raise NvmlGone(f"nvidia-ml-py is not installed: {INSTALL}") from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise NvmlGone(f"NVML does not answer ({error}): see that nvidia-smi does") from error
    try:
        yield Nvml(pynvml)
    finally:
        with suppress(pynvml.NVMLError):  # the driver may be gone by now
            pynvml.nvmlShutdown()


def unreadable() -> str | None:
    """Why no GPU's memory, power and energy can be read here, and the fix; None when they can."""
    try:
        with opened():
            return None
    except NvmlGone as error:
        return f"the memory, power and energy of its GPUs cannot be read: {error}"


def gpu_facts() -> MachineFacts:
    """Driver, CUDA and GPUs for the machine's facts; nothing where nobody can say."""
    try:
        with opened() as nvml:
            return nvml.facts()
    except NvmlGone:
        return MachineFacts()


class Nvml:
    """Asks the library. NvmlGone for whatever is no mere lack of one figure."""

    def __init__(self, library: Any) -> None:
        self._library = library
        count = self._ask(library.nvmlDeviceGetCount) or 0
        self._handles = [self._ask(library.nvmlDeviceGetHandleByIndex, number) for number in range(count)]

    def look(self) -> list[Look]:
        """What each GPU does now, in the order of its number."""
        return [{name: reading(self, handle) for name, reading in READINGS.items()} for handle in self._handles]

    def facts(self) -> MachineFacts:
        """Driver, CUDA, and of each GPU what bears on results: name, memory, modes, clocks."""
        library = self._library
        cuda = self._ask(library.nvmlSystemGetCudaDriverVersion_v2)
        return {
            "driver": self._ask(library.nvmlSystemGetDriverVersion),
            "cuda": None if cuda is None else f"{cuda // 1000}.{cuda % 1000 // 10}",
            "gpus": [self._facts_of(handle) for handle in self._handles],
        }

    def _facts_of(self, handle: Any) -> dict[str, Fact]:
        library, ask = self._library, self._ask
        memory = ask(library.nvmlDeviceGetMemoryInfo, handle)
        limit = ask(library.nvmlDeviceGetPowerManagementLimit, handle)
        mig, persistence = ask(library.nvmlDeviceGetMigMode, handle), ask(library.nvmlDeviceGetPersistenceMode, handle)
        return {
            "name": ask(library.nvmlDeviceGetName, handle),
            "memory_mb": None if memory is None else memory.total // 2**20,
            "mig_mode": None if mig is None else bool(mig[0]),
            "persistence_mode": None if persistence is None else bool(persistence),
            "sm_clock_mhz": ask(library.nvmlDeviceGetClockInfo, handle, library.NVML_CLOCK_SM),
            "most_sm_clock_mhz": ask(library.nvmlDeviceGetMaxClockInfo, handle, library.NVML_CLOCK_SM),
            "most_memory_clock_mhz": ask(library.nvmlDeviceGetMaxClockInfo, handle, library.NVML_CLOCK_MEM),
            "power_limit_w": None if limit is None else limit / 1000,
        }

    def _ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a call returns; None where this GPU, or this driver, does not have it."""
        library = self._library
        lacking = (library.NVML_ERROR_NOT_SUPPORTED, library.NVML_ERROR_FUNCTION_NOT_FOUND)
        try:
            return function(*arguments)
        except library.NVMLError as error:
            if error.value in (*lacking, library.NVML_ERROR_NO_PERMISSION):
                return None
            raise NvmlGone(f"{function.__name__}: {error}") from error

    def memory_bytes(self, handle: Any) -> int | None:
        """In use, without what the driver keeps for itself."""
        library = self._library
        memory = self._ask(library.nvmlDeviceGetMemoryInfo, handle, library.nvmlMemory_v2)
        return None if memory is None else int(memory.used)

    def power_mw(self, handle: Any) -> int | None:
        """Drawn by the whole board; of recent GPUs the driver's mean of about a second."""
        power: int | None = self._ask(self._library.nvmlDeviceGetPowerUsage, handle)
        return power

    def energy_mj(self, handle: Any) -> int | None:
        """Since the driver was loaded."""
        energy: int | None = self._ask(self._library.nvmlDeviceGetTotalEnergyConsumption, handle)
        return energy

    def utilisation_percent(self, handle: Any) -> int | None:
        """Share of the driver's last period in which any kernel ran."""
        rates = self._ask(self._library.nvmlDeviceGetUtilizationRates, handle)
        return None if rates is None else int(rates.gpu)

    def sm_clock_mhz(self, handle: Any) -> int | None:
        """Of the multiprocessors."""
        clock: int | None = self._ask(self._library.nvmlDeviceGetClockInfo, handle, self._library.NVML_CLOCK_SM)
        return clock

    def clock_reasons(self, handle: Any) -> int | None:
        """Bits that say why clocks are not at their highest: harness.record.gpus names those that slow a GPU down."""
        reasons: int | None = self._ask(self._library.nvmlDeviceGetCurrentClocksEventReasons, handle)
        return reasons


READINGS: dict[str, Callable[[Nvml, Any], int | None]] = {name: getattr(Nvml, name) for name in FIGURES}
