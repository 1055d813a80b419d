"""Faults of what is measured: each becomes a row with its outcome, and none of them costs another row."""

import signal
import subprocess
import sys
import threading

import pytest

from harness.record.nouns import Outcome, StartClass
from tests.e2e.bench import Bench, assert_done, until
from tests.e2e.faults import DOCKER, PROCESS, assert_whole, told, truth, with_outcome

SIDES = [PROCESS, pytest.param(DOCKER, marks=pytest.mark.docker)]
NAMES = [*PROCESS, *(pytest.param(name, marks=pytest.mark.docker) for name in DOCKER)]


@pytest.mark.parametrize("names", SIDES, ids=lambda names: names[0].split("-")[0])
def test_an_exception_in_the_handler_is_a_failed_row_and_a_wrong_answer_a_wrong_one(bench, names):
    settings = {"fail_share": 0.2, "wrong_share": 0.2, "seed": 3}
    profile = {"constant": {"rate": 20, "seconds": 2}}
    experiment = bench.experiment(workloads=truth(**settings), targets=list(names), profiles=[profile])
    folder = assert_done(bench, bench.measure(experiment))
    for record in folder.trials():
        n = record.scheduled
        assert told("fail", n, **settings) == with_outcome(folder, record, Outcome.FAILED) != set()
        assert told("wrong", n, **settings) == with_outcome(folder, record, Outcome.WRONG) != set()
    assert_whole(bench, folder)


@pytest.mark.parametrize("names", SIDES, ids=lambda names: names[0].split("-")[0])
def test_a_hang_past_the_timeout_is_a_timed_out_row(bench, names):
    settings = {"hang": [3, 9], "hang_ms": 1400}
    experiment = bench.experiment(
        workloads=truth(**settings),
        targets=list(names),
        profiles=[{"constant": {"rate": 2, "seconds": 7}}],
        function={"timeout_s": 1},
        load={"timeout_s": 1.2},
    )
    folder = assert_done(bench, bench.measure(experiment))
    for record in folder.trials():
        cold = with_outcome(folder, record, Outcome.TIMED_OUT) - {3, 9}
        assert with_outcome(folder, record, Outcome.TIMED_OUT) >= {3, 9}
        assert cold <= {0, 1, 2}, "but for requests that waited for the first start"
    assert_whole(bench, folder)


@pytest.mark.docker
@pytest.mark.parametrize("name", DOCKER)
def test_out_of_memory_is_a_failed_row_and_the_unit_says_so(bench, name):
    """A function's sandbox is killed for its time later on; what its control group had counted must not go with it."""
    experiment = bench.experiment(
        workloads=truth(overrun=[4], overrun_mb=4000, hang=[8], hang_ms=6000, handler_ms=2),
        targets=[name],
        profiles=[{"constant": {"rate": 1, "seconds": 11}}],
        sizing={"service_memory_mb": 256},
        function={"timeout_s": 3},
    )
    folder = assert_done(bench, bench.measure(experiment))
    record = folder.trials()[-1]
    failed = with_outcome(folder, record, Outcome.FAILED)
    assert [unit.oom_killed for unit in record.units].count(True) == 1
    if name == "docker-lambda":
        assert failed == {4}, "a function's sandbox starts again"
        assert with_outcome(folder, record, Outcome.TIMED_OUT) == {8}
    else:
        assert failed >= set(range(5, record.scheduled)) | {4}, "a replica stays ended"
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


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_that_is_killed_in_a_request_costs_that_request(bench, name):
    """Long requests that come before the one before has ended where its unit had to start: one or two are handled."""
    experiment = bench.experiment(
        workloads=truth(handler_ms=1950),
        targets=[name],
        profiles=[{"constant": {"rate": 0.5, "seconds": 7}}],
    )
    started = bench.start("run", experiment, "--results", bench.results)

    def handling() -> bool:
        return any(path.name == "plan.json" for path in bench.temporary.glob("frostline-load-*/*/*"))

    until(handling, "the schedule is sent")
    killer = threading.Timer(2.6, kill_units, [bench])
    killer.start()
    folder = assert_done(bench, started.finish())
    killer.join()
    record = folder.trials()[-1]
    failed = with_outcome(folder, record, Outcome.FAILED)
    assert failed, "the request that was being handled"
    if "lambda" in name:
        assert len(failed) <= 2 and len(with_outcome(folder, record, Outcome.OK)) == record.scheduled - len(failed)
        rows = folder.requests(record).to_pandas().set_index("index")
        assert rows.loc[sorted(failed), "unit"].dropna().is_unique, "no unit costs a second request"
        classes = folder.requests(record).to_pandas()["start_class"].astype(str)
        after = max(failed) + 1
        assert after >= record.scheduled or classes[after] in (StartClass.RESET, StartClass.COLD)
    else:
        assert failed >= set(range(max(failed), record.scheduled))
        assert any("nothing restarts it" in warning for warning in record.warnings)
    assert_whole(bench, folder)


def test_two_runs_at_once_are_refused_and_the_first_goes_on(bench):
    profile = {"constant": {"rate": 5, "seconds": 6}}
    experiment = bench.experiment(workloads=["echo"], targets=["process-lambda"], profiles=[profile])
    first = bench.start("run", experiment, "--results", bench.results)
    until(lambda: "trials in" in first.said, "it begins, and packages")
    second = bench.measure(experiment)
    assert second.code == 3 and "measures on this machine already: wait for it" in second.err
    assert len(bench.folders()) == 1, "nothing of the second was begun"
    assert_whole(bench, assert_done(bench, first.finish()))


STEPPED = """
import itertools, time
steps = itertools.cycle([0, 7200, -86400, 31_536_000, -3600])
real, real_ns = time.time, time.time_ns
time.time = lambda: real() + next(steps)
time.time_ns = lambda: real_ns() + next(steps) * 10**9
"""
STEPPED_LABELS = """
import datetime, itertools
import harness.calendar
hours, now = itertools.cycle([0, 2, -24, 8760, -1]), harness.clock.utc_now
harness.clock.utc_now = lambda: now() + datetime.timedelta(hours=next(hours))
from harness.cli import main
main()
"""


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
    for record in (record for record in folder.trials() if record.valid):
        rows = folder.requests(record).to_pandas()
        assert (rows["outcome"].astype(str) == Outcome.OK).all()
        assert rows["handler_ns"].between(50e6, 150e6).all()
        assert (rows["done_ns"] - rows["scheduled_ns"] < 20e9).all()
    assert_whole(bench, folder)


def test_the_wall_clock_is_really_stepped_in_that_test(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(STEPPED)
    code = "import time; a = [time.time() for _ in range(5)]; print(max(a) - min(a))"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path)}, stdout=subprocess.PIPE)
    assert float(done.stdout) > 86_400
