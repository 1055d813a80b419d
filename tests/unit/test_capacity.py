"""The search against systems whose capacity is known, from pure probes to whole runs of a simulated queue; and the
file that it leaves, read again and mistreated."""

import json
import math
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from harness.capacity import steps as carried_out
from harness.capacity.answer import answer
from harness.capacity.judging import Arrivals, first_break_s, warm_up_s
from harness.capacity.running import CapacityOrder, like_experiment, measure_capacity
from harness.capacity.search import MOST_FENCES, MOST_RATES, Probe, search
from harness.errors import Interrupted, RecordError, TrialError, UsageError
from harness.record.capacity import (
    Capacity,
    keep_capacities,
    kept_capacity,
    misfits,
    read_capacities,
    read_capacity,
    subject_of,
)
from harness.record.columns import SAMPLES
from harness.record.folder import RunFolder
from harness.record.nouns import Outcome
from tests.synthetic import manifest, requests, trial, unit

LOWEST, MOST = 3.3, 200.0


def system(truth, noise=0.0, seed=0, repeats=3, invalid=lambda rate: 0):
    """Probes of a system that holds up to `truth`; `noise` is the standard deviation of a step's log rate."""
    rng = np.random.default_rng(seed)

    def probe(rate):
        valid = repeats - invalid(rate)
        held = sum(math.log(truth / rate) + noise * rng.standard_normal() > 0 for _ in range(valid))
        return Probe(rate, held, valid, repeats)

    return probe


# the search


@pytest.mark.parametrize("truth", [4, 20, 47.3, 190])
@pytest.mark.parametrize("off", [0.1, 0.8, 1.3, 20])
def test_a_sharp_capacity_is_bracketed_within_5_percent_from_any_guess(truth, off):
    found = search(system(truth), LOWEST, MOST, truth * off)
    rate = answer(found)
    assert found.low <= truth <= found.high
    assert rate.low <= truth <= rate.high
    assert len(found.probes) <= MOST_RATES
    if 0.5 < off < 2:
        assert rate.high / rate.low < 1.06
    assert rate.n == 3 * len(found.probes)
    assert rate.why is None


@pytest.mark.parametrize(("noise", "least"), [(0.02, 0.9), (0.05, 0.9), (0.1, 0.85)])
def test_with_noise_the_interval_holds_the_truth_for_most_seeds(noise, least):
    rng, covered, told, widths = np.random.default_rng(5), 0, 0, []
    for seed in range(200):
        truth = math.exp(rng.uniform(math.log(8), math.log(120)))
        found = search(system(truth, noise, seed), LOWEST, MOST, truth * math.exp(0.15 + 0.25 * rng.standard_normal()))
        rate = answer(found)
        assert len(found.probes) <= MOST_RATES + MOST_FENCES
        if rate.low is not None and rate.high is not None:
            told += 1
            covered += rate.low <= truth <= rate.high
            assert rate.low <= rate.value <= rate.high
            widths.append(math.log(rate.high / rate.low))
    assert told > 180
    assert np.median(widths) < 4 * noise + 0.05
    assert covered / told > least


def test_an_interval_spans_every_rate_at_which_the_repeats_disagree():
    outcomes = {10: 3, 20: 2, 25: 3, 30: 0, 40: 1, 50: 0}
    found = search(system(1), LOWEST, MOST, 5)
    found.probes = [Probe(rate, held, 3, 3) for rate, held in outcomes.items()]
    assert (found.sure_low, found.sure_high) == (10, 50)


def test_when_even_the_highest_rate_holds_it_is_a_lower_bound():
    rate = answer(search(system(1000), LOWEST, MOST, 50))
    assert (rate.value, rate.low, rate.high) == (None, MOST, None)
    assert rate.why == "at least 200 requests per second: nothing higher was tried"


def test_when_the_lowest_rate_does_not_hold_there_is_no_value():
    rate = answer(search(system(0.5), LOWEST, MOST, 50))
    assert (rate.value, rate.low, rate.high) == (None, None, LOWEST)
    assert rate.why.startswith("less than 3.30 requests per second, or the objective cannot be held at all")


