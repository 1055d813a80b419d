"""Nothing outlives a run, however it ends; what a killed one left is found again, and nothing else is touched."""

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import docker
import psutil
import pytest

import targets
from harness.clock import now_ns
from harness.load.single import Lone
from targets.contract import Order, Package, Sizing
from targets.ownership import OWNER_VARIABLE, RUN_LABEL, RUN_VARIABLE, Owner, labels, variables
from tests.e2e.bench import HANG_S, MAIN, Bench, Started, assert_done, until

PROCESS = ("process-service", "process-lambda")
DOCKER = ("docker-service", "docker-lambda")
SIGNALS = [
    pytest.param(signal.SIGINT, True, id="ctrl-c"),
    pytest.param(signal.SIGINT, False, id="sigint"),
    pytest.param(signal.SIGTERM, False, id="sigterm"),
    pytest.param(signal.SIGHUP, False, id="sighup"),
]
CLEANS = pytest.mark.usefixtures("cleaning")


def start_long(bench: Bench, names: tuple[str, ...], **fields: object) -> Started:
    """A run whose trials last far longer than any of these tests waits."""
    usual = {"workloads": ["echo"], "targets": list(names), "profiles": [{"constant": {"rate": 5, "seconds": 300}}]}
    return bench.start("run", bench.experiment(**{**usual, **fields}), "--results", bench.results)


def units(bench: Bench) -> list[object]:
    """Replicas and sandboxes that run now."""
    serving = [process for process in bench.processes() if "targets.serving" in command(process)]
    return [*serving, *(container for container in bench.containers() if container.status == "running")]


def command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def deploying(bench: Bench, started: Started) -> bool:
    """The run has begun, and the first thing of its first trial is there."""
    mine = [process for process in bench.processes() if "harness.load" not in command(process)]
    return "Run " in started.said and bool(mine or bench.containers())


def under_load(bench: Bench) -> bool:
    """A unit runs and requests are under way: something of ours talks to it."""
    return bool(units(bench)) and any(path.name == "plan.json" for path in bench.temporary.glob("frostline-load-*/*/*"))


def assert_interrupted(bench: Bench, started: Started) -> None:
    finished = started.finish()
    left = bench.leftovers()
    assert finished.code == 130, finished.err
    assert "Traceback" not in finished.err and "interrupted" in finished.err
    assert left == []


@pytest.mark.parametrize(("number", "group"), SIGNALS[::2])
def test_a_signal_while_packages_are_fetched_leaves_nothing(bench, number, group):
    cache = bench.folder / "cache"
    experiment = bench.experiment(workloads=["filetype"], targets=["process-service"], cold_starts=1)
    started = bench.start("run", experiment, "--results", bench.results, FROSTLINE_CACHE=str(cache))
    until(lambda: any("pip" in command(process) for process in bench.processes()), "pip runs")
    started.signal(number, group)
    assert_interrupted(bench, started)
    files = [path.relative_to(cache) for path in cache.rglob("*") if path.is_file()]
    assert {path.parts[0] for path in files} <= {"code"}, "a package is complete or absent; its code was there before"
    assert not any(path.parts[1].startswith(".") for path in files), "no draft is left"
    assert not bench.results.exists()


@pytest.mark.parametrize(("number", "group"), SIGNALS)
def test_a_signal_in_the_midst_of_the_load_leaves_nothing(bench, number, group):
    started = start_long(bench, PROCESS)
    until(lambda: under_load(bench), "requests are sent")
    assert all(address == "127.0.0.1" for address, _ in bench.listeners()) and bench.ports
    started.signal(number, group)
    assert_interrupted(bench, started)
    assert bench.folders()[-1].trials() == [] and bench.folders()[-1].manifest.finished_at is None


@pytest.mark.parametrize(("number", "group"), SIGNALS[::2])
@pytest.mark.parametrize("name", PROCESS)
def test_a_signal_while_a_target_is_deployed_leaves_nothing(bench, name, number, group):
    started = start_long(bench, (name,))
    until(lambda: deploying(bench, started), "a front or a replica is there")
    started.signal(number, group)
    assert_interrupted(bench, started)


@pytest.mark.docker
@pytest.mark.parametrize(("number", "group"), SIGNALS[::2])
@pytest.mark.parametrize("name", DOCKER)
def test_a_signal_leaves_no_container(bench, name, number, group):
    """Ctrl-C as the first container appears, SIGTERM under load."""
    started = start_long(bench, (name,))
    until((lambda: deploying(bench, started)) if group else (lambda: under_load(bench)), "a container is there")
    bench.listeners()
    started.signal(number, group)
    assert_interrupted(bench, started)


