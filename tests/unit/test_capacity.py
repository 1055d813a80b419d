"""The search against systems whose capacity is known, from pure probes to whole runs of a simulated queue; and the
file that it leaves, read again and mistreated."""

import json
import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

import targets
from harness.capacity import steps as carried_out
from harness.capacity.answer import answer
from harness.capacity.judging import Arrivals, warm_up_s
from harness.capacity.like import Wish, offers
from harness.capacity.running import CapacityOrder, measure_capacity
from harness.capacity.search import MOST_FENCES, MOST_RATES, Probe, Search, search
from harness.commands import runner
from harness.errors import Interrupted, RecordError, TrialError, UsageError
from harness.experiment.question import parse_experiment
from harness.forecast.replicas import bounds_of
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


def searched(probe, guess, lowest=LOWEST, most=MOST):
    return search(Search(lowest, most), probe, guess)


@pytest.mark.parametrize("truth", [4, 20, 47.3, 190])
@pytest.mark.parametrize("off", [0.1, 0.8, 1.3, 20])
def test_a_sharp_capacity_is_bracketed_within_5_percent_from_any_guess(truth, off):
    found = searched(system(truth), truth * off)
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
        found = searched(system(truth, noise, seed), truth * math.exp(0.15 + 0.25 * rng.standard_normal()))
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
    found = searched(system(1), 5)
    found.probes = [Probe(rate, held, 3, 3) for rate, held in outcomes.items()]
    assert (found.sure_low, found.sure_high) == (10, 50)


def test_when_even_the_highest_rate_holds_it_is_a_lower_bound():
    rate = answer(searched(system(1000), 50))
    assert (rate.value, rate.low, rate.high) == (None, MOST, None)
    assert rate.why == "at least 200 requests per second: nothing higher was tried"


def test_when_the_lowest_rate_does_not_hold_there_is_no_value():
    rate = answer(searched(system(0.5), 50))
    assert (rate.value, rate.low, rate.high) == (None, None, LOWEST)
    assert rate.why.startswith("less than 3.30 requests per second: nothing lower was tried")


def test_invalid_steps_are_never_counted_as_broken():
    one_of_three = searched(system(40, invalid=lambda rate: 1), 50)
    assert one_of_three.low <= 40 <= one_of_three.high
    too_many = searched(system(40, invalid=lambda rate: 2 if rate < 45 else 0), 50)
    assert too_many.ending == "invalid"
    assert [probe.rate for probe in too_many.probes] == [50, 40], "it ends where it could not decide"
    rate = answer(too_many, "the generator was late")
    assert (rate.value, rate.low, rate.high) == (None, None, 50)
    assert rate.why == "only 1 of 3 steps at 40.0 requests per second were valid: the generator was late"


def test_all_invalid_says_nothing_about_the_rate():
    found = searched(system(40, invalid=lambda rate: 3), 50)
    assert len(found.probes) == 1
    assert answer(found).model_dump(include={"value", "low", "high", "n"}) == {
        **dict.fromkeys(("value", "low", "high")),
        "n": 0,
    }


# requests that met nobody else's


def arrivals_of(latency_ms, scheduled_s, met_start=()):
    latency, scheduled = np.asarray(latency_ms, dtype=float), np.asarray(scheduled_s, dtype=float)
    started = np.zeros(len(latency), bool)
    started[list(met_start)] = True
    return Arrivals(scheduled, scheduled + latency / 1e3, np.where(latency > 5000, np.inf, latency), started)


def test_a_lone_request_met_no_other_and_no_start():
    met = arrivals_of([300, 20, 2500, 20, 20, 20], [0, 1, 2, 3, 4, 5], met_start=[0])
    assert met.lone().scheduled_s.tolist() == [1, 2, 5], "what is sent at 3 and 4 finds the request of 2 there"
    assert arrivals_of([], []).lone().scheduled_s.tolist() == []


def test_what_nobody_waits_for_any_more_may_still_keep_its_unit_busy():
    met = arrivals_of([6000, 20, 20, 20], [0, 7, 11, 13])
    assert met.lone().scheduled_s.tolist() == [0, 13]


