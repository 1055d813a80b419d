"""The model as an ONNX graph: inputs `tokens` and `expert`, output `vector`."""

import struct
from collections.abc import Iterator, Mapping, Sequence

from targets.workloads.sized.protobuf import (
    FLOAT,
    INT64,
    external_tensor,
    integer,
    integers,
    node,
    onnx_file,
    tensor,
    value,
)
from targets.workloads.sized.shape import HEADS, LAYERS, WIDTH, Tensor

OPSET = 17
"""The first that has LayerNormalization; its epsilon is 1e-5 unless said otherwise."""


def graph(tensors: Sequence[Tensor], places: Mapping[Tensor, int], file: str) -> bytes:
    """The ONNX file of a model whose weights lie in `file`, each where `places` says."""
    weights = [external_tensor(each.name, each.dims, FLOAT, file, places[each], each.size) for each in tensors]
    inputs = [value("tokens", INT64, ["length"]), value("expert", INT64, [])]
    return onnx_file(_nodes(), [*weights, *_constants()], inputs, [value("vector", FLOAT, [WIDTH])], OPSET)


def _constants() -> Iterator[bytes]:
    """Small tensors that are no weights."""
    for name, number in (("zero", 0), ("one", 1)):
        yield tensor(name, [], INT64, struct.pack("<q", number))
    yield tensor("heads", [3], INT64, struct.pack("<3q", -1, HEADS, WIDTH // HEADS))
    yield tensor("flat", [2], INT64, struct.pack("<2q", -1, WIDTH))
    yield tensor("scale", [], FLOAT, struct.pack("<f", (WIDTH // HEADS) ** -0.5))
    yield tensor("ones", [WIDTH], FLOAT, struct.pack(f"<{WIDTH}f", *[1.0] * WIDTH))


def _nodes() -> Iterator[bytes]:
    yield node("Gather", ["embeddings", "tokens"], "meaning")
    yield node("Shape", ["tokens"], "shape")
    yield node("Gather", ["shape", "zero"], "count")
    yield node("Range", ["zero", "count", "one"], "order")
    yield node("Gather", ["positions", "order"], "place")
    yield node("Add", ["meaning", "place"], "hidden.0")
    for layer in range(LAYERS):
        yield from _attention(f"layers.{layer}", f"hidden.{layer}")
        yield from _expert(f"layers.{layer}", f"hidden.{layer + 1}")
    yield node("ReduceMean", [f"hidden.{LAYERS}"], "mean", integers("axes", 0), integer("keepdims", 0))
    yield node("ReduceL2", ["mean"], "norm", integers("axes", 0), integer("keepdims", 1))
    yield node("Div", ["mean", "norm"], "vector")


def _attention(layer: str, hidden: str) -> Iterator[bytes]:
    """Each token looks at all others, with every head at its part of the width."""
    for name, turned in (("query", (1, 0, 2)), ("key", (1, 2, 0)), ("value", (1, 0, 2))):
        yield node("MatMul", [hidden, f"{layer}.{name}"], f"{layer}.{name}.all")
        yield node("Reshape", [f"{layer}.{name}.all", "heads"], f"{layer}.{name}.split")
        yield node("Transpose", [f"{layer}.{name}.split"], f"{layer}.{name}.heads", integers("perm", *turned))
    yield node("MatMul", [f"{layer}.query.heads", f"{layer}.key.heads"], f"{layer}.likeness")
    yield node("Mul", [f"{layer}.likeness", "scale"], f"{layer}.scaled")
    yield node("Softmax", [f"{layer}.scaled"], f"{layer}.shares")
    yield node("MatMul", [f"{layer}.shares", f"{layer}.value.heads"], f"{layer}.seen.heads")
    yield node("Transpose", [f"{layer}.seen.heads"], f"{layer}.seen.split", integers("perm", 1, 0, 2))
    yield node("Reshape", [f"{layer}.seen.split", "flat"], f"{layer}.seen")
    yield node("MatMul", [f"{layer}.seen", f"{layer}.output"], f"{layer}.told")
    yield node("Add", [hidden, f"{layer}.told"], f"{layer}.sum")
    yield node("LayerNormalization", [f"{layer}.sum", "ones"], f"{layer}.attended")


def _expert(layer: str, result: str) -> Iterator[bytes]:
    """The feed-forward of the one expert that is asked."""
    yield node("Gather", [f"{layer}.inner", "expert"], f"{layer}.inner.own")
    yield node("Gather", [f"{layer}.outer", "expert"], f"{layer}.outer.own")
    yield node("MatMul", [f"{layer}.attended", f"{layer}.inner.own"], f"{layer}.wide")
    yield node("Relu", [f"{layer}.wide"], f"{layer}.positive")
    yield node("MatMul", [f"{layer}.positive", f"{layer}.outer.own"], f"{layer}.narrow")
    yield node("Add", [f"{layer}.attended", f"{layer}.narrow"], f"{layer}.grown")
    yield node("LayerNormalization", [f"{layer}.grown", "ones"], result)
