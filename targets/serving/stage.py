"""A unit that is one part of two: the edge, which asks the core over HTTP, or the core, which is a service as any."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from targets.workloads.contract import CORE, Infer, Phase, Staged, why_whole

if TYPE_CHECKING:
    from targets.serving.core_client import CoreClient

STAGE_VARIABLE = "FROSTLINE_STAGE"
"""Which part a unit is, by its name. Where it is not set, the unit holds the whole workload."""
CORES_VARIABLE = "FROSTLINE_CORES"
"""Of an edge: host:port of each replica of the core, with commas between."""
LIMIT_VARIABLE = "FROSTLINE_CORE_LIMIT_S"
"""Of an edge: how long it waits for one answer of the core."""


def load_stage(
    stage: str, workload: Any, phase: Phase, model_dir: Path | None, threads: int
) -> "tuple[Infer, CoreClient | None]":
    """The part's own model, and for an edge the client that it asks the core with. ValueError for what has no parts."""
    if not isinstance(workload, Staged):
        raise ValueError(why_whole(workload))
    if stage == CORE:
        return workload.load_core(phase, model_dir, threads), None
    with phase("imports"):
        from targets.serving.core_client import CoreClient  # here, because no other unit pays for it
    client = CoreClient(os.environ[CORES_VARIABLE].split(","), float(os.environ[LIMIT_VARIABLE]))
    with phase("connections"):
        client.connect()
    return workload.load_edge(phase, model_dir, threads, client.ask), client
