"""What a target says of itself that cannot be so."""

from typing import Literal, get_args, get_origin, get_type_hints

from targets.contract import Billed, Capabilities, Kind, Target

RESERVED_CASE = frozenset(
    {
        *("memory_mb", "cpus", "accelerators", "rate", "seconds", "compression"),
        *("cold_starts", "page_cache", "images", "scale_out"),
    }
)
"""What tells two rows apart on every target: no setting may be called so."""
TARGET_MEMBERS = ("name", "parts", "capabilities", "settings", "missing", "package", "deploy")


def claim_problems(target: Target) -> list[str]:
    """What a target says of itself that cannot be so, a line each; empty for one that can be used."""
    if missing := [name for name in TARGET_MEMBERS if not hasattr(target, name)]:
        return [f"{name} is missing: set it, as targets.contract.Target has it" for name in missing]
    can, problems = target.capabilities, []
    if not target.parts or any(part.kind not in get_args(Kind) for part in target.parts):
        problems.append(f"parts: {target.parts!r} is not accepted: give at least one, each of {get_args(Kind)}")
    hints = get_type_hints(Capabilities)
    for name, allowed in ((name, get_args(hint)) for name, hint in hints.items() if get_origin(hint) is Literal):
        if (value := getattr(can, name)) not in allowed:
            problems.append(f"{name}: {value!a} is not one of: {', '.join(allowed)}")
    if taken := sorted(RESERVED_CASE & target.settings().case().keys()):
        problems.append(f"settings: case() has {', '.join(taken)}: the bench's own names, so choose others")
    if len({part.name for part in target.parts}) < len(target.parts):
        problems.append(f"parts: two of {[part.name for part in target.parts]} have one name: rename one")
    most = can.most_request_bytes
    if most is not None and (type(most) is not int or most < 1):
        problems.append(f"most_request_bytes: {most!a} is not accepted: give a number of bytes from 1, or None")
    far = can.clock == "own"
    claims = {"events": can.events, "page_cache": can.page_cache, "engine": can.engine}
    problems += [
        f"{name} is claimed and clock is own: its stamps and files are not this machine's, so leave one of them out"
        for name, claimed in claims.items()
        if far and claimed
    ]
    if can.cold == "removed" and not can.events:
        problems.append("cold is removed and events is not claimed: what proves it? claim renewed, or give events")
    if can.images_absent and not can.engine:
        problems.append("images_absent is claimed and engine is not: only the engine here can be rid of an image")
    if can.billed and not isinstance(target, Billed):
        problems.append("billed is claimed, and resources() or foresee() is missing: what would a plan show? add both")
    if can.scale_out and can.asynchronous:
        problems.append("scale_out and asynchronous are claimed together: a queue has no unit of its own to ask")
    return problems
