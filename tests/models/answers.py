"""What a workload answers on a target, asked once for all tests: a start of a heavy model takes long."""

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import targets
from targets.settings import FunctionSettings, Settings
from tests.contract.subject import PATIENCE_S, deploy, post


@dataclass(frozen=True)
class Answers:
    """The answer to each payload by name, all of it asked twice, and what the first reply told of the start."""

    first: dict[str, Any]
    second: dict[str, Any]
    phases_ns: dict[str, int]


@cache
def answers(workload: str, target: str) -> Answers:
    """Deployed for this, and removed again."""
    payloads = targets.workload(workload).payloads()
    with deploy(targets.target(target), workload, settings=unhurried(target)) as subject:
        rounds = []
        for _ in range(2):
            replies = {payload.name: post(subject.endpoint, payload.body) for payload in payloads}
            refused = {name: reply.body for name, reply in replies.items() if reply.status != 200}
            assert refused == {}
            rounds.append(replies)
        started = next(iter(rounds[0].values())).evidence
    first, second = ({name: reply.body["answer"] for name, reply in replies.items()} for replies in rounds)
    return Answers(first, second, started["init"]["phases_ns"])


def unhurried(target: str) -> Settings:
    """The target's own settings, but for limits of time: nothing is timed here, and the machine may be busy."""
    settings = targets.target(target).settings()
    if isinstance(settings, FunctionSettings):
        return replace(settings, init_timeout_s=PATIENCE_S, timeout_s=PATIENCE_S)
    return settings


def as_bytes(answer: Any) -> bytes:
    """An answer in one form."""
    return json.dumps(answer, sort_keys=True).encode()