@pytest.mark.parametrize("name", ["process-lambda", pytest.param("docker-lambda", marks=pytest.mark.docker)])
def test_a_front_that_ends_while_it_makes_sandboxes_leaves_none(engine, packages, name):
    """Without the sweep at the end of a run: what the engine is still making must not appear after the front's end."""
    run = f"front-{secrets.token_hex(4)}"
    package = packages["echo", name.replace("lambda", "service")]
    deployment = targets.target(name).deploy(package, Order(run, Sizing.of_function(1769)))
    body = targets.workload("echo").payloads()[0].body
    lone = Lone(deployment.endpoints[0], [body])
    askers = [threading.Thread(target=lone.ask, args=(0, now_ns(), HANG_S)) for _ in range(4)]
    for asker in askers:
        asker.start()
    until(lambda: [event for event in deployment.events() if event["kind"] == "create"], "sandboxes are made")
    deployment.destroy()
    for asker in askers:
        asker.join(HANG_S)
    time.sleep(0.5)  # what might still appear has had time to; a slower machine makes this test milder, never wrong
    assert [process for process in psutil.process_iter(["environ"]) if carries(process, run)] == []
    if engine is not None:
        assert engine.containers.list(all=True, filters={"label": f"{RUN_LABEL}={run}"}, ignore_removed=True) == []


def carries(process: psutil.Process, run: str) -> bool:
    return (process.info["environ"] or {}).get(RUN_VARIABLE) == run


def test_impatience_does_not_cut_the_tearing_down_short(bench):
    started = start_long(bench, PROCESS)
    until(lambda: under_load(bench), "requests are sent")
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if started.process.poll() is None:
            started.signal(number)
    assert_interrupted(bench, started)


def test_nohup_is_respected(bench):
    """Who ignores SIGHUP from the start wants the run to outlive the terminal."""
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + MAIN
    experiment = bench.experiment(
        workloads=["echo"], targets=["process-lambda"], profiles=[{"constant": {"rate": 5, "seconds": 3}}]
    )
    started = bench.start("run", experiment, "--results", bench.results, code=code)
    until(lambda: deploying(bench, started), "the front is there")
    started.signal(signal.SIGHUP)
    assert_done(bench, started.finish())


def test_an_interrupted_run_is_resumed_and_has_every_trial_once(bench):
    experiment = bench.experiment(
        workloads=["echo"], targets=list(PROCESS), profiles=[{"constant": {"rate": 5, "seconds": 1}}], rounds=2
    )
    started = bench.start("run", experiment, "--results", bench.results)
    until(lambda: "[1/4]" in started.said, "the first trial is saved")
    started.signal(signal.SIGTERM)
    assert_interrupted(bench, started)
    before = bench.folders()[-1].trials()
    assert 1 <= len(before) < 4, "it was ended before its end"
    folder = assert_done(bench, bench.run("run", "--resume", "latest", "--results", bench.results))
    after = folder.trials()
    assert after[: len(before)] == before and len(after) == 4
    assert [record.order for record in after] == [0, 1, 2, 3]
    assert bench.run("show", folder.manifest.run, "--results", bench.results).code == 0
    assert len(bench.folders()) == 1


@CLEANS
def test_after_kill_9_all_that_runs_ends_by_itself_and_clean_takes_the_rest(bench):
    started = start_long(bench, PROCESS)
    until(lambda: under_load(bench), "requests are sent")
    bench.listeners()
    started.signal(signal.SIGKILL)
    assert started.finish().code == -signal.SIGKILL
    until(lambda: not list(bench.processes()), "front, sandboxes and load process end")
    left = list(bench.temporary.glob("frostline-load-*"))
    cleaned = bench.run("clean")
    assert left and cleaned.code == 0 and all(f"removed folder {path.name}" in cleaned.out for path in left)
    assert bench.leftovers() == []
    again = bench.run("clean").out
    assert not any(path.name in again for path in left)


