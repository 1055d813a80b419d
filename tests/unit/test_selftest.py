"""The self-test's judges find what they look for: true figures pass, each false one fails its check."""

import io
import json
from copy import copy
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import pandas as pd
import pytest
from rich.console import Console

import targets
from harness.errors import MissingError, UsageError
from harness.experiment.question import parse_experiment
from harness.measure.fitting import RunnableExperiment
from harness.measure.watchers import LogWatcher
from harness.record.nouns import Outcome, Witnesses
from harness.selftest import bills as bill
from harness.selftest import examination
from harness.selftest import testimony as seen
from harness.selftest.agreement import disagreements
from harness.selftest.answers import answers
from harness.selftest.bills import bills
from harness.selftest.check import Check, Unjudged, near, same
from harness.selftest.crowd import (
    crowd_of_service,
    implied_in_flight,
    implied_queue_ms,
    queue_of_function,
)
from harness.selftest.ledger import HandledRequest, Life
from harness.selftest.own_trace import write_own_trace
from harness.selftest.platform import Bill
from harness.selftest.running import conclude, run_selftest
from harness.selftest.scenarios import Scenario, scenarios
from harness.selftest.starts import BARE, DURATIONS, TIMED, classes, durations, phases, starts, sums
from harness.selftest.traffic import conservation, handler_times, outcomes
from targets.workloads.known_truth import read_settings
from tests import synthetic
from tests.fakes.plugged import FAR, plugged_in

MS = 1_000_000
FIELDS = {
    "name": "selftest-unit",
    "question": "?",
    "workloads": [{"name": "known-truth", "settings": {"handler_ms": 4, "crash": [3], "fail_share": 0.0}}],
    "targets": ["process-lambda"],
    "profiles": [{"constant": {"rate": 10, "seconds": 0.6}}],
    "cold_starts": 0,
}


def handled(request, invocation, begun_ms, ended_ms):
    return HandledRequest(request, invocation, begun_ms * MS, None if ended_ms is None else ended_ms * MS)


def lives():
    """Unit 1: cut off in its first start, then requests 0 and 1. Unit 2: 2, then a crash in 3, then 4 and 5."""
    return [
        Life("0001", 0, 11, 0),
        Life("0001", 1, 12, 50 * MS, ready=True, handled=[handled(0, 1, 60, 64), handled(1, 2, 100, 104)]),
        Life("0002", 0, 21, 0, ready=True, handled=[handled(2, 1, 200, 204), handled(3, 2, 300, None)]),
        Life("0002", 1, 22, 350 * MS, ready=True, handled=[handled(4, 1, 400, 404), handled(5, 2, 500, 504)]),
    ]


def events():
    log = []
    for unit, pids in (("0001", (11, 12)), ("0002", (21, 22))):
        log.append({"at_ns": 0, "kind": "create", "unit": unit, "for_request": True})
        log += [{"at_ns": 1, "kind": "started", "unit": unit, "pid": pid} for pid in pids]
        log.append({"at_ns": 9, "kind": "removed", "unit": unit})
    return log


TRUE_CLASSES = ["cold_reinit", "warm", "cold", None, "reset", "warm"]
TRUE_OUTCOMES = ["ok", "ok", "ok", "failed", "ok", "ok"]


def trial_as_seen(starts=TRUE_CLASSES, kinds=TRUE_OUTCOMES, **changes):
    table = synthetic.requests(
        [5.0] * 6, start_class=starts, outcome=kinds, error=[None] * 3 + ["Runtime.ExitError"] + [None] * 2
    )
    trial = RunnableExperiment(parse_experiment(FIELDS, "test"), ["process-lambda"], []).trials[0]
    record = synthetic.trial(table, trial.id)
    given = {"rows": table.to_pandas(), "lives": lives(), "events": events(), "engine": None, **changes}
    return seen.Testimony(record, trial, **given)


def verdicts(judge, testimony):
    exam = seen.Exam("process-lambda", None, [testimony], None)  # type: ignore[arg-type]
    return {check.name: check.ok for check in judge(exam)}


