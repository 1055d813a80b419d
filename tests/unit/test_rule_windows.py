"""What scalers remember, held against lists that keep everything; and an HPA against one that forgets nothing."""

import math
import random

import pytest

from targets.rules.contract import Seen
from targets.rules.hpa import Hpa
from targets.rules.windows import Highest, Mean, round_up


@pytest.mark.parametrize("window_s", [0.0, 15.0, 40.0, 300.0], ids=str)
def test_the_highest_is_of_what_is_younger_than_the_window(window_s):
    draw, window, told = random.Random(1), Highest(window_s), []
    now_s = 0.0
    for _ in range(3000):
        now_s += draw.choice([0.0, 5.0, 15.0, 15.0, 400.0])
        told.append((now_s, draw.randrange(9)))
        younger = [value for at_s, value in told if at_s > now_s - window_s]
        assert window.of(*told[-1]) == max([told[-1][1], *younger])


def test_the_mean_is_over_the_ticks_of_a_window_or_those_there_are():
    draw, window, told = random.Random(2), Mean(60.0, 5.0), []
    for _ in range(500):
        told.append(draw.choice([0.0, draw.random()]))
        assert window.of(told[-1]) == pytest.approx(sum(told[-12:]) / len(told[-12:]))
    window.of(1.0)
    for _ in range(12):
        assert not window.empty
        window.of(0.0)
    assert window.empty
    window.forget()
    assert window.of(3.0) == 3.0


@pytest.mark.parametrize(
    ("amount", "known"), [(0.0, 0), (1e-12, 1), (0.1 * 3 / 0.1, 3), (3.0001, 4), (7.0, 7), (0.7 / 0.1, 7)], ids=str
)
def test_the_last_bits_of_a_division_ask_for_no_replica_and_the_least_traffic_does(amount, known):
    assert round_up(amount) == known


class PlainHpa:
    """The controller as its code reads: every recommendation and every change is kept and searched."""

    def __init__(self, rule):
        self.rule, self.recommended, self.changes, self.ready = rule, [], [], None

    def decide(self, seen):
        rule, now_s, current = self.rule, seen.now_s, seen.ready + seen.starting
        measured = seen.ready if self.ready is None else min(self.ready, seen.ready)
        self.ready = seen.ready
        raw = self.raw(measured, current, seen.utilisation / rule.target_utilisation)
        self.recommended += [(now_s, raw)] if self.recommended else [(now_s, current), (now_s, raw)]
        wanted = raw
        if raw < current:
            window = [value for at_s, value in self.recommended if at_s > now_s - rule.down_stabilisation_s]
            wanted = min(current, max([*window, raw]))
        elif raw > current:
            added = sum(change for at_s, change in self.changes if at_s > now_s - 15.0)
            start = current - added
            wanted = min(raw, max(current, start + 4, math.ceil(start * 2.0)))
        wanted = min(rule.max_replicas, max(rule.min_replicas, wanted))
        self.changes += [(now_s, wanted - current)] if wanted > current else []
        return wanted

    def raw(self, measured, current, ratio):
        tolerance = self.rule.tolerance + 1e-9
        if not measured:
            return current
        if not (ratio > 1 and measured < current):
            return current if abs(1 - ratio) <= tolerance else math.ceil(ratio * measured * (1 - 1e-9))
        again = ratio * measured / current
        if again < 1 or abs(1 - again) <= tolerance:
            return current
        return max(current, math.ceil(again * current * (1 - 1e-9)))


@pytest.mark.parametrize("sync_period_s", [5.0, 15.0, 30.0], ids=str)
@pytest.mark.parametrize("down_stabilisation_s", [0.0, 60.0, 300.0], ids=str)
def test_an_hpa_decides_as_one_that_keeps_everything(sync_period_s, down_stabilisation_s):
    draw = random.Random(3)
    rule = Hpa(0.5, 2, 60, sync_period_s=sync_period_s, down_stabilisation_s=down_stabilisation_s)
    scaler, plain, wanted, ready, load = rule.scaler(), PlainHpa(rule), rule.first, rule.first, 1.0
    for tick in range(1, 1500):
        load = draw.choice([load, load, load, draw.uniform(0, 40), 0.0])
        ready = draw.choice([ready, wanted]) if wanted >= ready else wanted
        utilisation = min(1.0, load / ready) if ready else 0.0
        seen = Seen(tick * sync_period_s, load, 0, utilisation, 0, 0, ready, wanted - ready)
        wanted = scaler.decide(seen)
        assert wanted == plain.decide(seen), tick
