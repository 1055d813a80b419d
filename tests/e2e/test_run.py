"""Whole runs from the command line, on processes always and on containers where an engine answers."""

import pandas as pd
import pytest

import targets
from harness.record.columns import phase_column
from harness.record.nouns import Outcome, StartClass
from loadprofiles.contract import fingerprint
from targets.local.processes import CODE
from tests.conftest import engine_refusal, one_at_a_time
from tests.e2e.bench import assert_done, summary
from tests.e2e.conftest import open_bench
from tests.fakes.plug_ins import python_path

PROCESS = ("process-service", "process-lambda")
DOCKER = ("docker-service", "docker-lambda")
SEED = 5
PROFILES = [{"bursty": {"rate": 2, "seconds": 3, "compression": 20}}, {"constant": {"rate": 8, "seconds": 2}}]
NO_MODEL = """
class NoModel:
    name = "no-model"
    summary = "A model that is none"
    requirements, models, model_files = (), (), ()

    def load(self, phase, model_dir, threads):
        raise RuntimeError("not a model")

    def payloads(self):
        from targets.workloads.contract import Payload

        return [Payload("only", b"{}")]

    def check(self, payload, answer, own_model):
        return None


WORKLOAD = NoModel()
"""
COUNTS = ("ok", "wrong", "failed", "throttled", "timed_out", "shed", "unfinished")
STARTED = {StartClass.COLD, StartClass.COLD_REINIT, StartClass.RESET}


@pytest.fixture(
    scope="module",
    params=[
        PROCESS,
        pytest.param(DOCKER, marks=pytest.mark.docker),
    ],
    ids=lambda p: p[0][:6],
)
def finished(request, tmp_path_factory, engine, packages):
    """One run of two workloads on both targets, shared by the tests that look at it: (bench, run folder).

    Slow: 12 trials, each of which deploys anew.
    """
    with open_bench(tmp_path_factory.mktemp("run"), engine) as bench:
        experiment = bench.experiment(
            workloads=["echo", "filetype"],
            targets=list(request.param),
            profiles=PROFILES,
            cold_starts=1,
            seed=SEED,
            begin="steady",
            compression=60,
            function={"keep_alive_s": 30, "init_timeout_s": 60},
        )
        with one_at_a_time("filetype"):
            folder = assert_done(bench, bench.measure(experiment))
        yield bench, folder


def rows_of(folder):
    """(trial record, its requests) of every trial."""
    return [(record, folder.requests(record).to_pandas()) for record in folder.trials()]


def test_every_scheduled_arrival_has_exactly_one_row(finished):
    _, folder = finished
    for record, rows in rows_of(folder):
        assert sorted(rows["index"]) == list(range(record.scheduled))
        assert sum(record.counts.values()) == record.scheduled == len(rows) > 0
        found = rows["outcome"].astype(str).value_counts().to_dict()
        assert {name: count for name, count in record.counts.items() if count} == found
        assert folder.verify(record) == []


def test_every_answer_is_right(finished):
    for record, rows in rows_of(finished[1]):
        assert set(rows["outcome"].astype(str)) == {Outcome.OK}, (record.trial, rows["error"].dropna().unique())


def test_both_targets_get_the_same_schedule(finished):
    hashes: dict[tuple[int, str, str], set[str]] = {}
    experiment_profiles = {record.profile for record in finished[1].trials()}
    assert experiment_profiles == {"bursty", "constant", "cold"}
    for record in finished[1].trials():
        if record.profile == "cold":
            assert record.schedule_sha256 is None
            continue
        hashes.setdefault((record.round, record.workload, record.profile), set()).add(record.schedule_sha256)
    assert len(hashes) == 4 and all(len(found) == 1 for found in hashes.values())
    assert len(set.union(*hashes.values())) >= 3, "bursty draws differ by workload"


def test_the_recorded_schedule_is_the_one_that_was_sent(finished):
    """The hash alone could be of anything: the rows' own moments must give it."""
    for record, rows in rows_of(finished[1]):
        if record.schedule_sha256 is not None:
            offsets = rows.sort_values("index")["scheduled_ns"] / 1e9
            planned = planned_offsets(finished[1], record)
            assert fingerprint(planned) == record.schedule_sha256
            assert abs(offsets.to_numpy() - list(planned)).max() < 1e-6


def planned_offsets(folder, record):
    from harness.experiment.plan import plan
    from harness.experiment.question import parse_experiment

    trials = plan(parse_experiment(folder.manifest.experiment, "manifest"), list(folder.manifest.targets))
    trial = next(trial for trial in trials if trial.id == record.trial)
    return trial.load.arrivals(trial.arrival_seed)


