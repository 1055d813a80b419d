"""What a trial leaves when its target, its emulator or our own watching fails."""

import array
import json
from contextlib import closing
from dataclasses import replace

import pytest

from harness.clock import sleep
from harness.experiment.plan import plan
from harness.experiment.question import parse_experiment
from harness.load.process import Arrival, Sent
from harness.load.replies import Reply
from harness.load.senders import SenderFailed, sender_names
from harness.load.wire import Fate
from harness.measure.leases import Leases
from harness.measure.recording import NEVER_STARTED, Outset, record_trial
from harness.measure.rows.completions import KeptCompletions
from harness.measure.sampler import Sampler
from harness.measure.trial import _take_account, _take_ends, visit_target
from harness.measure.visit import Account, Visit
from harness.measure.walk import is_done
from harness.measure.watchers import closing_line
from harness.record.columns import SAMPLES, requests_schema
from harness.record.nouns import Outcome, Witnesses
from loadprofiles.contract import fingerprint
from targets.contract import Completion, DeploymentError, Endpoint, Package, StartFailed, Witnessed
from targets.local import process_service
from tests.envelopes import MS, arrival, body_of, inside

WHY = "replica 0001 ended before it answered: exit code 1"


class Refusing:
    """A target that cannot be deployed."""

    capabilities = process_service.TARGET.capabilities
    parts = process_service.TARGET.parts
    settings = process_service.TARGET.settings
    name = "process-service"

    def __init__(self, error):
        self.error = error

    def deploy(self, package, order):
        raise self.error


def visit(profile, error=None, **fields):
    experiment = parse_experiment(
        {
            "name": "tiny",
            "question": "Does it hold?",
            "workloads": ["echo"],
            "targets": ["process-service"],
            "profiles": [{"constant": {"rate": 5, "seconds": 2}}],
            "cold_starts": 3,
            "rounds": 1,
            **fields,
        },
        "test",
    )
    trial = next(trial for trial in plan(experiment, experiment.targets) if trial.profile == profile)
    new_visit = Visit(experiment, trial, Package("echo", "echo"), "run")
    new_visit.__dict__["target"] = Refusing(error or StartFailed(WHY))
    return new_visit


def rows_of(profile):
    result = visit_target(visit(profile), Leases(), None, lambda ended, of: None)  # type: ignore[arg-type]
    assert result.requests.schema == requests_schema(())
    assert result.samples.schema == SAMPLES
    return result.record, result.requests.to_pylist()


def test_a_service_that_cannot_be_deployed_has_failed_every_arrival_of_its_schedule():
    record, rows = rows_of("constant")
    assert record.scheduled == record.counts[Outcome.FAILED] == sum(record.counts.values()) == len(rows) == 10
    assert [row["index"] for row in rows] == list(range(10))
    assert [row["scheduled_ns"] for row in rows] == [at * 200_000_000 for at in range(10)]
    assert {(row["outcome"], row["error"]) for row in rows} == {("failed", WHY)}
    assert {row[name] for row in rows for name in ("started_ns", "sent_ns", "done_ns", "status", "unit")} == {None}
    assert record.seconds == 2
    assert record.schedule_sha256 == fingerprint(visit("constant").schedule)
    assert record.warnings == [f"{NEVER_STARTED}\n{WHY}"]
    assert record.fruitless == f"no good answer to any of 10 requests: 10 x {WHY}"
    assert closing_line(record).startswith(f"0 of 10 ok, 10 failed\n    10 x {WHY}\n")
    assert f"warning: {NEVER_STARTED}" in closing_line(record)
    assert record.generator is None
    assert not any(WHY in problem for problem in record.problems), "the target's failure does not make it INVALID"
    assert is_done([record.model_copy(update={"problems": []})], most=3), "it is not tried again"


def test_a_service_that_cannot_be_deployed_has_failed_as_many_forced_starts_as_were_asked_for():
    record, rows = rows_of("cold")
    assert record.scheduled == record.counts[Outcome.FAILED] == len(rows) == 3
    assert {(row["outcome"], row["error"]) for row in rows} == {("failed", WHY)}
    assert record.schedule_sha256 is None


