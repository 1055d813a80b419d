"""Reads replies: the evidence in each, and whether its answer is right, which of each distinct one is asked once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.load.replies import Replies, Reply
from harness.measure.rows.bodies import Content, Error, read_bare, read_body, read_reply, read_tail
from harness.measure.rows.evidence import Evidence
from harness.record.nouns import Outcome
from targets.contract import Completion
from targets.names import FAULTS
from targets.serving.failure import LOAD_FAILED
from targets.workloads.contract import Imaged, Payload, Workload, why_wrong

CHECK_RAISED = "check raised"
"""How the error of a row begins whose answer could not be checked."""
OK_STATUS, THROTTLED_STATUS = 200, 429
MOST_MESSAGE = 200


@dataclass(frozen=True)
class Verdict:
    """What became of an answered request, and what its reply proves."""

    evidence: Evidence
    outcome: Outcome
    why: str | None


class Answers:
    """Judges replies one at a time. Of an answer that others repeat byte for byte only the verdict is kept."""

    def __init__(self, workload: Workload, own_model: bool, replies: Replies) -> None:
        self._workload = workload
        self._own_model = own_model
        self._payloads: Sequence[Payload] = workload.payloads()
        self._replies = replies
        self._good_status = workload.good_status if isinstance(workload, Imaged) else None
        """Of an image of the user's, whose answers carry no envelope; None of all others."""
        self._checked: dict[tuple[int, bool, int], str | None] = {}
        """By head, its form and the payload: why that answer is wrong."""

    def judge(self, index: int, reply: Reply | None, status: int) -> Verdict:
        """The verdict on the reply to arrival `index`; None is one of which nothing was worth keeping."""
        if self._good_status is not None:
            return self._judge_bare(index, reply, status)
        if reply is None:
            return Verdict(Evidence(), *judge_reply(status, None, Evidence(), None))
        payload = index % len(self._payloads)
        key = (reply.head, reply.streamed, payload)
        if status == 200 and key in self._checked:
            evidence = Evidence.of(read_tail(reply.tail), reply.header)
            if evidence.inside:
                return Verdict(evidence, *judge_reply(status, None, evidence, self._checked[key]))
        content = read_reply(self._replies.head(reply.head), reply.tail, reply.streamed)
        evidence = Evidence.of(content.envelope, reply.header)
        wrong = self._check(content, status, evidence, payload)
        if content.split and status == 200 and evidence.inside and content.error is None:
            self._checked[key] = wrong
        return Verdict(evidence, *judge_reply(status, content.error, evidence, wrong))

    def _judge_bare(self, index: int, reply: Reply | None, status: int) -> Verdict:
        """Of an image of the user's: all of the body is its answer, and who answered only a front can say."""
        body = b"" if reply is None else self._replies.head(reply.head) + reply.tail
        evidence = Evidence.of(None, reply.header if reply else b"")
        content = read_body(body, reply is not None and reply.streamed)
        good = OK_STATUS if evidence.outside else self._good_status
        if content.error is not None or status == THROTTLED_STATUS:
            return Verdict(evidence, *judge_reply(status, content.error, evidence, None))
        if status != good:
            return Verdict(evidence, Outcome.FAILED, f"HTTP {status}")
        wrong = self._ask(read_bare(body), index % len(self._payloads))
        return Verdict(evidence, *_outcome(wrong))

    def judge_completion(self, index: int, completion: Completion) -> Verdict:
        """The verdict on the end of an accepted request."""
        content = read_body(completion.body)
        evidence = Evidence.of(content.envelope, b"")
        wrong = self._check(content, completion.status, evidence, index % len(self._payloads))
        return Verdict(evidence, *judge_reply(completion.status, content.error, evidence, wrong))

    def _check(self, content: Content, status: int, evidence: Evidence, payload: int) -> str | None:
        """Why an answer is wrong. A check is a workload's own code: when it raises, one row is lost and not the run."""
        if status != OK_STATUS or content.error is not None or not evidence.inside:
            return None
        return self._ask(content.answer, payload)

    def _ask(self, answer: Any, payload: int) -> str | None:
        try:
            return why_wrong(self._workload.check(self._payloads[payload], answer, self._own_model))
        except FAULTS as error:
            return f"{CHECK_RAISED} {type(error).__name__}: {str(error)[:160]}"


def judge_reply(status: int, error: Error | None, evidence: Evidence, wrong: str | None) -> tuple[Outcome, str | None]:
    """(outcome, why) of an answered request; `wrong` is what the workload's check said of the answer."""
    if status == THROTTLED_STATUS:
        return Outcome.THROTTLED, "throttled (429)"
    if error is not None:
        kind = str(error.get("errorType", "error"))[:100]
        timed_out = kind == "Sandbox.Timedout"
        message = str(error.get("errorMessage", ""))[:MOST_MESSAGE]
        why = _make_storable(message if f"{kind}: " == LOAD_FAILED else f"{kind}: {message}")
        return Outcome.TIMED_OUT if timed_out else Outcome.FAILED, why
    if status != 200:
        return Outcome.FAILED, f"HTTP {status}"
    if not evidence.inside:
        return Outcome.WRONG, "the reply carries no envelope"
    return _outcome(wrong)


def _outcome(wrong: str | None) -> tuple[Outcome, str | None]:
    return (Outcome.WRONG, _make_storable(wrong)) if wrong else (Outcome.OK, None)


def _make_storable(text: str) -> str:
    """A text from a stranger; half a surrogate pair can be written in JSON, but not in UTF-8."""
    return text.encode(errors="backslashreplace").decode()
