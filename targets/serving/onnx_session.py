"""ONNX Runtime as every workload that uses it runs it; all of serving/ is shipped with each workload."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

NOT_WHOLE = ("Protobuf parsing failed", "No graph was found", "can not be read in full", "data path does not exist")
"""What ONNX Runtime says of a file that is no ONNX, or whose weights are not all there."""
INTEGERS = {"tensor(int64)": "int64", "tensor(int32)": "int32"}


def cpu_session(onnxruntime: Any, model: Path, threads: int, weights: Mapping[str, Any] | None = None) -> Any:
    """The model ready to run on `threads` threads of the CPU; the module comes in as load() imported it.

    `weights` that are there already are taken in place of the file's, and must live as long as the session.
    ValueError when the file, or one beside it that holds weights, is not whole.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads would burn CPU that a unit is billed for, or throttled by.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, values in (weights or {}).items():
        options.add_initializer(name, values)
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        if not any(word in str(error) for word in NOT_WHOLE):
            raise
        raise ValueError(f"{model.name} is damaged or cut off: fetch or export it again ({error})") from error


def integer_type(entry: Any) -> str:
    """The type of numbers that an input of integers takes, as numpy calls it. ValueError when it takes others."""
    if entry.type not in INTEGERS:
        raise ValueError(f"its input {entry.name} is {entry.type}: export it with int64 or int32")
    return INTEGERS[entry.type]


def check_batch(entry: Any) -> None:
    """ValueError when an input takes more than one request at a time."""
    if isinstance(batch := (entry.shape or [None])[0], int) and batch != 1:
        raise ValueError(f"its input {entry.name} has a batch of {batch}: export it with a batch of 1, or of any size")
