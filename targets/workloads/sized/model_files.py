"""The two files of a model: its weights as safetensors, and an ONNX graph whose weights lie in that very file."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from targets.workloads.sized.graph import graph
from targets.workloads.sized.shape import Shape, Tensor
from targets.workloads.sized.weights import blocks

WEIGHTS = "model.safetensors"
GRAPH = "model.onnx"
FIX = "remove its folder from the cache, and package the workload again"
ALIGNMENT = 4096
"""The weights begin at a whole page, so that they can be mapped."""


@dataclass(frozen=True)
class Entry:
    """Where a tensor of 32-bit floats lies in the file, from the end of the header on."""

    dims: tuple[int, ...]
    begin: int

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.dims)


def write_model(shape: Shape, folder: Path) -> None:
    """Write both; the same shape always gives the same bytes."""
    head = header(shape)
    with (folder / WEIGHTS).open("wb") as file:
        file.write(head)
        for tensor in shape.tensors:
            file.writelines(blocks(tensor))
    (folder / GRAPH).write_bytes(graph(shape.tensors, places(shape, len(head)), WEIGHTS))


def header(shape: Shape) -> bytes:
    """What a safetensors file begins with: the length of a JSON object, and the object, filled up with spaces."""
    entries = {
        tensor.name: {"dtype": "F32", "shape": tensor.dims, "data_offsets": (at, at + tensor.size)}
        for tensor, at in places(shape, 0).items()
    }
    text = json.dumps(entries, separators=(",", ":")).encode()
    length = -(len(text) + 8) % ALIGNMENT + len(text)
    return length.to_bytes(8, "little") + text.ljust(length)


def places(shape: Shape, begin: int) -> dict[Tensor, int]:
    """Where each tensor's bytes begin, where the first one's do at `begin`."""
    found = {}
    for tensor in shape.tensors:
        found[tensor] = begin
        begin += tensor.size
    return found


def read_header(path: Path) -> tuple[dict[str, Entry], int]:
    """The tensors of a safetensors file of 32-bit floats, by name, and where the first one begins.

    ValueError when it is not whole.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        size = path.stat().st_size
        try:
            told = json.loads(file.read(min(length, size)))
            entries = {name: Entry(tuple(entry["shape"]), entry["data_offsets"][0]) for name, entry in told.items()}
            end = max(entry["data_offsets"][1] for entry in told.values())
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise ValueError(f"{path.name} is no safetensors file ({error}): {FIX}") from error
    if size != 8 + length + end:
        raise ValueError(f"{path.name} has {size:,} bytes, and its header tells of {8 + length + end:,}: {FIX}")
    return entries, 8 + length


def read_weights(numpy: Any, folder: Path) -> Iterator[tuple[str, Any]]:
    """Every tensor by name, read whole into memory of its own. ValueError when the file is not whole."""
    entries, begin = read_header(folder / WEIGHTS)
    with (folder / WEIGHTS).open("rb") as file:
        for name, entry in entries.items():
            file.seek(begin + entry.begin)
            yield name, numpy.fromfile(file, numpy.float32, entry.count).reshape(entry.dims)