@pytest.mark.parametrize("closed_before", [True, False])
def test_a_leash_ends_a_process_whenever_its_other_end_closes(closed_before):
    """Also when the holder was killed before the process had begun to listen for it."""
    held, other = os.pipe()
    if closed_before:
        os.close(other)
    code = (
        f"from targets.serving.leash import hold; hold({held}); print('held', flush=True); import time; time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], pass_fds=(held,), stdout=subprocess.PIPE)
    os.close(held)
    assert process.stdout is not None
    said = process.stdout.readline()
    if not closed_before:
        os.close(other)
    with process.stdout:
        assert process.wait(HANG_S) == (0 if closed_before else -signal.SIGIO)
    assert said == (b"" if closed_before else b"held\n")


@CLEANS
@pytest.mark.docker
@pytest.mark.parametrize("name", [*DOCKER, "docker-hybrid"])
def test_after_kill_9_clean_removes_containers_and_networks(bench, name):
    """A service's containers have nobody left; a front that is killed as well leaves its sandboxes."""
    started = start_long(bench, (name,), workloads=["known-truth"])
    until(lambda: under_load(bench), "requests are sent")
    bench.listeners()
    victims = [process for process in bench.processes() if "lambda_front" in command(process)]
    victims.append(psutil.Process(started.process.pid))
    for victim in victims:  # all of them at once: who sees the other die begins to remove what is theirs
        victim.suspend()
    for victim in victims:
        victim.kill()
    started.finish()
    left = [f"container {container.name}" for container in bench.containers()]
    left += [f"network {network.name}" for network in bench.networks()]
    assert {each.split()[0] for each in left} == {"container"} | ({"network"} if name == "docker-hybrid" else set())
    cleaned = bench.run("clean")
    assert [each for each in left if f"removed {each}" not in cleaned.out] == [], (left, cleaned)
    assert bench.leftovers() == []
    again = bench.run("clean").out
    assert not any(each in again for each in left)


@CLEANS
def test_clean_leaves_a_live_run_and_foreign_processes_alone(bench):
    marks = variables("somebody-elses-run", Owner.current())
    foreign = sleeper({}), sleeper(marks)
    try:
        cleaned = bench.run("clean")
        assert cleaned.code == 0
        assert f"left alone, its run is going on: process {foreign[1].pid} " in cleaned.out
        assert f"process {foreign[0].pid} " not in cleaned.out
        assert [process.poll() for process in foreign] == [None, None]
        dead = sleeper({RUN_VARIABLE: "a-dead-run", OWNER_VARIABLE: "1/0/another-boot"})
        assert f"removed process {dead.pid} " in bench.run("clean").out
        assert dead.wait(HANG_S) == -signal.SIGKILL
        assert f"process {dead.pid} " not in bench.run("clean").out
    finally:
        end(*foreign)


def sleeper(marks: dict[str, str]) -> "subprocess.Popen[bytes]":
    """A process of somebody else's."""
    code = "print(flush=True); import time; time.sleep(3600)"
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **marks}, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline()
    process.stdout.close()
    return process


def end(*processes: "subprocess.Popen[bytes]") -> None:
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def sleeping(engine, packages):
    """Starts containers of somebody else's."""
    image = packages["echo", "docker-service"]
    made = []

    def sleep(marks: dict[str, str]):
        made.append(container_of(engine, image, marks))
        return made[-1]

    yield sleep
    for container in made:
        with suppress(docker.errors.NotFound):
            container.remove(force=True)


def container_of(engine, image: Package, marks: dict[str, str]):
    return engine.containers.run(image.reference, ["sleep", "3600"], detach=True, labels=marks)


@CLEANS
@pytest.mark.docker
def test_clean_leaves_foreign_containers_alone(bench, engine, sleeping):
    unlabelled, living = sleeping({}), sleeping(labels("a-live-run", Owner.current()))
    elsewhere = sleeping(labels("on-another-machine", Owner(1, "0", "another-boot")))
    dead = sleeping(labels("a-dead-run", Owner(os.getpid(), "0", Owner.current().boot)))
    told = bench.run("clean").out
    assert f"removed container {dead.name}" in told
    assert f"left alone, its run is going on: container {living.name}" in told
    assert f"left alone, its run is going on: container {elsewhere.name}" in told
    assert unlabelled.name not in told
    there = {container.id for container in engine.containers.list()}
    assert {unlabelled.id, living.id, elsewhere.id} <= there and dead.id not in there


@pytest.mark.alone
@pytest.mark.docker
@pytest.mark.skipif(
    os.environ.get("FROSTLINE_DISRUPTIVE") != "1", reason="ends every run on this machine: set FROSTLINE_DISRUPTIVE=1"
)
def test_clean_all_removes_live_runs_too_and_still_nothing_foreign(bench, engine, sleeping):
    unlabelled, living = sleeping({}), sleeping(labels("a-live-run", Owner.current()))
    foreign, marked = sleeper({}), sleeper(variables("a-live-run", Owner.current()))
    try:
        told = bench.run("clean", "--all").out
        assert f"removed container {living.name}" in told and f"removed process {marked.pid} " in told
        assert marked.wait(HANG_S) == -signal.SIGKILL and foreign.poll() is None
        there = {container.id for container in engine.containers.list()}
        assert unlabelled.id in there and living.id not in there
    finally:
        end(foreign, marked)


@pytest.mark.skipif(
    os.environ.get("FROSTLINE_DISRUPTIVE") != "1" or os.geteuid() != 0,
    reason="mounts a tiny disk: run as root with FROSTLINE_DISRUPTIVE=1",
)
def test_a_full_disk_is_said_with_its_folder_and_the_fix(bench, tmp_path):
    cache = Path(tmp_path / "tiny-disk")
    cache.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(cache)], check=True)
    try:
        experiment = bench.experiment(workloads=["filetype"], targets=["process-service"], cold_starts=1)
        finished = bench.measure(experiment, FROSTLINE_CACHE=str(cache))
    finally:
        subprocess.run(["umount", str(cache)], check=True)
    assert finished.code == 3 and not bench.results.exists()
    assert str(cache) in finished.err and "free some space or set FROSTLINE_CACHE" in finished.err
    assert "Traceback" not in finished.err
