"""Lambda's rules over sandboxes, on sandboxes that do as they are told."""

import asyncio
import json
from dataclasses import replace

import pytest

from targets.clock import now_ns
from targets.events import EventLog, EventReader
from targets.lambda_front import pool
from targets.lambda_front.passage import Passage
from targets.lambda_front.pool import Pool, Throttled
from targets.lambda_front.sandbox import Reply, Sandbox, SandboxDied
from targets.local.resources import Usage
from targets.settings import FunctionSettings

SETTINGS = FunctionSettings(keep_alive_s=60, timeout_s=30, init_timeout_s=30, concurrency_limit=10, starts_per_10_s=100)
INIT_S = 0.02
LIMIT_S = 10
"""Far above what any test takes: without it, a pool that hangs would hang the tests."""


class Script(Sandbox):
    """Waits where the bench says; a request is answered with its own body, the sandbox's name and its count."""

    def __init__(self, name, log, bench):
        super().__init__(name, log)
        self.bench = bench
        self.starts = self.kills = self.removals = 0
        self.answered = 0

    async def create(self):
        await self.bench.created.wait()
        if self.name in self.bench.refused:
            raise SandboxDied("the engine refused")
        self.log_step("create", 0)

    async def start(self):
        await self.bench.started.wait()
        self.starts += 1
        self.running = True
        self.log_step("start", 0)
        if self.starts > self.bench.slow_inits and not self.bench.init_ends_in_requests:
            self._take_mark("init_end", now_ns())

    async def invoke(self, body, request_id):
        if self.bench.init_ends_in_requests and not self.init_ended.is_set():
            await asyncio.sleep(INIT_S)
            self._take_mark("init_end", now_ns())
        await self.init_ended.wait()
        if body == b"hang":
            await asyncio.Event().wait()
        if body == b"die":
            self.running = False
            raise SandboxDied("it ended")
        if body == b"crash":
            self.running = False
            return Reply(b"crashed", "Unhandled")
        if body == b"wait":
            await self.bench.answer.wait()
        if body == b"break":
            raise RuntimeError("a fault of ours")
        self.answered += 1
        return Reply(f"{self.name} {self.answered}".encode())

    async def look(self):
        if self.bench.late_mark:
            self._take_mark("init_end", now_ns())

    async def kill(self):
        self.kills += 1
        self.running = False

    async def remove(self):
        self.removals += 1
        self.running = False
        if self.name in self.bench.sticky:
            raise SandboxDied("the engine does not answer")
        return Usage(memory_peak_bytes=7)


class Bench:
    """A pool, its sandboxes by name, its log, and the gates that hold sandboxes back."""

    def __init__(self, folder, **settings):
        self.created, self.started, self.answer = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.created.set()
        self.started.set()
        self.refused, self.sticky, self.slow_inits = set(), set(), 0
        self.late_mark = self.init_ends_in_requests = False
        self.sandboxes = {}
        self.log = log = EventLog(folder / "events.jsonl")
        self.reader = EventReader(folder / "events.jsonl")
        self.pool = Pool(replace(SETTINGS, **settings), log, lambda name, generation: self.new(name, log))

    def new(self, name, log):
        self.sandboxes[name] = Script(name, log, self)
        return self.sandboxes[name]

    async def ask(self, body=b"x"):
        """(what was answered, what the timeline header would say)."""
        passage = Passage(1, "r-1")
        reply = await self.pool.invoke(body, passage)
        json.dumps(passage.facts)
        return reply.body.decode(), passage.facts

    def begin(self, body=b"x"):
        return asyncio.ensure_future(self.ask(body))

    async def settle(self):
        for _ in range(50):
            await asyncio.sleep(0)

    def events(self, unit=None):
        return [event["kind"] for event in self.reader.read() if unit is None or event.get("unit") == unit]


