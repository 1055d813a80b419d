"""ONNX files written byte by byte, without the onnx package: messages, and the parts of a graph."""

from collections.abc import Iterable

INT32, INT64, FLOAT, FLOAT16 = 6, 7, 1, 10
"""Types of numbers, as ONNX counts them."""
IR_VERSION = 8


def varint(value: int) -> bytes:
    """A number from 0, seven bits a byte."""
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def number(field: int, value: int) -> bytes:
    """A field that holds a number."""
    return varint(field << 3) + varint(value % 2**64)


def part(field: int, value: bytes | str) -> bytes:
    """A field that holds bytes, a text or a message."""
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name: str, dims: Iterable[int], kind: int, data: bytes) -> bytes:
    """Weights that lie in the ONNX file itself, which may have 2 GiB."""
    return _tensor_head(name, dims, kind) + part(9, data)


def external_tensor(name: str, dims: Iterable[int], kind: int, file: str, offset: int, length: int) -> bytes:
    """Weights that lie in a `file` beside the ONNX file, of any size."""
    place = (("location", file), ("offset", str(offset)), ("length", str(length)))
    entries = b"".join(part(13, part(1, key) + part(2, value)) for key, value in place)
    return _tensor_head(name, dims, kind) + entries + number(14, 1)


def _tensor_head(name: str, dims: Iterable[int], kind: int) -> bytes:
    return b"".join(number(1, size) for size in dims) + number(2, kind) + part(8, name)


def value(name: str, kind: int, dims: Iterable[int | str]) -> bytes:
    """An input or output; a size that is a text may be any."""
    shape = b"".join(part(1, number(1, size) if isinstance(size, int) else part(2, size)) for size in dims)
    return part(1, name) + part(2, part(1, number(1, kind) + part(2, shape)))


def node(kind: str, inputs: Iterable[str], output: str, *attributes: bytes) -> bytes:
    """One operation."""
    parts = b"".join(part(1, name) for name in inputs) + part(2, output) + part(4, kind)
    return parts + b"".join(part(5, attribute) for attribute in attributes)


def integer(name: str, value: int) -> bytes:
    """An operation's attribute that is a number."""
    return part(1, name) + number(3, value) + number(20, 2)


def integers(name: str, *values: int) -> bytes:
    """An operation's attribute that is a list of numbers."""
    return part(1, name) + b"".join(number(8, value) for value in values) + number(20, 7)


def onnx_file(
    nodes: Iterable[bytes],
    tensors: Iterable[bytes],
    inputs: Iterable[bytes],
    outputs: Iterable[bytes],
    opset: int,
) -> bytes:
    """The whole file."""
    body = b"".join(part(1, each) for each in nodes) + part(2, "model")
    body += b"".join(part(5, each) for each in tensors)
    body += b"".join(part(11, each) for each in inputs) + b"".join(part(12, each) for each in outputs)
    return number(1, IR_VERSION) + part(8, number(2, opset)) + part(7, body)
