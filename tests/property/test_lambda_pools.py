"""Lambda's rules against a naive model, which looks at everything that ever happened at each request."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from targets.rules.lambda_pool import START_WINDOW_NS, Decision, LambdaPool, PoolLimits


@dataclass
class Unit:
    number: int
    provisioned: bool
    idle_since_ns: int | None
    """None while it is busy."""
    used: int
    """Which of all moments it was last idle from, so that two of one nanosecond have an order."""


class Naive:
    """Scans lists; written from AWS's sentences and not from the rule's code."""

    def __init__(self, limits):
        self.limits = limits
        self.moments = 0
        self.units = [Unit(number, True, 0, self.tick()) for number in range(limits.provisioned)]
        self.made = limits.provisioned
        self.starts = []

    def tick(self):
        self.moments += 1
        return self.moments

    def gone(self, now_ns):
        old = [
            unit
            for unit in self.units
            if not unit.provisioned
            and unit.idle_since_ns is not None
            and now_ns - unit.idle_since_ns >= self.limits.keep_alive_ns
        ]
        self.units = [unit for unit in self.units if unit not in old]
        return [unit.number for unit in sorted(old, key=lambda unit: (unit.idle_since_ns, unit.used))]

    def take(self, now_ns):
        free = [unit for unit in self.units if unit.idle_since_ns is not None]
        if free:
            best = max(
                free,
                key=lambda unit: (
                    unit.provisioned,
                    0 if unit.provisioned else unit.idle_since_ns,
                    unit.used,
                ),
            )
            best.idle_since_ns = None
            return Decision.REUSE, best.number
        if len(self.units) >= self.limits.concurrency_limit:
            return Decision.THROTTLE_CONCURRENCY, None
        if sum(now_ns - start < START_WINDOW_NS for start in self.starts) >= self.limits.starts_per_10_s:
            return Decision.THROTTLE_STARTS, None
        self.starts.append(now_ns)
        return Decision.START, self.add(False, None)

    def add(self, provisioned, idle_since_ns):
        self.units.append(Unit(self.made, provisioned, idle_since_ns, self.tick()))
        self.made += 1
        return self.made - 1

    def find(self, number):
        return next(unit for unit in self.units if unit.number == number)


LIMITS = st.integers(0, 4).flatmap(
    lambda most: st.builds(
        PoolLimits,
        keep_alive_ns=st.sampled_from([0, 1, 7, START_WINDOW_NS // 2, 3 * START_WINDOW_NS]),
        concurrency_limit=st.just(most),
        starts_per_10_s=st.integers(0, 3),
        provisioned=st.integers(0, most),
    )
)
GAPS = st.sampled_from([0, 0, 1, 3, 7, START_WINDOW_NS // 2, START_WINDOW_NS // 2 + 1, START_WINDOW_NS])
STEPS = st.lists(st.tuples(st.sampled_from("ttteebla"), GAPS, st.integers(0, 9)), max_size=60)


@given(limits=LIMITS, steps=STEPS)
@settings(max_examples=400)
def test_the_rule_decides_as_the_naive_model_does(limits, steps):
    rule, naive, now_ns = LambdaPool(limits), Naive(limits), 0
    for step, gap_ns, pick in steps:
        now_ns += gap_ns
        assert rule.expire(now_ns) == naive.gone(now_ns)
        busy = [unit.number for unit in naive.units if unit.idle_since_ns is None]
        alive = [unit.number for unit in naive.units]
        if step == "t":
            taken = rule.take(now_ns)
            assert (taken.decision, taken.unit) == naive.take(now_ns)
        elif step in "eb" and busy:
            unit = naive.find(busy[pick % len(busy)])
            unit.idle_since_ns, unit.used = now_ns, naive.tick()
            rule.put_back(unit.number, now_ns)
        elif step == "l" and alive:
            lost = naive.find(alive[pick % len(alive)])
            naive.units.remove(lost)
            new = naive.add(True, now_ns) if lost.provisioned else None
            assert rule.lose(lost.number) == new
        elif step == "a" and len(alive) < limits.concurrency_limit:
            since_ns = now_ns - pick
            assert rule.adopt([since_ns]) == [naive.add(False, since_ns)]
        check_sizes(rule, naive)


def check_sizes(rule, naive):
    idle = [unit for unit in naive.units if unit.idle_since_ns is not None]
    expiring = [unit.idle_since_ns for unit in idle if not unit.provisioned]
    assert rule.size == len(naive.units)
    assert sorted(rule.idle) == sorted(unit.number for unit in idle)
    assert rule.next_expiry_ns == (min(expiring) + rule.limits.keep_alive_ns if expiring else None)
