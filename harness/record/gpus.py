"""What is kept of the GPUs that a trial's units had: samples of each, and what these come to."""

import pyarrow as pa

from harness.record.forms import Count, Record, Text

FIGURES = ("memory_bytes", "power_mw", "energy_mj", "utilisation_percent", "sm_clock_mhz", "clock_reasons")
Look = dict[str, int | None]
"""One GPU's FIGURES at one moment; what could not be read is None."""
GPU_SAMPLES: pa.Schema = pa.schema(
    [
        pa.field("at_ns", pa.int64(), nullable=False),
        pa.field("gpu", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        *(pa.field(name, pa.int64()) for name in FIGURES),
    ]
)
"""One row per GPU and moment: gpus/<trial>.<attempt>.parquet, of trials whose units had GPUs."""
SLOWED = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "heat, by software",
    0x40: "heat, by hardware",
    0x80: "power brake",
}
"""Of NVML's reasons for lower clocks those that slow down a GPU which has work; idleness and settings do not."""


class GpuRecord(Record):
    """One GPU over a trial; what could not be read is None."""

    gpu: Text
    """Its number by the driver."""
    looks: Count
    memory_peak_bytes: Count | None = None
    """The most in use at any look, by whatever process."""
    power_mean_mw: Count | None = None
    energy_mj: Count | None = None
    """From the first look after the begin to the last, by the GPU's own counter."""
    energy_ns: Count | None = None
    """How long that was."""
    utilisation_mean_percent: Count | None = None
    slowed: list[Text] = []
    """Why its clocks were held down at any look."""