@pytest.fixture
def play(tmp_path):
    """Run a scene with a bench of its own."""

    def run(scene, **settings):
        async def whole():
            bench = Bench(tmp_path, **settings)
            async with asyncio.timeout(LIMIT_S):
                await scene(bench)
                await bench.pool.close()
            bench.log.close()
            assert bench.pool.size == 0
            assert all(sandbox.removals == 1 for sandbox in bench.sandboxes.values())

        asyncio.run(whole())

    return run


def test_a_sandbox_is_reused_and_counts_its_requests(play):
    async def scene(bench):
        answers = [await bench.ask() for _ in range(3)]
        assert [body for body, _ in answers] == ["0001 1", "0001 2", "0001 3"]
        first, second, _ = (facts for _, facts in answers)
        assert (first["unit"], first["unit_request"], first["started_for_request"]) == ("0001", 1, True)
        assert set(first["spans_ns"]) == {"create", "start"}
        assert second["unit_request"] == 2
        assert second["spans_ns"] == {}
        assert "started_for_request" not in second
        assert bench.events() == ["create", "created", "start", "started", "init_end"]
        assert bench.reader.read()[0]["for_request"] is True

    play(scene)


def test_one_request_per_sandbox(play):
    async def scene(bench):
        held = [bench.begin(b"wait") for _ in range(3)]
        await bench.settle()
        assert bench.pool.size == 3
        bench.answer.set()
        assert {body for body, _ in await asyncio.gather(*held)} == {"0001 1", "0002 1", "0003 1"}

    play(scene)


def test_the_most_recently_used_is_taken(play):
    async def scene(bench):
        held = [bench.begin(b"wait") for _ in range(3)]
        await bench.settle()
        bench.answer.set()
        await asyncio.gather(*held)
        last = (await bench.ask())[1]["unit"]
        assert [(await bench.ask())[1]["unit"] for _ in range(5)] == [last] * 5

    play(scene)


def test_a_request_that_starts_a_sandbox_waits_for_that_one(play):
    async def scene(bench):
        first = bench.begin(b"wait")
        await bench.settle()
        bench.started.clear()
        second = bench.begin()
        await bench.settle()
        bench.answer.set()
        await first
        await bench.settle()
        assert not second.done()
        assert (await bench.ask())[1]["unit"] == "0001"
        bench.started.set()
        body, facts = await second
        assert body == "0002 1"
        assert facts["started_for_request"] is True

    play(scene)


def test_the_concurrency_limit_throttles(play):
    async def scene(bench):
        held = [bench.begin(b"wait") for _ in range(2)]
        await bench.settle()
        with pytest.raises(Throttled, match="all 2 sandboxes are busy"):
            await bench.ask()
        assert bench.events().count("throttled") == 1
        bench.answer.set()
        await asyncio.gather(*held)
        assert (await bench.ask())[1]["unit_request"] == 2

    play(scene, concurrency_limit=2)


def test_sandboxes_that_start_count_towards_the_limit(play):
    async def scene(bench):
        bench.created.clear()
        first = bench.begin()
        await bench.settle()
        with pytest.raises(Throttled):
            await bench.ask()
        bench.created.set()
        await first

    play(scene, concurrency_limit=1)


def test_the_start_rate_throttles(play):
    async def scene(bench):
        held = [bench.begin(b"wait") for _ in range(2)]
        await bench.settle()
        with pytest.raises(Throttled, match="2 sandboxes were started in the last 10 s"):
            await bench.ask()
        bench.answer.set()
        await asyncio.gather(*held)
        assert (await bench.ask())[1]["unit_request"] == 2
        await bench.pool.drop_all()
        with pytest.raises(Throttled):
            await bench.ask()

    play(scene, starts_per_10_s=2)


def test_an_idle_sandbox_is_evicted_and_the_next_is_new(play):
    async def scene(bench):
        await bench.ask()
        while bench.sandboxes["0001"].removals == 0:
            await asyncio.sleep(0.005)
        await bench.settle()
        assert bench.pool.size == 0
        assert bench.events("0001")[-2:] == ["evicted", "removed"]
        assert bench.reader.read()[-1]["memory_peak_bytes"] == 7
        _, facts = await bench.ask()
        assert (facts["unit"], facts["unit_request"]) == ("0002", 1)

    play(scene, keep_alive_s=0.02)