def test_phases_add_up_to_the_wall_time_of_every_start(finished):
    seen = 0
    for record, rows in rows_of(finished[1]):
        starts = rows[rows["start_class"].astype(str).isin(STARTED)]
        assert bool(record.phases) == bool(len(starts)), record.trial
        if not record.phases:
            continue
        columns = [phase_column(phase) for phase in record.phases]
        seen += len(starts)
        wall = starts["done_ns"] - starts["scheduled_ns"]
        assert (starts[columns].sum(axis=1) == wall).all()
        assert (starts[columns].fillna(0) >= 0).all(axis=None), (record.trial, starts[columns].min())
        assert starts[["phase_start_ns", "phase_boot_ns", "phase_imports_ns"]].notna().all(axis=None)
        assert rows[~rows.index.isin(starts.index)][columns].isna().all(axis=None)
    assert seen >= 4


def test_start_classes_are_told_apart(finished):
    for record, rows in rows_of(finished[1]):
        classes = rows["start_class"].astype(str)
        kind = targets.target(record.target).parts[0].kind
        assert classes.isin([StartClass.COLD, StartClass.WARM, StartClass.PROACTIVE]).all()
        assert (classes == StartClass.COLD).sum() == record.starts
        if record.profile == "cold":
            assert set(classes) == {StartClass.COLD}
        elif kind == "service":
            assert set(classes) == {StartClass.WARM}, "it was asked a little before"


def test_a_steady_begin_is_there_before_the_first_request_and_counts_nowhere(finished):
    """Of a bursty profile of two requests a second nothing may be left; of the constant one, one sandbox is."""
    met = set()
    for record, rows in rows_of(finished[1]):
        if record.profile == "cold":
            assert record.begin is None and "begin" not in record.case
            continue
        assert record.case["begin"] == record.begin.state == "steady", record.warnings
        assert record.begin.warm_requests >= 2 and len(record.begin.warm_ms) == record.begin.warm_requests
        assert not record.warnings and len(rows) == record.scheduled
        first = rows.sort_values("index").iloc[0]
        if targets.target(record.target).parts[0].kind == "service":
            assert record.begin.sandboxes is None and record.starts == 0
        elif record.begin.sandboxes:
            if is_surely_idle(record, first["scheduled_ns"] / 1e9):
                assert first["start_class"] == StartClass.WARM and first["unit_request"] > 1
                met.add(record.profile)
            older = [unit for unit in record.units if not unit.for_request]
            assert len(older) == record.begin.sandboxes == len(record.begin.idle_s)
            assert max(record.begin.idle_s) < record.case["keep_alive_s"]
        else:
            assert first["start_class"] == StartClass.COLD
        if record.profile == "constant":
            assert record.begin.sandboxes != 0
            assert record.case.get("keep_alive_s", 30) == 30, "there is no time in it to compress"
        else:
            assert record.case.get("keep_alive_s", 1.5) == 1.5
    assert "constant" in met


def is_surely_idle(record, at_s, margin_s=0.1):
    """Whether one of the sandboxes of the begin is there and free at a moment, whatever the clocks leave open."""
    keep_alive_s = record.case["keep_alive_s"]
    return any(
        (idle_s >= 0 or -idle_s < at_s - margin_s) and idle_s + at_s < keep_alive_s - margin_s
        for idle_s in record.begin.idle_s
    )


def test_the_summary_conserves_requests_and_names_its_schema(finished):
    bench, folder = finished
    shown = summary(bench, folder.manifest.run)
    assert shown["schema"] == "frostline/summary/1" and shown["run"] == folder.manifest.run
    keys = {(row["workload"], row["target"], row["profile"]) for row in shown["rows"]}
    assert len(keys) == len(shown["rows"]) == 2 * 2 * 3
    for row in shown["rows"]:
        assert row["valid"] and row["scheduled"] == sum(row[name] for name in COUNTS) == row["ok"] > 0
        assert "gpu_p50_ms" not in row


def test_memory_and_cpu_are_measured_for_every_unit(finished):
    for record in finished[1].trials():
        assert record.units
        for unit in record.units:
            assert unit.memory_peak_bytes and unit.memory_peak_bytes > 1_000_000, (record.trial, unit)
            if record.begin is None:
                assert unit.cpu_ns and unit.cpu_ns > 1_000_000, (record.trial, unit)
            else:  # without what its start took; the kernel counts a process in hundredths of a second
                assert unit.cpu_ns is not None, (record.trial, unit)
            assert not unit.oom_killed


def test_one_seed_gives_one_schedule_on_any_target_and_beside_any_workload(bench, tmp_path_factory, finished):
    """Another run with the same seed, of fewer cells and on other targets, has byte-identical schedules."""
    experiment = bench.experiment(workloads=["echo"], targets=["process-service"], profiles=PROFILES, seed=SEED)
    folder = assert_done(bench, bench.measure(experiment))
    earlier = {(r.round, r.workload, r.profile): r.schedule_sha256 for r in finished[1].trials()}
    again = {(r.round, r.workload, r.profile): r.schedule_sha256 for r in folder.trials()}
    assert len(again) == 2 and again == {key: earlier[key] for key in again}


