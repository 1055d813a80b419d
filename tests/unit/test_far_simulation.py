"""2,000 requests at a platform whose clock is off by 300 s and drifts by 200 ppm, with the truth beside them."""

import json
import random
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from harness.load.process import Sent
from harness.measure.rows.judge import Judge
from harness.record.columns import phase_column
from targets.contract import Witnessed
from targets.workloads.echo import WORKLOAD
from tests.envelopes import FAR, MS, arrival, body_of

REQUESTS = 2_000
WAYS = ("warm", "cold", "cold_reinit", "proactive", "restored", "provisioned", "crash", "stillborn", "caught")
"""stillborn: a unit that is started for a request crashes in it. caught: one that the platform began by itself, a
moment before a request was sent that then waited for it."""
WEIGHTS = (60, 12, 6, 8, 3, 3, 8, 5, 5)


@dataclass
class Far:
    """A clock of its own, and units that each do one thing at a time."""

    draw: random.Random
    ahead_ns: int
    ppm: int
    units: int = 0
    idle: list[tuple[str, int]] = field(default_factory=list)
    """Units that run: name and invocations so far."""
    crashed: list[str] = field(default_factory=list)

    def shows(self, true_ns: int) -> int:
        """What its clock shows at a moment of ours."""
        return true_ns + self.ahead_ns + true_ns * self.ppm // 1_000_000

    def some(self, low_ms: float, high_ms: float) -> int:
        return int(self.draw.uniform(low_ms, high_ms) * MS)

    def ask(self, index: int, sent_ns: int):
        """One request: (its arrival, its witness, what it met)."""
        way = self.draw.choices(WAYS, WEIGHTS)[0]
        came_ns = sent_ns + self.some(0.2, 30)
        if way == "crash" and self.idle:
            return self._crash(index, sent_ns, came_ns)
        if way == "stillborn":
            self.units += 1
            self.idle.append((f"unit-{self.units}", 0))
            return self._crash(index, sent_ns, came_ns, "cold")
        if self.crashed and self.draw.random() < 0.3:
            return self._start(index, sent_ns, came_ns, "reset")
        if way in ("warm", "crash"):
            return self._warm(index, sent_ns, came_ns) if self.idle else self._start(index, sent_ns, came_ns, "cold")
        return self._start(index, sent_ns, came_ns, way)

    def _crash(self, index, sent_ns, came_ns, truth="warm"):
        unit, _ = self.idle.pop()
        self.crashed.append(unit)
        done_ns = came_ns + self.some(1, 50)
        body = json.dumps({"errorType": "Runtime.ExitError", "errorMessage": unit}).encode()
        return arrival(index, body, **stamps(index, sent_ns, done_ns)), word(index, unit, truth), truth

    def _warm(self, index, sent_ns, came_ns):
        unit, invocations = self.idle.pop(self.draw.randrange(len(self.idle)))
        return self._answer(index, sent_ns, came_ns, unit, invocations + 1, {}, "warm")

    def _start(self, index, sent_ns, came_ns, way):
        self.units += 1
        unit = self.crashed.pop() if way == "reset" else f"unit-{self.units}"
        init_ns, boot_ns = self.some(20, 3_000), self.some(15, 60)
        entered_ns = came_ns + boot_ns + (self.some(0, 10_000) if way == "cold_reinit" else 0)
        told = {"spent_ns": self.some(0, 3)}
        if way in ("reset", "cold_reinit"):
            told = {"spent_ns": boot_ns + init_ns + self.some(0, 1)}
        elif way in ("proactive", "restored", "provisioned"):
            entered_ns = sent_ns - init_ns - self.some(40, 60_000)
            told |= {"initialization": {"restored": "snap-start", "provisioned": "provisioned-concurrency"}.get(way)}
        elif way == "caught":
            entered_ns = sent_ns - self.some(1, 20)
        begun_ns = max(came_ns, entered_ns + init_ns)
        init = {"entered_ns": self.shows(entered_ns), "phases_ns": {"weights": int(init_ns * (1 + self.ppm / 1e6))}}
        truth = "proactive" if way in ("provisioned", "caught") else way
        return self._answer(index, sent_ns, begun_ns, unit, 1, {"init": init, **told}, truth)

    def _answer(self, index, sent_ns, begun_ns, unit, invocation, told, truth):
        ended_ns = begun_ns + self.some(0.1, 40)
        self.idle.append((unit, invocation))
        own = {"unit": unit, "clock": "theirs", "invocation": invocation, **told}
        own |= {"begun_ns": self.shows(begun_ns), "ended_ns": self.shows(ended_ns)}
        stamped = stamps(index, sent_ns, ended_ns + self.some(0.2, 30))
        return arrival(index, body_of(own, index), **stamped), word(index, unit, truth), truth


