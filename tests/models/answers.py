"""What a workload answers on a target, asked once for all tests: a start of a heavy model takes long."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import targets
from tests.contract.subject import deploy, post


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
    with deploy(targets.target(target), workload) as subject:
        rounds = []
        for _ in range(2):
            replies = {payload.name: post(subject.endpoint, payload.body) for payload in payloads}
            refused = {name: reply.body for name, reply in replies.items() if reply.status != 200}
            assert refused == {}
            rounds.append(replies)
        started = next(iter(rounds[0].values())).evidence
    first, second = ({name: reply.body["answer"] for name, reply in replies.items()} for replies in rounds)
    return Answers(first, second, started["init"]["phases_ns"])


def as_bytes(answer: Any) -> bytes:
    """An answer in one form."""
    return json.dumps(answer, sort_keys=True).encode()