def test_true_start_classes_pass():
    assert all(verdicts(classes, trial_as_seen()).values())
    assert list(disagreements(trial_as_seen())) == []


@pytest.mark.parametrize("at", [0, 1, 2, 4, 5])
@pytest.mark.parametrize("told", ["cold", "cold_reinit", "reset", "warm", "proactive"])
def test_any_wrong_start_class_is_found(at, told):
    if told == TRUE_CLASSES[at]:
        return
    wrong = [told if index == at else kind for index, kind in enumerate(TRUE_CLASSES)]
    assert not verdicts(classes, trial_as_seen(wrong))["requests whose start class is wrong"]


def test_a_class_for_a_request_that_reached_no_handler_is_wrong():
    ghost = trial_as_seen(lives=lives()[:2])
    assert not verdicts(classes, ghost)["requests whose start class is wrong"]


def test_an_answer_without_a_class_is_found():
    assert not verdicts(classes, trial_as_seen([None, *TRUE_CLASSES[1:]]))["answers without a start class"]


def test_faults_are_compared_request_by_request():
    assert all(verdicts(outcomes, trial_as_seen()).values())
    elsewhere = ["ok", "failed", "ok", "ok", "ok", "ok"]
    assert not verdicts(outcomes, trial_as_seen(kinds=elsewhere))["crashes and memory overruns"]
    throttled = [*TRUE_OUTCOMES[:5], Outcome.THROTTLED]
    assert not verdicts(outcomes, trial_as_seen(kinds=throttled))["requests that reached no handler"]


def test_a_lost_row_is_found():
    whole = trial_as_seen()
    assert all(verdicts(conservation, whole).values())
    lost = trial_as_seen(rows=whole.rows.iloc[:-1])
    assert not verdicts(conservation, lost)["scheduled arrivals with a row"]


def test_parts_that_do_not_add_up_are_found():
    rows = split_in_parts()
    assert list(verdicts(sums, trial_as_seen(rows=rows)).values()) == [True, True]
    assert not any(verdicts(sums, trial_as_seen()).values()), "no start at all proves nothing"
    rows.loc[0, "phase_boot_ns"] = 5 * MS + 1
    assert list(verdicts(sums, trial_as_seen(rows=rows)).values()) == [False, True]


def split_in_parts(starts=(0, 2, 4)):
    """Rows of which these have a start that is split: what unit 1 and both lives of unit 2 began with."""
    boot, rest = ([part if n in starts else None for n in range(6)] for part in (5 * MS, 0))
    rows = trial_as_seen().rows.assign(phase_boot_ns=pd.array(boot, dtype="Int64"))
    return rows.assign(phase_unaccounted_ns=pd.array(rest, dtype="Int64"))


@pytest.mark.parametrize("starts", [(0,), (2, 4), (0, 2, 4, 5)])
def test_a_start_whose_parts_were_dropped_or_made_up_is_found(starts):
    checks = verdicts(sums, trial_as_seen(rows=split_in_parts(starts)))
    assert checks["answered starts that are split into parts"] is False


UNITS = ["0001"] * 2 + ["0002"] * 4
"""Which of lives() had each request."""


def billed(**changes):
    """Six requests of which the second was never told of."""
    asked = [f"id{number}" for number in range(6)]
    told = [None if number == 1 else 3 * MS for number in range(6)]
    words, memory = [told[n] and "warm" for n in range(6)], [ns and 16 * bill.MB for ns in told]
    columns = {"request_id": asked, "billed_ns": told, "start_type": words, "memory_used_bytes": memory, "unit": UNITS}
    table = synthetic.requests([5.0] * 6, **{**columns, **changes.pop("columns", {})})
    written = {f"id{n}": bill_of(f"id{n}", n, n != 1) for n in range(6)}
    testimony = trial_as_seen(rows=table.to_pandas(), bills=written | changes.pop("bills", {}))
    testimony.record.witnessed = Witnesses(expected=6, came=5, disagree=0).model_copy(update=changes)
    return testimony


