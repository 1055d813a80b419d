"""What comes before a trial's first request: a few warm ones, and the pool that its traffic would have left."""

from array import array
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from harness.clock import now_ns
from harness.errors import UsageError
from harness.load.process import Arrival, Sent
from harness.load.senders import SenderFailed
from harness.load.wire import Fate
from harness.measure.forced import Asker
from harness.measure.hearing import hear_replies, write_off_lost
from harness.measure.purse import Fly, Purse
from harness.measure.rows.evidence import UnitLog
from harness.measure.rows.judge import Judge
from harness.measure.rows.starts import STARTED
from harness.measure.steady import steady_pool
from harness.measure.visit import Visit
from harness.record.figures import plural
from harness.record.nouns import BeginRecord, BeginState, Outcome, StartClass
from harness.record.reasons import reasons_of
from targets.contract import Attended, Deployment, DeploymentError
from targets.rules.lambda_pool import PoolLimits
from targets.settings import Pooled

LEAST_WARM, MOST_WARM = 2, 8
"""Warm requests before a trial: one for each payload within these bounds, and one for each replica at least."""
WARM_S = 20.0
"""After so long no further one is sent."""
MOST_STANDING = 1000
"""Units that are had beforehand: more of them no machine of ours holds."""
MS = 1_000_000


class NotSteady(Exception):
    """A steady pool cannot be had, now or at another attempt; the message says why."""


class BeginFailed(Exception):
    """A steady pool could not be had this time; the message says why."""


