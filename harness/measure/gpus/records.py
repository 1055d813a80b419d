"""What a trial's samples of its GPUs come to, and what makes it doubtful. Pure functions."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pandas as pd
import pyarrow as pa

from harness.measure.visit import VisitResult
from harness.record.gpus import SLOWED, GpuRecord
from harness.record.nouns import Outcome
from targets.events import Event

NO_GPU_TIME = "units had GPUs, and no answer told of time on one: as far as the workload says, it ran on the CPU"


def gpus_of_units(events: Iterable[Event]) -> set[str]:
    """The GPUs that any unit had for itself, by the deployment's log."""
    return {gpu for event in events for gpu in event.get("gpus", ())}


def gpu_records(samples: pa.Table) -> list[GpuRecord]:
    """One per GPU, by number. Memory is of every look, all else of those since the trial began."""
    looks = samples.to_pandas(types_mapper=pd.ArrowDtype).astype({"gpu": "string"})
    return [_record(str(gpu), rows.sort_values("at_ns")) for gpu, rows in looks.groupby("gpu")]


def _record(gpu: str, rows: pd.DataFrame) -> GpuRecord:
    within = rows[rows["at_ns"] >= 0]
    counted = within.dropna(subset=["energy_mj"])
    energy, at_ns = counted["energy_mj"], counted["at_ns"]
    has_energy = len(counted) > 1
    return GpuRecord(
        gpu=gpu,
        looks=len(rows),
        memory_peak_bytes=_whole(rows["memory_bytes"].max()),
        power_mean_mw=_whole(within["power_mw"].mean()),
        energy_mj=_whole(energy.iloc[-1] - energy.iloc[0]) if has_energy else None,
        energy_ns=_whole(at_ns.iloc[-1] - at_ns.iloc[0]) if has_energy else None,
        utilisation_mean_percent=_whole(within["utilisation_percent"].mean()),
        slowed=list(_reasons(within["clock_reasons"].dropna())),
    )


def _reasons(bits: "pd.Series[int]") -> Iterator[str]:
    for bit, name in SLOWED.items():
        if any(int(seen) & bit for seen in bits):
            yield name


def _whole(value: float) -> int | None:
    return None if pd.isna(value) else round(value)


def add_gpus(result: VisitResult, samples: pa.Table) -> VisitResult:
    """The trial with its GPUs. A warning is that one was slowed down, for its times are not of what it can do, and that
    nobody told of any time on one."""
    gpus = gpu_records(samples)
    is_idle = result.record.counts.get(Outcome.OK) and result.requests["gpu_ns"].null_count == len(result.requests)
    unused = [NO_GPU_TIME] if is_idle else []
    slowed = [f"GPU {record.gpu} was slowed down: {', '.join(record.slowed)}" for record in gpus if record.slowed]
    update = {"gpus": gpus, "warnings": [*result.record.warnings, *unused, *slowed]}
    return replace(result, record=result.record.model_copy(update=update), gpus=samples)