def test_what_a_platform_says_of_requests_is_its_own_sum():
    assert list(verdicts(bills, billed()).values()) == [True] * 6
    assert verdicts(bills, billed(columns={"billed_ns": [4 * MS, None, *[3 * MS] * 4]}))["billed ms"] is False
    invented = billed(columns={"billed_ns": [3 * MS] * 6})
    assert not verdicts(bills, invented)["requests with a figure that is not the platform's"]
    assert not verdicts(bills, billed(came=6))["requests of which the platform told nothing"]
    assert not verdicts(bills, billed(disagree=1))["requests of which the platform contradicts the unit"]
    assert not verdicts(bills, trial_as_seen())["billed ms"], "no bill at all proves nothing"


@pytest.mark.parametrize("ids", [["id0", *[None] * 5], [*[f"id{n}" for n in range(5)], "other"]])
def test_a_bill_that_found_no_row_is_missed(ids):
    billed_ns = [3 * MS if name in ("id0", "id2", "id3", "id4") else None for name in ids]
    checks = verdicts(bills, billed(columns={"request_id": ids, "billed_ns": billed_ns}))
    assert not checks["billed ms"] and not checks["requests that were billed and have no row"]


@pytest.mark.parametrize("swapped", [(0, 2), (4, 5)])
def test_a_bill_of_another_request_is_found_also_where_all_its_figures_are_alike(swapped):
    one, other = swapped
    ids = [f"id{n}" for n in range(6)]
    ids[one], ids[other] = ids[other], ids[one]
    assert verdicts(bills, billed(columns={"request_id": ids}))["requests with another one's bill"] is False


@pytest.mark.parametrize("side", ["row", "bill", "ledger"])
def test_a_bill_whose_unit_is_another_is_found(side):
    other = ["0002", *UNITS[1:]]
    bill_of_another = Bill("id0", 0, "0002", "warm", 3 * MS, 16, True)
    testimony = {
        "row": lambda: billed(columns={"unit": other}),
        "bill": lambda: billed(bills={"id0": bill_of_another}),
        "ledger": lambda: billed(columns={"unit": other}, bills={"id0": bill_of_another}),
    }[side]()
    assert verdicts(bills, testimony)["requests with another one's bill"] is False


@pytest.mark.parametrize("mailed", [True, False])
def test_a_row_has_no_unit_only_where_nothing_was_told_of_it(mailed):
    unknown = billed(columns={"unit": [UNITS[0], None, *UNITS[2:]]}, bills={"id1": bill_of("id1", 1, mailed)})
    assert verdicts(bills, unknown)["requests with another one's bill"] is not mailed


def bill_of(name, number, mailed):
    return Bill(name, number, UNITS[number], "warm", 3 * MS, 16, mailed)


def test_a_platform_that_told_nothing_at_all_contradicts_nothing_and_proves_nothing():
    silent = billed()
    silent.record.witnessed = None
    checks = verdicts(bills, silent)
    assert not checks["requests of which the platform contradicts the unit"]
    assert not checks["requests of which the platform told nothing"]


def told(streams=True, **columns):
    """The checks of six answers of three chunks, on which a device spent 1,000 ns and the request's number."""
    true = {"gpu_ns": [1000 + number for number in range(6)], "chunks": [3 if streams else None] * 6}
    testimony = trial_as_seen(rows=synthetic.requests([5.0] * 6, **{**true, **columns}).to_pandas())
    vars(testimony)["settings"] = read_settings({"chunks": 3, "gpu_ms": 0.001})
    return verdicts(partial(answers, streams=streams), testimony)


def test_what_came_with_answers_is_compared_row_by_row():
    assert list(told().values()) == list(told(streams=False).values()) == [True, True]
    for false in ([1001, 1000, 1002, 1003, 1004, 1005], [None, 1001, 1002, 1003, 1004, 1005]):
        assert not told(gpu_ns=false)["device's time, ns"]
    for false in ([3, 3, 3, 3, 3, 2], [None] * 6):
        assert not told(chunks=false)["chunks of streams"]
    assert not told(streams=False, chunks=[3] * 6)["chunks of streams"], "nobody streamed"
    assert not told(outcome=["failed"] * 6)["device's time, ns"], "no answer at all proves nothing"


