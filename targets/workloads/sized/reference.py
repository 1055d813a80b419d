"""The right answer, reckoned from the seed with the standard library: no weights file and no runtime is asked."""

import math
import struct
from collections.abc import Sequence
from functools import cache
from operator import mul

from targets.workloads.sized.shape import HEADS, LAYERS, WIDTH, Shape, Tensor
from targets.workloads.sized.weights import block_bytes

EPSILON = 1e-5
Row = Sequence[float]
Columns = Sequence[Row]
"""A matrix by columns, since each is multiplied as a whole."""


@cache
def reference(shape: Shape, tokens: tuple[int, ...], expert: int) -> list[float]:
    """The vector of norm 1 that is the model's answer."""
    tensors = {tensor.name: tensor for tensor in shape.tensors}
    meanings, places = (_rows(tensors[name]) for name in ("embeddings", "positions"))
    hidden = [_sum(meanings[token], places[at]) for at, token in enumerate(tokens)]
    for layer in range(LAYERS):
        own = {name.rsplit(".", 1)[1]: each for name, each in tensors.items() if name.startswith(f"layers.{layer}.")}
        query, key, value, output = (_columns(own[name]) for name in ("query", "key", "value", "output"))
        told = _times(_seen(_times(hidden, query), _times(hidden, key), _times(hidden, value)), output)
        attended = [_normal(_sum(*rows)) for rows in zip(hidden, told, strict=True)]
        wide = _times(attended, _columns(own["inner"], expert))
        narrow = _times([[max(0.0, x) for x in row] for row in wide], _columns(own["outer"], expert))
        hidden = [_normal(_sum(*rows)) for rows in zip(attended, narrow, strict=True)]
    mean = [sum(column) / len(tokens) for column in zip(*hidden, strict=True)]
    norm = math.hypot(*mean)
    return [x / norm for x in mean]


def _rows(tensor: Tensor, block: int = 0) -> list[Row]:
    data, width = block_bytes(tensor, block), tensor.dims[-1]
    return list(struct.iter_unpack(f"<{width}f", data))


@cache
def _columns(tensor: Tensor, block: int = 0) -> Columns:
    return list(zip(*_rows(tensor, block), strict=True))


def _times(rows: Sequence[Row], columns: Columns) -> list[Row]:
    return [[sum(map(mul, row, column)) for column in columns] for row in rows]


def _sum(a: Row, b: Row) -> Row:
    return [x + y for x, y in zip(a, b, strict=True)]


def _normal(row: Row) -> Row:
    mean = sum(row) / len(row)
    spread = math.sqrt(sum((x - mean) ** 2 for x in row) / len(row) + EPSILON)
    return [(x - mean) / spread for x in row]


def _seen(query: Sequence[Row], key: Sequence[Row], value: Sequence[Row]) -> list[Row]:
    """What each token takes from all of them, head by head."""
    seen: list[list[float]] = [[] for _ in query]
    for begin in range(0, WIDTH, WIDTH // HEADS):
        head = slice(begin, begin + WIDTH // HEADS)
        values = list(zip(*(row[head] for row in value), strict=True))
        for row, asked in zip(seen, query, strict=True):
            likeness = [sum(map(mul, asked[head], each[head])) * (WIDTH // HEADS) ** -0.5 for each in key]
            shares = [math.exp(x - max(likeness)) for x in likeness]
            row += [sum(map(mul, shares, column)) / sum(shares) for column in values]
    return list(seen)