def test_what_was_never_sent_keeps_nobody_waiting():
    met = arrivals_of([20, math.nan, 20], [0, 1, 2])
    assert len(met.lone()) == 3


def test_starts_that_were_met_set_the_warm_up():
    cold = arrivals_of([2000, 2000, 20, 20], [0, 1, 5, 6], met_start=(0, 1))
    assert warm_up_s(cold) == pytest.approx(3.0)
    assert warm_up_s(arrivals_of([20] * 5, range(5))) == 1.0


# whole searches over simulated runs


class SimulatedQueue:
    """Stands in for `start_run` of harness/measure: every trial meets one server with a fixed service time."""

    def __init__(self, service_ms, late=lambda rate, attempt: False, fail=lambda rate: False, stop_at=None):
        self.service_s, self.late, self.fail, self.stop_at = service_ms / 1e3, late, fail, stop_at
        self.runs = 0
        self.number_from = 0
        """Of its runs' names."""
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
            run=f"run-{self.number_from + self.runs:02}",
            experiment=choice.experiment.model_dump(mode="json"),
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
        "most_rate": None,
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
    assert json.loads(out)["schema"] == "frostline/capacity/3"


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
    failing = SimulatedQueue(1, fail=lambda rate: rate > 60)
    _, told, [record] = measured(monkeypatch, tmp_path, failing, most_rate=100.0)
    assert 50 < record.rate.value < 70
    late = [step for step in record.steps if not step.held]
    assert late and all(step.percentile_ms is None and step.valid for step in late)
    assert "missed: falls among failures" in told


@pytest.mark.parametrize(
    ("queue", "words"),
    [
        (SimulatedQueue(412), "one request alone takes 412 ms (p95 of 20)"),
        (SimulatedQueue(90_000), "one request alone takes 90000 ms (p95 of 4)"),
        (SimulatedQueue(1, fail=lambda rate: True), "no good answer within 300 ms: p95 of 20 falls among failures"),
    ],
    ids=["late", "never", "failing"],
)
def test_an_objective_out_of_reach_at_any_rate_is_told_before_any_step(monkeypatch, tmp_path, queue, words):
    queue.runs = 0
    code, told, [record] = measured(monkeypatch, tmp_path, queue)
    assert (code, record.ended, record.steps) == (0, "answered", [])
    assert queue.runs <= 2
    assert (record.rate.value, record.rate.low, record.rate.high, record.rate.n) == (None, None, None, 0)
    assert words in record.rate.why and "the limit is 300 ms: no rate holds it" in record.rate.why
    assert record.rate.why in told and "n = 0" not in told
    assert record.lone.run in {run.name for run in (tmp_path / "capacity" / "runs").iterdir()}


def test_nothing_is_out_of_reach_by_requests_that_are_invalid(monkeypatch, tmp_path):
    queue = SimulatedQueue(412, late=lambda rate, attempt: True)
    code, told, [record] = measured(monkeypatch, tmp_path, queue)
    assert (code, record.ended) == (1, "invalid")
    assert record.lone.problem and record.lone.percentile_ms is None and record.lone.late == record.lone.requests
    assert "One request at a time was INVALID (the generator was late" in told


def test_an_objective_that_one_request_barely_holds_is_searched(monkeypatch, tmp_path):
    _, _, [record] = measured(monkeypatch, tmp_path, SimulatedQueue(290))
    assert record.lone.percentile_ms == pytest.approx(290)
    assert record.steps and record.rate.low is None and record.rate.high < 1