@pytest.mark.parametrize("column", ["queue_ns", "handler_ns", "phase_unaccounted_ns", "tls_ns"])
def test_a_negative_duration_is_found(column):
    good = synthetic.requests([5.0] * 6, phase_unaccounted_ns=[1] * 6).to_pandas()
    assert verdicts(durations, trial_as_seen(rows=good))["negative durations"]
    bad = synthetic.requests([5.0] * 6, **{"phase_unaccounted_ns": [1] * 6, column: [-1, *[1] * 5]}).to_pandas()
    assert not verdicts(durations, trial_as_seen(rows=bad))["negative durations"]


def starts_as_seen(bare_ms, imports_ms):
    """Rounds of a bare and of a timed trial, three starts each: what each one's imports took."""
    settings = {"imports_ms": 800}
    workloads = [{"name": "known-truth", "label": label, "settings": settings} for label in (BARE, TIMED)]
    fields = {**FIELDS, "workloads": workloads, "profiles": [], "cold_starts": 3, "rounds": len(bare_ms)}
    testimonies = []
    for trial in RunnableExperiment(parse_experiment(fields, "test"), ["process-lambda"], []).trials:
        took_ms = (bare_ms if trial.workload.key == BARE else imports_ms)[trial.round - 1]
        stamped = [round((took_ms + more) * MS) for more in (-1, 0, 40)]
        table = synthetic.requests([900.0] * 3, phase_imports_ns=stamped)
        record = synthetic.trial(table, trial.id, workload=trial.workload.key)
        testimonies.append(seen.Testimony(record, trial, table.to_pandas(), [], [], None))
    return seen.Exam(
        "process-lambda", None, testimonies, SimpleNamespace(rows=[SimpleNamespace(workload=TIMED, cold_phases_ms={})])
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(("imports_ms", "measured"), [([853, 880, 853], 800), ([880, 907, 880], 827)])
def test_a_part_is_judged_within_its_round(imports_ms, measured):
    (imports, *_) = phases(starts_as_seen([53, 80, 53], imports_ms))
    assert (imports.truth, imports.measured) == (800, pytest.approx(measured))
    assert imports.ok is (measured == 800), "a machine that is slow for a round is no error of the measurement"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lives": [*lives(), Life("0009", 0, 99, 0)]}, "unit 0009 has a ledger, but was never started"),
        ({"lives": [Life("0001", 0, 77, 0), *lives()[1:]]}, "process 77 of unit 0001"),
        ({"lives": [*lives(), Life("0002", 2, 22, 0, handled=[handled(44, 1, 600, 604)])]}, "not scheduled: [44]"),
        ({"lives": [*lives()[:3], Life("0002", 1, 22, 0, handled=[handled(4, 1, 400, 401)])]}, "3.0 ms less"),
    ],
)
def test_witnesses_that_contradict_each_other_are_told(changes, words):
    assert any(words in line for line in disagreements(trial_as_seen(**changes)))


def test_an_engine_that_saw_other_containers_contradicts_the_log():
    logged = [*events(), {"at_ns": 0, "kind": "created", "unit": "0001", "container": "c1"}]
    agreed = {"c1": ["create", "start", "start", "destroy"]}
    assert list(disagreements(trial_as_seen(events=logged, engine=agreed))) == []
    for actions in ([], ["create", "start", "destroy"], ["create", "start", "start"]):
        assert list(disagreements(trial_as_seen(events=logged, engine={"c1": actions})))