def test_added_replicas_of_a_service_that_cannot_be_deployed_have_failed_too():
    it = visit("scale-out", scale_out={"starts": 2, "rate": 5, "seconds": 3})
    result = visit_target(it, Leases(), None, lambda ended, of: None)  # type: ignore[arg-type]
    assert result.record.scheduled == result.record.counts[Outcome.FAILED] == len(it.schedule) + 2
    assert result.requests["scheduled_ns"].to_pylist()[-2:] == [1_000_000_000, 2_000_000_000]


def test_what_the_bench_or_the_engine_could_not_do_is_no_failure_of_the_target_and_may_be_tried_again():
    why = "image frostline/echo:x is not there: package the workload first"
    refused = visit("constant", DeploymentError(why))
    result = visit_target(refused, Leases(), None, lambda ended, of: None)  # type: ignore[arg-type]
    assert result.record.scheduled == result.requests.num_rows == 0
    assert result.record.problems[0] == why
    assert not result.record.valid
    assert not is_done([result.record], most=2)


class Unreachable:
    """It runs, and its endpoint names a sender that there is not; it stands for its load process, too."""

    endpoints = (Endpoint("http://127.0.0.1:1/", sender="absent"),)
    generation = "1"

    def usage(self):
        return []

    events = witnesses = usage

    def describe(self):
        return {}

    def do_nothing(self, *_):
        pass

    make_cold = wake = settle = destroy = do_nothing

    def carry_out(self, plan, *_):
        raise SenderFailed(f"sender: 'absent' is not one of: {', '.join(sender_names())}")


@pytest.mark.parametrize("profile", ["constant", "cold", "scale-out"])
def test_a_target_whose_sender_cannot_send_has_an_invalid_trial_and_ends_no_run(profile):
    it = visit(profile, scale_out={"starts": 2, "rate": 5, "seconds": 1})
    it.target.deploy = lambda package, order: Unreachable()
    record = visit_target(it, Leases(), Unreachable(), lambda ended, of: None).record  # type: ignore[arg-type]
    assert record.scheduled == 0 and not record.valid
    assert record.problems[0].endswith(f"sender: 'absent' is not one of: {', '.join(sender_names())}")


def test_arrivals_are_drawn_once(monkeypatch):
    drawn = []
    it = visit("bursty", profiles=[{"bursty": {"rate": 5, "seconds": 2}}])
    monkeypatch.setattr(
        type(it.trial.load), "arrivals", lambda self, seed: drawn.append(seed) or array.array("d", [0.0])
    )
    assert it.schedule is it.schedule
    assert drawn == [it.trial.arrival_seed]


class Failing:
    """A deployment whose second look raises."""

    def __init__(self):
        self.looks = 0

    def usage(self):
        self.looks += 1
        if self.looks == 2:
            raise KeyError("pid")
        return []


def test_a_sampler_that_failed_once_goes_on_and_says_so(monkeypatch):
    monkeypatch.setattr("harness.measure.sampler.INTERVAL_S", 0.001)
    deployment = Failing()
    with Sampler(deployment) as sampler:  # type: ignore[arg-type]
        while deployment.looks < 4:
            sleep(0.001)
    (problem,) = sampler.problems
    assert problem.startswith("memory and CPU could not be read at 1 of ")
    assert problem.endswith("KeyError: 'pid'")


def test_a_sampler_that_read_everything_has_no_problem():
    deployment = Failing()
    deployment.looks = 2
    with Sampler(deployment) as sampler:  # type: ignore[arg-type]
        pass
    assert sampler.problems == []


def record_of(*arrivals, profile="constant"):
    begin_ns = 1
    sent = Sent.of(begin_ns, arrivals)
    samples = SAMPLES.empty_table()
    return record_trial(
        visit(profile), Outset.look(), Account(facts={"replicas": 1}), sent, samples, 2_000_000_001
    ).record  # type: ignore[arg-type]


