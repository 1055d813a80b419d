"""Seeded random weights: anyone can draw any block of them again, with the standard library alone."""

import random
from collections.abc import Iterator
from functools import cache

from targets.workloads.sized.shape import FLOAT_BYTES, Tensor

SEED = 1
SIGN_AND_FRACTION = 0x807F_FFFF
EXPONENT_BIAS = 127


def block_bytes(tensor: Tensor, number: int) -> bytes:
    """One block as little-endian 32-bit floats: random sign and fraction, with the tensor's exponent.

    Nothing in them repeats, so that no disk and no network makes them smaller than they are.
    """
    words = tensor.size // tensor.blocks // FLOAT_BYTES
    drawn = random.Random(f"{SEED}/{tensor.name}/{number}").getrandbits(32 * words)  # noqa: S311 - to be repeatable
    exponent = (tensor.exponent + EXPONENT_BIAS) << 23
    floats = drawn & _repeated(SIGN_AND_FRACTION, words) | _repeated(exponent, words)
    return floats.to_bytes(words * FLOAT_BYTES, "little")


def blocks(tensor: Tensor) -> Iterator[bytes]:
    """All of a tensor, so that not more than one block is held at a time."""
    return (block_bytes(tensor, number) for number in range(tensor.blocks))


@cache
def _repeated(word: int, times: int) -> int:
    return int.from_bytes(word.to_bytes(FLOAT_BYTES, "little") * times, "little")
