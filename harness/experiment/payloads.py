"""Whether a workload's payloads can be sent at all, and to which targets: known before anything starts."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import targets
from harness.experiment.pieces import WorkloadChoice
from harness.files.problems import quote
from harness.files.text import harmless
from harness.files.whole import one_line
from targets.names import FAULTS, reason
from targets.strict_json import json_fault
from targets.workloads.contract import Payload, Workload

MOST_KNOWN = 100


@dataclass(frozen=True)
class _Sendable:
    """What is known of a workload's payloads."""

    sizes: Sequence[tuple[str, int]] = ()
    """Name and bytes of each; empty where they cannot be sent."""
    why: str | None = None
    """Why they cannot."""


_known: dict[tuple[int, str], tuple[Workload, _Sendable]] = {}
"""By workload, which is held so that no other one gets its number, and settings."""


def payload_problems(choices: Iterable[WorkloadChoice]) -> list[str]:
    """What is wrong with the payloads themselves, a line for each workload; those that cannot be had are passed over.

    What cannot be read or configured has problems of its own.
    """
    problems = [(choice, _sendable(choice).why) for choice in choices]
    return [f"workloads.{choice.key}: {one_line(harmless(why))}" for choice, why in problems if why]


def payload_size_problems(choices: Iterable[WorkloadChoice], names: Iterable[str]) -> list[str]:
    """A line for each workload and target where a payload is larger than the target takes."""
    wanted = list(names)
    problems = [_size_problem(choice, _sendable(choice).sizes, name) for choice in choices for name in wanted]
    return [problem for problem in problems if problem]


def _size_problem(choice: WorkloadChoice, sizes: Sequence[tuple[str, int]], target: str) -> str | None:
    most = _most_bytes(target)
    larger = [] if most is None else [(size, name) for name, size in sizes if size > most]
    if not larger:
        return None
    size, largest = max(larger)
    others = f" (and {len(larger) - 1} more)" if len(larger) > 1 else ""
    takers = [name for name in targets.target_names() if _takes(name, size)]
    fix = f"leave {target} out: {', '.join(takers)} take it" if takers else "no target here takes it"
    return (
        f"{target}: workload {choice.key}: payload {quote(largest)}{others} is {size:,} bytes as "
        f"it is sent, in JSON and with what base64 adds, and {target} takes at most {most:,}: make it smaller, or {fix}"
    )


def _takes(name: str, size: int) -> bool:
    if targets.target_problems(name):
        return False
    most = _most_bytes(name)
    return most is None or size <= most


def _most_bytes(name: str) -> int | None:
    return None if targets.target_problems(name) else targets.target(name).capabilities.most_request_bytes


def _sendable(choice: WorkloadChoice) -> _Sendable:
    """Asked of a workload once for the same settings: an experiment is parsed again and again."""
    if choice.name not in targets.workload_names():
        return _Sendable()
    try:
        plain, workload = targets.workload(choice.name), choice.resolve()
        key = (id(plain), json.dumps(choice.settings, sort_keys=True, default=repr))
    except (ValueError, targets.Unreadable):  # told as such
        return _Sendable()
    if key not in _known:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[key] = (plain, _read(workload))
    return _known[key][1]


def _read(workload: Workload) -> _Sendable:
    try:
        payloads = workload.payloads()
        why = _fault(payloads)
    except FAULTS as error:  # a stranger's file may do anything
        why = f"payloads() raised {reason(error)}"
    return _Sendable((), why) if why else _Sendable([(payload.name, len(payload.body)) for payload in payloads])


def _fault(payloads: Sequence[Payload]) -> str | None:
    """Why these cannot be sent in turn."""
    if not isinstance(payloads, Sequence):
        return f"payloads() gives a {type(payloads).__name__}: give a list or tuple, as they are sent in turn"
    if not payloads:
        return "payloads() gives none: give at least one"
    for payload in payloads:
        if not isinstance(payload, Payload):
            return f"payloads() gives a {type(payload).__name__} in its list: give Payload(name, body) only"
        if not isinstance(payload.body, bytes):
            return f"payload {payload.name!a} is {type(payload.body).__name__}: give bytes of JSON"
        if (why := json_fault(payload.body)) is not None:
            return f"payload {payload.name!a} is no JSON ({why}): send JSON, and put bytes into it as base64"
    return None