EMBED = [pytest.param(PROCESS, id="process"), pytest.param(("docker-lambda",), id="docker", marks=pytest.mark.docker)]


@pytest.mark.parametrize("names", EMBED)
def test_a_real_model_answers_rightly(bench, names):
    """embed-onnx checks each vector against the reference that PyTorch computed."""
    profiles = [{"constant": {"rate": 2, "seconds": 3}}]
    experiment = bench.experiment(workloads=["embed-onnx"], targets=list(names), profiles=profiles)
    for record, rows in rows_of(assert_done(bench, bench.measure(experiment))):
        assert set(rows["outcome"].astype(str)) == {Outcome.OK}, rows["error"].dropna().unique()
        started = rows[rows["start_class"].astype(str).isin(STARTED)]
        if targets.target(record.target).parts[0].kind == "function":
            assert (started["phase_weights_ns"] > 0).all() and len(started) >= 1


@pytest.mark.parametrize(
    "name", ["process-service", pytest.param("docker-service", marks=pytest.mark.docker)], ids=["process", "docker"]
)
def test_replicas_share_the_requests_evenly(bench, name):
    profiles = [{"constant": {"rate": 10, "seconds": 3}}]
    experiment = bench.experiment(workloads=["echo"], targets=[name], profiles=profiles, replicas=2)
    ((record, rows),) = rows_of(assert_done(bench, bench.measure(experiment)))
    served = pd.Series(rows["unit"].astype(str)).value_counts()
    assert len(served) == 2 and served.sum() == 30 and served.max() - served.min() <= 1
    assert record.deployment["replicas"] == 2 and len(record.units) == 2


DEAD_ENGINE = "unix:///nonexistent/docker.sock"


def test_without_an_engine_processes_stand_in_and_it_is_said_first(bench):
    experiment = bench.experiment(
        workloads=["echo"],
        targets=list(DOCKER),
        without_engine=list(PROCESS),
        profiles=[{"constant": {"rate": 5, "seconds": 1}}],
    )
    finished = bench.measure(experiment, DOCKER_HOST=DEAD_ENGINE)
    folder = assert_done(bench, finished)
    assert finished.out.splitlines()[0].startswith(
        "FALLBACK: process-service, process-lambda instead of docker-service"
    )
    assert folder.manifest.notices[0].startswith("FALLBACK")
    assert {record.target for record in folder.trials()} == set(PROCESS) == set(folder.manifest.targets)
    assert summary(bench, folder.manifest.run)["notices"][0].startswith("FALLBACK")


def test_without_an_engine_and_without_stand_ins_it_says_what_is_missing(bench):
    experiment = bench.experiment(
        workloads=["echo"], targets=list(DOCKER), profiles=[{"constant": {"rate": 5, "seconds": 1}}]
    )
    finished = bench.measure(experiment, DOCKER_HOST=DEAD_ENGINE)
    assert finished.code == 3 and not bench.results.exists()
    assert "no Docker engine answers" in finished.err and "make engine" in finished.err
    assert "Traceback" not in finished.err


def test_a_service_that_cannot_start_has_failed_all_its_requests_and_the_run_goes_on(bench, tmp_path):
    """A model that raises as it loads: counted rows of a valid trial, not tried again, and nothing left."""
    place = tmp_path / "targets" / "workloads" / "no_model.py"
    place.parent.mkdir(parents=True)
    place.write_text(NO_MODEL)
    experiment = bench.experiment(
        workloads=["no-model", "echo"],
        targets=["process-service"],
        profiles=[{"constant": {"rate": 5, "seconds": 1}}],
        cold_starts=2,
        attempts=3,
    )
    finished = bench.measure(experiment, PYTHONPATH=python_path(tmp_path, CODE))
    assert finished.code == 1, finished.out + finished.err
    assert "warning: the target could not be started" in finished.out and "ended before it answered" in finished.out
    assert bench.leftovers() == [], finished.err
    folder = bench.folders()[-1]
    records = {(record.workload, record.profile): record for record in folder.trials()}
    for profile, scheduled in (("constant", 5), ("cold", 2)):
        record = records["no-model", profile]
        assert record.scheduled == record.counts[Outcome.FAILED] == scheduled
        assert not any("ended before it answered" in problem for problem in record.problems)
        assert record.warnings[0].startswith("the target could not be started")
        assert folder.requests(record).num_rows == scheduled
    assert records["echo", "constant"].counts[Outcome.OK] == 5
    rows = {(row["workload"], row["profile"]): row for row in summary(bench, folder.manifest.run)["rows"]}
    row = rows["no-model", "constant"]
    assert (row["valid"], row["failed"], row["ok"], row["latency_p95_ms"]["value"]) == (True, 5, 0, None)
    assert engine_refusal() is None or "docker" not in finished.out
