"""`frostline capacity`: the ramp, the bisection, the file, the sentence and the exit code."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console

import targets
from harness.capacity.answer import HEAD, answer, cut_off, heading, plain, sentence, step_line
from harness.capacity.order import CapacityOrder, check, like_experiment
from harness.capacity.search import Search, search
from harness.capacity.steps import Steps
from harness.clock import utc_now
from harness.errors import FrostlineError, MissingError
from harness.experiment.plan import Trial
from harness.files.whole import replacing
from harness.interruption import interruptible
from harness.measure.alone import alone
from harness.measure.watchers import watcher
from harness.record.capacity import CAPACITY_SCHEMA, Capacity, Goal, Rate, Step, UnitSize, subject_of
from harness.record.nouns import TrialRecord
from harness.report.formats import ProgressFormat

__all__ = ["CapacityOrder", "like_experiment", "measure_capacity"]


def measure_capacity(
    order: CapacityOrder,
    format: ProgressFormat,
    results: Path,
    console: Console,
    settings: Mapping[str, Any] | None = None,
    wait: bool = False,
) -> int:
    """Search, store, tell. Returns 1 when steps stayed INVALID, else 0. `settings` are the workload's own.

    Whatever ends the search early, what was measured is stored first; then its error goes on.
    """
    check(order)
    progress = Console(stderr=True, highlight=False) if format == "json" else console
    folder, started_at = results / "capacity", _now()
    with closing(StepWatcher(progress)) as log:
        steps = Steps(order, folder, log, lambda found: _tell(found, progress), settings)
        plain(progress, heading(order))
        try:
            with interruptible(), alone(tell=(lambda line: plain(progress, line)) if wait else None):
                started_at = _now()
                found = _search(order, steps, progress)
        except FrostlineError as error:
            if steps.taken:
                rate = cut_off(str(error), sum(step.valid for step in steps.taken))
                _store(folder, _record(order, steps, rate, "cut off", started_at))
            raise
    ended = "invalid" if found.ending == "invalid" else "answered"
    problem = next((step.problem for step in reversed(steps.taken) if step.problem), None)
    record = _record(order, steps, answer(found, problem), ended, started_at)
    _conclude(record, _store(folder, record), format, console)
    return 1 if ended == "invalid" else 0


def _search(order: CapacityOrder, steps: Steps, progress: Console) -> Search:
    guess = steps.guess()
    plain(
        progress,
        f"The ramp points at {guess:.3g} requests per second; every step begins with "
        f"{steps.warm_up_s:.2g} s that are not judged.",
    )
    plain(progress, HEAD)
    return search(steps.probe, order.lowest_rate, order.most_rate, guess)


def _tell(found: list[Step], progress: Console) -> None:
    for step in found:
        plain(progress, step_line(step))


def _now() -> str:
    return utc_now().isoformat(timespec="seconds")


def _record(order: CapacityOrder, steps: Steps, rate: Rate, ended: str, started_at: str) -> Capacity:
    manifest = steps.manifest
    assert manifest is not None
    target, size = targets.target(order.target), order.sizing.of(targets.target(order.target).parts[0])
    subject = subject_of(manifest, order.workload, order.target, size.memory_mb, size.cpus)
    return Capacity.model_validate(
        {
            "schema": CAPACITY_SCHEMA,
            "workload": order.workload,
            "target": order.target,
            "kind": order.kind,
            "objective": Goal(percentile=order.percentile, latency_ms=order.latency_ms),
            "sizing": UnitSize(memory_mb=size.memory_mb, cpus=size.cpus),
            "concurrency_limit": order.concurrency_limit if order.limits_units else None,
            "package": None if subject.has_unknown_model else subject.package,
            "settings": subject.settings,
            "model": subject.model,
            "measuring_sha256": subject.measuring_sha256,
            "python": subject.python,
            "machine": subject.machine,
            "emulated": target.capabilities.emulated,
            "isolated": target.capabilities.isolated,
            "started_at": started_at,
            "finished_at": _now(),
            "ended": ended,
            "most_rate": order.most_rate,
            "step_s": order.step_s,
            "warm_up_s": steps.warm_up_s,
            "repeats": order.repeats,
            "seed": order.seed,
            "rate": rate,
            "steps": steps.taken,
            "warnings": _warnings(order, steps),
        }
    )


def _warnings(order: CapacityOrder, steps: Steps) -> list[str]:
    target, found = targets.target(order.target), []
    if target.capabilities.emulated:
        found.append(f"emulated: {order.target} stands in for a cloud service on this one machine")
    if not target.capabilities.isolated:
        found.append(f"{order.target} holds no unit to a size: it may use the whole machine")
    found.append(f"of warm units: the first {steps.warm_up_s:g} s of each step are not judged")
    if steps.met_start:
        found.append(f"{steps.met_start} judged requests met a start all the same; they count like the others")
    if bad := sum(not step.valid for step in steps.taken):
        found.append(f"{bad} of {len(steps.taken)} steps were INVALID and count for nothing")
    return found


def _store(folder: Path, record: Capacity) -> Path:
    stamp = record.started_at.removesuffix("+00:00").replace(":", "-") + "Z"
    path = folder / f"{record.workload}_{record.target}_{stamp}.json"
    try:
        with replacing(path) as file:
            file.write(record.model_dump_json(by_alias=True, indent=2).encode() + b"\n")
    except OSError as error:
        raise MissingError(
            f"{path} cannot be written ({error.strerror}): free some space or make it writable"
        ) from None
    return path


def _conclude(record: Capacity, path: Path, format_: ProgressFormat, console: Console) -> None:
    if format_ == "json":
        print(path.read_text(), end="")
        return
    plain(console, sentence(record))
    for warning in record.warnings:
        plain(console, f"  {warning}")
    plain(console, f"written: {path}")


class StepWatcher:
    """Passes on what a run says, each line once; to be closed, so that the terminal is given back."""

    def __init__(self, console: Console) -> None:
        self._log = watcher(console)
        self._said: set[str] = set()

    def say(self, line: str) -> None:
        """A line for the user; not that a run begins: each rate is one, and the file names them all."""
        if line not in self._said and not line.startswith("Run "):
            self._said.add(line)
            self._log.say(line)

    def begin(self, trial: Trial, number: int, of: int) -> None:
        """A trial begins."""
        self._log.begin(trial, number, of)

    def advance(self, ended: int, of: int) -> None:
        """So many of its requests have ended."""
        self._log.advance(ended, of)

    def end(self, trial: Trial, record: TrialRecord) -> None:
        """It is stored."""
        self.close()

    def close(self) -> None:
        """Give the terminal back, also after an interruption."""
        self._log.close()
