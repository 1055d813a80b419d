"""ONNX Runtime as every workload that uses it runs it; all of serving/ is shipped with each workload."""

from pathlib import Path
from typing import Any


def cpu_session(onnxruntime: Any, model: Path, threads: int) -> Any:
    """The model ready to run on `threads` threads of the CPU; the module comes in as load() imported it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads would burn CPU that a unit is billed for, or throttled by.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