@pytest.mark.parametrize(
    ("service_ms", "limit_ms", "step_s", "low", "high"),
    [(1000, 5000.0, 6.0, 0.6, 1.05), (20, 300.0, 6.0, 42, 53), (1, 20.0, 1.0, 850, 1060)],
    ids=["one-a-second", "fifty", "a-thousand"],
)
def test_a_search_ends_for_models_of_one_request_a_second_and_of_a_thousand(
    monkeypatch, tmp_path, service_ms, limit_ms, step_s, low, high
):
    given = {"latency_ms": limit_ms, "step_s": step_s}
    _, told, [record] = measured(monkeypatch, tmp_path, SimulatedQueue(service_ms), **given)
    assert low < record.rate.value < high
    assert len({step.rate for step in record.steps}) <= MOST_RATES + MOST_FENCES
    assert record.steps[0].rate == pytest.approx(1000 / service_ms, rel=0.01), "it begins at 1 / service time"
    assert all(step.valid and step.requests >= 20 for step in record.steps)
    assert f"takes about {told.split('and takes about ')[1].split()[0]} minutes" in told


def test_a_percentile_that_a_slow_model_cannot_show_is_refused_after_one_request_at_a_time(monkeypatch, tmp_path):
    with pytest.raises(UsageError, match=r"--percentile: 99\.9 .* at about 1 a second 33 minutes, and 10 are the most"):
        measured(monkeypatch, tmp_path, SimulatedQueue(1000), percentile=99.9, latency_ms=5000.0)


def test_before_it_starts_and_before_each_rate_it_says_how_long_it_takes(monkeypatch, tmp_path):
    _, told, [record] = measured(monkeypatch, tmp_path, SimulatedQueue(20))
    lines = told.splitlines()
    assert lines[1].startswith("First one request at a time") and "minutes at least." in lines[1]
    rates = list(dict.fromkeys(step.rate for step in record.steps))
    said = [line for line in lines if line.startswith("rate ")]
    assert [line.split()[1] for line in said] == [str(number) for number in range(1, len(rates) + 1)]
    assert all("minutes): " in line and "3 steps of 10 s" in line for line in said)


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


def test_an_interrupted_search_keeps_its_steps_and_what_is_carried_at_least(monkeypatch, tmp_path):
    with pytest.raises(Interrupted):
        measured(monkeypatch, tmp_path, SimulatedQueue(20, stop_at=4))
    [record] = found_in(tmp_path / "capacity")
    assert (record.ended, record.rate.value) == ("cut off", None)
    assert len(record.steps) == record.rate.n == 6
    assert (record.rate.low, record.rate.high) == (40, 50)
    assert record.rate.why.startswith("at least 40.0 requests per second; the search was cut off: interrupted")
    assert record.says_something


def test_an_interrupted_search_of_which_nothing_held_is_no_answer(monkeypatch, tmp_path):
    with pytest.raises(Interrupted):
        measured(monkeypatch, tmp_path, SimulatedQueue(20, stop_at=3))
    [record] = found_in(tmp_path / "capacity")
    assert (record.rate.low, record.rate.high) == (None, 50)
    assert f"its search is no answer: {record.ended}" in misfits(record, subject())


class Killed(BaseException):
    """Nothing of ours has a word for it."""


def test_a_killed_search_has_kept_every_rate(monkeypatch, tmp_path):
    queue = SimulatedQueue(20)
    visit = queue.visit

    def kill(*given):
        if queue.runs == 4:
            raise Killed
        return visit(*given)

    queue.visit = kill
    with pytest.raises(Killed):
        measured(monkeypatch, tmp_path, queue)
    [record] = found_in(tmp_path / "capacity")
    assert (record.ended, record.rate.low, len(record.steps)) == ("cut off", 40, 6)


@pytest.mark.parametrize("stop_at", [3, 4, 6])
def test_a_second_call_goes_on_where_the_first_was_cut_off(monkeypatch, tmp_path, stop_at):
    _, _, [whole] = measured(monkeypatch, tmp_path / "whole", SimulatedQueue(20))
    with pytest.raises(Interrupted):
        measured(monkeypatch, tmp_path / "halves", SimulatedQueue(20, stop_at=stop_at))
    [half] = found_in(tmp_path / "halves" / "capacity")
    again = SimulatedQueue(20)
    again.number_from = 100
    code, told, [record] = measured(monkeypatch, tmp_path / "halves", again)
    assert (code, record.ended, record.started_at) == (0, "answered", half.started_at)
    assert record.steps[: len(half.steps)] == half.steps
    assert [step.seed for step in record.steps] == [step.seed for step in whole.steps]
    assert record.rate == whole.rate
    assert f"was cut off, after {stop_at - 2} rates; to begin anew, delete it" in told
    assert f"{len(half.steps)} steps of an earlier call, which was cut off" in record.warnings


