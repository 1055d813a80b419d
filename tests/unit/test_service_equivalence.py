"""The service's loop beside a naive one that looks at every replica at every moment, under rules that want anything."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from harness.forecast import service_loop
from harness.forecast.service_loop import run_service
from targets import rules

SETTINGS, REQUESTS = 25, 120
NS = 10**9


@dataclass
class Whim:
    """Wants what was drawn for its tick; keeps what it is told."""

    wants: list[int]
    first: int
    tick_s: float
    wakes: bool
    rests: bool = False
    seen: list[Any] = field(default_factory=list)

    def scaler(self):
        return self

    def decide(self, seen):
        self.seen.append(seen)
        return self.wants[len(self.seen) - 1]


@dataclass
class Replica:
    asked: int
    ready: int
    going: int | None = None
    gone: int | None = None
    slots: list[tuple[int, int] | None] = field(default_factory=list)
    """Since when each is free and its place among those; None while it serves."""

    def serves(self, now):
        return self.ready <= now and self.going is None


@dataclass
class Naive:
    """One moment after the other, nothing kept sorted."""

    arrivals: list[int]
    service: list[int]
    rule: Whim
    slots: int
    starts: list[int]
    drain: int
    end: int

    def run(self):
        self.replicas, self.served, self.waiting, self.ends = [], {}, [], []
        self.turn, self.opened, self.cold = 0, set(), []
        for _ in range(self.rule.first):
            self.ask(0, 0)
        pending, tick, number = list(enumerate(self.arrivals)), int(self.rule.tick_s * NS), 0
        next_tick = tick
        self.open(0)
        while True:
            moments = [next_tick, *(at for _, at in pending[:1]), *(end for end, *_ in self.ends)]
            moments += [one.ready for one in self.replicas if id(one) not in self.opened and one.going is None]
            now = min(moments)
            if now > self.end + (3600 * NS if pending or self.waiting else 0):
                return self
            if any(end == now for end, *_ in self.ends):
                self.answer(now)
            elif self.open(now):
                pass
            elif pending and pending[0][1] == now:
                self.arrive(now, pending.pop(0)[0])
            else:
                self.scale(now, self.rule.wants[number])
                number, next_tick = number + 1, next_tick + tick
            self.serve(now)

    def ask(self, now, delay):
        self.replicas.append(Replica(now, now + delay))

    def started(self):
        return len(self.replicas) - self.rule.first

    def open(self, now):
        opening = [one for one in self.replicas if one.serves(now) and id(one) not in self.opened]
        if not self.replicas or not opening:
            return False
        rounds = opening if now == 0 and len(self.opened) == 0 else opening[:1]
        self.opened |= {id(one) for one in rounds}
        for _ in range(self.slots):
            for one in rounds:
                one.slots.append(self.freed(now))
        return True

    def freed(self, now):
        self.turn += 1
        return now, self.turn

    def answer(self, now):
        end, number, slot = min(self.ends)
        self.ends.remove((end, number, slot))
        one = self.replicas[number]
        one.slots[slot] = self.freed(now)
        if one.going is not None and all(one.slots):
            one.gone = now + self.drain

    def arrive(self, now, request):
        self.cold.append(not any(one.serves(now) for one in self.replicas))
        self.waiting.append(request)
        if self.rule.wakes and all(one.going is not None for one in self.replicas):
            self.ask(now, self.starts[self.started() % len(self.starts)])

    def scale(self, now, wanted):
        if self.rule.wakes and self.waiting:
            wanted = max(wanted, 1)
        staying = [one for one in self.replicas if one.going is None]
        for _ in range(wanted - len(staying)):
            self.ask(now, self.starts[self.started() % len(self.starts)])
        starting_last = sorted(range(len(staying)), key=lambda at: (staying[at].ready > now, at))
        for at in starting_last[wanted:]:
            one = staying[at]
            one.going = now
            if all(one.slots):
                one.gone = now if one.ready > now else now + self.drain

    def serve(self, now):
        while self.waiting:
            free = [
                (since, number, slot)
                for number, one in enumerate(self.replicas)
                if one.serves(now)
                for slot, since in enumerate(one.slots)
                if since
            ]
            if not free:
                return
            _, number, slot = min(free)
            request = self.waiting.pop(0)
            self.replicas[number].slots[slot] = None
            self.served[request] = (now, now + self.service[request], number)
            self.ends.append((now + self.service[request], number, slot))


def drawn(seed):
    """Moments on a grid of a quarter of a second, so that many coincide."""
    rng = np.random.default_rng([12, seed])
    gap = rng.choice([0.25, 1.0, 4.0])
    arrivals = np.cumsum(rng.geometric(min(0.25 / gap, 1), REQUESTS) - 1)
    service = rng.geometric(0.25 / rng.choice([0.25, 1.0, 5.0]), REQUESTS) - rng.integers(0, 2)
    most, end = int(rng.choice([1, 3, 8])), int(arrivals[-1]) + int(rng.integers(0, 200))
    wants = rng.integers(0, most, 9000, endpoint=True) * (rng.random(9000) < rng.choice([0.0, 0.5, 0.9, 0.9]))
    wants = np.repeat(wants, rng.integers(1, 5))
    rule = Whim(wants.tolist(), int(rng.integers(0, 3)), float(rng.choice([1.0, 5.0, 15.0])), bool(rng.integers(0, 2)))
    starts = rng.integers(0, 20, int(rng.integers(1, 4)))
    quarters = (arrivals, service, starts, np.array([rng.integers(0, 10), end]))
    return rule, int(rng.integers(1, 4)), [values * (NS // 4) for values in quarters]


def overlap(spans, begin, end):
    return sum(max(min(until, end) - max(since, begin), 0) for since, until in spans)


def test_the_service_goes_as_a_naive_one_does_compiled_and_plain(monkeypatch):
    unserved = drained = woken = 0
    for seed in range(SETTINGS):
        where, (rule, slots, drawn_ns) = f"setting {seed}", drawn(seed)
        arrivals, service, starts, (drain, end) = drawn_ns
        requests = (arrivals.tolist(), service.tolist())
        naive = Naive(*requests, rule, slots, starts.tolist(), int(drain), int(end)).run()
        begun = np.array([naive.served.get(request, (np.inf,))[0] for request in range(REQUESTS)])
        spans = [(one.asked, end if one.gone is None else one.gone) for one in naive.replicas]
        hours = [overlap(spans, at, min(at + 3600 * NS, end)) / NS for at in range(0, int(end), 3600 * NS)]
        for serve in (service_loop._serve, service_loop._serve.plain):
            rule.seen = []
            with monkeypatch.context() as patched:
                patched.setattr(service_loop, "_serve", serve)
                patched.setattr(service_loop, "FREE_KEPT", 1)  # which what is compiled has long taken in
                ours = run_service(*(arrivals / NS, service / NS, rule, slots, starts / NS, drain / NS), end / NS)
            np.testing.assert_array_equal(ours.queue_s, (begun - arrivals) / NS, where)
            np.testing.assert_array_equal(ours.cold, naive.cold, where)
            assert ours.replica_s_by_hour.tolist() == pytest.approx(hours, abs=1e-6), where
            assert ours.starts == sum(one.asked <= end for one in naive.replicas[rule.first :]), where
            check_seen(rule, naive, where)
        unserved += int(np.isinf(ours.latency_s).sum())
        drained += sum(one.gone is not None and one.gone > one.going for one in naive.replicas)
        woken += sum(one.asked in requests[0] for one in naive.replicas)
    assert unserved and drained and woken, "the settings leave nothing out"


@dataclass
class Restless:
    """The same rule, whose scaler is asked at every tick."""

    rule: Any
    ticks: int = 0

    def __getattr__(self, name):
        return getattr(self.rule, name)

    def scaler(self):
        self.inner = self.rule.scaler()
        return self

    rests = False

    def decide(self, seen):
        self.ticks += 1
        return self.inner.decide(seen)


@pytest.mark.parametrize("name", [name for name in rules.rule_names() if name != "fixed-replicas"])
def test_the_ticks_that_a_platform_s_scaler_lets_be_passed_over_change_nothing(name):
    rng = np.random.default_rng(13)
    arrivals = np.cumsum(rng.choice([0.01, 3.0, 700.0], 500, p=[0.7, 0.2, 0.1]) * rng.exponential(1, 500))
    rule, busy_s = rules.parse(name, {}), rng.exponential(5.0, 500)
    for restful in (rule, rule.at_least(2)):
        restless = Restless(restful)
        ours, every = (
            run_service(arrivals, busy_s, one, 2, [7.0, 20.0, 1.0], 10.0, 1e5) for one in (restful, restless)
        )
        np.testing.assert_array_equal(ours.queue_s, every.queue_s)
        np.testing.assert_allclose(ours.replica_s_by_hour, every.replica_s_by_hour)
        assert (ours.starts, ours.peak) == (every.starts, every.peak)
        assert restless.ticks == 1e5 // rule.tick_s


def check_seen(rule, naive, where):
    """What was told at ticks is what lies in their time, by the requests and replicas as they were in the end."""
    tick = int(rule.tick_s * NS)
    there = [(one.ready, np.inf if one.going is None else one.going) for one in naive.replicas]
    there = [(since, until) for since, until in there if since <= until]
    system = [(at, naive.served.get(request, (0, np.inf))[1]) for request, at in enumerate(naive.arrivals)]
    on_ready = [
        (since, min(until, naive.replicas[number].going or np.inf)) for since, until, number in naive.served.values()
    ]
    for number, seen in enumerate(rule.seen[:20], 1):
        begin, end = (number - 1) * tick, number * tick
        ready = overlap(there, begin, end) * naive.slots
        assert seen.now_s == end / NS, where
        assert seen.concurrency == pytest.approx(overlap(system, begin, end) / tick), where
        assert seen.requests == sum(begin < at <= end or at == number - 1 == 0 for at in naive.arrivals), where
        assert seen.utilisation == pytest.approx(overlap(on_ready, begin, end) / ready if ready else 0.0), where
        if min(naive.starts) > 0:  # else what the scaler then asked for is ready, and serves, at its very moment
            assert seen.queued + seen.serving == sum(since <= end < until for since, until in system), where
            assert seen.ready == sum(since <= end <= until for since, until in there), where
