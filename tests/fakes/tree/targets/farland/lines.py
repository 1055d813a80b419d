"""Reads what the far platform mails of its requests: lines as Lambda writes them, whole pieces in any order."""

import re
from collections.abc import Iterable

from targets.contract import Witnessed

FIELD = re.compile(r"([A-Z][A-Za-z ]*?): ([^\t]+)")
MB = 1024 * 1024


def read_lines(lines: Iterable[str]) -> dict[str, Witnessed]:
    """What is said of each request, by its id; said twice counts once."""
    witnessed: dict[str, Witnessed] = {}
    unit, phases = None, set[str]()
    for line in lines:
        kind, _, rest = line.partition(" ")
        facts = dict(FIELD.findall(rest))
        if kind == "START":
            unit, phases = facts.get("Unit"), set()
        elif kind == "INIT_REPORT":
            phases.add(facts.get("Status") or facts["Phase"])
        elif kind == "REPORT":
            witnessed[facts["RequestId"]] = _read_report(facts, unit, phases)
    return witnessed


def _read_report(facts: dict[str, str], unit: str | None, phases: set[str]) -> Witnessed:
    memory = facts.get("Max Memory Used")
    return Witnessed(
        request_id=facts["RequestId"],
        unit=unit,
        start_type=_start_type(facts, phases),
        billed_ns=_ns(facts["Billed Duration"]),
        init_ns=_ns(facts["Init Duration"]) if "Init Duration" in facts else None,
        memory_used_bytes=int(memory.removesuffix(" MB")) * MB if memory else None,
    )


def _start_type(facts: dict[str, str], phases: set[str]) -> str:
    """A start that was cut off and made again; one that was made again in the invocation alone follows a crash."""
    if "timeout" in phases:
        return "cold_reinit"
    if "invoke" in phases:
        return "reset"
    if "Init Duration" in facts:
        return facts.get("Initialization", "cold")
    return "warm"


def _ns(text: str) -> int:
    return round(float(text.removesuffix(" ms")) * 1_000_000)