def test_a_generator_without_descriptors_makes_the_trial_invalid_with_its_number():
    fine = Arrival(0, 1, Fate.FAILED, error="refused")
    starved = [Arrival(at, 1, Fate.EXHAUSTED, error="Too many open files") for at in (1, 2)]
    record = record_of(fine, *starved)
    assert record.counts[Outcome.FAILED] == 1
    assert record.counts[Outcome.SHED] == 2
    (problem,) = [problem for problem in record.problems if "descriptor" in problem]
    assert problem.startswith("2 arrivals were not carried out, for the generator ran out: ")
    assert "Too many open files" in problem
    assert "load.cap" in problem
    assert record.deployment == {"replicas": 1}


FAR_VISIT = replace(process_service.TARGET.capabilities, clock="own", cold="renewed", usage="afterwards", events=False)


def told_of(*arrivals, **told):
    far = visit("constant")
    far.target.capabilities = FAR_VISIT
    samples = SAMPLES.empty_table()
    return record_trial(far, Outset.look(), Account(**told), Sent.of(1, arrivals), samples, 2_000_000_001).record


def test_what_the_platform_told_is_on_record():
    ends = [Completion("", 1, 200, b"")]
    words = [Witnessed("stranger", billed_ns=MS), Witnessed(unit="0001", memory_used_bytes=7)]
    answered = arrival(0, body_of(inside(clock="theirs")), request_id="r1")
    record = told_of(
        answered, witnesses=words, completions=KeptCompletions(ends), facts={"init_timeout_s": 10, "x": "y"}
    )
    assert (record.open_starts, record.init_timeout_s) == (1, 10)
    assert [(unit.unit, unit.lived_longer, unit.memory_peak_bytes) for unit in record.units] == [("0001", True, 7)]
    assert record.witnessed == Witnesses(expected=1, came=0, disagree=0, strangers=1)
    assert [warning for warning in record.warnings if "told of 1 requests" in warning]
    assert [warning for warning in record.warnings if warning.startswith("1 ends of accepted requests")]


@pytest.mark.parametrize("limit_s", [None, True, "10", float("nan"), -1, 10**400])
def test_what_is_no_length_of_time_is_no_limit(limit_s):
    assert told_of(arrival(0), facts={"init_timeout_s": limit_s}).init_timeout_s is None


def test_a_target_none_of_whose_forced_starts_came_up_never_started():
    down = [Arrival(at, 1, Fate.FAILED, done_ns=2, error=WHY) for at in range(3)]
    refused = Arrival(3, 1, Fate.FAILED, done_ns=2, in_flight=1, fresh=True, error="refused")
    assert f"{NEVER_STARTED}\n{WHY}" in record_of(*down, profile="cold").warnings
    assert not any(NEVER_STARTED in line for line in record_of(*down, refused, profile="cold").warnings)
    assert not any(NEVER_STARTED in line for line in record_of(*down).warnings)
    assert [str(reason) for reason in record_of(*down, refused, profile="cold").reasons] == [
        f"3 x {WHY}",
        "1 x refused",
    ]


def test_a_check_that_raised_is_told_once_as_the_reason(monkeypatch):
    from targets.workloads import echo

    def check(self, payload, answer, own_model):
        raise KeyError("label")

    monkeypatch.setattr(type(echo.WORKLOAD), "check", check)
    body = b'{"answer": 1, "frostline": {"unit": "1", "invocation": 2, "begun_ns": 1, "ended_ns": 2}}'
    record = record_of(Arrival(0, 1, Fate.ANSWERED, 2, 3, 4, 200, 1, reply=Reply(), head=body))
    assert record.counts[Outcome.WRONG] == 1
    assert [str(reason) for reason in record.reasons] == ["1 x check raised KeyError: 'label'"]
    assert not record.warnings


@pytest.mark.parametrize("cap", [1, 20_000])
def test_a_cap_that_fits_is_taken(cap):
    from harness.measure.fitting import fit_to_machine

    assert fit_to_machine(visit("constant", load={"cap": cap}).experiment).targets == ["process-service"]


