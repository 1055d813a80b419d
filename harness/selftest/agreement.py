"""Before the rows are judged, their judges must agree: what was commanded, what was logged, what the ledger says.

Where the workload itself took longer than it was told to, the machine was busy: that is no contradiction, but times of
such a trial are no truth to measure by.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from harness.selftest.check import LEAST_MS, SHARE
from harness.selftest.testimony import Testimony

PHASE_SETTINGS = ("imports", "weights", "tokenizer", "connections")
LEAST_SLACK_MS = 0.2
"""A sleep may end so much early by another clock's reading."""


def disagreements(one: Testimony) -> Iterator[str]:
    """Every point in which two witnesses of a trial contradict each other."""
    yield from _commands(one)
    yield from _log(one)
    if one.engine is not None:
        yield from _engine(one)


def _commands(one: Testimony) -> Iterator[str]:
    """Settings and ledger: nothing but what was scheduled was handled, and nothing took less than it was told to."""
    if strange := sorted(one.handled.keys() - set(range(one.record.scheduled))):
        yield f"the ledger has requests that were not scheduled: {strange[:5]}"
    for request, over_ms in _handlers_over_ms(one).items():
        if over_ms < -LEAST_SLACK_MS:
            told_ms = one.commands[request].handler_ms
            yield f"request {request} was told to take {told_ms:.1f} ms and took {-over_ms:.1f} ms less"
    for name, told_ms, over_ms in _phases_over_ms(one):
        if over_ms < -_allowed_ms(told_ms):
            yield f"{name} was told to take {told_ms:.1f} ms and took {-over_ms:.1f} ms less, by the median"


def overruns(one: Testimony) -> Iterator[str]:
    """Where the ledger shows that the workload took longer than commanded, which only a busy machine does to it."""
    over_ms = list(_handlers_over_ms(one).values())
    if over_ms and float(np.median(over_ms)) > LEAST_MS:
        yield f"requests took {np.median(over_ms):.1f} ms longer than they were told to, by the median"
    for name, told_ms, phase_over_ms in _phases_over_ms(one):
        if phase_over_ms > _allowed_ms(told_ms):
            yield f"{name} was told to take {told_ms:.1f} ms and took {phase_over_ms:.1f} ms more, by the median"


def _handlers_over_ms(one: Testimony) -> dict[int, float]:
    """By request: how much longer its handler took than commanded."""
    over_ms = {}
    for request in one.answered - one.told_to("hang"):
        handled = one.handled[request][1]
        assert handled.ended_ns is not None
        over_ms[request] = (handled.ended_ns - handled.begun_ns) / 1e6 - one.commands[request].handler_ms
    return over_ms


def _phases_over_ms(one: Testimony) -> Iterator[tuple[str, float, float]]:
    """Part of a start, its commanded time, how much longer it took by the median."""
    usual = [life for life in one.lives if int(life.unit) not in one.settings.slow_starts]
    for name in PHASE_SETTINGS:
        told_ms = getattr(one.settings, f"{name}_ms")
        found_ms = [life.phases_ms[name] for life in usual if name in life.phases_ms]
        if found_ms and told_ms:
            yield name, told_ms, float(np.median(found_ms)) - told_ms


def _allowed_ms(told_ms: float) -> float:
    return max(SHARE * told_ms, LEAST_MS)


def _log(one: Testimony) -> Iterator[str]:
    """The deployment's log and the ledger: each life is of a unit that was started, in a process that was."""
    started = Counter(event["unit"] for event in one.events if event["kind"] == "started")
    pids = {(event["unit"], event.get("pid")) for event in one.events if event["kind"] == "started"}
    for life in one.lives:
        if life.unit not in started:
            yield f"unit {life.unit} has a ledger, but was never started"
        elif one.engine is None and (life.unit, life.pid) not in pids:
            yield f"process {life.pid} of unit {life.unit} has a ledger, but was never started"
    if silent := sorted({unit for unit, n in started.items() if n} - {life.unit for life in one.lives} - _ended(one)):
        yield f"units were started and left no ledger: {silent}"


def _ended(one: Testimony) -> set[str]:
    """Units that were removed in the midst of their first start, so that no line of their code ran."""
    ready = {event["unit"] for event in one.events if event["kind"] in ("init_begin", "ready")}
    return {event["unit"] for event in one.events if event["kind"] == "removed"} - ready


def _engine(one: Testimony) -> Iterator[str]:
    """The engine's events and the deployment's log: the same containers, started equally often, all destroyed."""
    assert one.engine is not None
    created = {event["container"]: event["unit"] for event in one.events if event["kind"] == "created"}
    started = Counter(event["unit"] for event in one.events if event["kind"] == "started")
    for container, unit in created.items():
        actions = Counter(one.engine.get(container, []))
        if actions["create"] != 1 or actions["destroy"] != 1:
            yield f"unit {unit} was logged as created once, the engine says {dict(actions)}"
        if actions["start"] != started[unit]:
            yield f"unit {unit} was logged as started {started[unit]} times, the engine says {actions['start']}"
