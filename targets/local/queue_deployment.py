"""Workers behind a real queue as a deployment: requests are accepted, worked off later, and their ends collected."""

import secrets
import shutil
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from targets.backing.contract import Running
from targets.clock import now_ns, sleep
from targets.contract import GENERATION_VARIABLE, Completion, DeploymentError, Endpoint, Order, UnitUsage
from targets.events import Event, EventLog, EventReader
from targets.local.crew import Crew, Worker
from targets.local.logged import Logged
from targets.local.queue_ends import QueueEnds
from targets.local.queue_intake import REQUEST_ID, Intake
from targets.ownership import work_folder
from targets.serving.streams import DELIVERIES_VARIABLE, QUEUE_VARIABLE, VISIBILITY_VARIABLE
from targets.settings import QueueSettings

NewWorker = Callable[[str, EventLog, Order, Running], Worker]
START_LIMIT_S = 120.0
POLL_S = 0.02
END_SEEN_S = 2.0


class QueueDeployment(Logged):
    """Cold means from nothing: every worker is removed, and the rule has seen nothing yet. The queue stays."""

    def __init__(
        self, start_queue: Callable[[], Running], new: NewWorker, order: Order, facts: dict[str, Any], last: ExitStack
    ) -> None:
        """`last` is closed after all else, and when this cannot be started."""
        self.order = order
        self.settings = order.settings_of(QueueSettings)
        self.generation = secrets.token_hex(4)
        self._new, self._facts, self._last = new, facts, last
        self._folder = work_folder("service")
        self._log = EventLog(self._folder / "events.jsonl")
        self._reader = EventReader(self._folder / "events.jsonl")
        last.callback(self._close_log)
        self._log.write("open")
        try:
            self._queue = start_queue()
            last.callback(self._queue.remove)
            self._ends = QueueEnds(self._queue.address)
            last.callback(self._ends.close)
            self._crew = Crew(self.settings, self._log, self._worker, self._ends.depth)
            last.callback(self._crew.close)
            self._intake = Intake(self._queue.address, order.run_id)
            last.callback(self._intake.close)
            self._await_least()
        except BaseException:
            self.destroy()
            raise
        self.endpoints: tuple[Endpoint, ...] = (
            Endpoint(f"http://127.0.0.1:{self._intake.port}/requests", request_id_header=REQUEST_ID),
        )

    def wake(self) -> None:
        """Do nothing: the rule starts workers when it finds requests in the queue."""

    def make_cold(self) -> str:
        """Remove every worker. What one of them was about is given to another when its visibility is over."""
        self.generation = secrets.token_hex(4)
        self._crew.restart()
        return self.generation

    def reset(self, ledger: Path | None) -> None:
        """The same; returns once as many workers are ready as there are to be always."""
        self.check_ledger(ledger)
        self.make_cold()
        self._await_least()

    def scale_out(self) -> Endpoint:
        """DeploymentError always: the rule decides."""
        raise DeploymentError("a queue has as many workers as its rule wants: nobody else can start one")

    def usage(self) -> list[UnitUsage]:
        """What the kernel counts for each worker."""
        return self._crew.usages()

    def events(self) -> list[Event]:
        """Everything that was started and stopped so far."""
        return self._reader.read()

    def completions(self, limit_s: float) -> Iterable[Completion]:
        """Ends that were not handed on before. DeploymentError when no more can come: the queue is gone, or no worker
        starts."""
        deadline_ns = now_ns() + int(limit_s * 1e9)
        while True:
            try:
                yield from self._ends.take(min(1.0, max(0.0, (deadline_ns - now_ns()) / 1e9)))
                missing = self._ends.missing()
            except DeploymentError as error:
                why = self._end_of_queue()
                raise DeploymentError(f"the queue is gone: it ended ({why})" if why else str(error)) from error
            if not missing or now_ns() >= deadline_ns:
                return
            if self._crew.failure:
                raise DeploymentError(f"{missing} accepted requests have no end: {self._crew.failure}")

    def _end_of_queue(self) -> str | None:
        """How it ended, once that can be seen: a connection breaks a moment before. None while it goes on."""
        deadline_ns = now_ns() + int(END_SEEN_S * 1e9)
        while not (why := self._queue.end_reason()) and now_ns() < deadline_ns:
            sleep(POLL_S)
        return why

    def describe(self) -> dict[str, Any]:
        """The queue, its rule, how many requests were given out again, and how many workers there are now."""
        return {
            "queue": self._queue.facts,
            "rule": vars(self.settings),
            "repeats": self._ends.repeats,
            "workers_left": self._crew.size,
            **self._facts,
        }

    def destroy(self) -> None:
        """Remove everything. Safe to call twice."""
        self._last.close()

    def _worker(self, name: str) -> Worker:
        settings = self.settings
        own = {
            GENERATION_VARIABLE: self.generation,
            QUEUE_VARIABLE: self._queue.inner_address,
            VISIBILITY_VARIABLE: str(settings.visibility_s),
            DELIVERIES_VARIABLE: str(settings.most_deliveries),
        }
        order = replace(self.order, environment={**self.order.environment, **own})
        return self._new(name, self._log, order, self._queue)

    def _await_least(self) -> None:
        """Until the workers that are there always are ready."""
        deadline_ns = now_ns() + int(START_LIMIT_S * 1e9)
        while self._crew.ready < self.settings.min_workers:
            if self._crew.failure or now_ns() > deadline_ns:
                raise DeploymentError(self._crew.failure or f"no worker was ready within {START_LIMIT_S:.0f} s")
            sleep(POLL_S)

    def _close_log(self) -> None:
        self._log.close()
        self._reader.read()
        shutil.rmtree(self._folder, ignore_errors=True)
