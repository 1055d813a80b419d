"""A platform whose clock is not ours, that shows no events and mails its log: what is counted there is what is true."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.record.folder import RunFolder
from tests.e2e.bench import WIDE, Bench, until
from tests.fakes.plug_ins import python_path
from tests.fakes.plugged import FAR, ROOT, plugged_in

LONG = {"workloads": ["echo"], "targets": ["far-function"], "profiles": [{"constant": {"rate": 5, "seconds": 300}}]}
COUNTS = WIDE + "import sys; from tests.e2e.counts import main; sys.exit(main())"
PATHS = python_path(ROOT, FAR)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One that was there before a run and stays after it, 300 s ahead and 200 ppm too fast."""
    with plugged_in(FAR):
        from targets.farland.region import end_platform, start_platform
    folder = tmp_path_factory.mktemp("far")
    process = start_platform(folder, ahead_s=300, drift_ppm=200, deploy_s=1)
    yield folder
    end_platform(process)


def held(platform: Path) -> list[str]:
    """What is deployed there now."""
    with plugged_in(FAR):
        from targets.farland.region import Region
    return [item["name"] for item in Region(platform).call("GET", "/deployments")["deployments"]]


def test_what_is_counted_far_away_is_what_is_true(bench: Bench, platform: Path):
    """Slow: one start is waited out until the platform begins it again (6 s)."""
    checks = counted(bench, platform, "far-function")
    assert kinds_of(checks) == {"cold", "cold_reinit", "reset", "proactive", "warm"}, (
        "everything that is hard to tell was there"
    )
    for label in ("failures injected", "wrong answers injected", "crashes and memory overruns", "billed ms"):
        assert checks[label]["truth"] > 0
    assert checks["requests of which the platform told nothing"]["truth"] > 0
    assert checks["negative durations"]["measured"] == 0
    assert held(platform) == [] and bench.leftovers() == []


def test_a_service_far_away_is_counted_as_one_here_is(bench: Bench, platform: Path):
    checks = counted(bench, platform, "far-service")
    assert kinds_of(checks) == {"proactive", "warm"}
    assert checks["failures injected"]["truth"] > 0 and checks["negative durations"]["measured"] == 0
    assert held(platform) == [] and bench.leftovers() == []


@pytest.mark.usefixtures("cleaning")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_a_run_has_there_goes_with_it_or_is_found_by_clean(bench: Bench, platform: Path, number: signal.Signals):
    variables = told_of(platform)
    run = bench.start("run", bench.experiment(**LONG), "--results", bench.results, **variables)
    until(lambda: held(platform), "it is deployed")
    run.signal(number)
    run.finish()
    if number is signal.SIGKILL:
        until(lambda: not list(bench.processes()), "the load process ends")
        assert held(platform) != [], "nobody was left to remove it"
        cleaned = bench.run("clean", "--on", "farland", **variables)
        assert cleaned.code == 0 and "removed remnant farland fn" in cleaned.out, cleaned.out + cleaned.err
        assert bench.run("clean").code == 0, "what was left here"
    assert held(platform) == [] and bench.leftovers() == []


def told_of(platform: Path) -> dict[str, str]:
    """What makes a command find the far targets, and their platform."""
    return {"PYTHONPATH": PATHS, "FAR_PLATFORM": str(platform), "FAR_DEPLOY_S": "1"}


def counted(bench: Bench, platform: Path, target: str) -> dict[str, dict[str, Any]]:
    """The checks that the self-test made there, all of which hold."""
    finished = bench.start(target, bench.results, code=COUNTS, **told_of(platform)).finish()
    assert finished.out, finished.err
    printed = json.loads(finished.out)
    assert printed["unjudged"] == [] and [check for check in printed["checks"] if not check["ok"]] == []
    return {check["name"].removeprefix("counts: "): check for check in printed["checks"]}


def kinds_of(checks: dict[str, dict[str, Any]]) -> set[str]:
    return {label.split()[-1] for label in checks if label.startswith("start class ")}


def test_it_is_deployed_once_for_all_trials_of_a_run(bench: Bench, platform: Path):
    experiment = bench.experiment(
        workloads=["echo"],
        targets=["far-function", "far-queue"],
        profiles=[{"constant": {"rate": 10, "seconds": 1}}, {"steady": {"rate": 10, "seconds": 1}}],
        rounds=2,
        cold_starts=2,
        begin="steady",
        settings={name: {"latest_s": 0.2} for name in ("far-function", "far-queue")},
    )
    finished = bench.measure(experiment, **told_of(platform))
    assert finished.code == 0, finished.err + finished.out
    (run,) = bench.folders()
    trials = {"far-function": 6, "far-queue": 4}  # forced cold starts as well, or not: no reply of a queue proves one
    for target, count in trials.items():
        records = [record for record in run.trials() if record.target == target]
        assert len(records) == count
        assert len({record.deployment["function"] for record in records}) == 1
    assert all(record.valid and record.counts["ok"] == record.scheduled for record in run.trials())
    assert_begun(run)
    assert held(platform) == [] and bench.leftovers() == []


def assert_begun(run: RunFolder) -> None:
    """Units of a function that nobody can start beforehand were asked for; those of a queue, where nobody sees how long
    a request holds one, were not, and their trials say so."""
    for record in (record for record in run.trials() if record.begin):
        strangers = [line for line in record.warnings if "no row's" in line]
        assert strangers == [], "what the platform tells of the requests beforehand is of no row, and no stranger's"
        if record.target == "far-function":
            assert (record.case["begin"], record.begin.way, record.begin.idle_s) == ("steady", "asked", [])
        else:
            assert (record.case["begin"], record.begin.warm_requests, record.begin.way) == ("empty", 0, None)
            assert [line for line in record.warnings if line.startswith("begin: empty instead of steady: ")]
