"""Locust's side of a load process: one user whose task is its share of the schedule."""

import gc
import json
from dataclasses import replace
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
from harness.load.failures import told_of
from harness.load.limits import load_problems, most_in_flight
from harness.load.parser import Exchange
from harness.load.replies import Spool
from harness.load.wire import LoadPlan
from targets.descriptors import raise_descriptor_limit
from targets.priority import be_punctual

COOL_DOWN = (50_000, 20, 100)
"""Garbage collection thresholds while a schedule runs: rare, and never of what existed before it."""


class Shift:
    """Worker `rank` of `of` carries out arrivals rank, rank + of, ...: together they are exactly the schedule."""

    def __init__(self, environment: Environment, folder: str, rank: int, of: int) -> None:
        plan, descriptors = LoadPlan.read(folder), raise_descriptor_limit()
        if problems := load_problems(plan.cap, plan.prewarm, len(plan.endpoints), descriptors):
            raise TrialError("\n".join(problems))
        self.plan = plan = replace(plan, cap=min(plan.cap, most_in_flight(descriptors)))
        self.rank = rank
        self.environment = environment
        offsets = plan.offsets()
        self.client = Client(plan, plan.bodies())
        listener = self._report_to_locust if plan.report_to_locust else None
        self.spool = Spool.create(plan.output("replies", rank), plan.output("heads", rank))
        keeper = self.spool if plan.keep_replies or plan.kept_header else None
        self.dispatcher = Dispatcher(offsets, range(rank, len(offsets), of), self.client, keeper, listener)
        self.armed = gevent.event.Event()
        self.go = gevent.event.AsyncResult()
        self.finished = gevent.event.Event()
        self.report: dict[str, Any] = {}

    def run(self) -> None:
        """Carry the share out. A failure of ours goes into `report`, never to Locust, which would start again."""
        try:
            self._run()
        except Exception as error:
            self.report = {"rank": self.rank, **told_of(error)}
        finally:
            self.client.close()
            self.armed.set()
            self.finished.set()

    def _run(self) -> None:
        """First everything that must not happen during the schedule; then wait for the start, run, drain, write."""
        self.client.prewarm()
        gc.collect()
        gc.freeze()
        before = gc.get_threshold()
        gc.set_threshold(*COOL_DOWN)
        priority = be_punctual()
        self.armed.set()
        begin_ns = self.go.get()
        cpu_before, wall_before = cpu_ns(), now_ns()
        self.dispatcher.start(begin_ns)
        limit_s = self.plan.seconds + self.plan.drain_s + max(0, begin_ns - now_ns()) / 1e9
        self.dispatcher.done.wait(limit_s)
        self.dispatcher.stop()
        cpu_share = (cpu_ns() - cpu_before) / max(1, now_ns() - wall_before)
        gc.set_threshold(*before)
        gc.unfreeze()
        self._write_outputs()
        self.report = {
            "rank": self.rank,
            "cpu_share": cpu_share,
            "priority": priority,
            "timer": self.dispatcher.timer_name,
            "opened": self.client.opened,
            "prewarmed": self.client.prewarmed,
            "prewarm_problem": self.client.prewarm_problem,
            "turns_problem": self.client.turns_problem,
            "addresses": self.client.addresses,
        }

    def _write_outputs(self) -> None:
        self.plan.output("records", self.rank).write_bytes(self.dispatcher.records)
        self.spool.close()
        if self.dispatcher.problem:
            raise self.dispatcher.problem
        self.plan.output("errors", self.rank).write_text(json.dumps(self.dispatcher.errors.texts))

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