def test_queue_delay_is_implied_by_the_ends_before():
    first = [handled(0, 1, 1000, 1250), handled(1, 2, 1250, 1500), handled(2, 3, 1500, 1750)]
    testimony = trial_as_seen(
        lives=[Life("0001", 0, 11, 0, handled=[*first, *(handled(n, n, 2000, 2001) for n in (3, 4, 5))])]
    )
    assert implied_queue_ms(testimony)[:3] == pytest.approx([0, 150, 300])
    assert implied_in_flight(testimony) == 4, "at 1500 ms the first two of six have ended"
    quick = [handled(n, n + 1, 1000 + 100 * n, 1050 + 100 * n) for n in range(6)]
    assert implied_in_flight(trial_as_seen(lives=[Life("0001", 0, 11, 0, handled=quick)])) == 1


def test_nearness_is_three_percent_or_the_least():
    assert near("a", "t", 1000, 1029).ok and not near("a", "t", 1000, 1031).ok
    assert near("a", "t", 10, 14.9).ok and not near("a", "t", 10, 15.1).ok
    assert not near("a", "t", 10, None).ok and not near("a", "t", float("nan"), 10).ok
    assert same("a", "t", 3, 3).ok and not same("a", "t", 3, None).ok


def test_the_json_has_its_five_fields_and_a_failed_check_its_exit_code(capsys):
    checks = [Check("one", "t", 1, 1, True), Check("two", "t", 0.12345, None, False)]
    watcher = LogWatcher(Console(file=io.StringIO()))
    assert conclude(checks, "json", Console(), watcher) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed == {
        "schema": "frostline/selftest/1",
        "checks": [
            {"name": "one", "target": "t", "truth": 1, "measured": 1, "ok": True},
            {"name": "two", "target": "t", "truth": 0.123, "measured": None, "ok": False},
        ],
        "unjudged": [],
    }
    assert conclude(checks[:1], "json", Console(), watcher) == 0
    assert conclude([], "json", Console(), watcher) == 1, "no check is no proof"


def test_what_could_not_be_judged_is_said_and_has_an_exit_code_of_its_own(capsys):
    held, failed = Check("one", "t", 1, 1, True), Check("two", "t", 0.12345, None, False)
    unjudged = Unjudged("mix", "t", "the generator was late")
    log_stream = io.StringIO()
    assert conclude([held, unjudged], "json", Console(), LogWatcher(Console(file=log_stream, width=200))) == 4
    printed = json.loads(capsys.readouterr().out)
    assert printed["unjudged"] == [{"scenario": "mix", "target": "t", "why": "the generator was late"}]
    assert "NOT JUDGED t: mix: the machine was too busy" in log_stream.getvalue()
    assert conclude([unjudged], "json", Console(), LogWatcher(Console(file=io.StringIO()))) == 4
    assert conclude([unjudged, failed], "json", Console(), LogWatcher(Console(file=io.StringIO()))) == 1


BUSY = "the generator was late: p99 of its lag is 9.00 ms, allowed are 1.00 ms"
FAULTY = "the deployment could not be removed: it stays"


@pytest.mark.parametrize(
    ("tries", "runs", "outcome"),
    [
        ([[]], 1, "held"),
        ([[BUSY], []], 2, "held"),
        ([[BUSY], [BUSY], [BUSY]], 3, "unjudged"),
        ([[FAULTY]], 1, "failed"),
        ([[BUSY], [BUSY, FAULTY]], 2, "failed"),
    ],
)
def test_a_disturbed_scenario_is_tried_again_but_never_a_faulty_one(monkeypatch, tmp_path, tries, runs, outcome):
    carried = []

    def carry_out(*_):
        testimony = trial_as_seen()
        carried.append(testimony.record.problems.extend(tries[len(carried)]))
        return seen.Exam("process-lambda", None, [testimony], None)  # type: ignore[arg-type]

    monkeypatch.setattr(examination, "_carry_out", carry_out)
    scenario = Scenario("mix", {}, (classes,))
    watcher = LogWatcher(Console(file=io.StringIO()))
    checks = list(examination.judge(scenario, "process-lambda", tmp_path, watcher))
    assert len(carried) == runs
    if outcome == "unjudged":
        assert checks == [Unjudged("mix", "process-lambda", BUSY)]
    else:
        assert all(check.ok for check in checks) is (outcome == "held")
        assert (len(checks) > 2) is (outcome == "held"), "a faulty run's rows are not judged"


