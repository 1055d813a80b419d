"""The driver's word on the GPUs, from the sampler's process to the row, with a driver that is not there."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from harness.clock import now_ns, sleep
from harness.commands import doctor
from harness.measure.gpus import nvml
from harness.measure.gpus.records import NO_GPU_TIME, add_gpus, gpu_records, gpus_of_units
from harness.measure.gpus.sampler import GpuSampler
from harness.measure.visit import VisitResult
from harness.record.columns import SAMPLES
from harness.record.gpus import GPU_SAMPLES
from targets.local import containers, gpus
from tests.fakes.plug_ins import python_path
from tests.synthetic import requests, trial

FAKE = Path(__file__).parents[1] / "fakes" / "gpu"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def driver(monkeypatch):
    """Makes a driver that is like this, for this process and those that it starts."""
    monkeypatch.syspath_prepend(str(FAKE))
    monkeypatch.setenv("PYTHONPATH", python_path(FAKE, ROOT))

    def driver(**like):
        monkeypatch.delitem(__import__("sys").modules, "pynvml", raising=False)
        monkeypatch.setenv("FAKE_NVML", json.dumps(like))

    driver()
    return driver


def sampled(enough=3):
    with GpuSampler(True) as sampler:
        deadline = now_ns() + 20 * 10**9
        while len(sampler._looks) < enough and not sampler.problems and now_ns() < deadline:
            sleep(0.01)
    return sampler


def test_a_process_looks_at_each_gpu_until_it_is_told_to_end(driver):
    driver(gpus=2)
    before_ns = now_ns()
    sampler = sampled(3)
    assert sampler.problems == []
    table = sampler.table(before_ns, {"1"})
    assert table.schema == GPU_SAMPLES and set(table["gpu"].to_pylist()) == {"1"}
    moments = table["at_ns"].to_pylist()
    assert len(moments) >= 4 and moments == sorted(moments) and moments[0] >= 0, "and once more at its end"
    assert set(table["power_mw"].to_pylist()) == {120_001}


def test_what_a_gpu_does_not_tell_is_absent_and_nothing_else(driver):
    driver(lacks=["nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetUtilizationRates"])
    (record,) = gpu_records(sampled(2).table(0, {"0"}))
    assert (record.energy_mj, record.energy_ns, record.utilisation_mean_percent) == (None, None, None)
    assert record.power_mean_mw == 120_000 and record.memory_peak_bytes


def test_a_driver_that_goes_in_the_middle_is_the_trials_problem_and_what_was_read_is_kept(driver):
    driver(gone_after=2)
    sampler = sampled(99)
    (problem,) = sampler.problems
    assert problem == "the GPUs could not be read throughout: nvmlDeviceGetMemoryInfo: GPU is lost"
    assert sampler.table(0, {"0"}).num_rows == 2


def test_no_driver_is_the_trials_problem(driver):
    driver(refuses=True)
    assert "NVML does not answer (Driver Not Loaded): see that nvidia-smi does" in sampled().problems[0]


def test_where_no_gpu_was_asked_for_nothing_is_started():
    with GpuSampler(False) as sampler:
        assert not hasattr(sampler, "_process")
    assert sampler.problems == [] and sampler.table(0, {"0"}).num_rows == 0


def test_facts_of_the_machine(driver):
    driver(lacks=["nvmlDeviceGetMigMode"])
    facts = nvml.gpu_facts()
    assert (facts["driver"], facts["cuda"]) == ("580.159.04", "13.2")
    (gpu,) = facts["gpus"]
    assert gpu == {
        "name": "NVIDIA Frost 100",
        "memory_mb": 80_000,
        "mig_mode": None,
        "persistence_mode": True,
        "sm_clock_mhz": 345,
        "most_sm_clock_mhz": 1980,
        "most_memory_clock_mhz": 2619,
        "power_limit_w": 700.0,
    }
    assert nvml.unreadable() is None


def test_without_a_driver_there_are_no_facts_and_a_reason(driver, monkeypatch):
    driver(refuses=True)
    assert nvml.gpu_facts() == {}
    assert nvml.unreadable() == (
        "the memory, power and energy of its GPUs cannot be read: NVML does not answer (Driver Not Loaded): see that "
        "nvidia-smi does"
    )
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    assert nvml.unreadable().endswith("nvidia-ml-py is not installed: pip install 'frostline[gpu]'")


def test_the_doctor_tells_gpus_where_there_are_any(driver, monkeypatch, tmp_path):
    monkeypatch.setattr(gpus, "DEVICES", tmp_path)
    assert doctor._gpus() == []
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(containers, "missing", lambda count: "install the NVIDIA Container Toolkit")
    told, in_containers = doctor._gpus()
    assert told.ok and told.told == "1 x NVIDIA Frost 100, driver 580.159.04, CUDA 13.2 at most"
    assert not in_containers.ok and "Toolkit" in in_containers.told
    driver(refuses=True)
    assert not doctor._gpus()[0].ok and "see that nvidia-smi does" in doctor._gpus()[0].told


def table(*rows):
    names = ("at_ns", "gpu", "memory_bytes", "power_mw", "energy_mj", "utilisation_percent", "clock_reasons")
    given = [dict(zip(names, row, strict=True)) | {"sm_clock_mhz": 1980} for row in rows]
    return pa.Table.from_pylist(given, GPU_SAMPLES)


def test_what_samples_come_to():
    first, second = gpu_records(
        table(
            (-50, "0", 900, 70_000, 1_000, 0, 1),
            (50, "0", 700, 100_000, 1_500, 50, 4),
            (150, "0", 800, None, None, 100, 1),
            (250, "0", 800, 200_000, 4_500, 90, 0x44),
            (50, "1", None, None, None, None, None),
        )
    )
    assert (first.gpu, first.looks, first.memory_peak_bytes) == ("0", 4, 900), "also of before the begin"
    assert (first.power_mean_mw, first.utilisation_mean_percent) == (150_000, 80)
    assert (first.energy_mj, first.energy_ns) == (3_000, 200)
    assert first.slowed == ["power cap", "heat, by hardware"]
    assert second.model_dump(exclude_none=True) == {"gpu": "1", "looks": 1, "slowed": []}


@pytest.mark.parametrize("gpu_ns", [[None, None], [None, 5]])
def test_a_gpu_that_nobody_used_or_that_was_slowed_down_is_a_warning(gpu_ns):
    rows = requests([10.0, 20.0], gpu_ns=gpu_ns)
    looks = table((50, "0", 700, 100_000, 1_500, 50, 4))
    result = add_gpus(VisitResult(trial(rows), rows, SAMPLES.empty_table()), looks)
    assert result.gpus is looks and [gpu.gpu for gpu in result.record.gpus] == ["0"]
    unused = [NO_GPU_TIME] if gpu_ns[1] is None else []
    assert result.record.warnings == [*unused, "GPU 0 was slowed down: power cap"]


def test_the_log_says_which_gpus_units_had():
    events = [{"kind": "started", "gpus": ["0", "1"]}, {"kind": "started"}, {"kind": "started", "gpus": ["3"]}]
    assert gpus_of_units(events) == {"0", "1", "3"}
