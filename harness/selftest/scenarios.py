"""What the self-test carries out on a target, by its kind and its capabilities, and which checks judge it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from harness.selftest.answers import answers
from harness.selftest.bills import bills, bills_sample
from harness.selftest.check import Check
from harness.selftest.crowd import CROWD, crowd_of_function, crowd_of_service, queue_of_function
from harness.selftest.reality import forecast_holds
from harness.selftest.starts import BARE, TIMED, classes, durations, memory, phases, sample_size, starts, sums
from harness.selftest.testimony import Exam
from harness.selftest.traffic import conservation, handler_times, out_of_memory, outcomes
from harness.selftest.verdicts import HANDLER_MS, ONE, OTHER, PLANTED, PLANTED_RATIO, verdicts
from targets.contract import Capabilities, Target

Judge = Callable[[Exam], Iterator[Check]]
MODEL = "known-truth"
FORECAST = "forecast"
"""Name of the scenario that takes half an hour."""
LEAST_REQUESTS = 2000
HANG_MS = {"function": 8000, "service": 1300}
"""On a service every later request waits for it, so it is short, and so is the client's patience."""
TIMED_SETTINGS = {"imports_ms": 800, "weights_ms": 250, "tokenizer_ms": 120, "connections_ms": 100, "memory_mb": 192}


@dataclass(frozen=True)
class Scenario:
    """An experiment of known-truth workloads with the checks that are made on it."""

    name: str
    fields: dict[str, Any]
    judges: tuple[Judge, ...]
    timed: bool = True
    """Whether times are judged, so that a busy machine spoils it; counts are the same on any machine."""
    awaited: bool = True
    """Whether it says something only where each reply is waited for, and tells which unit it met."""
    witnessed: bool = True
    """Whether the workload's ledger and the engine are asked: they know every request, also those before the trial."""
    by_name: bool = False
    """Whether it is carried out only where it is asked for by its name, for it takes long."""

    def experiment(self, target: str) -> dict[str, Any]:
        """The whole experiment for one target."""
        defaults = {
            "name": f"selftest-{self.name}",
            "question": "Does Frostline measure what is known beforehand?",
            "targets": [target],
            "rounds": 1,
            "cold_starts": 0,
            "begin": "empty",
            "seed": 7,
        }
        return defaults | self.fields

    def misfit(self, target: Target) -> str | None:
        """Why nothing can be said of this target by it; None where it fits."""
        if self.witnessed and len(target.parts) > 1:
            return "the workload's ledger knows units of one part, and this target has two"
        if self.awaited and target.capabilities.asynchronous:
            return "a request is only accepted there, so no start is forced and nobody sees how many are busy at once"
        known = {field.name for field in fields(target.settings())}  # type: ignore[arg-type]
        lacking = sorted(self.fields.get("function", {}).keys() - known)
        return f"its settings have no {', '.join(lacking)}" if lacking else None


def scenarios(target: Target, trace: Path | None = None) -> list[Scenario]:
    """What there is for targets of its kind, in the order in which it is carried out; `misfit` says what does not fit.

    The kinds differ in what is true there: requests start units and are turned away, or queue before a fixed number.
    `trace` is what the forecast is tried with; without one, that scenario cannot be carried out.
    """
    can = target.capabilities
    if target.parts[0].kind == "function":
        verdicts = _verdicts({"concurrency_limit": 1})
        return [
            _starts(can),
            _mix(can),
            _answers(can),
            _crowd_of_function(can),
            verdicts,
            _forecast(trace, {"keep_alive_s": 5}),
        ]
    return [_starts(can), _steady(), _answers(can), _hangs(), _crowd_of_service(), _verdicts({}), _forecast(trace, {})]


def workload(label: str, **settings: Any) -> dict[str, Any]:
    """One known-truth workload of an experiment."""
    return {"name": MODEL, "label": label, "settings": settings}


def told_by(can: Capabilities, sampled: bool = False) -> tuple[Judge, ...]:
    """What judges a platform's own word of single requests, where it gives it."""
    if can.usage != "per_request":
        return ()
    return (bills, bills_sample) if sampled else (bills,)


def _starts(can: Capabilities) -> Scenario:
    """Forced cold starts with and without commanded time and memory."""
    timed = workload(TIMED, handler_ms=60, **TIMED_SETTINGS)
    fields = {"workloads": [workload(BARE, handler_ms=60), timed], "rounds": 4, "cold_starts": 3}
    told_of_units: dict[str, Judge] = {"polled": memory, "afterwards": partial(memory, own=False)}
    usage = (told_of_units[can.usage],) if can.usage in told_of_units else told_by(can)
    return Scenario("starts", fields, (classes, starts, sums, phases, durations, *usage))


