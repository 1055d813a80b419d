"""The sandboxes of one function: started, asked and removed as Lambda's rules decide (targets.rules.lambda_pool)."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

from targets.clock import now_ns
from targets.events import EventLog
from targets.lambda_front.passage import Passage
from targets.lambda_front.sandbox import Reply, Sandbox, SandboxDied
from targets.lambda_front.turn import Turns
from targets.rules.lambda_pool import Decision, LambdaPool
from targets.settings import FunctionSettings

STARTS_AT_ONCE = 2
"""Of sandboxes that no request waits for: more at once take each other's time, and the machine's."""


class Throttled(Exception):
    """Lambda answers 429; the message says why, `reason` is AWS's word for it."""

    def __init__(self, message: str, reason: str = "ConcurrentInvocationLimitExceeded") -> None:
        super().__init__(message)
        self.reason = reason


class Pool:
    """Carries requests, and keeps a sandbox for each unit that the rule has."""

    def __init__(
        self, settings: FunctionSettings, log: EventLog, new: Callable[[str, str], Sandbox], generation: str = ""
    ) -> None:
        self.settings = settings
        self.log = log
        self.generation = generation
        """What sandboxes that are made from now on echo in their answers."""
        self._new = new
        self._rule = LambdaPool(settings.limits)
        self._units: dict[int, Sandbox] = {}
        """By the rule's number."""
        self._kept: dict[str, Sandbox] = {}
        """Every sandbox by name, also those that stand by, which the rule does not know of yet."""
        self._standing: list[Sandbox] = []
        self._ages: tuple[Sequence[float], float] = ((), 0.0)
        """For how long those are to have been idle, in s, and when after that moment the first request is due."""
        self._held: deque[tuple[int, int]] = deque()
        """(until when, unit) of those that the rule takes for busy, as at a steady begin; the first one comes first."""
        self._turns = Turns(settings, log, lambda sandbox: sandbox.name in self._kept)
        self._timer: asyncio.TimerHandle | None = None
        self._made = 0
        self._removals: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def size(self) -> int:
        """Sandboxes that exist, busy or idle."""
        return len(self._kept)

    async def invoke(self, body: bytes, passage: Passage) -> Reply:
        """Carry one request. Throttled when no sandbox is free and none may be started; SandboxDied when it is lost."""
        if self._closed:  # a client's open connection still brings requests, and each would start a sandbox
            raise SandboxDied("the front is ending")
        unit, is_new = self._take()
        sandbox = self._units[unit]
        try:
            if is_new:
                await self._begin(sandbox)
                passage.facts["started_for_request"] = True
            reply = await self._turns.ask(sandbox, body, passage)
        except BaseException:
            self._lose(unit, "died")
            raise
        self._put_back(unit)
        return reply

    async def stand_by(self, idle_s: Sequence[float], first_s: float, body: bytes) -> int:
        """Have one sandbox for each of `idle_s`, and no other; each that is new answers `body` once, for nobody.

        They wait for the next request: it comes `first_s` seconds after the moment at which they have been idle for
        `idle_s`, so that however long the preparation takes, they expire when they would have. One whose time is
        negative is busy for so much longer. Returns how many there are: less than were wanted where some could not be
        started. ValueError where more are wanted than may be, and while requests are under way."""
        limit, unheld = self.settings.concurrency_limit, self._without_request()
        busy = len(self._units) - len(unheld)
        if len(idle_s) > limit:
            raise ValueError(f"{len(idle_s)} sandboxes cannot stand by: concurrency_limit is {limit}")
        if busy:
            raise ValueError(f"sandboxes cannot stand by while requests are under way: {busy} are")
        ready, self._standing = self._standing, []
        for unit in unheld:
            self._rule.lose(unit)
            ready.append(self._units.pop(unit))
        self._held.clear()
        while len(ready) > len(idle_s):
            self._end(ready.pop(), "evicted")
        await self._all_removed()
        gate = asyncio.Semaphore(STARTS_AT_ONCE)
        more = await asyncio.gather(*(self._start_beforehand(body, gate) for _ in range(len(idle_s) - len(ready))))
        ready += [sandbox for sandbox in more if sandbox is not None]
        self._standing, self._ages = ready, (sorted(idle_s)[: len(ready)], first_s)
        return len(ready)

    async def drop_all(self) -> int:
        """Remove every sandbox without a request and wait until all are gone; returns how many. The next is cold."""
        idle, standing = self._without_request(), self._standing
        self._standing = []
        self._held.clear()
        for unit in idle:
            self._lose(unit, "evicted")
        for sandbox in standing:
            self._end(sandbox, "evicted")
        await self._all_removed()
        return len(idle) + len(standing)

    async def close(self) -> None:
        """Remove everything, busy or not, and start nothing more."""
        self._closed = True
        self._held.clear()
        if self._timer is not None:
            self._timer.cancel()
        for unit in list(self._units):
            self._lose(unit, "evicted")
        for sandbox in list(self._kept.values()):
            self._end(sandbox, "evicted")
        await self._all_removed()

    async def _all_removed(self) -> None:
        while self._removals:
            await asyncio.wait(self._removals)

    def _take(self) -> tuple[int, bool]:
        """The unit of a request that arrives now, and whether it is new."""
        # Nothing is awaited between the decision and the entry: requests that come at once see each other's sandboxes.
        at_ns = now_ns()
        self._join(at_ns)
        self._let_go(at_ns)
        self._evict(at_ns)  # at that very moment: the rule's own look then finds nothing that nobody removes
        taken = self._rule.take(at_ns)
        if taken.unit is None:
            raise self._refusal(taken.decision)
        is_new = taken.decision == Decision.START
        if is_new:
            self._units[taken.unit] = self._make(for_request=True)
        return taken.unit, is_new

    def _refusal(self, decision: Decision) -> Throttled:
        settings = self.settings
        if decision == Decision.THROTTLE_CONCURRENCY:
            refusal = Throttled(f"all {settings.concurrency_limit} sandboxes are busy")
        else:
            message = f"{settings.starts_per_10_s} sandboxes were started in the last 10 s"
            refusal = Throttled(message, "FunctionInvocationRateLimitExceeded")
        self.log.write("throttled", reason=str(refusal))
        return refusal

    def _make(self, for_request: bool) -> Sandbox:
        self._made += 1
        sandbox = self._new(f"{self._made:04d}", self.generation)
        self._kept[sandbox.name] = sandbox
        self.log.write("create", sandbox.name, for_request=for_request)
        return sandbox

    async def _begin(self, sandbox: Sandbox) -> None:
        await sandbox.create()
        await self._turns.start(sandbox)

    async def _start_beforehand(self, body: bytes, gate: asyncio.Semaphore) -> Sandbox | None:
        """A sandbox that has answered once; None where it could not."""
        async with gate:
            if self._closed:
                return None
            sandbox = self._make(for_request=False)
            try:
                await self._begin(sandbox)
                await self._turns.ask(sandbox, body, Passage(now_ns()))
            except SandboxDied:
                self._end(sandbox, "died")
                return None
            except BaseException:
                self._end(sandbox, "died")
                raise
            return sandbox

    def _join(self, at_ns: int) -> None:
        """What stands by becomes the rule's with the first request, which arrives now."""
        if not self._standing:
            return
        standing, (idle_s, first_s) = self._standing, self._ages
        self._standing = []
        zero_ns = at_ns - round(first_s * 1e9)
        since_ns = [zero_ns - round(age_s * 1e9) for age_s in idle_s]
        held = sum(moment_ns > at_ns for moment_ns in since_ns)  # they come first, as the ages ascend
        units = self._rule.adopt(since_ns[held:], busy=held)
        self._units.update(zip(units, standing[held:] + standing[:held], strict=True))
        self._held.extend(reversed(list(zip(since_ns[:held], units[len(units) - held :], strict=True))))
        if self._timer is not None:  # for what was there before, which may have been kept for longer
            self._timer.cancel()
            self._timer = None
        self._arm()

    def _without_request(self) -> list[int]:
        return self._rule.idle + [unit for _, unit in self._held]

    def _let_go(self, at_ns: int) -> None:
        """Those that were busy at a steady begin, and no longer are, wait for requests like the others."""
        while self._held and self._held[0][0] <= at_ns:
            free_ns, unit = self._held.popleft()
            self._rule.put_back(unit, free_ns)

    def _put_back(self, unit: int) -> None:
        # A sandbox whose runtime was killed or crashed goes back as well: its next request starts it anew, a reset.
        if unit in self._units:
            at_ns = now_ns()
            self._let_go(at_ns)
            self._rule.put_back(unit, at_ns)
            self._arm()

    def _evict(self, at_ns: int) -> None:
        for unit in self._rule.expire(at_ns):
            self._end(self._units.pop(unit), "evicted")

    def _arm(self) -> None:
        """One timer is enough, for what comes first: a sandbox that is put back later expires later."""
        due_ns = [free_ns for free_ns, _ in list(self._held)[:1]]
        if (expiry_ns := self._rule.next_expiry_ns) is not None:
            due_ns.append(expiry_ns)
        if self._timer is None and due_ns:
            left_s = max(0.0, (min(due_ns) - now_ns()) / 1e9)
            self._timer = asyncio.get_running_loop().call_later(left_s, self._wake)

    def _wake(self) -> None:
        self._timer = None
        at_ns = now_ns()
        self._let_go(at_ns)
        self._evict(at_ns)
        self._arm()

    def _lose(self, unit: int, why: Literal["died", "evicted"]) -> None:
        sandbox = self._units.pop(unit, None)
        if sandbox is not None:
            self._rule.lose(unit)
            self._end(sandbox, why)

    def _end(self, sandbox: Sandbox, why: Literal["died", "evicted"]) -> None:
        if self._kept.pop(sandbox.name, None) is None:
            return
        self.log.write(why, sandbox.name)
        removal = asyncio.ensure_future(self._remove(sandbox))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    async def _remove(self, sandbox: Sandbox) -> None:
        try:
            usage = await sandbox.remove()
        except SandboxDied as error:
            self.log.write("removed", sandbox.name, error=str(error))
        else:
            self.log.write("removed", sandbox.name, **vars(usage))