@pytest.mark.parametrize(
    "changes",
    [{"latency_ms": 400.0}, {"step_s": 8.0}, {"repeats": 1}, {"settings": {"a": 1}}],
    ids=["latency_ms", "step_s", "repeats", "settings"],
)
def test_a_search_that_is_asked_otherwise_begins_anew(monkeypatch, tmp_path, changes):
    with pytest.raises(Interrupted):
        measured(monkeypatch, tmp_path, SimulatedQueue(20, stop_at=4))
    again = SimulatedQueue(20, stop_at=2)
    again.number_from = 100
    plain = targets.workload  # echo takes any settings here; its class stays what it is, which Python remembers
    monkeypatch.setattr(targets, "workload", lambda name, settings=None: plain(name))
    monkeypatch.setattr(carried_out, "start_run", again)
    console = Console(record=True, width=300)
    with pytest.raises(Interrupted):
        measure_capacity(order(**changes), "text", tmp_path, console)
    [record] = found_in(tmp_path / "capacity")
    assert len(record.steps) == 6, "the other search had no step"
    (name,) = ("objective" if name == "latency_ms" else name for name in changes)
    told = console.export_text()
    assert f"The search that was cut off before was another, so this one begins anew: another {name}: " in told


def test_an_answered_search_is_not_gone_on_with(monkeypatch, tmp_path):
    _, _, [first] = measured(monkeypatch, tmp_path, SimulatedQueue(20))
    [file] = (tmp_path / "capacity").glob("*.json")
    file.rename(file.with_name("earlier.json"))
    again = SimulatedQueue(20)
    again.number_from = 100
    _, told, records = measured(monkeypatch, tmp_path, again)
    assert len(records) == 2 and "Goes on where" not in told
    assert [len(record.steps) for record in records] == [len(first.steps)] * 2


def test_a_search_interrupted_before_its_first_step_leaves_no_file(monkeypatch, tmp_path):
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


def test_a_highest_rate_too_low_for_its_percentile_is_refused_with_what_it_needs(monkeypatch, tmp_path):
    with pytest.raises(UsageError, match=r"--most-rate: 3 .* p99\.9 needs 1000 requests.*: give at least 3\.33"):
        measured(monkeypatch, tmp_path, None, percentile=99.9, most_rate=3.0)


def test_a_queue_has_no_capacity_which_is_said_before_anything_starts(monkeypatch, tmp_path):
    with pytest.raises(
        UsageError, match="TARGET: process-queue takes every request into a queue, so no rate is too high"
    ):
        measured(monkeypatch, tmp_path, None, target="process-queue")
    assert list(tmp_path.iterdir()) == []


LIKE = """name: mine
question: What does one replica carry?
workloads: [{name: echo, label: own}, filetype]
targets: [process-service]
cold_starts: 1
sizing: {service_memory_mb: 1024, service_cpus: 0.5}
function: {timeout_s: 30}
objective: {percentile: 90, latency_ms: 120}
settings: {process-service: {replicas: 3}}
load: {workers: 2}
"""


def wished(subject, target=None, like=None, latency_ms=None, percentile=None, told=None, **given):
    usual = {"most_rate": None, "step_s": 6.0, "repeats": 1, "concurrency_limit": 2, "seed": 1}
    tell = [].append if told is None else told.append
    return Wish(subject, target, like, latency_ms, percentile).order(tell, **usual | given)