def test_a_busy_sandbox_is_not_evicted(play):
    async def scene(bench):
        await bench.ask()
        held = bench.begin(b"wait")
        await asyncio.sleep(0.1)
        assert bench.pool.size == 1
        bench.answer.set()
        assert (await held)[0] == "0001 2"

    play(scene, keep_alive_s=0.05)


def test_dropping_the_pool_makes_the_next_request_cold(play):
    async def scene(bench):
        held = [bench.begin(b"wait") for _ in range(3)]
        await bench.settle()
        bench.answer.set()
        await asyncio.gather(*held)
        assert await bench.pool.drop_all() == 3
        assert bench.pool.size == 0
        assert bench.events().count("removed") == 3
        assert bench.reader.living_units() == {}
        assert (await bench.ask())[1]["started_for_request"] is True
        assert await bench.pool.drop_all() == 1
        assert await bench.pool.drop_all() == 0

    play(scene)


def test_an_init_that_overruns_is_cut_off_and_repeated_once(play):
    async def scene(bench):
        bench.slow_inits = 1
        body, facts = await bench.ask()
        assert body == "0001 1"
        assert (facts["unit_request"], facts["started_for_request"]) == (1, True)
        sandbox = bench.sandboxes["0001"]
        assert (sandbox.starts, sandbox.kills) == (2, 1)
        kinds = bench.events("0001")
        assert kinds.count("init_timeout") == 1
        assert kinds.count("start") == 2
        assert (await bench.ask())[0] == "0001 2"

    play(scene, init_timeout_s=0.02)


def test_an_init_that_overruns_twice_ends_at_the_functions_own_limit(play):
    async def scene(bench):
        bench.slow_inits = 2
        body, _ = await bench.ask()
        assert json.loads(body)["errorType"] == "Sandbox.Timedout"
        assert bench.sandboxes["0001"].starts == 2
        assert bench.events("0001").count("init_timeout") == 1

    play(scene, init_timeout_s=0.02, timeout_s=0.02)


def test_a_timeout_kills_and_the_next_request_restarts_the_same_sandbox(play):
    async def scene(bench):
        body, facts = await bench.ask(b"hang")
        assert json.loads(body) == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": "RequestId: r-1 Error: Task timed out after 0.02 seconds",
        }
        assert facts["unit_request"] == 1
        assert bench.sandboxes["0001"].kills == 1
        assert "timed_out" in bench.events("0001")
        _, facts = await bench.ask()
        assert (facts["unit"], facts["unit_request"]) == ("0001", 2)
        assert "started_for_request" not in facts
        assert set(facts["spans_ns"]) == {"start"}
        assert bench.sandboxes["0001"].starts == 2
        assert (await bench.ask())[1]["spans_ns"] == {}

    play(scene, timeout_s=0.02)


def test_a_runtime_that_starts_again_after_a_time_out_counts_towards_the_next_requests_limit(play):
    async def scene(bench):
        await bench.ask(b"hang")
        bench.slow_inits = 10  # it never initialises again
        body, facts = await bench.ask()
        assert json.loads(body)["errorMessage"].endswith("Task timed out after 0.05 seconds")
        assert (facts["unit"], facts["unit_request"]) == ("0001", 2)
        assert bench.events("0001").count("timed_out") == 2
        assert "init_timeout" not in bench.events("0001"), "the limit of an init is that of a cold start"
        bench.slow_inits = 0
        assert (await bench.ask())[0] == "0001 1"

    play(scene, timeout_s=0.05)


def test_an_init_that_ended_in_time_and_was_heard_of_late_is_not_cut_off(play):
    async def scene(bench):
        bench.slow_inits = 1
        bench.late_mark = True
        assert (await bench.ask())[0] == "0001 1"
        assert "init_timeout" not in bench.events() and bench.sandboxes["0001"].starts == 1

    play(scene, init_timeout_s=0.02)