def test_a_cap_that_does_not_fit_is_refused_before_anything_starts(monkeypatch):
    from harness.errors import UsageError
    from harness.measure import fitting

    monkeypatch.setattr(fitting, "most_descriptors", lambda: 1024)
    with pytest.raises(UsageError, match=r"load\.cap: 2000 is not accepted: .*1024 descriptors.*ulimit -Hn 2040"):
        fitting.fit_to_machine(visit("constant", load={"cap": 2000}).experiment)


class Forgetful:
    """A deployment far away that says who it is, and then its log service fails."""

    def describe(self):
        return {"platform": "far"}

    collected = False

    def completions(self, limit_s):
        if not self.collected:
            self.collected = True
            yield Completion("a", 5, 200, b"{}")

    def settle(self, limit_s):
        assert self.collected, "logs are of what has ended"

    def witnesses(self):
        raise ConnectionError("503 from the log service")


def test_what_a_platform_cannot_say_makes_its_trial_invalid_and_loses_nothing():
    can = replace(process_service.TARGET.capabilities, asynchronous=True)
    ends, heard = _take_ends(far := Forgetful(), can)  # type: ignore[arg-type]
    account, problems = _take_account(far, ends)  # type: ignore[arg-type]
    assert heard == [] and account.facts == {"platform": "far"}
    assert [end.request_id for end in account.completions] == ["a"]
    assert account.witnesses == []
    assert problems == ["the platform's own word could not be had: ConnectionError: 503 from the log service"]
    account.completions.close()


class Dying(Forgetful):
    """A queue that is gone after the first end."""

    def completions(self, limit_s):
        yield Completion("a", 5, 200, b"{}")
        raise DeploymentError("the queue is gone: it ended (exit code 137)")


def test_ends_that_came_before_a_queue_was_gone_are_kept_and_its_trial_is_invalid_with_one_reason():
    can = replace(process_service.TARGET.capabilities, asynchronous=True)
    ends, problems = _take_ends(Dying(), can)  # type: ignore[arg-type]
    with closing(ends):
        assert [end.request_id for end in ends] == ["a"]
    assert problems == ["ends of accepted requests could not be had: the queue is gone: it ended (exit code 137)"]


def test_a_long_word_of_a_sender_is_cut_and_the_trial_kept():
    sent = Sent.of(1, [Arrival(0, 1, Fate.FAILED, error="refused")], ["k" * 3000])
    account = Account(facts={})
    result = record_trial(visit("constant"), Outset.look(), account, sent, SAMPLES.empty_table(), 2)
    assert max(map(len, result.record.problems)) == 2000
    assert result.record.scheduled == 1


def refusal(index, kind="Sandbox.Refused"):
    body = {"errorType": kind, "errorMessage": "the engine refused: range of CPUs is from 0.01 to 2.00"}
    return arrival(index, json.dumps(body).encode(), json.dumps({"received_ns": 1}).encode())


@pytest.mark.parametrize("profile", ["constant", "cold"])
def test_a_trial_in_which_the_engine_refused_every_sandbox_is_invalid_with_its_reason(profile):
    record = record_of(*(refusal(at) for at in range(3)), profile=profile)
    assert record.counts[Outcome.FAILED] == 3 and not record.valid
    assert (
        "no request could be answered, and 3 of 3 for no fault of the function: "
        "the engine refused: range of CPUs is from 0.01 to 2.00" in record.problems
    )


def test_where_others_were_answered_it_is_a_warning_and_no_problem():
    record = record_of(arrival(0, body_of(inside())), refusal(1))
    assert not any("fault of the function" in problem for problem in record.problems)
    assert any(line.startswith("1 of 2 requests failed for no fault of the function") for line in record.warnings)


def test_a_function_that_ends_by_its_own_fault_makes_no_trial_invalid():
    record = record_of(*(refusal(at, "Sandbox.Died") for at in range(3)))
    assert not any("fault of the function" in line for line in [*record.problems, *record.warnings])


def test_requests_that_were_sent_again_are_told():
    again = [replace(arrival(0), resent=True), arrival(1)]
    assert "1 request had to be sent again on a fresh" in next(
        line for line in record_of(*again).warnings if "sent again" in line
    )
    assert not any("sent again" in line for line in record_of(arrival(0)).warnings)
