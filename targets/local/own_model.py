"""A user's own model is tried once on this machine before anything is packaged or started, the same for all targets."""

import base64
import json
import signal
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from targets.contract import DeploymentError, Order, Package, Sizing
from targets.local import processes
from targets.local.last_words import exit_words, tell_end
from targets.local.serving_process import END_S, ServingProcess
from targets.names import FAULTS, reason
from targets.serving.process_loop import receive, send
from targets.workloads.contract import Payload, Workload, why_wrong

MODULE = "targets.serving.rehearsal"
LIMIT_S = 600
LAST_CHARACTERS = 240
"""Of what a library says: the fix comes after it, and is not to be cut off."""
_PASSED: set[tuple[str, ...]] = set()
"""What was tried by this process: a search for capacity begins many runs with one model."""


def model_problems(
    workload: Workload, model_dir: Path | None, settings: Mapping[str, Any], say: Callable[[str], None]
) -> list[str]:
    """Why the workload cannot use this model, one line with the fix; empty when it can, or when there is none.

    It is loaded as a process of this machine, and answers the first payload and the longest.
    """
    if model_dir is None:
        return []
    try:
        package = processes.package(workload, model_dir, say)
    except DeploymentError as error:
        say(f"note: the model of {workload.name} could not be tried on this machine beforehand: {error}")
        return []
    key = (package.workload, *map(str, package.facts.values()), json.dumps(settings, sort_keys=True, default=str))
    if key in _PASSED:
        return []
    say(f"trying {workload.name} with the model in {model_dir}…")
    problem = _problem(workload, package, settings)
    if problem is None:
        _PASSED.add(key)
        return []
    return [f"model directory {model_dir}: {problem}"]


def _problem(workload: Workload, package: Package, settings: Mapping[str, Any]) -> str | None:
    payloads = list(workload.payloads())
    tried = list(dict.fromkeys([payloads[0], max(payloads, key=lambda payload: len(payload.body))]))
    told = rehearse(package, tried, settings)
    if isinstance(told, str):
        return told
    if told["load"]:
        return f"{workload.name} cannot load it: {_short(told['load']['errorMessage'])}{_fix(told['load'])}"
    for payload, answer in zip(tried, told["answers"], strict=True):
        if "answer" not in answer:
            return f"it cannot answer payload {payload.name!a}: {_reason(answer)}"
        if why := _fault(workload, payload, answer["answer"]):
            return why
    return None


def _fault(workload: Workload, payload: Payload, answer: Any) -> str | None:
    try:
        verdict = workload.check(payload, answer, True)
    except FAULTS as error:
        why: str | None = f"check raised {reason(error)}: correct it, or take another model"
    else:
        if isinstance(verdict, str) and verdict.strip():
            return f"its answer to payload {payload.name!a} is none of {workload.name}: {verdict}: take another model"
        why = why_wrong(verdict)
    return why and f"whether its answer to payload {payload.name!a} is right is unknown: {why}"


def rehearse(package: Package, payloads: list[Payload], settings: Mapping[str, Any]) -> dict[str, Any] | str:
    """What the process tells; why it told nothing. It is a unit like others, and nothing of it is left."""
    environment = {"FROSTLINE_SETTINGS": json.dumps(settings)} if settings else {}
    order = Order("rehearsal", Sizing(0, 1.0), environment=environment)
    bodies = json.dumps([base64.b64encode(payload.body).decode() for payload in payloads]).encode()
    ours, theirs = socket.socketpair()
    with ours:
        ours.settimeout(LIMIT_S)
        try:
            process = ServingProcess(MODULE, processes.serving_environment(package, order), theirs, lambda line: None)
        except OSError as error:
            return f"the process that was to try it could not be started: {error}"
        try:
            told = _ask(ours, bodies)
            status = process.wait(END_S) if told is None else None
        finally:
            left = _kill(process)
    return left or told or _end(process, status)


def _ask(connection: socket.socket, bodies: bytes) -> dict[str, Any] | str | None:
    """What is told; why nothing was in time; None when the process hung up."""
    try:
        send(connection, bodies)
        told: dict[str, Any] = json.loads(receive(connection))
    except TimeoutError:
        return f"it did not load and answer twice within {LIMIT_S} s on this machine: take a smaller model"
    except OSError:
        return None
    return told


def _kill(process: ServingProcess) -> str | None:
    """Why something of it may be left."""
    try:
        process.kill()
    except TimeoutError as error:
        return f"the process that tried it cannot be ended: {error}"
    return None


def _end(process: ServingProcess, status: int | None) -> str:
    """How it ended by itself, with that status; None where we have ended it."""
    killed = ", as when memory runs out" if status == -signal.SIGKILL else ""
    how = f"hung up and did not end within {END_S:g} s" if status is None else f"ended: {exit_words(status)}{killed}"
    return tell_end(f"the process that tried it {how}", process.last_words.text()).split("\n")[0]


def _fix(error: Mapping[str, Any]) -> str:
    """A workload's own refusals say it themselves; a library's do not."""
    own = error.get("errorType") in ("ValueError", "FileNotFoundError")
    return "" if own else ": correct the files in the folder, or take another model"


def _reason(error: Mapping[str, Any]) -> str:
    return _short(f"{error.get('errorType')}: {error.get('errorMessage')}")


def _short(words: str) -> str:
    return " ".join(words.split())[:LAST_CHARACTERS]
