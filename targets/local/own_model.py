"""A user's own model is tried once on this machine before anything is packaged or started, the same for all targets."""

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from targets.contract import DeploymentError, Order, Package, Sizing
from targets.local import processes
from targets.names import FAULTS, reason
from targets.workloads.contract import Payload, Workload, why_wrong

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
        return f"{workload.name} cannot load it: {_reason(told['load'])}{_fix(told['load'])}"
    for payload, answer in zip(tried, told["answers"], strict=True):
        if "answer" not in answer:
            return f"it cannot answer payload {payload.name!a}: {_reason(answer)}"
        try:
            verdict = workload.check(payload, answer["answer"], True)
        except FAULTS as error:
            return f"whether its answer to payload {payload.name!a} is right is unknown: check raised {reason(error)}"
        if isinstance(verdict, str) and verdict.strip():
            return f"its answer to payload {payload.name!a} is none of {workload.name}: {verdict}: take another model"
        if why := why_wrong(verdict):
            return f"whether its answer to payload {payload.name!a} is right is unknown: {why}"
    return None


def rehearse(package: Package, payloads: list[Payload], settings: Mapping[str, Any]) -> dict[str, Any] | str:
    """What the process tells; why it told nothing."""
    environment = {"FROSTLINE_SETTINGS": json.dumps(settings)} if settings else {}
    order = Order("rehearsal", Sizing(0, 1.0), environment=environment)
    command = [processes.interpreter(), "-s", "-m", "targets.serving.rehearsal"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps([payload.body.decode() for payload in payloads]),
            env=processes.serving_environment(package, order),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return f"it did not load and answer twice within {LIMIT_S} s on this machine: take a smaller model"
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        tail = " ".join(done.stderr[-LAST_CHARACTERS:].split())
        killed = " (killed, as when memory runs out)" if done.returncode == -9 else ""
        return f"the process that tried it ended with status {done.returncode}{killed}: {tail or 'it said nothing'}"
    return told


def _fix(error: Mapping[str, Any]) -> str:
    """A workload's own refusals say it themselves; a library's do not."""
    own = error.get("errorType") in ("ValueError", "FileNotFoundError")
    return "" if own else ": correct the files in the folder, or take another model"


def _reason(error: Mapping[str, Any]) -> str:
    return " ".join(f"{error.get('errorType')}: {error.get('errorMessage')}".split())[:LAST_CHARACTERS]