def test_a_search_like_an_experiments_file_has_its_objective_settings_and_sizes(monkeypatch, tmp_path):
    (tmp_path / "mine.yaml").write_text(LIKE)
    wanted = wished("own", "process-service", str(tmp_path / "mine.yaml"))
    assert (wanted.workload, wanted.function.timeout_s, wanted.load.workers) == ("echo", 30, 2)
    assert (wanted.percentile, wanted.latency_ms, wanted.own) == (90, 120, {})
    monkeypatch.setattr(carried_out, "start_run", SimulatedQueue(20))
    measure_capacity(wanted, "text", tmp_path, Console(quiet=True))
    [record] = found_in(tmp_path / "capacity")
    assert (record.workload, record.sizing.memory_mb, record.sizing.cpus) == ("echo", 1024, 0.5)
    assert (record.objective.percentile, record.objective.latency_ms) == (90, 120)


def test_an_experiment_alone_is_enough_where_it_has_one_service(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(LIKE.replace(", filetype]", "]"))
    wanted = wished(str(path))
    assert (wanted.workload, wanted.target, wanted.latency_ms) == ("echo", "process-service", 120)
    assert wished(str(path), latency_ms=50.0).latency_ms == 50


def test_another_objective_than_the_experiments_is_told(tmp_path):
    path, told = tmp_path / "mine.yaml", []
    path.write_text(LIKE)
    wished("own", "process-service", str(path), told=told)
    assert told == []
    wished("own", "process-service", str(path), latency_ms=50.0, told=told)
    assert told == [
        "The experiment's objective is p90 <= 120 ms, and this is another: its runs will not keep this capacity."
    ]
    wished("echo", "process-service", told=told)
    assert told[1] == "Nobody states an objective: p95 <= 300 ms is taken; --latency-ms states yours."


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ("", "it has 2 services to search, one at a time: `frostline capacity own process-service --like"),
        ("targets: [process-lambda]", "it has no service"),
    ],
    ids=["several", "none"],
)
def test_an_experiment_alone_that_leaves_a_choice_is_refused_with_the_commands(tmp_path, changed, says):
    path = tmp_path / "mine.yaml"
    text = LIKE.replace("settings: {process-service: {replicas: 3}}\n", "")
    path.write_text(text.replace("targets: [process-service]", changed) if changed else text)
    with pytest.raises(UsageError) as refused:
        wished(str(path))
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("echo",), "TARGET: name one beside 'echo', or an experiment alone"),
        (("nothing",), "experiment: 'nothing' is neither a file nor one of"),
        (("echo", None, "quickstart"), "--like quickstart: give WORKLOAD and TARGET with it"),
    ],
    ids=["workload-alone", "unknown", "like-without-target"],
)
def test_a_command_that_names_too_little_is_refused_with_the_fix(given, says):
    with pytest.raises(UsageError) as refused:
        wished(*given)
    assert says in str(refused.value)


def test_a_search_like_an_experiment_without_this_workload_or_target_is_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(LIKE)
    with pytest.raises(UsageError) as refused:
        wished("embed-onnx", "docker-service", str(path))
    assert [line.split(": ")[2] for line in refused.value.problems] == ["WORKLOAD", "TARGET"]
    with pytest.raises(UsageError, match="an experiment and --model-dir: give one of them"):
        wished("own", "process-service", str(path), model_dir=tmp_path)


def offered(objective=True, kept=None, workloads=("echo",), services=("process-service",)):
    given = {"name": "mine", "question": "?", "workloads": list(workloads), "targets": ["process-lambda", *services]}
    given |= {"objective": {"latency_ms": 300}} if objective else {}
    run = run_of()
    run.capacities = kept or {}
    experiment = parse_experiment(given, "mine")
    return offers(run, experiment, experiment.targets, "my own.yaml")


def test_a_run_offers_what_it_lacks():
    assert offered() == ["frostline capacity 'my own.yaml'"]
    assert offered(objective=False) == offered(services=()) == []
    kept = {"file": "a.json", "sha256": "0", "capacity": stored()}
    assert offered(kept={"echo/process-service": kept}) == []
    cut_off = kept | {"capacity": stored(ended="cut off", rate=AT_LEAST)}
    assert offered(kept={"echo/process-service": cut_off}) == ["frostline capacity 'my own.yaml'"], "to go on with it"
    several = offered(workloads=["echo", "filetype"], kept={"echo/process-service": kept})
    assert several == ["frostline capacity filetype process-service --like 'my own.yaml'"]