def test_invalid_steps_are_never_counted_as_broken():
    one_of_three = search(system(40, invalid=lambda rate: 1), LOWEST, MOST, 50)
    assert one_of_three.low <= 40 <= one_of_three.high
    too_many = search(system(40, invalid=lambda rate: 2 if rate < 45 else 0), LOWEST, MOST, 50)
    assert too_many.ending == "invalid"
    assert [probe.rate for probe in too_many.probes] == [50, 40], "it ends where it could not decide"
    rate = answer(too_many, "the generator was late")
    assert (rate.value, rate.low, rate.high) == (None, None, 50)
    assert rate.why == "only 1 of 3 steps at 40.0 requests per second were valid: the generator was late"


def test_all_invalid_says_nothing_about_the_rate():
    found = search(system(40, invalid=lambda rate: 3), LOWEST, MOST, 50)
    assert len(found.probes) == 1
    assert answer(found).model_dump(include={"value", "low", "high", "n"}) == {
        **dict.fromkeys(("value", "low", "high")),
        "n": 0,
    }


# what the ramp tells


def ramp_of(latency_ms, scheduled_s=None, met_start=()):
    latency = np.asarray(latency_ms, dtype=float)
    scheduled = np.arange(len(latency)) / 10 if scheduled_s is None else np.asarray(scheduled_s)
    started = np.zeros(len(latency), bool)
    started[list(met_start)] = True
    return Arrivals(scheduled, scheduled + np.where(np.isinf(latency), np.nan, latency) / 1e3, latency, started)


def test_the_ramp_breaks_where_a_window_first_does():
    calm = ramp_of([20] * 100)
    assert first_break_s(calm, 0.95, 300, 20) is None
    broken = ramp_of([20] * 50 + [900] * 50)
    assert first_break_s(broken, 0.95, 300, 20) == pytest.approx(4.15), "the middle of the first 20 with two late"
    assert first_break_s(ramp_of([np.inf] * 30), 0.95, 300, 20) == pytest.approx(0.95)


def test_starts_do_not_break_the_ramp_but_set_the_warm_up():
    # Two starts of 2 s, and everything turned away until they are over.
    cold = ramp_of([2000, 2000] + [np.inf] * 18 + [20] * 80, met_start=(0, 1))
    assert first_break_s(cold, 0.95, 300, 20) is None
    assert warm_up_s(cold) == pytest.approx(3.0)
    assert warm_up_s(ramp_of([20] * 5)) == 1.0


# whole searches over simulated runs


class SimulatedQueue:
    """Stands in for `start_run` of harness/measure: every trial meets one server with a fixed service time."""

    def __init__(self, service_ms, late=lambda rate, attempt: False, fail=lambda rate: False, stop_at=None):
        self.service_s, self.late, self.fail, self.stop_at = service_ms / 1e3, late, fail, stop_at
        self.runs = 0
        self.lasting = {"source_sha256": "a"}

    def __call__(self, choice, results, watcher):
        self.runs += 1
        if self.runs == self.stop_at:
            raise Interrupted("interrupted: everything is torn down")
        run = RunFolder.create(results, self.manifest(choice))
        for planned in choice.trials:
            for attempt in range(1, choice.experiment.attempts + 1):
                record, table, samples = self.visit(planned, attempt)
                if run.save_trial(record, table, samples).valid:
                    break
        return run

    def manifest(self, choice):
        return manifest(
            run=f"run-{self.runs:02}",
            rounds=choice.experiment.rounds,
            trials=len(choice.trials),
            packages={"echo/process-service": {"site": "f" * 64}},
            facts={"lasting": dict(self.lasting), "software": {"measuring_sha256": "c" * 64, "python": "3.12.1"}},
        )

    def visit(self, planned, attempt):
        at = np.array(planned.load.arrivals(planned.arrival_seed))
        free, done = 0.0, np.empty(len(at))
        for i, t in enumerate(at):
            free = done[i] = max(free, t) + self.service_s
        scheduled = np.round(at * 1e9).astype(np.int64)
        times = {"scheduled_ns": scheduled, "sent_ns": scheduled + 1000, "done_ns": np.round(done * 1e9)}
        rate = planned.load.rate
        outcome = [Outcome.FAILED if self.fail(rate) else Outcome.OK] * len(at)
        table = requests(np.ones(len(at)), **times, outcome=outcome)
        problems = ["the generator was late: p99 of its lag is 9 ms"] if self.late(rate, attempt) else []
        key = {"round": planned.round, "order": planned.order, "attempt": attempt, "problems": problems}
        record = trial(table, planned.id, target="process-service", units=[unit("u0")], **key)
        samples = [{"at_ns": 0, "unit": "u0", "memory_bytes": 2**20}]

        return record, table, pa.Table.from_pylist(samples, schema=SAMPLES)