def _mix(can: Capabilities) -> Scenario:
    """Bursts with everything that can go wrong in a sandbox, then requests so rare that each one finds it evicted."""
    faults = {
        "crash": list(range(37, 6000, 97)),
        "hang": list(range(150, 6000, 600)),
        "hang_ms": HANG_MS["function"],
        "overrun": [700, 1300, 2500] if can.isolated else [],
        "fail_share": 0.02,
        "wrong_share": 0.02,
        "slow_starts": [2, 6],
        "slow_start_ms": 6000,
    }
    mixed = workload("mix", requests=6000, handler_ms=8, handler_sigma=0.5, **faults)
    bursts = {"rate": 90, "seconds": 54, "on_mean_s": 4, "off_mean_s": 1.2, "inside_cv": 1}
    fields = {
        "workloads": [mixed],
        "profiles": [{"bursty": bursts}, {"sparse": {"gap_s": 1.0, "seconds": 20}}],
        "function": {"keep_alive_s": 0.5, "concurrency_limit": 3, "timeout_s": 4, "init_timeout_s": 4},
    }
    judges: tuple[Judge, ...] = (classes, partial(sample_size, least=LEAST_REQUESTS), starts, sums, outcomes)
    judges = (*judges, out_of_memory, conservation, handler_times, durations, *told_by(can, sampled=True))
    return Scenario("mix", fields, judges, awaited=False)


def _steady() -> Scenario:
    """A service under bursts: failures, wrong answers and log-normal times."""
    mixed = workload("mix", requests=2000, handler_ms=8, handler_sigma=0.5, fail_share=0.03, wrong_share=0.03)
    bursts = {"rate": 30, "seconds": 20, "on_mean_s": 4, "off_mean_s": 1.2, "inside_cv": 1}
    judges = (classes, outcomes, conservation, handler_times)
    return Scenario("mix", {"workloads": [mixed], "profiles": [{"bursty": bursts}]}, judges, awaited=False)


def _answers(can: Capabilities) -> Scenario:
    """Streams of four chunks, and of each answer what a device took for it."""
    told = workload("told", handler_ms=20, chunks=4, gpu_ms=3.5, requests=100)
    fields = {"workloads": [told], "profiles": [{"constant": {"rate": 10, "seconds": 3}}]}
    judges = (partial(answers, streams=can.streams), classes, conservation)
    return Scenario("answers", fields, judges, timed=False, awaited=False)


def _hangs() -> Scenario:
    """A service's requests that take longer than the client waits."""
    hanging = workload("hang", requests=100, handler_ms=5, hang=[4, 12, 20], hang_ms=HANG_MS["service"])
    fields = {
        "workloads": [hanging],
        "profiles": [{"constant": {"rate": 2, "seconds": 13}}],
        "load": {"timeout_s": 1.0},
    }
    return Scenario("hang", fields, (classes, outcomes, conservation))


def _crowd_of_function(can: Capabilities) -> Scenario:
    """Six requests within 0.3 s, each long enough to meet all the others, where four sandboxes are allowed."""
    fields = {
        "workloads": [workload(CROWD, handler_ms=5000)],
        "profiles": [{"constant": {"rate": 20, "seconds": 0.3}}],
        "function": {"concurrency_limit": 4, "init_timeout_s": 60},
    }
    queue = (queue_of_function,) if can.clock == "shared" else ()
    return Scenario("crowd", fields, (crowd_of_function, *queue, classes, conservation))


def _crowd_of_service() -> Scenario:
    """Six requests within 0.15 s before one replica."""
    fields = {
        "workloads": [workload(CROWD, handler_ms=250)],
        "profiles": [{"constant": {"rate": 40, "seconds": 0.15}}],
    }
    return Scenario("crowd", fields, (crowd_of_service, classes, conservation))


def _verdicts(limits: dict[str, Any]) -> Scenario:
    """The rounds that a verdict needs, of a workload, of itself again, and of itself with a fifth added."""
    slower = workload(PLANTED, handler_ms=HANDLER_MS * PLANTED_RATIO)
    fields = {
        "workloads": [workload(ONE, handler_ms=HANDLER_MS), workload(OTHER, handler_ms=HANDLER_MS), slower],
        "profiles": [{"constant": {"rate": 22, "seconds": 1.4}}],
        "function": limits,
        "rounds": 10,
    }
    return Scenario("verdicts", fields, (verdicts,))


def _forecast(trace: Path | None, function: dict[str, Any]) -> Scenario:
    """Two minutes of a trace at one request a second, ten times, with a keep-alive so short that it matters."""
    model = workload(FORECAST, handler_ms=300, handler_sigma=0.35, imports_ms=300, weights_ms=150, requests=2000)
    fields = {
        "workloads": [model],
        "profiles": [{"replay": {"file": str(trace), "seconds": 120, "rate": 1.0}}],
        "function": function,
        "cold_starts": 4,
        "rounds": 10,
    }
    return Scenario(FORECAST, fields, (forecast_holds,), timed=False, witnessed=False, by_name=True)
