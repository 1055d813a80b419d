"""A GGUF file read as it lies on the disk: its metadata, and its tensors as float32.

Of our own, because the package `gguf` takes seconds for a vocabulary of 49,152 words, which would stand in every cold
start. After the format's specification (version 2 and 3), and the block formats of ggml: Q4_1 is two float16 (scale,
least) and 32 numbers of 4 bits, Q8_0 one float16 (scale) and 32 of 8 bits. NumPy comes in as load() imported it.
"""

import mmap
import struct
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from typing import Any

MAGIC = b"GGUF"
VERSIONS = (2, 3)
ALIGNMENT = 32
BLOCK = 32
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
F32, F16, Q4_1, Q8_0 = 0, 1, 3, 8
BYTES = {F32: 4 * BLOCK, F16: 2 * BLOCK, Q4_1: 20, Q8_0: 34}
"""Of BLOCK numbers, by type."""


class GgufFile:
    """ValueError when the file is none, is cut off, or has tensors of another type than these four."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
        self._at = len(MAGIC)
        self.metadata: dict[str, Any] = {}
        self._tensors: dict[str, tuple[tuple[int, ...], int, int]] = {}
        try:
            self._read_head()
        except (struct.error, UnicodeDecodeError, KeyError) as error:
            raise ValueError(f"{self._name} is cut off or damaged ({error}): fetch it again") from error

    def tensors(self, np: Any) -> Iterator[tuple[str, Any]]:
        """Each tensor by its name, as float32 in the order of its rows; one at a time is in memory."""
        for name, (shape, kind, begin) in self._tensors.items():
            numbers = prod(shape)
            raw = np.frombuffer(self._data, np.uint8, numbers // BLOCK * BYTES[kind], begin)
            yield name, READERS[kind](np, raw).reshape(shape)

    def _read_head(self) -> None:
        if self._data[: len(MAGIC)] != MAGIC:
            raise ValueError(f"{self._name} is no GGUF file: it begins with {bytes(self._data[:4])!r}")
        version, tensors, pairs = self._take("<IQQ")
        if version not in VERSIONS:
            raise ValueError(f"{self._name} is GGUF of version {version}: {' and '.join(map(str, VERSIONS))} are read")
        for _ in range(pairs):
            key = self._string()
            self.metadata[key] = self._value(*self._take("<I"))
        heads = [(self._string(), self._take(f"<{self._take('<I')[0]}Q"), *self._take("<IQ")) for _ in range(tensors)]
        align = self.metadata.get("general.alignment", ALIGNMENT)
        begin = -(-self._at // align) * align
        for name, shape, kind, offset in heads:
            if kind not in BYTES or prod(shape) % BLOCK:
                raise ValueError(f"{self._name}: {name} is of ggml's type {kind}: convert it to Q4_1, Q8_0, F16 or F32")
            if begin + offset + prod(shape) // BLOCK * BYTES[kind] > len(self._data):
                raise ValueError(f"{self._name} is cut off in {name}: fetch it again")
            self._tensors[name] = shape[::-1], kind, begin + offset

    def _take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return values

    def _string(self) -> str:
        (length,) = self._take("<Q")
        self._at += length
        return str(self._data[self._at - length : self._at], "utf-8")

    def _value(self, kind: int) -> Any:
        if kind == STRING:
            return self._string()
        if kind == ARRAY:
            inner, count = self._take("<IQ")
            if inner in SCALARS:
                return self._take(f"<{count}{SCALARS[inner]}")
            return [self._value(inner) for _ in range(count)]
        return self._take(f"<{SCALARS[kind]}")[0]


def _read_q4_1(np: Any, raw: Any) -> Any:
    blocks = raw.reshape(-1, BYTES[Q4_1])
    scale, least = (blocks[:, at : at + 2].copy().view(np.float16).astype(np.float32) for at in (0, 2))
    halves = blocks[:, 4:]
    return np.concatenate([halves & 15, halves >> 4], axis=1) * scale + least


def _read_q8_0(np: Any, raw: Any) -> Any:
    blocks = raw.reshape(-1, BYTES[Q8_0])
    return blocks[:, 2:].view(np.int8) * blocks[:, :2].copy().view(np.float16).astype(np.float32)


READERS: dict[int, Callable[[Any, Any], Any]] = {
    F32: lambda np, raw: raw.view(np.float32).copy(),
    F16: lambda np, raw: raw.view(np.float16).astype(np.float32),
    Q4_1: _read_q4_1,
    Q8_0: _read_q8_0,
}
