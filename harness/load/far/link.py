"""What joins a master's schedule to Locust: messages out and in, users that start, workers that are lost."""

from typing import Any

from gevent.event import AsyncResult
from locust.runners import MasterRunner

from harness.load.far.mailbox import Mailbox
from harness.load.far.roster import Roster


class SealedMaster(MasterRunner):
    """Locust's master, which no worker can bring down by what it says."""

    roster: Roster

    def handle_message(self, client_id: str, msg: Any) -> None:
        """A worker that says what Locust cannot take is lost."""
        try:
            super().handle_message(client_id, msg)
        except Exception as error:
            self.roster.lose(client_id, f"said what cannot be understood ({type(error).__name__})")


class Link:
    """Of one master."""

    def __init__(self, runner: SealedMaster, roster: Roster) -> None:
        self.runner, self.roster, self.mailbox = runner, roster, Mailbox()
        roster.on_loss = self._forget

    def send(self, client: str, kind: str, data: dict[str, Any]) -> None:
        """To one worker."""
        self.runner.send_message(kind, data, client)

    def expect(self, client: str, kind: str) -> AsyncResult:
        """Its next answer of this kind; WorkersLost where it is gone already."""
        answer = self.mailbox.expect(client, kind)
        if client not in self.roster.members:
            self.mailbox.lose(client, "was lost")
        return answer

    def lose(self, client: str, why: str) -> None:
        """Count on it no more."""
        self.roster.lose(client, why)

    def start_users(self, count: int) -> None:
        """One at each worker, whose task is its share of the schedule."""
        self.runner.start(count, spawn_rate=count)

    def stop_users(self) -> None:
        """Ready for the next schedule."""
        self.runner.stop()

    def _forget(self, client: str, why: str) -> None:
        self.runner.clients.pop(client, None)  # or Locust would wait a minute for its users to stop
        self.mailbox.lose(client, why)
