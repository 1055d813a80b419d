"""Carries out the scenarios on the targets that can run here, and has every trial judged.

A machine that is busy with something else spoils a scenario; it is then carried out again, a bounded number of times.
That a workload took longer than commanded is laid at the machine's door only where a witness saw it busy.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import targets
from harness.analysis.table import summarise
from harness.errors import MissingError, UsageError
from harness.experiment.question import parse_experiment
from harness.files.problems import not_one_of
from harness.files.text import harmless
from harness.files.whole import one_line
from harness.measure.alone import alone
from harness.measure.fitting import RunnableExperiment, fit_to_machine
from harness.measure.run import start_run
from harness.measure.validity import STOLEN, THROTTLED, is_disturbance
from harness.measure.walk import Watcher
from harness.selftest.agreement import disagreements, overruns
from harness.selftest.check import Check, Unjudged, same
from harness.selftest.engine import EngineWitness
from harness.selftest.others import MOST_SHARE, Others
from harness.selftest.own_trace import write_own_trace
from harness.selftest.scenarios import FORECAST, Scenario, scenarios
from harness.selftest.testimony import Exam, read_testimonies

Say = Callable[[str], None]
TRIES = 3


def choose_targets(names: list[str], say: Say) -> list[str]:
    """Targets to examine: those asked for, else all that run here and bill nothing. MissingError when one cannot."""
    if unknown := [name for name in names if name not in targets.target_names()]:
        raise UsageError([f"target: {not_one_of(name, targets.target_names())}" for name in unknown])
    chosen = []
    for name in names or [name for name in targets.target_names() if not _bills(name)]:
        problems = targets.target_problems(name)
        why = one_line(harmless(problems[0])) if problems else targets.target(name).missing()
        if why is None:
            chosen.append(name)
        elif names:
            raise MissingError(f"{name}: {why}")
        else:
            say(f"NOT EXAMINED: {name}: {why}")
    return chosen


def _bills(name: str) -> bool:
    return not targets.target_problems(name) and bool(targets.target(name).capabilities.billed)


def examine(
    names: list[str], only: list[str], results: Path, watcher: Watcher, wait: bool = False, trace: Path | None = None
) -> Iterator[Check | Unjudged]:
    """Every check of the scenarios asked for (of all, where none is), target by target. Runs are kept in `results`.

    `trace` is what the forecast is tried with, instead of one of our own.
    """
    chosen = choose_targets(names, watcher.say)
    if trace is None and FORECAST in only:
        trace = write_own_trace(results)
    available = [(scenario, name) for name in chosen for scenario in _scenarios_of(name, only, trace)]
    planned = list(_plan(available, watcher.say))
    if not planned:
        raise MissingError(f"none of these scenarios can be carried out on {', '.join(chosen)}: choose others")
    minutes = sum(runnable.expected_minutes for _, _, runnable in planned)
    names = list(dict.fromkeys(name for _, name, _ in planned))
    watcher.say(f"selftest: {len(planned)} scenarios on {', '.join(names)}, about {minutes:.0f} minutes")
    with alone(tell=watcher.say if wait else None):
        for scenario, name, _ in planned:
            yield from judge(scenario, name, results, watcher)


def _plan(available: list[tuple[Scenario, str]], say: Say) -> Iterator[tuple[Scenario, str, RunnableExperiment]]:
    """Those that can be carried out; of each other one it is said why it cannot, and the rest goes on."""
    for scenario, name in available:
        why = scenario.misfit(targets.target(name))
        if why is None:
            try:
                yield scenario, name, _fit(scenario, name)
                continue
            except (MissingError, UsageError) as error:
                why = " ".join(str(error).split())
        say(f"NOT EXAMINED: {name}, {scenario.name}: {why}")


def _scenarios_of(name: str, only: list[str], trace: Path | None) -> list[Scenario]:
    available = scenarios(targets.target(name), trace)
    known = [scenario.name for scenario in available]
    if unknown := [label for label in only if label not in known]:
        raise UsageError([f"scenario: {not_one_of(label, known)} ({name})" for label in unknown])
    return [scenario for scenario in available if scenario.name in only or not (only or scenario.by_name)]


def _fit(scenario: Scenario, name: str) -> RunnableExperiment:
    return fit_to_machine(parse_experiment(scenario.experiment(name), f"selftest {scenario.name}"))


def judge(scenario: Scenario, target: str, results: Path, watcher: Watcher) -> Iterator[Check | Unjudged]:
    """Carry a scenario out, again while the machine disturbs it, and judge it; after TRIES it stays unjudged.

    It fails where a try took longer than commanded while nothing is known to have kept the machine busy.
    """
    unexplained: list[str] = []
    for number in range(1, TRIES + 1):
        with tempfile.TemporaryDirectory(prefix="frostline-selftest-") as place:
            exam = _carry_out(scenario, target, results, Path(place), watcher)
        faults, disturbances = _problems(exam)
        late = [line for testimony in exam.testimonies for line in overruns(testimony)] if scenario.timed else []
        contradictions = [line for testimony in exam.testimonies for line in disagreements(testimony)]
        for line in [*faults, *disturbances, *late, *contradictions]:
            watcher.say(f"    {target}, {scenario.name}: {line}")
        if faults or contradictions or not (disturbances or late):
            for check in _checks(scenario, exam, len(faults), len(contradictions)):
                yield replace(check, name=f"{scenario.name}: {check.name}")
            return
        if late and not _was_busy(exam):
            unexplained += late
        disturbed = (
            "took too long though nobody else used the machine" if late and not _was_busy(exam) else "was disturbed"
        )
        watcher.say(f"    {target}, {scenario.name}: {disturbed} ({number} of {TRIES} times)")
    if unexplained:
        name = f"{scenario.name}: commanded times on a machine that nobody else used"
        yield Check(name, target, "kept", unexplained[0], False)
    else:
        yield Unjudged(scenario.name, target, [*disturbances, *late][0])


def _was_busy(exam: Exam) -> bool:
    """Whether a witness apart from the workload saw it: stolen time, a throttled generator, others' CPU time."""
    problems = [problem for record in exam.records for problem in record.problems]
    witnessed = any(words in problem for problem in problems for words in (STOLEN, THROTTLED))
    return witnessed or exam.others_share > MOST_SHARE


def _problems(exam: Exam) -> tuple[list[str], list[str]]:
    """What made trials INVALID: faults of the bench, and a busy machine's doing."""
    problems = [problem for record in exam.records for problem in record.problems]
    disturbances = [problem for problem in problems if is_disturbance(problem)]
    return [problem for problem in problems if not is_disturbance(problem)], disturbances


def _checks(scenario: Scenario, exam: Exam, faults: int, contradictions: int) -> Iterator[Check]:
    yield same("INVALID trials", exam.target, 0, faults)
    yield same("contradictions between command, engine and ledger", exam.target, 0, contradictions)
    if not faults and not contradictions:
        for check in scenario.judges:
            yield from check(exam)


def _carry_out(scenario: Scenario, target: str, results: Path, witness: Path, watcher: Watcher) -> Exam:
    runnable = _fit(scenario, target)
    engine: Mapping[str, list[str]] | None = None
    others = Others()
    if not scenario.witnessed:
        return Exam(target, run := start_run(runnable, results, watcher), [], summarise(run), others.share())
    engine_witness = EngineWitness() if targets.target(target).capabilities.engine else None
    with engine_witness or nullcontext():
        run = start_run(runnable, results, watcher, witness)
    share = others.share()
    if engine_witness is not None:
        engine = engine_witness.actions
    return Exam(target, run, read_testimonies(runnable, run, witness, engine), summarise(run), share)