STOLEN = "9.0 % of the machine's time was stolen, allowed are 5 %"


@pytest.mark.parametrize(
    ("shares", "problems", "timed", "runs", "outcome"),
    [
        ([0.0] * 3, [], True, 3, "failed"),
        ([0.5] * 3, [], True, 3, "unjudged"),
        ([0.0] * 3, [STOLEN], True, 3, "unjudged"),
        ([0.0] * 3, [BUSY], True, 3, "failed"),
        ([0.5, 0.0, 0.5], [], True, 3, "failed"),
        ([0.0], [], False, 1, "judged"),
    ],
)
def test_a_workload_that_took_too_long_is_the_machines_fault_only_by_another_witness(
    monkeypatch, tmp_path, shares, problems, timed, runs, outcome
):
    slow = [Life("0001", 0, 11, 0, handled=[handled(n, n + 1, 100 * n, 100 * n + 50) for n in range(6)])]
    logged = [event for event in events() if event["unit"] == "0001"]
    carried = []

    def carry_out(*_):
        testimony = trial_as_seen(lives=slow, events=logged)
        testimony.record.problems.extend(problems)
        carried.append(testimony)
        return seen.Exam("process-lambda", None, [testimony], None, shares[len(carried) - 1])  # type: ignore[arg-type]

    monkeypatch.setattr(examination, "_carry_out", carry_out)
    scenario = Scenario("mix", {}, (classes,), timed=timed)
    found = list(examination.judge(scenario, "process-lambda", tmp_path, LogWatcher(Console(file=io.StringIO()))))
    assert len(carried) == runs
    if outcome == "judged":
        assert len(found) > 2
        return
    (result,) = found
    assert isinstance(result, Check if outcome == "failed" else Unjudged)
    if outcome == "failed":
        assert not result.ok and "longer than they were told" in str(result.measured)


def nothing_as_seen(trial):
    """A trial whose service never answered: it is on record, and no witness has anything to say."""
    table = synthetic.requests([5.0] * 6, outcome=["failed"] * 6, error=["refused"] * 6)
    rows = table.to_pandas()
    for column in ("handler_ns", "queue_ns", "start_class", *DURATIONS):
        rows[column] = pd.array([None] * 6, dtype="Int64")
    return seen.Testimony(synthetic.trial(table, trial.id), trial, rows, [], [], None)


@pytest.mark.parametrize(
    "judge", [handler_times, crowd_of_service, queue_of_function, classes, starts, sums, durations, bills]
)
def test_where_there_is_nothing_to_compare_a_check_fails_and_says_why(judge):
    trial = RunnableExperiment(parse_experiment(FIELDS, "test"), ["process-lambda"], []).trials[0]
    summary = SimpleNamespace(rows=[SimpleNamespace(workload="crowd", max_sandboxes=None)])
    checks = list(judge(seen.Exam("process-lambda", None, [nothing_as_seen(trial)], summary)))  # type: ignore[arg-type]
    assert any("nothing: " in str(check.measured) and not check.ok for check in checks)
    json.dumps([check.to_json() for check in checks], allow_nan=False)


def test_a_trial_that_was_not_sent_has_no_log_and_is_read_all_the_same(tmp_path):
    runnable = RunnableExperiment(parse_experiment(FIELDS, "test"), ["process-lambda"], [])
    table = synthetic.requests([])
    record = synthetic.trial(table, runnable.trials[0].id)
    run = SimpleNamespace(trials=lambda: [record], requests=lambda _: table)
    (testimony,) = seen.read_testimonies(runnable, run, tmp_path, None)  # type: ignore[arg-type]
    assert testimony.events == testimony.lives == [] and list(disagreements(testimony)) == []


@pytest.mark.parametrize(
    ("names", "only", "words"),
    [
        (["x"], [], "not one of: aws-ecs, aws-lambda"),
        (
            ["process-lambda"],
            ["hang"],
            "scenario: 'hang' is not one of: starts, mix, answers, crowd",
        ),
    ],
)
def test_what_is_not_there_is_refused_before_anything_starts(tmp_path, names, only, words):
    with pytest.raises(UsageError, match=words):
        run_selftest(names, only, tmp_path, "text", Console())
    assert list(tmp_path.iterdir()) == []