def stamps(index, sent_ns, done_ns):
    return {"scheduled_ns": sent_ns, "sent_ns": sent_ns, "done_ns": done_ns, "request_id": f"r{index}"}


def word(index, unit, kind):
    return Witnessed(f"r{index}", unit, kind, billed_ns=(index + 1) * MS, phases_ns={"boot": 9 * MS})


def simulate(seed, ahead_s=300, ppm=200):
    far = Far(random.Random(seed), int(ahead_s * 1e9), ppm)
    moment_ns, told = 100_000 * MS, []
    for index in range(REQUESTS):
        moment_ns += far.some(5, 200)
        told.append(far.ask(index, moment_ns))
        moment_ns = max(moment_ns, told[-1][0].done_ns)
    arrivals, witnesses, truth = (list(column) for column in zip(*told, strict=True))
    sent = Sent.of(0, arrivals)
    sent.records["started_ns"] = sent.records["sent_ns"]
    return sent, witnesses, truth


def judged(sent, witnesses):
    it = Judge(WORKLOAD, False, FAR, None, witnesses).judge(sent)
    check_times(it)
    return it


def check_times(it):
    """No duration is negative, and where a start has parts they are the whole of its wait."""
    rows = it.requests
    assert min(rows["handler_ns"].drop_null().to_pylist()) >= 0
    parts = [rows[phase_column(name)].fill_null(0).to_numpy() for name in it.phases]
    assert min(part.min() for part in parts) >= 0
    split = rows[phase_column("unaccounted")].is_valid().to_numpy()
    wall = rows["done_ns"].to_numpy() - rows["scheduled_ns"].to_numpy()
    assert np.array_equal(sum(parts)[split], wall[split])
    assert split.sum() > 100


@pytest.mark.parametrize(("ahead_s", "ppm"), [(300, 200), (0, 0), (5e6, -200), (300, 900)])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_class_is_wrong_whatever_the_clock_and_however_many_witnesses_came(seed, ahead_s, ppm):
    sent, witnesses, truth = simulate(seed, ahead_s, ppm)
    assert {kind: truth.count(kind) > 20 for kind in set(truth)} == dict.fromkeys(set(truth), True)
    it = judged(sent, witnesses[::-1])
    assert it.requests["start_class"].to_pylist() == truth
    assert it.witnessed.model_dump() == {"expected": REQUESTS, "came": REQUESTS, "disagree": 0, "strangers": 0}
    assert sum(it.requests["billed_ns"].to_pylist()) == sum(witness.billed_ns for witness in witnesses)


def wrong_rows(it, truth):
    """Rows of a class that is not what was met; no class is not a wrong one."""
    kinds = it.requests["start_class"].to_pylist()
    return {row for row, (kind, true) in enumerate(zip(kinds, truth, strict=True)) if kind not in (None, true)}


@pytest.mark.parametrize("share", [0, 0.5])
def test_without_its_witness_what_answered_is_classed_right_but_for_what_is_counted_as_open(share):
    """A reset after an end that nobody saw, and a unit that was begun a moment before its request was sent."""
    sent, witnesses, truth = simulate(3)
    it = judged(sent, [witness for witness in witnesses if random.Random(witness.request_id).random() < share])
    kinds, outcomes = it.requests["start_class"].to_pylist(), it.requests["outcome"].to_pylist()
    untold = it.requests["start_type"].is_null().to_pylist()
    failed = [kind for kind, outcome, no in zip(kinds, outcomes, untold, strict=True) if no and outcome == "failed"]
    assert failed and set(failed) == {None}
    wrong = wrong_rows(it, truth)
    assert {(kinds[row], truth[row]) for row in wrong} == {("cold_reinit", "reset"), ("cold", "proactive")}
    assert wrong <= set(it.open_rows)
    assert len(it.open_rows) < sum(kind != "warm" for kind in truth)


def test_a_platform_that_lies_is_found_out_wherever_the_evidence_is_proof():
    sent, witnesses, truth = simulate(4)
    lies = [
        replace(witness, start_type="warm" if kind != "warm" else "cold")
        for witness, kind in zip(witnesses, truth, strict=True)
    ]
    it = judged(sent, lies)
    answered = [outcome == "ok" for outcome in it.requests["outcome"].to_pylist()]
    assert it.witnessed.disagree == sum(answered)
    assert wrong_rows(it, truth) & set(np.flatnonzero(answered)) <= set(it.open_rows)