def test_a_log_reports_what_was_measured(play):
    async def scene(bench):
        bench.init_ends_in_requests = True
        cold, warm, late = (Passage(1, f"r-{n}", wants_log=True) for n in range(3))
        await bench.pool.invoke(b"x", cold)
        await bench.pool.invoke(b"x", warm)
        await bench.pool.invoke(b"hang", late)
        (ended,) = [event["at_ns"] for event in bench.reader.read() if event["kind"] == "init_end"]
        assert cold.report.init_ns == ended - cold.facts["asked_ns"] >= INIT_S * 1e9
        assert cold.report.duration_ns == cold.facts["answered_ns"] - ended
        assert warm.report.init_ns is None and warm.report.status is None
        assert warm.report.duration_ns == warm.facts["answered_ns"] - warm.facts["asked_ns"]
        assert late.report.status == "timeout" and late.report.duration_ns >= 50_000_000
        assert warm.report.memory_peak_bytes is None, "what nobody measured is absent"

    play(scene, timeout_s=0.05)


def test_a_crash_in_a_request_is_a_reset_of_the_same_sandbox(play):
    async def scene(bench):
        await bench.ask()
        assert (await bench.ask(b"crash"))[0] == "crashed"
        _, facts = await bench.ask()
        assert (facts["unit"], facts["unit_request"]) == ("0001", 3)
        assert set(facts["spans_ns"]) == {"start"}

    play(scene)


@pytest.mark.parametrize(("body", "kind"), [(b"die", SandboxDied), (b"break", RuntimeError)])
def test_a_sandbox_that_fails_is_removed_and_the_pool_recovers(play, body, kind):
    async def scene(bench):
        await bench.ask()
        with pytest.raises(kind):
            await bench.ask(body)
        assert bench.pool.size == 0
        await bench.settle()
        assert bench.events("0001")[-2:] == ["died", "removed"]
        assert (await bench.ask())[0] == "0002 1"

    play(scene)


def test_a_sandbox_that_cannot_be_made_is_removed(play):
    async def scene(bench):
        bench.refused.add("0001")
        with pytest.raises(SandboxDied, match="refused"):
            await bench.ask()
        assert bench.pool.size == 0
        assert (await bench.ask())[0] == "0002 1"

    play(scene)


def test_a_removal_that_fails_is_on_record(play):
    async def scene(bench):
        bench.sticky.add("0001")
        await bench.ask()
        await bench.pool.drop_all()
        removed = bench.reader.read()[-1]
        assert (removed["kind"], removed["error"]) == ("removed", "the engine does not answer")

    play(scene)


def test_a_caller_that_goes_away_takes_its_sandbox_with_it(play):
    async def scene(bench):
        held = bench.begin(b"wait")
        await bench.settle()
        held.cancel()
        with pytest.raises(asyncio.CancelledError):
            await held
        assert bench.pool.size == 0
        assert (await bench.ask())[0] == "0002 1"

    play(scene)


def test_closing_removes_busy_and_idle_alike(play):
    async def scene(bench):
        held = [bench.begin(b"wait"), bench.begin()]
        await bench.settle()
        await bench.pool.close()
        assert bench.pool.size == 0
        assert bench.events().count("removed") == 2
        bench.answer.set()
        await asyncio.gather(*held, return_exceptions=True)
        assert bench.pool.size == 0

    play(scene)


def test_a_closed_pool_starts_nothing(play):
    async def scene(bench):
        await bench.ask()
        await bench.pool.close()
        with pytest.raises(SandboxDied):
            await bench.ask()
        assert list(bench.sandboxes) == ["0001"]

    play(scene)


def test_closing_lets_nothing_start_that_is_still_being_made(play):
    async def scene(bench):
        bench.created.clear()
        held = bench.begin()
        await bench.settle()
        await bench.pool.close()
        bench.created.set()
        with pytest.raises(SandboxDied, match="ending"):
            await held
        assert bench.sandboxes["0001"].starts == 0

    play(scene)