def order(**changes):
    usual = {
        "workload": "echo",
        "target": "process-service",
        "latency_ms": 300.0,
        "percentile": 95.0,
        "most_rate": 200.0,
        "step_s": 10.0,
        "repeats": 3,
        "concurrency_limit": 2,
        "seed": 1,
    }
    return CapacityOrder(**{**usual, **changes})


def measured(monkeypatch, tmp_path, queue, form="text", **changes):
    monkeypatch.setattr(carried_out, "start_run", queue)
    console = Console(record=True, width=200, file=None, quiet=False)
    code = measure_capacity(order(**changes), form, tmp_path, console)
    return code, console.export_text(), found_in(tmp_path / "capacity")


def found_in(folder):
    """The records of a folder in which nothing is malformed."""
    kept, told = read_capacities(folder)
    assert told == []
    return [each.capacity for each in kept]


def test_a_simulated_queue_is_found_and_every_step_can_be_read_again(monkeypatch, tmp_path, capsys):
    code, told, [record] = measured(monkeypatch, tmp_path, SimulatedQueue(20))
    assert code == 0
    # p95 of M/D/1 at 20 ms reaches 300 ms near 91 % of 50/s; a step of 10 s is too short to fill the queue wholly.
    assert 42 < record.rate.value < 52
    assert record.rate.low <= record.rate.value <= record.rate.high
    assert record.rate.n == len(record.steps) == sum(step.valid for step in record.steps)
    assert (record.ended, record.package, record.concurrency_limit) == ("answered", "f" * 64, None)
    assert (record.measuring_sha256, record.python) == ("c" * 64, "3.12.1"), "the package is no image"
    assert len({step.seed for step in record.steps}) == len(record.steps), "no two steps share their arrivals"
    for step in record.steps:
        folder = RunFolder.open(tmp_path / "capacity" / "runs" / step.run)
        assert carried_out.sha256(folder.path / "trials.jsonl") == step.trials_sha256
        assert step.held == (step.percentile_ms <= 300)
    assert f"serves echo up to {record.rate.value:.1f} requests per second (" in told
    assert f"n = {record.rate.n} steps) with p95 <= 300 ms." in told
    assert told.count(" held\n") == sum(step.held for step in record.steps)


def test_json_prints_the_file_and_nothing_else(monkeypatch, tmp_path, capsys):
    measured(monkeypatch, tmp_path, SimulatedQueue(20), form="json", repeats=1)
    [file] = (tmp_path / "capacity").glob("*.json")
    out = capsys.readouterr().out
    assert out == file.read_text()
    assert json.loads(out)["schema"] == "frostline/capacity/2"


def test_a_step_is_judged_without_its_warm_up(monkeypatch, tmp_path):
    _, _, [record] = measured(monkeypatch, tmp_path, SimulatedQueue(20), repeats=1, most_rate=20.0)
    assert record.rate.why == "at least 20.0 requests per second: nothing higher was tried"
    [step] = record.steps
    rows = RunFolder.open(tmp_path / "capacity" / "runs" / step.run)
    [stored] = rows.trials()
    scheduled = rows.requests(stored, ["scheduled_ns"])["scheduled_ns"].to_numpy()
    assert record.warm_up_s == 1.0
    assert step.requests == int((scheduled >= 1e9).sum()) < stored.scheduled


