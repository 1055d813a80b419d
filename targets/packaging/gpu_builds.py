"""Builds for a GPU, several GB, which pip takes of its own accord: told by its words, before they are fetched."""

import os
import re

GPU_VARIABLE = "FROSTLINE_GPU_WHEELS"
"""Set to 1 where units have a GPU: builds for it are then wanted, and kept apart from those for the CPU."""
ALONE = r"(?:nvidia[-_]|triton\b|pytorch[-_]triton|cuda[-_])[\w.-]*"
"""Packages of no use without one."""
FOUND = re.compile(
    r"^\s*(?:Collecting |Obtaining dependency information for |(?:Processing|Using cached|Downloading) (?:.*/)?)"
    rf"({ALONE})|\b(torch(?:vision|audio)?-[\w.]+(?:\+|%2B)(?:cu|rocm|xpu)\w*)",
    re.IGNORECASE,
)
"""The latter are builds of torch that say so in their version."""


def are_wanted() -> bool:
    """Whether builds for a GPU may be taken."""
    return os.environ.get(GPU_VARIABLE) == "1"


def unasked_in(line: str) -> str | None:
    """What is for a GPU alone in a line of what pip says as it goes; None for nothing, and where it is wanted."""
    match = None if are_wanted() else FOUND.search(line)
    return (match[1] or match[2]) if match else None


def refusal(name: str, found: str) -> str:
    """Why the wheels of this workload are not fetched, and what to set."""
    return (
        f"the wheels of {name} would be builds for a GPU, several GB that a unit without one never uses: pip has found "
        f"{found}, and nothing was kept; give pip builds for the CPU: PIP_FIND_LINKS=FOLDER of their wheels, or "
        f"PIP_EXTRA_INDEX_URL=INDEX that has them (torch's are called 2.13.0+cpu); or set {GPU_VARIABLE}=1 where the "
        "units have a GPU"
    )
