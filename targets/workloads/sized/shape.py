"""How many weights a model of a wanted size has, and which: the number of experts is all that differs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

VOCABULARY = 512
POSITIONS = 16
"""The longest text, in tokens."""
WIDTH = 128
HEADS = 4
INNER = 256
"""Of one expert's feed-forward."""
LAYERS = 2
FLOAT_BYTES = 4
LEAST_MB, MOST_MB = 2, 16_000
"""MB are 1,000,000 bytes, as a model's size is usually told."""


@dataclass(frozen=True)
class Tensor:
    """One of the weights. `blocks` are drawn one by one, each from a seed of its own: an expert is a block."""

    name: str
    dims: tuple[int, ...]
    exponent: int
    """Magnitudes lie between 2 ** exponent and twice that, so that no layer's output grows or fades."""
    blocks: int = 1

    @property
    def size(self) -> int:
        """In bytes."""
        return math.prod(self.dims) * FLOAT_BYTES


@dataclass(frozen=True)
class Shape:
    """A model with so many experts in each layer, of which a request is answered by one."""

    experts: int

    @classmethod
    def of(cls, size_mb: float) -> "Shape":
        """The one whose weights are nearest to so many MB."""
        without, one = cls(0).size, cls(1).size - cls(0).size
        return cls(max(1, round((size_mb * 1e6 - without) / one)))

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """In the order in which they lie in the file."""
        return tuple(self._tensors())

    def _tensors(self) -> Iterator[Tensor]:
        yield Tensor("embeddings", (VOCABULARY, WIDTH), -1)
        yield Tensor("positions", (POSITIONS, WIDTH), -1)
        for layer in range(LAYERS):
            for name in ("query", "key", "value", "output"):
                yield Tensor(f"layers.{layer}.{name}", (WIDTH, WIDTH), -4)
            yield Tensor(f"layers.{layer}.inner", (self.experts, WIDTH, INNER), -4, self.experts)
            yield Tensor(f"layers.{layer}.outer", (self.experts, INNER, WIDTH), -5, self.experts)

    @property
    def size(self) -> int:
        """Of all weights, in bytes."""
        return sum(tensor.size for tensor in self.tensors)

    @property
    def parameters(self) -> int:
        """How many numbers the model has learnt, or would have."""
        return self.size // FLOAT_BYTES