def test_failures_count_as_infinitely_late(monkeypatch, tmp_path):
    code, told, [record] = measured(monkeypatch, tmp_path, SimulatedQueue(1, fail=lambda rate: True))
    assert code == 0
    assert record.rate.value is None
    assert all(step.percentile_ms is None and step.valid and not step.held for step in record.steps)
    assert "missed: falls among failures" in told
    assert "p95 <= 300 ms: less than" in told


def test_a_step_that_is_valid_at_its_second_attempt_counts_once(monkeypatch, tmp_path):
    code, _, [record] = measured(monkeypatch, tmp_path, SimulatedQueue(20, late=lambda rate, attempt: attempt == 1))
    assert code == 0
    assert record.rate.n == sum(step.valid for step in record.steps) == len(record.steps) / 2
    assert "steps were INVALID and count for nothing" in " ".join(record.warnings)


def test_steps_that_stay_invalid_end_the_search(monkeypatch, tmp_path):
    code, told, [record] = measured(monkeypatch, tmp_path, SimulatedQueue(20, late=lambda rate, attempt: rate < 60))
    assert code == 1
    assert record.ended == "invalid"
    assert record.rate.value is None
    assert "the generator was late" in record.rate.why
    assert f"its search is no answer: {record.ended}" in misfits(record, subject())
    assert "p95 <= 300 ms: only 0 of 3 steps" in told


def test_an_interrupted_search_keeps_what_it_has_and_is_no_answer(monkeypatch, tmp_path):
    with pytest.raises(Interrupted):
        measured(monkeypatch, tmp_path, SimulatedQueue(20, stop_at=4))
    [record] = found_in(tmp_path / "capacity")
    assert (record.ended, record.rate.value) == ("cut off", None)
    assert len(record.steps) == 6
    assert f"its search is no answer: {record.ended}" in misfits(record, subject())


def test_a_search_interrupted_in_its_ramp_leaves_no_file(monkeypatch, tmp_path):
    with pytest.raises(Interrupted):
        measured(monkeypatch, tmp_path, SimulatedQueue(20, stop_at=1))
    assert found_in(tmp_path / "capacity") == []


def test_a_changed_machine_or_package_ends_the_search(monkeypatch, tmp_path):
    queue = SimulatedQueue(20)
    answered = queue.visit
    queue.visit = lambda *given: (queue.lasting.update(source_sha256=f"b{queue.runs}"), answered(*given))[1]
    with pytest.raises(TrialError, match="changed since the search began: source_sha256"):
        measured(monkeypatch, tmp_path, queue)


# bad input


def test_every_problem_is_told_at_once_and_nothing_starts(monkeypatch, tmp_path):
    wrong = {
        "workload": "ech\x1bo",
        "target": "docker",
        "latency_ms": 0,
        "percentile": 99.95,
        "most_rate": -1,
        "step_s": math.nan,
    }
    with pytest.raises(UsageError) as refused:
        measured(monkeypatch, tmp_path, None, **wrong, repeats=0, concurrency_limit=0, seed=-1)
    names = ("WORKLOAD", "TARGET", "--latency-ms", "--percentile", "--most-rate", "--step-s", "--repeats")
    assert [line.split(":")[0] for line in refused.value.problems] == [*names, "--concurrency-limit", "--seed"]
    assert "\x1b" not in str(refused.value)
    assert refused.value.problems[3].endswith("99.95 is not accepted: give a number from 50 to 99.9")
    assert list(tmp_path.iterdir()) == []