@pytest.mark.parametrize(
    ("forecast", "ends"),
    [(None, "--capacity FILE` prices this one."), (object(), "for runs that begin later.")],
    ids=["priced by its own mix", "priced by its forecast"],
)
def test_the_end_of_a_run_says_in_one_line_what_a_capacity_would_settle(monkeypatch, forecast, ends):
    monkeypatch.setattr(runner, "read_forecast", lambda _: forecast)
    experiment = parse_experiment(
        {
            "name": "mine",
            "question": "?",
            "workloads": ["echo"],
            "targets": ["process-service"],
            "objective": {"latency_ms": 300},
        },
        "mine",
    )
    console = Console(record=True, width=300)

    def say(run):
        runner._offer_capacity(SimpleNamespace(manifest=run), experiment, experiment.targets, "mine.yaml", console)

    say(run_of())
    (line,) = console.export_text().splitlines()
    assert "only bounded; `frostline capacity mine.yaml` would settle it" in line and line.endswith(ends)
    run = run_of()
    run.capacities = {"echo/process-service": {"file": "a.json", "sha256": "0", "capacity": stored()}}
    say(run)
    assert console.export_text() == ""


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
        "schema": "frostline/capacity/3",
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


NOTHING_HELD = {**dict.fromkeys(("value", "low", "high", "need")), "n": 3, "why": "cut off", "method": "bisection"}
AT_LEAST = NOTHING_HELD | {"low": 20.0, "why": "at least 20.0 requests per second; the search was cut off"}


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        (lambda: None, "no capacity was measured: the run's own service times are what replicas are reckoned from"),
        (stored, "measured capacity: 2 in the busiest hour, of 41 requests/s each with p95 within 300 ms (a.json)"),
        (
            lambda: stored(ended="cut off", rate=AT_LEAST),
            "measured capacity: 3 at most in the busiest hour, of at least 20 requests/s each with p95 within 300 ms "
            "(a.json)",
        ),
    ],
    ids=["none", "answered", "cut-off"],
)
def test_a_forecast_says_what_its_replicas_rest_on(kept, says):
    run = run_of()
    if capacity := kept():
        run.capacities = {"mine/docker-service": {"file": "a.json", "sha256": "0", "capacity": capacity}}
    side = SimpleNamespace(key=("mine", "docker-service"), held_s=0.02, slots=1)
    little, told = bounds_of(run, side, 10.0, 60.0)
    assert little.startswith("Little's law: 1 at least at the mean of 10 requests/s, 2 in the busiest hour")
    assert told == says


@pytest.mark.parametrize("ended", ["cut off", "invalid"])
def test_what_a_search_without_an_end_held_belongs_to_its_run(ended):
    assert misfits(Capacity.model_validate(stored(ended=ended, rate=AT_LEAST)), subject()) == []


def test_a_run_keeps_an_answer_before_a_later_lower_end(tmp_path):
    later = {"started_at": "2026-11-05T00:00:00+00:00", "ended": "cut off", "rate": AT_LEAST}
    (tmp_path / "cut.json").write_text(json.dumps(stored(**later)))
    sizes = {("mine", "docker-service"): (2048, 1.0)}
    kept, _ = keep_capacities(tmp_path, run_of(), sizes)
    assert kept["mine/docker-service"]["file"] == "cut.json"
    (tmp_path / "answer.json").write_text(json.dumps(stored()))
    kept, _ = keep_capacities(tmp_path, run_of(), sizes)
    assert kept["mine/docker-service"]["file"] == "answer.json"


def test_a_file_of_the_format_before_is_readable_and_belongs_to_its_run(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(stored(schema="frostline/capacity/2")))
    [record] = found_in(tmp_path)
    assert record.lone is None and misfits(record, subject()) == []


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
        ({"ended": "cut off", "rate": NOTHING_HELD}, "its search is no answer: cut off"),
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
        json.dumps(stored(schema="frostline/capacity/4")).encode(),
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