def examined(monkeypatch, tmp_path, *names):
    """The scenarios that are carried out, and what is said."""
    monkeypatch.setattr(
        examination, "judge", lambda scenario, name, *_: iter([Check(scenario.name, name, 1, 1, ok=True)])
    )
    log_stream = io.StringIO()
    watcher = LogWatcher(Console(file=log_stream, width=300))
    with plugged_in(FAR):
        carried = [(check.target, check.name) for check in examination.examine(list(names), [], tmp_path, watcher)]
    return carried, [line for line in log_stream.getvalue().splitlines() if "NOT EXAMINED" in line]


def test_what_a_queue_cannot_show_is_said_and_the_rest_goes_on(monkeypatch, tmp_path):
    carried, said = examined(monkeypatch, tmp_path, "far-queue", "process-lambda")
    assert [name for target, name in carried if target == "far-queue"] == ["mix", "answers"]
    assert len(carried) == 2 + sum(not each.by_name for each in scenarios(TARGETS["process-lambda"]))
    assert [line.split("far-queue, ")[1].split(":")[0] for line in said] == ["starts", "crowd", "verdicts"]


@dataclass(frozen=True)
class FewSettings:
    """A function's that knows of no limit to its initialising."""

    keep_alive_s: float = 1.0
    timeout_s: float = 1.0
    concurrency_limit: int = 1


def test_a_scenario_asks_for_no_setting_that_a_target_does_not_have():
    target = copy(TARGETS["process-lambda"])
    target.settings = FewSettings  # type: ignore[misc, assignment]
    found = {scenario.name: scenario.misfit(target) for scenario in scenarios(target)}
    lacks = "its settings have no init_timeout_s"
    assert found == {"starts": None, "mix": lacks, "answers": None, "crowd": lacks, "verdicts": None, "forecast": None}


@pytest.mark.parametrize("name", ["process-lambda", "process-service", "docker-lambda", "docker-service"])
def test_the_forecast_can_be_tried_on_either_side(name):
    (scenario,) = (each for each in scenarios(TARGETS[name]) if each.name == "forecast")
    assert scenario.misfit(TARGETS[name]) is None


def test_where_no_experiment_can_be_made_the_rest_goes_on(monkeypatch, tmp_path):
    whole = examination._fit

    def fit(scenario, name):
        if scenario.name == "mix":
            raise MissingError("nothing can be measured on it\nNOT MEASURED: all of it")
        return whole(scenario, name)

    monkeypatch.setattr(examination, "_fit", fit)
    carried, (said,) = examined(monkeypatch, tmp_path, "process-lambda")
    assert "mix" not in dict(map(reversed, carried)) and len(carried) == 4
    assert said.endswith("process-lambda, mix: nothing can be measured on it NOT MEASURED: all of it")


def test_where_nothing_is_left_it_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(Scenario, "misfit", lambda *_: "not today")
    with pytest.raises(MissingError, match="none of these scenarios can be carried out on process-lambda"):
        examined(monkeypatch, tmp_path, "process-lambda")


with plugged_in(FAR):
    TARGETS = {name: targets.target(name) for name in targets.target_names()}


@pytest.mark.parametrize("name", TARGETS)
def test_every_scenario_is_an_experiment(name, tmp_path):
    with plugged_in(FAR):
        for scenario in scenarios(TARGETS[name], write_own_trace(tmp_path)):
            parse_experiment(scenario.experiment(name), scenario.name)


@pytest.mark.parametrize("name", ["process-hybrid", "docker-hybrid"])
def test_a_target_of_two_parts_is_not_examined_by_the_ledger_of_one(name):
    told = {scenario.name: scenario.misfit(targets.target(name)) for scenario in scenarios(targets.target(name))}
    assert {name for name, why in told.items() if why and "two" in why} == told.keys() - {"forecast"}
