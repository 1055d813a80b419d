"""Small embedders in ONNX, written byte by byte: what a user's own model may look like, without the onnx package."""

import json
import re
import struct
from pathlib import Path

from targets.workloads.tasks.embedding import texts

INT32, INT64, FLOAT, FLOAT16 = 6, 7, 1, 10
VOCABULARY = sorted({word for text in texts().values() for word in re.findall(r"\w+|[^\w\s]+", text.lower())})
WORDS = len(VOCABULARY) + 1
DIMENSIONS = 8


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _part(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, dims: list[int], kind: int, data: bytes, external: str = "") -> bytes:
    told = b"".join(_number(1, size) for size in dims) + _number(2, kind) + _part(8, name)
    if external:
        place = [("location", external), ("offset", "0"), ("length", str(len(data)))]
        return told + b"".join(_part(13, _part(1, key) + _part(2, value)) for key, value in place) + _number(14, 1)
    return told + _part(9, data)


def _value(name: str, kind: int, dims: list[int | str]) -> bytes:
    shape = b"".join(_part(1, _number(1, size) if isinstance(size, int) else _part(2, size)) for size in dims)
    return _part(1, name) + _part(2, _part(1, _number(1, kind) + _part(2, shape)))


def _node(kind: str, inputs: list[str], output: str, *attributes: bytes) -> bytes:
    parts = b"".join(_part(1, name) for name in inputs) + _part(2, output) + _part(4, kind)
    return parts + b"".join(_part(5, attribute) for attribute in attributes)


def _integer(name: str, value: int) -> bytes:
    return _part(1, name) + _number(3, value) + _number(20, 2)


def _integers(name: str, *values: int) -> bytes:
    return _part(1, name) + b"".join(_number(8, value) for value in values) + _number(20, 7)


def embedder(
    *,
    kind: int = INT64,
    inputs: tuple[str, ...] = ("input_ids", "attention_mask", "token_type_ids"),
    shape: tuple[int | str, int | str] = ("batch", "length"),
    positions: int = 512,
    pooled: bool = False,
    half: bool = False,
    integers_out: bool = False,
    external: str = "",
) -> tuple[bytes, bytes]:
    """The model, and the bytes of its weights where they lie in the file called `external`."""
    words = struct.pack(f"<{WORDS * DIMENSIONS}f", *((at * 37 % 101) / 100 - 0.5 for at in range(WORDS * DIMENSIONS)))
    places = struct.pack(f"<{positions * DIMENSIONS}f", *([0.01] * positions * DIMENSIONS))
    weights = [
        _tensor("words", [WORDS, DIMENSIONS], FLOAT, words, external),
        _tensor("places", [positions, DIMENSIONS], FLOAT, places),
        *(_tensor(name, [], INT64, struct.pack("<q", value)) for name, value in (("zero", 0), ("one", 1))),
    ]
    nodes = [
        _node("Gather", ["words", "input_ids"], "meaning"),
        _node("Shape", ["input_ids"], "shape"),
        _node("Gather", ["shape", "one"], "count"),
        _node("Range", ["zero", "count", "one"], "order"),
        _node("Gather", ["places", "order"], "place"),
        _node("Add", ["meaning", "place"], "hidden"),
    ]
    last, dims = "hidden", [*shape, DIMENSIONS]
    if pooled:
        nodes.append(_node("ReduceMean", [last], "mean", _integers("axes", 1), _integer("keepdims", 0)))
        last, dims = "mean", [shape[0], DIMENSIONS]
    out = INT64 if integers_out else FLOAT16 if half else FLOAT
    nodes.append(_node("Cast", [last], "out", _integer("to", out)))
    graph = b"".join(_part(1, node) for node in nodes) + _part(2, "small")
    graph += b"".join(_part(5, tensor) for tensor in weights)
    graph += b"".join(_part(11, _value(name, kind, list(shape))) for name in inputs)
    graph += _part(12, _value("out", out, list(dims)))
    return _number(1, 8) + _part(8, _number(2, 13)) + _part(7, graph), words


TOKENIZER = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": {"type": "Lowercase"},
    "pre_tokenizer": {"type": "Whitespace"},
    "post_processor": None,
    "decoder": None,
    "model": {
        "type": "WordLevel",
        "vocab": {"[UNK]": 0, **{word: at + 1 for at, word in enumerate(VOCABULARY)}},
        "unk_token": "[UNK]",
    },
}


def model_folder(folder: Path, **options: object) -> Path:
    """A folder with model.onnx, its weights beside it where they are external, and tokenizer.json."""
    folder.mkdir(parents=True, exist_ok=True)
    model, weights = embedder(**options)  # type: ignore[arg-type]
    (folder / "model.onnx").write_bytes(model)
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    if external := options.get("external"):
        (folder / str(external)).write_bytes(weights)
    return folder
