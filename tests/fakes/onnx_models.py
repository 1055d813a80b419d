"""Small embedders in ONNX, written byte by byte: what a user's own model may look like, without the onnx package."""

import json
import re
import struct
from pathlib import Path

from targets.workloads.sized.protobuf import (
    FLOAT,
    FLOAT16,
    INT64,
    external_tensor,
    integer,
    integers,
    node,
    onnx_file,
    tensor,
    value,
)
from targets.workloads.tasks.embedding import texts

VOCABULARY = sorted({word for text in texts().values() for word in re.findall(r"\w+|[^\w\s]+", text.lower())})
WORDS = len(VOCABULARY) + 1
DIMENSIONS = 8


def _weights(name: str, dims: list[int], data: bytes, external: str = "") -> bytes:
    if external:
        return external_tensor(name, dims, FLOAT, external, 0, len(data))
    return tensor(name, dims, FLOAT, data)


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
        _weights("words", [WORDS, DIMENSIONS], words, external),
        _weights("places", [positions, DIMENSIONS], places),
        *(tensor(name, [], INT64, struct.pack("<q", each)) for name, each in (("zero", 0), ("one", 1))),
    ]
    nodes = [
        node("Gather", ["words", "input_ids"], "meaning"),
        node("Shape", ["input_ids"], "shape"),
        node("Gather", ["shape", "one"], "count"),
        node("Range", ["zero", "count", "one"], "order"),
        node("Gather", ["places", "order"], "place"),
        node("Add", ["meaning", "place"], "hidden"),
    ]
    last, dims = "hidden", [*shape, DIMENSIONS]
    if pooled:
        nodes.append(node("ReduceMean", [last], "mean", integers("axes", 1), integer("keepdims", 0)))
        last, dims = "mean", [shape[0], DIMENSIONS]
    out = INT64 if integers_out else FLOAT16 if half else FLOAT
    nodes.append(node("Cast", [last], "out", integer("to", out)))
    given = [value(name, kind, shape) for name in inputs]
    return onnx_file(nodes, weights, given, [value("out", out, dims)], opset=13), words


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
