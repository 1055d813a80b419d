"""Whether a workload's payloads can be sent at all, and to which targets: known before anything starts."""

from collections.abc import Iterable, Sequence

import targets
from harness.experiment.pieces import WorkloadChoice
from harness.files.problems import quote
from harness.files.text import harmless
from harness.files.whole import one_line
from targets.names import FAULTS, reason
from targets.strict_json import json_fault
from targets.workloads.contract import Payload


def payload_problems(choices: Iterable[WorkloadChoice]) -> list[str]:
    """What is wrong with the payloads themselves, a line for each workload; those that cannot be had are passed over.

    What cannot be read or configured has problems of its own.
    """
    problems = [_problem(choice) for choice in choices]
    return [problem for problem in problems if problem]


def payload_size_problems(choices: Iterable[WorkloadChoice], names: Iterable[str]) -> list[str]:
    """A line for each workload and target where a payload is larger than the target takes."""
    wanted = list(names)
    problems = [_size_problem(choice, name) for choice in choices for name in wanted]
    return [problem for problem in problems if problem]


def _size_problem(choice: WorkloadChoice, target: str) -> str | None:
    most = _most_bytes(target)
    larger = [] if most is None else [payload for payload in _payloads(choice) if len(payload.body) > most]
    if not larger:
        return None
    largest = max(larger, key=lambda payload: len(payload.body))
    others = f" (and {len(larger) - 1} more)" if len(larger) > 1 else ""
    takers = [name for name in targets.target_names() if _takes(name, len(largest.body))]
    fix = f"leave {target} out: {', '.join(takers)} take it" if takers else "no target here takes it"
    return (
        f"{target}: workload {choice.key}: payload {quote(largest.name)}{others} is {len(largest.body):,} bytes as "
        f"it is sent, in JSON and with what base64 adds, and {target} takes at most {most:,}: make it smaller, or {fix}"
    )


def _takes(name: str, size: int) -> bool:
    if targets.target_problems(name):
        return False
    most = _most_bytes(name)
    return most is None or size <= most


def _most_bytes(name: str) -> int | None:
    return None if targets.target_problems(name) else targets.target(name).capabilities.most_request_bytes


def _payloads(choice: WorkloadChoice) -> Sequence[Payload]:
    """None where they cannot be had or sent, which `payload_problems` tells."""
    if choice.name not in targets.workload_names() or _problem(choice):
        return ()
    try:
        return choice.resolve().payloads()
    except (ValueError, targets.Unreadable):
        return ()


def _problem(choice: WorkloadChoice) -> str | None:
    if choice.name not in targets.workload_names():
        return None
    try:
        workload = choice.resolve()
    except (ValueError, targets.Unreadable):  # told as such
        return None
    try:
        why = _fault(workload.payloads())
    except FAULTS as error:  # a stranger's file may do anything
        why = f"payloads() raised {reason(error)}"
    return f"workloads.{choice.key}: {one_line(harmless(why))}" if why else None


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
