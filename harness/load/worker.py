"""Locust's side of a load process: one user whose task is its share of the schedule."""

import array
import gc
from typing import Any
from urllib.parse import urlsplit

import gevent.event
from locust import User, task
from locust.env import Environment
from locust.exception import StopUser

from harness.clock import cpu_ns, now_ns
from harness.errors import TrialError
from harness.load.client import Client
from harness.load.dispatch import Dispatcher
from harness.load.failures import lack_of, told_of
from harness.load.limits import fitted, load_problems
from harness.load.outputs import Outputs
from harness.load.parser import Exchange
from harness.load.senders import SenderFailed
from harness.load.wire import LoadPlan, unheard
from targets.descriptors import raise_descriptor_limit
from targets.priority import be_punctual

COOL_DOWN = (50_000, 20, 100)
"""Garbage collection thresholds while a schedule runs: rare, and never of what existed before it."""


class Shift:
    """Worker `rank` of `of` carries out arrivals rank, rank + of, ...: together they are exactly the schedule."""

    def __init__(
        self,
        environment: Environment,
        plan: LoadPlan,
        offsets: "array.array[float]",
        bodies: list[bytes],
        rank: int,
        of: int,
    ) -> None:
        descriptors = raise_descriptor_limit()
        if problems := load_problems(plan.cap, plan.prewarm, len(plan.endpoints), descriptors):
            raise TrialError("\n".join(problems))
        self.plan = plan = fitted(plan, descriptors)
        self.environment = environment
        indexes = range(rank, len(offsets), of)
        self.client = Client(plan, bodies)
        listener = self._report_to_locust if plan.report_to_locust else None
        self.outputs = Outputs(plan, rank, len(indexes))
        self.dispatcher = Dispatcher(offsets, indexes, self.client, self.outputs, listener)
        self.armed = gevent.event.Event()
        self.go = gevent.event.AsyncResult()
        self.finished = gevent.event.Event()
        self.report: dict[str, Any] = {**unheard(rank), "cap": self.client.cap, "descriptors": descriptors}

    @classmethod
    def read(cls, environment: Environment, folder: str, rank: int, of: int) -> "Shift":
        """That of the plan in this folder."""
        plan = LoadPlan.read(folder)
        return cls(environment, plan, plan.offsets(), plan.bodies(), rank, of)

    def run(self) -> None:
        """Carry the share out. A failure of ours goes into `report`, never to Locust, which would start again; what
        was measured before it is kept."""
        try:
            self._run()
        except (Exception, gevent.GreenletExit) as error:
            if self.go.ready() and not isinstance(error, SenderFailed):
                self.report["problems"].append(f"the generator could not go on: {lack_of(error)}")
            else:
                self.report |= told_of(error)
        finally:
            self.client.close()  # first, for its descriptors
            self.dispatcher.stop()
            self.report["problems"] += self.outputs.close()
            self.armed.set()
            self.finished.set()

    def _run(self) -> None:
        """First everything that must not happen during the schedule; then wait for the start, run, drain."""
        self.client.prewarm()
        self.report |= {
            "timer": self.dispatcher.timer_name,
            "opened": self.client.opened,
            "prewarmed": self.client.prewarmed,
            "prewarm_problem": self.client.prewarm_problem,
        }
        gc.collect()
        gc.freeze()
        before = gc.get_threshold()
        gc.set_threshold(*COOL_DOWN)
        self.report["priority"] = be_punctual()
        self.armed.set()
        begin_ns = self.go.get()
        cpu_before, wall_before = cpu_ns(), now_ns()
        self.dispatcher.start(begin_ns)
        self._await_end(begin_ns)
        self.dispatcher.stop()
        self.report["cpu_share"] = (cpu_ns() - cpu_before) / max(1, now_ns() - wall_before)
        gc.set_threshold(*before)
        gc.unfreeze()
        self.report |= {
            "turns_problem": self.client.turns_problem,
            "addresses": self.client.addresses,
        }
        if self.dispatcher.lack:
            self.report["problems"].append(self.dispatcher.lack)
        if self.dispatcher.problem:
            raise self.dispatcher.problem

    def _await_end(self, begin_ns: int) -> None:
        """Until every request has ended, or its time is long over. Of a process that was stopped for a while the
        schedule is late: what is left of it is sent all the same."""
        drain_ns = int(self.plan.drain_s * 1e9)
        until_ns = max(begin_ns, now_ns()) + int(self.plan.seconds * 1e9) + drain_ns
        while not self.dispatcher.done.wait(max(0, until_ns - now_ns()) / 1e9):
            latest_ns = self.dispatcher.begun_ns if self.dispatcher.all_begun else now_ns()
            if latest_ns + drain_ns <= now_ns():
                return
            until_ns = latest_ns + drain_ns

    def _report_to_locust(self, scheduled_ns: int, exchange: Exchange, problem: BaseException | None) -> None:
        """Locust's own statistics count from the schedule, too; published figures never come from them."""
        if problem is None and exchange.status >= 400:
            problem = RuntimeError(f"HTTP {exchange.status}")
        self.environment.events.request.fire(  # type: ignore[no-untyped-call]
            request_type=self.plan.endpoints[0].method,
            name=urlsplit(self.plan.endpoints[0].url).path or "/",
            response_time=(exchange.done_ns - scheduled_ns) / 1e6,
            response_length=exchange.size,
            exception=problem,
            context={},
        )


class OpenLoopUser(User):
    """Exactly one per worker process; rates are made by the schedule, not by the number of users."""

    abstract = True

    @task
    def carry_out(self) -> None:
        """Locust's task: the whole share, then stop."""
        shift: Shift = self.environment.shift
        shift.run()
        raise StopUser


class LoneUser(OpenLoopUser):
    """The user class that a load process spawns."""
