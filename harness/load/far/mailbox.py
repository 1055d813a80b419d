"""Answers that are waited for, by who gives them and of which kind; whoever is lost answers to none."""

from typing import Any

from gevent.event import AsyncResult

from harness.load.failures import WorkersLost


class Mailbox:
    """Each answer is announced before the message that causes it is sent, so that none comes too early."""

    def __init__(self) -> None:
        self._expected: dict[tuple[str, str], AsyncResult] = {}

    def expect(self, client: str, kind: str) -> AsyncResult:
        """To be set to what this worker says next of this kind, or to raise WorkersLost."""
        self._expected[client, kind] = answer = AsyncResult()
        return answer

    def put(self, client: str, kind: str, data: dict[str, Any]) -> None:
        """What came; nobody waits for what was not expected."""
        if answer := self._expected.pop((client, kind), None):
            answer.set(data)

    def lose(self, client: str, why: str) -> None:
        """Nothing will come of this worker."""
        for key in [key for key in self._expected if key[0] == client]:
            self._expected.pop(key).set_exception(WorkersLost(why))