def test_a_step_too_short_for_its_percentile_is_refused_with_the_length_it_needs(monkeypatch, tmp_path):
    with pytest.raises(UsageError, match=r"p99\.9 needs 1000 requests, at most 100 a second: give at least 10"):
        measured(monkeypatch, tmp_path, None, percentile=99.9, most_rate=100.0, step_s=6.0)


LIKE = """name: mine
question: What does one replica carry?
workloads: [{name: echo, label: own}, filetype]
targets: [process-service]
cold_starts: 1
sizing: {service_memory_mb: 1024, service_cpus: 0.5}
function: {timeout_s: 30}
"""


def test_a_search_like_an_experiment_has_its_settings_and_sizes(monkeypatch, tmp_path):
    (tmp_path / "mine.yaml").write_text(LIKE)
    searched = like_experiment(order(workload="own"), str(tmp_path / "mine.yaml"))
    assert (searched.workload, searched.function.timeout_s) == ("echo", 30)
    monkeypatch.setattr(carried_out, "start_run", SimulatedQueue(20))
    measure_capacity(searched, "text", tmp_path, Console(quiet=True))
    [record] = found_in(tmp_path / "capacity")
    assert (record.workload, record.sizing.memory_mb, record.sizing.cpus) == ("echo", 1024, 0.5)


def test_a_search_like_an_experiment_without_this_workload_or_target_is_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(LIKE)
    with pytest.raises(UsageError) as refused:
        like_experiment(order(workload="embed-onnx", target="docker-service"), str(path))
    assert [line.split(": ")[2] for line in refused.value.problems] == ["WORKLOAD", "TARGET"]
    with pytest.raises(UsageError, match="--like and --model-dir: give one of them"):
        like_experiment(order(model_dir=tmp_path), str(path))


# the file and the run that it belongs to


MACHINE = {"cpu": "a", "cpus": 2, "memory_mb": 4096, "architecture": "x86_64", "host": "h"}


def stored(**changes):
    step = {
        "rate": 40.0,
        "repeat": 1,
        "attempt": 1,
        "seed": 2**62,
        "requests": 240,
        "percentile_ms": 212.5,
        "held": True,
        "valid": True,
        "problem": None,
        "run": "2026-11-03T10-12-05Z_capacity_7f3a",
        "trials_sha256": "0" * 64,
    }
    given = {
        "schema": "frostline/capacity/2",
        "workload": "filetype",
        "target": "docker-service",
        "kind": "service",
        "objective": {"percentile": 95, "latency_ms": 300},
        "sizing": {"memory_mb": 2048, "cpus": 1.0},
        "concurrency_limit": None,
        "package": "sha256:1",
        "settings": {"top": 3},
        "model": None,
        "machine": MACHINE,
        "emulated": False,
        "isolated": True,
        "started_at": "2026-11-03T10:12:05+00:00",
        "finished_at": "2026-11-03T10:16:05+00:00",
        "ended": "answered",
        "most_rate": 200,
        "step_s": 6,
        "warm_up_s": 1,
        "repeats": 3,
        "seed": 1,
        "rate": {"value": 41.0, "low": 38.0, "high": 44.0, "n": 24, "need": None, "why": None, "method": "bisection"},
        "steps": [step],
        "warnings": [],
    }
    return given | changes


def run_of(objective=None, **package):
    """The manifest of a run of filetype as `stored` was searched."""
    return manifest(
        experiment={
            "name": "q",
            "workloads": [{"name": "filetype", "label": "mine", "settings": {"top": 3}}],
            "objective": objective or {"percentile": 95, "latency_ms": 300},
        },
        packages={"mine/docker-service": {"image_id": "sha256:1"} | package},
        facts={"machine": MACHINE | {"system": "a kernel of its own", "load_average": 1.0}},
    )


def subject(**changes):
    return subject_of(run_of(**changes), "mine", "docker-service", 2048, 1.0)


