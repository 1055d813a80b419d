"""What became of each request: good, or one reason in text why not."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import numpy as np
from numpy.typing import NDArray

from harness.commands.load.answers import NOTHING, Answers
from harness.commands.load.expectations import FUNCTION_ERROR_HEADER, Expectations
from harness.files.text import harmless
from harness.load.process import Sent
from harness.load.wire import REDIRECTS, ErrorTexts, Fate

GOOD = 0
"""The number of no reason at all."""
UNSEEN = "its end was not seen"
UNKEPT = "answered, but its reply could not be kept"
UNENDED = {
    Fate.UNFINISHED: UNSEEN,
    Fate.SHED: "not sent: as many requests as the generator may have were in flight",
}
Censor = Callable[[str, bool], str]
"""Takes out of a text what must not be told; the other says whether the text was cut."""
LONGEST_REASON, LONGEST_EXAMPLE = 240, 200


@dataclass(frozen=True)
class Reasons:
    """By request, the number of its reason among `texts`: GOOD where there is none."""

    numbers: NDArray[np.int32]
    texts: list[str]
    examples: dict[str, str]
    """By reason: how the first reply began that was kept of those."""

    @property
    def good(self) -> NDArray[np.bool_]:
        """Whether each request had a good answer."""
        good: NDArray[np.bool_] = self.numbers == GOOD
        return good

    def counts(self) -> dict[str, int]:
        """How many requests have each reason: the most frequent first, then whichever came first."""
        return dict(Counter(self.texts[number] for number in self.numbers[~self.good].tolist()).most_common())


class _Taking:
    """Reasons while they are found."""

    def __init__(self, count: int, censor: Censor) -> None:
        self.numbers = np.zeros(count, np.int32)
        self.texts = [""]
        self.examples: dict[str, str] = {}
        self._censor = censor
        self._known: dict[str, int] = {}

    def put(self, row: int, text: str) -> str:
        """This request's reason, as it is told."""
        if text not in self._known:
            told = harmless(self._censor(text, len(text) >= ErrorTexts.LONGEST))[:LONGEST_REASON]
            self._known[text] = self.texts.index(told) if told in self.texts else len(self.texts)
            if self._known[text] == len(self.texts):
                self.texts.append(told)
        number = self.numbers[row] = self._known[text]
        return self.texts[number]

    def show(self, reason: str, body: bytes) -> None:
        """Keep the beginning of what a server said with this reason, of the first one."""
        if body.strip() and reason not in self.examples:
            beginning = body[: 4 * LONGEST_EXAMPLE].decode("utf-8", "replace")
            self.examples[reason] = harmless(
                " ".join(self._censor(beginning, len(body) > 4 * LONGEST_EXAMPLE).split())
            )[:LONGEST_EXAMPLE]


def find_reasons(sent: Sent, expectations: Expectations, censor: Censor) -> Reasons:
    """Why each request had no good answer; `censor` takes out what must not be told."""
    records = sent.records
    right = (records["fate"] == Fate.ANSWERED) & expectations.suit(records["status"])
    taking = _Taking(len(records), censor)
    for row in np.flatnonzero(~right).tolist():
        taking.put(row, _reason(int(records["fate"][row]), int(records["status"][row]), sent.errors[row]))
    _read_replies(sent, expectations, right, taking)
    return Reasons(taking.numbers, taking.texts, taking.examples)


def _read_replies(sent: Sent, expectations: Expectations, right: NDArray[np.bool_], taking: _Taking) -> None:
    answers, unread = Answers(sent.replies, expectations.json), right.copy()
    for row, reply in sent.replies:
        unread[row] = False
        problem = ""
        if not right[row]:
            problem = taking.texts[taking.numbers[row]]
        elif reply.header:
            problem = taking.put(row, f"{FUNCTION_ERROR_HEADER}: {reply.header.decode('latin-1')}")
        elif expectations.json and (told := answers.problem(reply)):
            problem = taking.put(row, told)
        if problem and expectations.json:
            taking.show(problem, answers.body(reply))
    for row in np.flatnonzero(unread).tolist() if expectations.json else ():  # nothing of these was worth keeping
        taking.put(row, NOTHING)


def _reason(fate: int, status: int, error: str) -> str:
    if fate == Fate.UNFINISHED and status:
        return UNKEPT
    if fate != Fate.ANSWERED:
        return error or UNENDED.get(Fate(fate), Fate(fate).name.lower())
    words = f"status {status} {_phrase(status)}".rstrip()
    return f"{words} ({error})" if error and status in REDIRECTS else words


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
