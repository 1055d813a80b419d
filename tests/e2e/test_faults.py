"""Faults of what is measured: each becomes a row with its outcome, and none of them costs another row."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.record.nouns import Outcome, StartClass
from tests.e2e.bench import HANG_S, WIDE, Bench, assert_done, until
from tests.e2e.faults import DOCKER, PROCESS, assert_whole, faulty, truth, with_outcome

SIDES = [PROCESS, pytest.param(DOCKER, marks=pytest.mark.docker)]
NAMES = [*PROCESS, *(pytest.param(name, marks=pytest.mark.docker) for name in DOCKER)]


@pytest.mark.parametrize("names", SIDES, ids=lambda names: names[0].split("-")[0])
def test_an_exception_in_the_handler_is_a_failed_row_and_a_wrong_answer_a_wrong_one(bench, names):
    settings = {"fail_share": 0.25, "wrong_share": 0.25, "seed": 4}
    profile = {"constant": {"rate": 6, "seconds": 2}}
    experiment = bench.experiment(workloads=truth(**settings), targets=list(names), profiles=[profile])
    folder = assert_done(bench, bench.measure(experiment))
    for record in folder.trials():
        n = record.scheduled
        assert faulty("fail", n, **settings) == with_outcome(folder, record, Outcome.FAILED) != set()
        assert faulty("wrong", n, **settings) == with_outcome(folder, record, Outcome.WRONG) != set()
    assert_whole(bench, folder)


@pytest.mark.parametrize("names", SIDES, ids=lambda names: names[0].split("-")[0])
def test_a_hang_past_the_timeout_is_a_timed_out_row(bench, names):
    """Slow: a patience of 10 s is waited out, far more than a start and a request take on a busy machine."""
    experiment = bench.experiment(
        workloads=truth(hang=[2], hang_ms=20_000),  # the last one: nothing waits behind it
        targets=list(names),
        profiles=[{"constant": {"rate": 1, "seconds": 3}}],
        function={"timeout_s": 10},
        load={"timeout_s": 12},
    )
    folder = assert_done(bench, bench.measure(experiment))
    for record in folder.trials():
        assert with_outcome(folder, record, Outcome.TIMED_OUT) == {2}
        assert with_outcome(folder, record, Outcome.OK) == {0, 1}
    assert_whole(bench, folder)


@pytest.mark.docker
@pytest.mark.parametrize("name", DOCKER)
def test_out_of_memory_is_a_failed_row_and_the_unit_says_so(bench, name):
    """A function's sandbox is killed for its time later on; what its control group had counted must not go with it.

    Slow: the function's 30 s are waited out, which leave a busy machine the time to touch 1.8 GB.
    """
    experiment = bench.experiment(
        workloads=truth(overrun=[2], overrun_mb=4000, hang=[5], hang_ms=90_000, handler_ms=2),
        targets=[name],
        profiles=[{"constant": {"rate": 0.8, "seconds": 7.5}}],
        sizing={"service_memory_mb": 256},
        function={"timeout_s": 30},
    )
    folder = assert_done(bench, bench.measure(experiment))
    record = folder.trials()[-1]
    failed = with_outcome(folder, record, Outcome.FAILED)
    assert [unit.oom_killed for unit in record.units].count(True) == 1
    if name == "docker-lambda":
        assert failed == {2}, "a function's sandbox starts again"
        assert with_outcome(folder, record, Outcome.TIMED_OUT) == {5}
    else:
        assert failed == set(range(2, record.scheduled)), "a replica stays ended"
        assert any("nothing restarts it" in warning and "out of memory" in warning for warning in record.warnings)
    assert_whole(bench, folder)


def kill_units(bench: Bench) -> None:
    """Everything that runs is killed from outside, whatever it handles."""
    running = [container for container in bench.containers() if container.status == "running"]
    for container in running:
        container.kill()
    for process in bench.processes() if not running else []:
        if "targets.serving" in " ".join(process.cmdline()):
            process.send_signal(signal.SIGKILL)


WITNESSED = (
    WIDE
    + """
import sys
from pathlib import Path
from rich.console import Console
from harness.experiment.question import read_experiment
from harness.measure.fitting import fit_to_machine
from harness.measure.run import start_run
from harness.measure.watchers import watcher