def test_a_record_survives_being_stored(tmp_path):
    record = Capacity.model_validate(stored())
    (tmp_path / "a.json").write_text(record.model_dump_json(by_alias=True))
    assert found_in(tmp_path) == [record]
    estimate = record.rate.estimate
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (41.0, 38.0, 44.0, 24)
    assert found_in(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"workload": "echo"}, "another workload: 'echo', not 'filetype'"),
        ({"target": "docker-lambda"}, "another target: 'docker-lambda', not 'docker-service'"),
        ({"package": "sha256:2"}, "another package: 'sha256:2', not 'sha256:1'"),
        ({"package": None}, "another package"),
        ({"settings": {}}, "another settings"),
        ({"model": "f" * 64}, "another model"),
        ({"sizing": {"memory_mb": 1024, "cpus": 1.0}}, "another memory_mb"),
        ({"sizing": {"memory_mb": 2048, "cpus": 0.5}}, "another cpus: 0.5, not 1"),
        ({"machine": MACHINE | {"cpus": 64}}, "another machine: cpus: 64, not 2"),
        ({"objective": {"percentile": 99, "latency_ms": 300}}, "another objective: p99 within 300 ms, not p95"),
        ({"ended": "cut off"}, "its search is no answer: cut off"),
    ],
)
def test_a_capacity_belongs_to_its_package_target_size_and_machine(changes, why):
    assert misfits(Capacity.model_validate(stored()), subject()) == []
    (told,) = misfits(Capacity.model_validate(stored(**changes)), subject())
    assert told.startswith(why)


def process_run(model_dir=None, software=None, **package):
    """Like `run_of`, but served from a folder of packages by this checkout's own code and interpreter."""
    workload = {"name": "filetype", "label": "mine", "settings": {"top": 3}, "model_dir": model_dir}
    return manifest(
        experiment={"name": "q", "workloads": [workload]},
        packages={"mine/docker-service": {"site": "folder"} | package},
        facts={"machine": MACHINE, "software": {"measuring_sha256": "c" * 64, "python": "3.12.1"} | (software or {})},
    )


OF_A_FOLDER = {"package": "folder", "measuring_sha256": "c" * 64, "python": "3.12.1"}


@pytest.mark.parametrize(
    ("run", "changes", "why"),
    [
        (process_run(), {}, None),
        (process_run(), {"measuring_sha256": "d" * 64}, "another measuring_sha256"),
        (process_run(), {"measuring_sha256": None}, "another measuring_sha256: None"),
        (process_run(), {"python": "3.13.0"}, "another Python: '3.13.0', not '3.12.1'"),
        (process_run(software={"python": None}), {"python": None}, "another Python: None, not None"),
        (process_run("m", model_sha256="f" * 64), {"model": "f" * 64}, None),
        (process_run("m"), {}, "the run keeps no hash of its own model"),
    ],
)
def test_where_the_package_is_no_image_code_interpreter_and_model_must_be_known_and_the_same(run, changes, why):
    asked = subject_of(run, "mine", "docker-service", 2048, 1.0)
    told = misfits(Capacity.model_validate(stored(**OF_A_FOLDER | changes)), asked)
    assert [line[: len(why or "")] for line in told] == ([why] if why else [])


def test_no_file_can_claim_an_unknown_model(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(stored(model="not told by the run")))
    with pytest.raises(RecordError, match=r"a\.json: model"):
        read_capacity(tmp_path / "a.json")


@pytest.mark.parametrize("workloads", [5, None, "mine", {"name": "mine"}, [{"name": "mine", "settings": "abc"}]])
def test_no_capacity_is_of_a_workload_that_cannot_be_read(workloads):
    run = run_of()
    run.experiment["workloads"] = workloads
    record = Capacity.model_validate(stored(workload="mine", settings={}))
    (told,) = misfits(record, subject_of(run, "mine", "docker-service", 2048, 1.0))
    assert told.startswith("another package: 'sha256:1', not None")


