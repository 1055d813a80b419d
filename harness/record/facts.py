"""Where and with what a run was made: facts that make its numbers comparable with another run's, or not."""

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict  # pydantic takes that of Python 3.12 and newer only

Fact = str | int | float | bool | None
LATER = ConfigDict(extra="allow", allow_inf_nan=False)
"""A later Frostline may know more facts; those it shares with an earlier one keep their form."""


@with_config(LATER)
class MachineFacts(TypedDict, total=False):
    """Hardware and kernel."""

    cpu: Fact
    cpus: Fact
    memory_mb: Fact
    architecture: Fact
    system: Fact
    """Kernel and its release."""
    host: Fact
    """A hash of the machine's name."""
    clock: Fact
    """Names the kernel's monotonic clock; None where unknown."""
    page_size: Fact
    load_average: Fact
    driver: Fact
    """Of the GPUs, as all the following: there where units were to have some."""
    cuda: Fact
    """The newest that the driver runs."""
    gpus: list[dict[str, Fact]]
    """Name, memory, MIG and persistence mode, clocks, power limit; None where untold."""


@with_config(LATER)
class SoftwareFacts(TypedDict, total=False):
    """Versions, and the state of the checkout that measured."""

    frostline: Fact
    python: Fact
    packages: dict[str, Fact]
    """Version by library."""
    measuring_sha256: Fact
    """Of the code that measures."""
    source_sha256: Fact
    """Of all code: what earlier runs kept in its place."""
    commit: Fact
    dirty: Fact


@with_config(LATER)
class Facts(TypedDict, total=False):
    """What a manifest keeps; older runs lack some."""

    machine: MachineFacts
    software: SoftwareFacts
    lasting: dict[str, Fact]
    """What must hold until the run's end: of the machine, the engine and the code that measures."""
    validity: dict[str, Fact]
    """The limits beyond which its trials were INVALID."""