experiment, results, ledger = map(Path, sys.argv[1:])
start_run(fit_to_machine(read_experiment(experiment)), results, watcher(Console()), ledger)
"""
)


def handling(ledger: Path, request: int) -> bool:
    """Whether a unit has written down that it began this request."""
    lines = [json.loads(line) for path in ledger.glob("*/[0-9]*.jsonl") for line in path.read_text().splitlines()]
    return any(line["kind"] == "begun" and line["request"] == request for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_that_is_killed_in_a_request_costs_that_request(bench, name):
    """Killed as it handles request 1, which would never end."""
    experiment = bench.experiment(
        workloads=truth(hang=[1], hang_ms=1000 * HANG_S),
        targets=[name],
        profiles=[{"constant": {"rate": 1, "seconds": 8}}],
        function={"timeout_s": HANG_S},
        load={"timeout_s": HANG_S},
    )
    ledger = bench.folder / "ledger"
    started = bench.start(experiment, bench.results, ledger, code=WITNESSED)
    until(lambda: handling(ledger, 1) or started.process.poll() is not None, "request 1 is handled")
    kill_units(bench)
    folder = assert_done(bench, started.finish())
    record = folder.trials()[-1]
    failed = with_outcome(folder, record, Outcome.FAILED)
    assert 1 in failed, "the request that was being handled"
    if "lambda" in name:
        assert len(failed) <= 2, "another one may have been under way where starts are slow"
        assert len(with_outcome(folder, record, Outcome.OK)) == record.scheduled - len(failed)
        rows = folder.requests(record).to_pandas().set_index("index")
        assert rows.loc[sorted(failed), "unit"].dropna().is_unique, "no unit costs a second request"
        started = rows["start_class"].astype(str).isin([StartClass.RESET, StartClass.COLD])
        assert (started & (rows["outcome"].astype(str) == Outcome.OK)).sum() >= 2, "what was killed started again"
    else:
        assert failed == set(range(1, record.scheduled)), "a replica stays ended"
        assert any("nothing restarts it" in warning for warning in record.warnings)
    assert_whole(bench, folder)


def test_two_runs_at_once_are_refused_and_the_first_goes_on(bench):
    profile = {"constant": {"rate": 5, "seconds": HANG_S}}
    experiment = bench.experiment(workloads=["echo"], targets=["process-lambda"], profiles=[profile])
    first = bench.start("run", experiment, "--results", bench.results)
    until(lambda: "trials in" in first.said, "it begins, and packages")
    second = bench.measure(experiment)
    assert second.code == 3 and "measures on this machine already: wait for it" in second.err
    assert len(bench.folders()) == 1, "nothing of the second was begun"
    assert first.process.poll() is None
    first.signal(signal.SIGTERM)
    assert first.finish().code == 130 and bench.leftovers() == []


STEPPED = """
import itertools, time
steps = itertools.cycle([0, 7200, -86400, 31_536_000, -3600])
real, real_ns = time.time, time.time_ns
time.time = lambda: real() + next(steps)
time.time_ns = lambda: real_ns() + next(steps) * 10**9
"""
LEAST_STEP_NS = 3600e9
STEPPED_LABELS = (
    WIDE
    + """
import datetime, itertools
import harness.clock
hours, now = itertools.cycle([0, 2, -24, 8760, -1]), harness.clock.utc_now
harness.clock.utc_now = lambda: now() + datetime.timedelta(hours=next(hours))
from harness.cli import main
main()
"""
)


def test_a_clock_that_is_stepped_again_and_again_changes_no_figure(bench):
    """The wall clock jumps by hours at every look, in every process of the harness; only labels may notice."""
    (bench.folder / "sitecustomize.py").write_text(STEPPED)
    experiment = bench.experiment(
        workloads=truth(handler_ms=50, imports_ms=100),
        targets=list(PROCESS),
        profiles=[{"constant": {"rate": 8, "seconds": 3}}],
        cold_starts=2,
    )
    arguments = ("run", experiment, "--results", bench.results)
    folder = assert_done(bench, bench.start(*arguments, code=STEPPED_LABELS, PYTHONPATH=str(bench.folder)).finish())
    moments = [record.started_at for record in folder.trials()]
    assert moments != sorted(moments), "the clock was stepped back"
    for record in folder.trials():
        rows = folder.requests(record).to_pandas()
        assert (rows["outcome"].astype(str) == Outcome.OK).all()
        assert rows["handler_ns"].between(50e6, LEAST_STEP_NS / 2).all()
        assert (rows["done_ns"] - rows["scheduled_ns"]).between(50e6, LEAST_STEP_NS / 2).all()
    assert_whole(bench, folder)


def test_the_wall_clock_is_really_stepped_in_that_test(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(STEPPED)
    code = "import time; a = [time.time() for _ in range(5)]; print(max(a) - min(a))"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path)}, stdout=subprocess.PIPE)
    assert float(done.stdout) > 86_400