def test_a_file_of_the_older_format_is_readable_and_belongs_to_no_run(tmp_path):
    given = {name: value for name, value in stored().items() if name not in ("settings", "model", "machine")}
    (tmp_path / "old.json").write_text(json.dumps(given | {"schema": "frostline/capacity/1"}))
    kept, told = keep_capacities(tmp_path, run_of(), {("mine", "docker-service"): (2048, 1.0)})
    assert kept == {}
    (line,) = told
    assert "old.json is not of this run's mine on docker-service" in line
    assert "does not say settings, model and machine: search again" in line


def test_a_search_of_the_future_is_told_and_prices_nothing(tmp_path):
    (tmp_path / "old.json").write_text(json.dumps(stored()))
    (tmp_path / "ahead.json").write_text(json.dumps(stored(started_at="2931-01-01T00:00:00+00:00")))
    (tmp_path / "never.json").write_text(json.dumps(stored(started_at="2026-13-41T00:00:00+00:00")))
    found, told = read_capacities(tmp_path)
    assert [kept.file for kept in found] == ["old.json"]
    assert "ahead.json: started_at: '2931-01-01T00:00:00+00:00' lies in the future" in told[0]
    assert "never.json: started_at is no time" in told[1]


def test_a_run_keeps_the_newest_that_fits_with_its_file_and_digest(tmp_path):
    later = {"started_at": "2026-11-05T00:00:00+00:00"}
    files = {
        "old": stored(),
        "new": stored(started_at="2026-11-04T00:00:00+00:00"),
        "foreign": stored(**later, package="sha256:2"),
    }
    for name, given in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(given))
    (tmp_path / "bad.json").write_text("{")
    run = run_of()
    run.capacities, told = keep_capacities(tmp_path, run, {("mine", "docker-service"): (2048, 1.0)})
    assert len(told) == 1 and "capacity left out" in told[0] and "bad.json" in told[0]
    kept = kept_capacity(run, "mine", "docker-service")
    assert (kept.file, kept.sha256) == ("new.json", carried_out.sha256(tmp_path / "new.json"))
    assert kept.capacity == Capacity.model_validate(files["new"])
    assert kept_capacity(run, "mine", "docker-lambda") is None
    run.capacities["mine/docker-service"]["capacity"]["rate"] = "fast"
    with pytest.raises(RecordError, match=r"capacities\.mine/docker-service: rate"):
        kept_capacity(run, "mine", "docker-service")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        json.dumps(stored(schema="frostline/capacity/3")).encode(),
        json.dumps(stored(surprise=1)).encode(),
        json.dumps(stored(rate={"value": -1})).encode(),
        json.dumps(stored(started_at="soon")).encode(),
        json.dumps(stored(started_at="2026-11-03T10:12:05+00:00\n")).encode(),
        json.dumps(stored(ended="perhaps")).encode(),
        json.dumps(stored(workload="x" * 3000)).encode(),
        json.dumps(stored(steps=[{}] * 1000)).encode(),
        json.dumps(stored()).replace("41.0", "NaN").encode(),
        json.dumps(stored()).replace("41.0", "1e999").encode(),
        json.dumps(stored()).replace('"seed": 1', f'"seed": {10**30}').encode(),
    ],
)
def test_a_malformed_file_is_named(tmp_path, text):
    file = tmp_path / "bad.json"
    file.write_bytes(text)
    (told,) = read_capacities(tmp_path)[1]
    assert told.startswith("capacity left out: ") and "\n" not in told
    with pytest.raises(RecordError) as refused:
        read_capacity(file)
    assert all(line.startswith((str(file), "and ")) for line in str(refused.value).split("\n"))
    assert len(str(refused.value)) < 30_000


def test_what_is_no_file_is_named(tmp_path):
    (tmp_path / "pipe.json").mkdir()
    found, (told,) = read_capacities(tmp_path)
    assert found == [] and "pipe.json: not readable" in told
    with pytest.raises(RecordError, match=r"no\.json: not readable"):
        read_capacity(tmp_path / "no.json")


def test_reading_needs_no_platform():
    code = "import harness.record.capacity, sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    absent = {"targets", "loadprofiles", "docker", "boto3", "locust", "gevent"}
    assert not absent & set(done.stdout.split())
