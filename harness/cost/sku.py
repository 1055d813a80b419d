"""Sizes that can be bought, and the nearest one that fits what was measured."""

from typing import Any, Literal

from harness.cost.nouns import Purchase
from harness.errors import RecordError
from harness.files.problems import shown

Kind = Literal["service", "function"]
MB_PER_GB = 1024
MB_PER_VCPU = 1769
"""Of a function: memory is bought, vCPU follows (AWS Lambda, configuring memory)."""
FUNCTION_MB = (128, 10_240)
FARGATE_MB: dict[float, tuple[int, ...]] = {
    0.25: (512, 1024, 2048),
    0.5: (1024, 2048, 3072, 4096),
    1: tuple(range(2048, 8192 + 1, 1024)),
    2: tuple(range(4096, 16_384 + 1, 1024)),
    4: tuple(range(8192, 30_720 + 1, 1024)),
    8: tuple(range(16_384, 61_440 + 1, 4096)),
    16: tuple(range(32_768, 122_880 + 1, 8192)),
}
"""Memory that goes with each number of vCPU (Amazon ECS developer guide, Fargate task size)."""


def purchase_of(kind: Kind, case: dict[str, Any], architecture: str) -> Purchase:
    """For a unit of this case. RecordError when the run does not say how large it was or nothing so large is sold."""
    memory_mb, cpus = (_positive(case, name) for name in ("memory_mb", "cpus"))
    return _function(memory_mb, architecture) if kind == "function" else _service(memory_mb, cpus, architecture)


def _function(memory_mb: float, architecture: str) -> Purchase:
    least, most = FUNCTION_MB
    if memory_mb > most:
        raise RecordError(f"memory_mb: {memory_mb:g} is more than a function can have, {most}")
    bought = max(least, round(memory_mb))
    remark = None if bought == memory_mb else f"measured with {memory_mb:g} MB, which cannot be bought"
    return Purchase(f"lambda.{architecture}", bought, bought / MB_PER_VCPU, remark)


def _service(memory_mb: float, cpus: float, architecture: str) -> Purchase:
    sizes = [(vcpus, mb) for vcpus, sold in FARGATE_MB.items() for mb in sold if vcpus >= cpus and mb >= memory_mb]
    if not sizes:
        raise RecordError(f"memory_mb, cpus: {memory_mb:g} and {cpus:g} are more than a Fargate task can have")
    vcpus, mb = min(sizes)
    exact = (vcpus, mb) == (cpus, memory_mb)
    remark = None if exact else f"measured with {cpus:g} vCPU and {memory_mb:g} MB, which cannot be bought"
    return Purchase(f"fargate.{architecture}", mb, vcpus, remark)


def _positive(case: dict[str, Any], name: str) -> float:
    value = case.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise RecordError(f"case.{name}: {shown(value)} is not a size, so nothing can be priced")
    return float(value)
