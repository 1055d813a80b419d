"""Before the rows are judged, their judges must agree: what was commanded, what was logged, what the ledger says.

Where the workload itself took longer than commanded, times of such a trial are no truth to measure by. That is no
contradiction: the machine may have been busy. Whether it was, others must say (`examination`).
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from harness.selftest.check import LEAST_MS, SHARE
from harness.selftest.testimony import Testimony

PHASE_SETTINGS = ("imports", "weights", "tokenizer", "connections")
LEAST_SLACK_MS = 0.2
"""A sleep may end so much early by another clock's reading."""


def disagreements(testimony: Testimony) -> Iterator[str]:
    """Every point in which two witnesses of a trial contradict each other."""
    yield from _compare_commands(testimony)
    yield from _compare_log(testimony)
    if testimony.engine is not None:
        yield from _compare_engine(testimony)


def _compare_commands(testimony: Testimony) -> Iterator[str]:
    """Settings and ledger: nothing but what was scheduled was handled, and nothing took less than it was told to."""
    if strange := sorted(testimony.handled.keys() - set(range(testimony.record.scheduled))):
        yield f"the ledger has requests that were not scheduled: {strange[:5]}"
    for request, over_ms in _handlers_over_ms(testimony).items():
        if over_ms < -LEAST_SLACK_MS:
            commanded_ms = testimony.commands[request].handler_ms
            yield f"request {request} was told to take {commanded_ms:.1f} ms and took {-over_ms:.1f} ms less"
    for name, commanded_ms, over_ms in _phases_over_ms(testimony):
        if over_ms < -_tolerance_ms(commanded_ms):
            yield f"{name} was told to take {commanded_ms:.1f} ms and took {-over_ms:.1f} ms less, by the median"


def overruns(testimony: Testimony) -> Iterator[str]:
    """Where the ledger shows that the workload took longer than commanded."""
    over_ms = list(_handlers_over_ms(testimony).values())
    if over_ms and float(np.median(over_ms)) > LEAST_MS:
        yield f"requests took {np.median(over_ms):.1f} ms longer than they were told to, by the median"
    for name, commanded_ms, phase_over_ms in _phases_over_ms(testimony):
        if phase_over_ms > _tolerance_ms(commanded_ms):
            yield f"{name} was told to take {commanded_ms:.1f} ms and took {phase_over_ms:.1f} ms more, by the median"


def _handlers_over_ms(testimony: Testimony) -> dict[int, float]:
    """For each request how much longer its handler took than commanded."""
    over_ms = {}
    for request in testimony.ended - testimony.requests_with("hang"):
        handled = testimony.handled[request][1]
        assert handled.ended_ns is not None
        over_ms[request] = (handled.ended_ns - handled.begun_ns) / 1e6 - testimony.commands[request].handler_ms
    return over_ms


def _phases_over_ms(testimony: Testimony) -> Iterator[tuple[str, float, float]]:
    """Part of a start, its commanded time, how much longer it took by the median."""
    usual = [life for life in testimony.lives if int(life.unit) not in testimony.settings.slow_starts]
    for name in PHASE_SETTINGS:
        commanded_ms = getattr(testimony.settings, f"{name}_ms")
        took_ms = [life.phases_ms[name] for life in usual if name in life.phases_ms]
        if took_ms and commanded_ms:
            yield name, commanded_ms, float(np.median(took_ms)) - commanded_ms


def _tolerance_ms(commanded_ms: float) -> float:
    return max(SHARE * commanded_ms, LEAST_MS)


def _compare_log(testimony: Testimony) -> Iterator[str]:
    """The deployment's log and the ledger: each life is of a unit that was started, in a process that was."""
    started = Counter(event["unit"] for event in testimony.events if event["kind"] == "started")
    pids = {(event["unit"], event.get("pid")) for event in testimony.events if event["kind"] == "started"}
    for life in testimony.lives:
        if life.unit not in started:
            yield f"unit {life.unit} has a ledger, but was never started"
        elif testimony.engine is None and (life.unit, life.pid) not in pids:
            yield f"process {life.pid} of unit {life.unit} has a ledger, but was never started"
    if silent := sorted(
        {unit for unit, n in started.items() if n}
        - {life.unit for life in testimony.lives}
        - _units_without_code(testimony)
    ):
        yield f"units were started and left no ledger: {silent}"


def _units_without_code(testimony: Testimony) -> set[str]:
    """Units that were removed in the midst of their first start, so that no line of their code ran."""
    ready = {event["unit"] for event in testimony.events if event["kind"] in ("init_begin", "ready")}
    return {event["unit"] for event in testimony.events if event["kind"] == "removed"} - ready


def _compare_engine(testimony: Testimony) -> Iterator[str]:
    """The engine's events and the deployment's log: the same containers, started equally often, all destroyed."""
    assert testimony.engine is not None
    units_by_container = {event["container"]: event["unit"] for event in testimony.events if event["kind"] == "created"}
    started = Counter(event["unit"] for event in testimony.events if event["kind"] == "started")
    for container, unit in units_by_container.items():
        actions = Counter(testimony.engine.get(container, []))
        if actions["create"] != 1 or actions["destroy"] != 1:
            yield f"unit {unit} was logged as created once, the engine says {dict(actions)}"
        if actions["start"] != started[unit]:
            yield f"unit {unit} was logged as started {started[unit]} times, the engine says {actions['start']}"