@dataclass(frozen=True)
class Beforehand:
    """What was done before the first request, what has to be said of it, and which requests it asked."""

    record: BeginRecord | None = None
    """None where nothing was asked for."""
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Why the trial is INVALID: nobody knows how it began."""
    request_ids: frozenset[str] = frozenset()
    failure: str = ""
    """Why a steady begin was not had that another attempt may have: the trial is INVALID, unless it had no good answer
    at all, so that not its begin is what is wrong."""


NOTHING = Beforehand()


@dataclass(frozen=True)
class Asked:
    """A request before the first arrival."""

    took_ms: float | None
    """None where it was not answered well."""
    met: str | None
    """Its start class; None where nobody knows."""


@dataclass
class Preparation:
    """Of one deployment for one trial; it keeps what it learns."""

    visit: Visit
    deployment: Deployment
    asker: Asker
    fly: Fly = field(default_factory=lambda: partial(Purse().flight, None))
    """Counts what is under way, where that costs money."""
    begun_ns: int = field(default_factory=now_ns)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    asked: int = 0
    request_ids: set[str] = field(default_factory=set)
    warm_ms: list[float] = field(default_factory=list)
    start_ms: float | None = None
    failure: str = ""

    def carry_out(self) -> Beforehand:
        """Have the steady begin that the trial asks for, or an empty one and its reason: where that is here to stay
        the trial is one of an empty begin, and where it may pass it has failed."""
        target = self.visit.target
        if target.parts[0].kind == "service" and not target.capabilities.asynchronous:
            return self._warm_service()
        limits, why = self._limits()
        if limits is None:
            return self._begin_empty(why)
        try:
            return self._steady_function(limits)
        except (NotSteady, UsageError) as error:
            why = str(error).split("\n")[0]
        except (BeginFailed, DeploymentError, SenderFailed) as error:
            why = str(error).split("\n")[0]
            self.failure = f"its begin could not be made steady: {why}"
        try:
            self.deployment.make_cold()
        except DeploymentError as error:
            self.problems.append(f"its pool could neither be made steady ({why}) nor emptied: {error}")
        return self._begin_empty(why)

    def _limits(self) -> tuple[PoolLimits | None, str]:
        """By what the pool lives, else why nobody can say what it would be."""
        target, settings = self.visit.target, self.visit.trial.settings
        if target.capabilities.asynchronous:
            return None, "a request is only accepted there, so nobody sees how long it holds a unit"
        if isinstance(settings, Pooled):
            return settings.limits, ""
        return None, f"the settings of {target.name} have no `limits`, which say how long it keeps a sandbox"

    def _begin_empty(self, why: str) -> Beforehand:
        self.warnings.append(f"begin: empty instead of steady: {why}")
        return self._end("empty", sandboxes=0)

    def _warm_service(self) -> Beforehand:
        """Its units are there and have answered: a few requests make them warm."""
        try:
            asked = self._ask(max(len(self.deployment.endpoints), LEAST_WARM))
            self.warm_ms = [one.took_ms for one in asked if one.took_ms is not None and one.met not in STARTED]
        except SenderFailed as error:
            self.warnings.append(f"no warm request could be sent before the first arrival: {error}")
        return self._end("steady")

    def _steady_function(self, limits: PoolLimits) -> Beforehand:
        if isinstance(self.deployment, Attended):
            self._stand_by(self.deployment, [0.0], 0.0)
            self.start_ms = (now_ns() - self.begun_ns) / MS
            self._ask_warm()
        else:
            self._ask_first()
        if self.start_ms is None:
            raise BeginFailed("the first request was not answered well, so nobody knows how long a start takes")
        load, schedule = self.visit.trial.load, self.visit.schedule
        assert load is not None and schedule is not None
        warm_s, start_s = [took / 1e3 for took in self.warm_ms], self.start_ms / 1e3
        pool = steady_pool(load, self.visit.trial.arrival_seed, limits, warm_s, start_s)
        if pool.cut_from_s is not None:
            self.warnings.append(
                f"its pool is that of {pool.history_s:,.0f} s of its traffic, not of {pool.cut_from_s:,.0f} s as its "
                f"keep-alive and requests ask for: so many arrivals are too many"
            )
        if len(pool.idle_s) > MOST_STANDING:
            raise NotSteady(f"it would have {len(pool.idle_s):,} sandboxes, and {MOST_STANDING:,} can be had at most")
        if isinstance(self.deployment, Attended):
            count = self._stand_by(self.deployment, pool.idle_s, schedule[0] if schedule else 0.0)
            way = "started" if count else None
            return self._end("steady", sandboxes=count, idle_s=pool.idle_s[:count], way=way, history_s=pool.history_s)
        way = self._ask_at_once(len(pool.idle_s))
        return self._end("steady", sandboxes=None if way else 0, way=way, history_s=pool.history_s)

    def _stand_by(self, deployment: Attended, idle_s: Sequence[float], first_s: float) -> int:
        count = deployment.stand_by(idle_s, first_s, self.asker.payloads[0].body)
        if idle_s and not count:
            raise BeginFailed("no sandbox could be started before the first arrival")
        if count < len(idle_s):
            self.warnings.append(f"{count} instead of {len(idle_s)} sandboxes of a steady pool could be started")
        return count

    def _ask_first(self) -> None:
        """Where units start for requests only, the first one is the start."""
        first, *others = self._ask(LEAST_WARM + 1)
        self.start_ms = first.took_ms
        self._keep_warm(others)

    def _ask_warm(self) -> None:
        self._keep_warm(self._ask(LEAST_WARM))

    def _keep_warm(self, asked: "list[Asked]") -> None:
        """What those took that met a warm sandbox."""
        good = [one for one in asked if one.took_ms is not None]
        self.warm_ms = [one.took_ms for one in good if one.took_ms is not None and one.met == StartClass.WARM]
        if not good:
            raise BeginFailed("no warm request was answered well, so nobody knows how long one holds a sandbox")
        if not self.warm_ms:
            raise NotSteady(
                "no request met a warm sandbox, so nobody knows how long one holds it: is keep_alive_s too short?"
            )

    def _ask_at_once(self, count: int) -> str | None:
        """As many requests at once as the pool has units, which start them; of what age they are, nobody can set."""
        if not count:
            self.deployment.make_cold()
            return None
        endpoint = self.deployment.endpoints[0]
        with self.fly(array("d", [0.0] * count)), ThreadPoolExecutor(count, thread_name_prefix="beforehand") as threads:
            asked = [threads.submit(self.asker.ask, endpoint, None, index, now_ns()) for index in range(count)]
            came = [one.result() for one in asked]
        self._judge(came)
        return "asked"

    def _ask(self, least: int) -> "list[Asked]":
        """Requests one after the other, until one has no answer or they have taken long."""
        endpoints = self.deployment.endpoints
        ready = self.asker.make_ready(endpoints)
        wanted = max(least, min(len(self.asker.payloads), MOST_WARM))
        until_ns = now_ns() + int(WARM_S * 1e9)
        asked: list[Arrival] = []
        with self.fly(None) as flight:
            while len(asked) < wanted and (len(asked) < least or now_ns() < until_ns):
                index = len(asked)
                asked.append(self.asker.ask(endpoints[index % len(endpoints)], ready, index, now_ns()))
                if flight is not None:
                    flight.advance(len(asked))
                if asked[-1].fate != Fate.ANSWERED:
                    break
        return self._judge(asked)

    def _judge(self, asked: list[Arrival]) -> "list[Asked]":
        """What each took and met; that one was not answered well is told."""
        self.asked += len(asked)
        visit = self.visit
        own_model = visit.trial.workload.has_own_model
        sent = Sent.of(self.begun_ns, asked)
        hear_replies(self.deployment, sent)
        can = visit.target.capabilities
        write_off_lost(self.deployment, sent, can)
        try:
            log = UnitLog(self.deployment.events()) if can.events else None
            rows = Judge(visit.workload, own_model, can, log).judge(sent).requests
        finally:
            sent.replies.close()
        self.request_ids |= {name for name in rows["request_id"].to_pylist() if name}
        good = [outcome == Outcome.OK for outcome in rows["outcome"].to_pylist()]
        if bad := good.count(False):
            reasons = reasons_of(rows)
            why = f", most often: {reasons[0].reason}" if reasons else ""
            asked_words = plural(len(asked), "request")
            self.warnings.append(f"{bad} of {asked_words} before the first arrival had no good answer{why}")
        met = rows["start_class"].to_pylist()
        return [
            Asked(_took_ms(arrival) if is_good else None, kind)
            for arrival, is_good, kind in zip(asked, good, met, strict=True)
        ]

    def _end(self, state: BeginState, **fields: Any) -> Beforehand:
        record = BeginRecord(
            state=state,
            warm_requests=self.asked,
            warm_ms=[round(took, 3) for took in self.warm_ms],
            start_ms=None if self.start_ms is None else round(self.start_ms, 3),
            seconds=(now_ns() - self.begun_ns) / 1e9,
            **fields,
        )
        return Beforehand(record, self.warnings, self.problems, frozenset(self.request_ids - {""}), self.failure)


def _took_ms(arrival: Arrival) -> float:
    """Without the connection, which a request under load has already; with the sending, as it holds its sandbox."""
    return (arrival.done_ns - arrival.scheduled_ns - arrival.connect_ns - arrival.tls_ns) / MS
