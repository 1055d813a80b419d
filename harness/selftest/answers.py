"""What came with answers: the device's time that the model told of each, and the chunks in which they streamed."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from harness.selftest.check import Check, absent, same
from harness.selftest.testimony import Exam
from targets.workloads.known_truth import gpu_ns


def answers(exam: Exam, streams: bool) -> Iterator[Check]:
    """Row by row; `streams`: the target hands on each chunk as it is made, so that there are chunks to count."""
    device: list[tuple[int | None, int | None]] = []
    chunks: list[tuple[int, int]] = []
    for testimony in exam.testimonies:
        right = testimony.rows[testimony.rows["outcome"].astype(str) == "ok"]
        for index, told_ns, count in right[["index", "gpu_ns", "chunks"]].astype("Int64").itertuples(index=False):
            device.append((gpu_ns(testimony.settings, int(index)), _known(told_ns)))
            chunks.append((int(testimony.settings.chunks) if streams else 0, _known(count) or 0))
    if not device:
        yield absent("device's time, ns", exam.target, "no request was answered")
        return
    truth, measured = (sum(pair[side] or 0 for pair in device) for side in (0, 1))
    yield Check("device's time, ns", exam.target, truth, measured, all(said == known for said, known in device))
    yield same("chunks of streams", exam.target, *(sum(pair[side] for pair in chunks) for side in (0, 1)))


def _known(value: Any) -> int | None:
    return None if value is pd.NA else int(value)
