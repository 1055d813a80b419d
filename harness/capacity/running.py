"""`frostline capacity`: one request alone, the search, the file, the sentence and the exit code."""

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.capacity.answer import (
    HEAD,
    about,
    answer,
    cut_off,
    heading,
    out_of_reach,
    plain,
    plan_line,
    rate_line,
    sentence,
    step_line,
)
from harness.capacity.keeping import find_earlier, make_record, now, path_in, probes_of, store
from harness.capacity.lone import Range, is_out_of_reach, measure_lone, range_of, words
from harness.capacity.order import CapacityOrder, check
from harness.capacity.search import Probe, Search, search
from harness.capacity.steps import Steps
from harness.errors import FrostlineError
from harness.experiment.plan import Trial
from harness.interruption import interruptible
from harness.measure.alone import alone
from harness.measure.watchers import watcher
from harness.record.capacity import Capacity, Lone, Rate, Step
from harness.record.nouns import TrialRecord
from harness.report.formats import ProgressFormat

__all__ = ["CapacityOrder", "measure_capacity"]


def measure_capacity(
    order: CapacityOrder,
    format: ProgressFormat,
    results: Path,
    console: Console,
    settings: Mapping[str, Any] | None = None,
    wait: bool = False,
) -> int:
    """Search, store, tell. Returns 1 when steps stayed INVALID, else 0. `settings` are the workload's own.

    The file is written after each rate, so that whatever ends the search early, what was measured is there.
    """
    check(order)
    progress = Console(stderr=True, highlight=False) if format == "json" else console
    with closing(StepWatcher(progress)) as log:
        steps = Steps(order, results / "capacity", log, lambda found: _tell(found, progress), settings)
        tell: Callable[[str], None] = lambda line: plain(progress, line)  # noqa: E731
        tell(heading(order))
        with interruptible(), alone(tell=tell if wait else None):
            attempt = Attempt(order, steps, results / "capacity", tell)
            record = attempt.carry_out()
    _conclude(record, attempt.path, format, console)
    return 1 if record.ended == "invalid" else 0


class Attempt:
    """One call: it keeps what it learns after each rate, and goes on from where an earlier one was cut off."""

    def __init__(self, order: CapacityOrder, steps: Steps, folder: Path, tell: Callable[[str], None]) -> None:
        self._order, self._steps, self._folder, self._tell = order, steps, folder, tell
        self._started_at = now()
        self.path = path_in(folder, order, self._started_at)

    def carry_out(self) -> Capacity:
        """All of it. What ends it early goes on, when what was measured is stored."""
        order, steps, tell = self._order, self._steps, self._tell
        least = about(Search(0, 1).likely_left * steps.minutes_at(None))
        tell(
            "First one request at a time, for a minute or less; unless that is too slow already, rates then close in "
            f"on the answer, for {least} at least."
        )
        lone = measure_lone(order, steps.send_lone)
        if is_out_of_reach(order, lone):
            return self._store(make_record(order, steps, None, lone, out_of_reach(order, lone), "answered", now()))
        range_ = range_of(order, lone)
        found = Search(range_.lowest, range_.most)
        self._take_up(found)
        tell(plan_line(range_, words(order, lone), self._minutes(found, range_.guess)))
        tell(HEAD)
        try:
            search(found, lambda rate: self._probe(found, range_, lone, rate), range_.guess)
        except (FrostlineError, KeyboardInterrupt) as error:
            if steps.taken:
                record = self._keep(range_, lone, cut_off(found, str(error) or "interrupted"), "cut off")
                tell(f"{sentence(record)} Kept in {self.path}: the same command goes on from there.")
            raise
        ended = "invalid" if found.ending == "invalid" else "answered"
        problem = next((step.problem for step in reversed(steps.taken) if step.problem), None)
        return self._keep(range_, lone, answer(found, problem), ended)

    def _take_up(self, found: Search) -> None:
        """What an earlier call learned before it was cut off; its file is this call's from now on."""
        order, steps = self._order, self._steps
        assert steps.manifest is not None
        earlier, differences = find_earlier(self._folder, order, steps.manifest)
        if differences:
            self._tell(f"The search that was cut off before was another, so this one begins anew: {differences[0]}.")
        if earlier is None:
            return
        capacity = earlier.capacity
        found.probes = probes_of(capacity.steps, order.repeats)
        if not found.probes:
            return
        rates = {probe.rate for probe in found.probes}
        steps.take_up([step for step in capacity.steps if step.rate in rates], capacity.warm_up_s)
        self._started_at, self.path = capacity.started_at, self._folder / earlier.file
        self._tell(f"Goes on where {self.path} was cut off, after {len(rates)} rates; to begin anew, delete it.")

    def _probe(self, found: Search, range_: Range, lone: Lone, rate: float) -> Probe:
        self._tell(rate_line(found, rate, self._order, self._minutes(found, rate)))
        probe = self._steps.probe(rate)
        so_far = Search(found.lowest, found.most, [*found.probes, probe])
        self._keep(range_, lone, cut_off(so_far, "it has not come to its end"), "cut off")
        return probe

    def _minutes(self, found: Search, rate: float) -> float:
        """Of all that is likely still to be done."""
        return max(1, found.likely_left) * self._steps.minutes_at(rate)

    def _keep(self, range_: Range, lone: Lone, rate: Rate, ended: str) -> Capacity:
        return self._store(make_record(self._order, self._steps, range_, lone, rate, ended, self._started_at))

    def _store(self, record: Capacity) -> Capacity:
        store(self.path, record)
        return record


def _tell(found: list[Step], progress: Console) -> None:
    for step in found:
        plain(progress, step_line(step))


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