def test_the_last_word_of_a_killed_runtime_does_not_end_the_next_ones_init(tmp_path):
    async def play():
        bench = Bench(tmp_path)
        sandbox = bench.new("0001", bench.log)
        sandbox.begun_ns = now_ns()
        sandbox._take_mark("init_end", sandbox.begun_ns - 1)
        assert not sandbox.init_ended.is_set()
        sandbox._take_mark("init_end", sandbox.begun_ns + 1)
        assert sandbox.init_ended.is_set()
        bench.log.close()

    asyncio.run(play())


def test_what_stands_by_was_started_for_nobody_and_is_reused_youngest_first(play):
    async def scene(bench):
        assert await bench.pool.stand_by([3.0, 0.5, 20.0], 0.0, b"x") == 3
        assert bench.pool.size == 3
        created = [event for event in bench.reader.read() if event["kind"] == "create"]
        assert [event["for_request"] for event in created] == [False] * 3
        assert all(sandbox.answered == 1 for sandbox in bench.sandboxes.values())
        first, second = bench.begin(b"wait"), bench.begin(b"wait")
        await bench.settle()
        bench.answer.set()
        for held in (first, second):
            _, facts = await held
            assert facts["unit_request"] == 2 and "started_for_request" not in facts
        assert bench.pool.size == 3

    play(scene)


def test_what_stands_by_expires_as_if_it_had_been_idle_for_so_long(play):
    async def scene(bench):
        await bench.pool.stand_by([59.95, 40.0, 70.0], 0.0, b"x")
        await asyncio.sleep(0.1)
        assert bench.pool.size == 3, "its time runs from the first request on, however long that takes to come"
        await bench.ask()
        assert bench.pool.size == 2, "70 s are more than the keep-alive"
        while bench.pool.size == 2:
            await asyncio.sleep(0.005)
        assert [event["unit"] for event in bench.reader.read() if event["kind"] == "evicted"] == ["0003", "0002"]

    play(scene, keep_alive_s=60)


def test_a_first_request_that_is_due_late_finds_what_has_expired_until_then_gone(play):
    async def scene(bench):
        await bench.pool.stand_by([1.0, 5.0], 57.0, b"x")
        _, facts = await bench.ask()
        assert facts["unit"] == "0001" and bench.pool.size == 1

    play(scene, keep_alive_s=60)


def test_one_that_is_busy_for_some_time_takes_no_request_until_then_and_counts(play, monkeypatch):
    async def scene(bench):
        assert await bench.pool.stand_by([-15.0, -30.0], 0.0, b"x") == 2
        first = bench.begin(b"wait")
        await bench.settle()
        with pytest.raises(Throttled, match="all 3 sandboxes are busy"):
            await bench.ask()
        monkeypatch.setattr(pool, "now_ns", lambda: now_ns() + 20_000_000_000)
        _, facts = await bench.ask()
        assert facts["unit_request"] == 2 and "started_for_request" not in facts, "the one that is free by now"
        bench.answer.set()
        assert (await first)[1]["started_for_request"] is True, "none was free"

    play(scene, concurrency_limit=3)


def test_one_that_was_busy_expires_after_it_is_free_though_no_request_comes(play):
    async def scene(bench):
        await bench.pool.stand_by([-0.05, 0.0], 0.0, b"x")
        held = bench.begin(b"wait")
        while bench.pool.size == 2:
            await asyncio.sleep(0.005)
        gone = [event["unit"] for event in bench.reader.read() if event["kind"] == "evicted"]
        assert gone == ["0001"], "the other one holds the request"
        bench.answer.set()
        await held

    play(scene, keep_alive_s=0.1)


