"""NVIDIA's library of a driver that is not there. FAKE_NVML, a JSON object, says what it is like."""

import json
import os
from itertools import count
from types import SimpleNamespace

LIKE = {"gpus": 1, "refuses": False, "lacks": [], "gone_after": None, "reasons": 1}
NVML_ERROR_NOT_SUPPORTED, NVML_ERROR_NO_PERMISSION, NVML_ERROR_FUNCTION_NOT_FOUND, NVML_ERROR_GPU_IS_LOST = 3, 4, 13, 15
NVML_CLOCK_SM, NVML_CLOCK_MEM = 1, 2
nvmlMemory_v2 = 2
MB = 2**20
_looks, _energy_mj = count(1), count(10**6, 12_000)


class NVMLError(Exception):
    def __init__(self, value):
        super().__init__({3: "Not Supported", 9: "Driver Not Loaded", 15: "GPU is lost"}[value])
        self.value = value


def like():
    return LIKE | json.loads(os.environ.get("FAKE_NVML", "{}"))


def nvmlInit():
    if like()["refuses"]:
        raise NVMLError(9)


def nvmlShutdown():
    if like()["gone_after"] is not None:
        raise NVMLError(15)


def answers(value):
    """A function of the library: it lacks what it is told to lack."""

    def answer(*arguments):
        if answer.__name__ in like()["lacks"]:
            raise NVMLError(3)
        return value(*arguments) if callable(value) else value

    return answer


def _memory(handle, version=1):
    """The first thing that a look asks of a GPU."""
    look = next(_looks)
    gone_after = like()["gone_after"]
    if gone_after is not None and look > gone_after:
        raise NVMLError(15)
    return SimpleNamespace(total=80_000 * MB, used=(600 + 100 * handle + look) * MB)


FUNCTIONS = {
    "nvmlDeviceGetCount": lambda: like()["gpus"],
    "nvmlDeviceGetHandleByIndex": lambda number: number,
    "nvmlSystemGetDriverVersion": "580.159.04",
    "nvmlSystemGetCudaDriverVersion_v2": 13020,
    "nvmlDeviceGetName": "NVIDIA Frost 100",
    "nvmlDeviceGetMemoryInfo": _memory,
    "nvmlDeviceGetPowerManagementLimit": 700_000,
    "nvmlDeviceGetMigMode": lambda handle: [0, 0],
    "nvmlDeviceGetPersistenceMode": 1,
    "nvmlDeviceGetClockInfo": 345,
    "nvmlDeviceGetMaxClockInfo": lambda handle, clock: {1: 1980, 2: 2619}[clock],
    "nvmlDeviceGetPowerUsage": lambda handle: 120_000 + handle,
    "nvmlDeviceGetTotalEnergyConsumption": lambda handle: next(_energy_mj),
    "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=40, memory=3),
    "nvmlDeviceGetCurrentClocksEventReasons": lambda handle: like()["reasons"],
}
for _name, _value in FUNCTIONS.items():
    globals()[_name] = answers(_value)
    globals()[_name].__name__ = _name