def test_what_stands_by_expires_while_the_first_request_is_under_way(play):
    async def scene(bench):
        await bench.ask()  # whose sandbox a timer waits for, longer than for those that are older
        await bench.pool.stand_by([1.0, 59.9, 59.95], 0.0, b"x")
        held = bench.begin(b"wait")
        while bench.pool.size > 1:
            await asyncio.sleep(0.005)
        bench.answer.set()
        await held

    play(scene, keep_alive_s=60)


def test_those_that_only_count_as_busy_are_dropped_and_make_room_for_others(play):
    async def scene(bench):
        await bench.pool.stand_by([-30.0, -30.0, 1.0], 0.0, b"x")
        assert (await bench.ask())[1]["unit_request"] == 2
        assert await bench.pool.stand_by([0.0, -30.0], 0.0, b"x") == 2
        await bench.ask()
        assert await bench.pool.drop_all() == 2
        assert bench.pool.size == 0

    play(scene)


def test_standing_by_takes_over_what_is_there_and_ends_what_is_too_much(play):
    async def scene(bench):
        assert await bench.pool.stand_by([0.0], 0.0, b"x") == 1
        assert (await bench.ask())[0] == "0001 2"
        assert await bench.pool.stand_by([0.0, 1.0], 0.0, b"x") == 2
        assert list(bench.sandboxes) == ["0001", "0002"]
        assert await bench.pool.stand_by([], 0.0, b"x") == 0
        assert bench.pool.size == 0 and bench.reader.living_units() == {}
        assert (await bench.ask())[1]["started_for_request"] is True

    play(scene)


def test_no_more_than_two_are_started_at_once_beforehand(play):
    async def scene(bench):
        bench.started.clear()
        standing = asyncio.ensure_future(bench.pool.stand_by([0.0] * 5, 0.0, b"x"))
        await bench.settle()
        assert bench.events().count("create") == 2
        bench.started.set()
        assert await standing == 5

    play(scene)


def test_what_cannot_be_started_beforehand_does_not_stand_by(play):
    async def scene(bench):
        bench.refused.add("0002")
        assert await bench.pool.stand_by([1.0, 2.0, 3.0], 0.0, b"x") == 2
        assert bench.pool.size == 2
        assert await bench.pool.stand_by([0.0], 0.0, b"die") == 1, "one of those that answered is there"

    play(scene)


def test_what_answers_badly_beforehand_stands_by_all_the_same(play):
    async def scene(bench):
        assert await bench.pool.stand_by([0.0], 0.0, b"crash") == 1
        _, facts = await bench.ask()
        assert (facts["unit"], facts["unit_request"], set(facts["spans_ns"])) == ("0001", 2, {"start"})

    play(scene)


def test_more_than_may_be_or_beside_a_request_nothing_stands_by(play):
    async def scene(bench):
        with pytest.raises(ValueError, match="3 sandboxes cannot stand by: concurrency_limit is 2"):
            await bench.pool.stand_by([0.0] * 3, 0.0, b"x")
        held = bench.begin(b"wait")
        await bench.settle()
        with pytest.raises(ValueError, match="while requests are under way: 1 are"):
            await bench.pool.stand_by([0.0], 0.0, b"x")
        bench.answer.set()
        await held

    play(scene, concurrency_limit=2)


def test_dropping_the_pool_drops_what_stands_by(play):
    async def scene(bench):
        await bench.pool.stand_by([0.0, 0.0], 0.0, b"x")
        assert await bench.pool.drop_all() == 2
        assert (await bench.ask())[1]["started_for_request"] is True

    play(scene)


def test_closing_ends_what_stands_by_and_what_is_on_its_way_there(play):
    async def scene(bench):
        await bench.pool.stand_by([0.0], 0.0, b"x")
        bench.started.clear()
        standing = asyncio.ensure_future(bench.pool.stand_by([0.0] * 4, 0.0, b"x"))
        await bench.settle()
        await bench.pool.close()
        assert bench.pool.size == 0
        bench.started.set()
        await asyncio.gather(standing, return_exceptions=True)
        assert len(bench.sandboxes) == 3

    play(scene)
