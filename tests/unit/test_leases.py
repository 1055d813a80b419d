"""How often a target is deployed: once for each trial, or once for a run where it says that deploying takes long."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.experiment.plan import plan
from harness.experiment.question import parse_experiment
from harness.measure.leases import Leases
from harness.measure.visit import Visit
from targets.contract import DeploymentError, Package, Witnessed
from targets.local import process_lambda, process_service
from targets.settings import FunctionSettings


class Deployed:
    """A deployment that counts what is done to it."""

    def __init__(self, stuck: bool = False) -> None:
        self.resets: list[Path | None] = []
        self.destroyed = 0
        self.stuck = stuck
        self.log = ["of the first trial"]
        self.told = [Witnessed("first"), Witnessed(unit="0001")]

    def events(self):
        return self.log

    def witnesses(self):
        return self.told

    def reset(self, ledger):
        if self.stuck:
            raise DeploymentError("it cannot be brought back")
        self.resets.append(ledger)

    def destroy(self):
        self.destroyed += 1


class Slow:
    """A target that is deployed once for a run, or for each trial."""

    name, parts, settings = "process-service", process_service.TARGET.parts, process_service.TARGET.settings

    def __init__(self, deploys, stuck=False):
        self.capabilities = replace(process_service.TARGET.capabilities, deploys=deploys)
        self.stuck = stuck
        self.made: list[Deployed] = []

    def deploy(self, package, order):
        self.made.append(Deployed(self.stuck))
        return self.made[-1]


def visits(target, **fields):
    """The visits of an experiment of three cells and one round; each has a ledger of its own."""
    experiment = parse_experiment(
        {
            "name": "tiny",
            "question": "Does it hold?",
            "workloads": ["echo"],
            "targets": ["process-service"],
            "profiles": [{"constant": {"rate": 5, "seconds": 2}}, {"steady": {"rate": 5, "seconds": 2}}],
            "cold_starts": 1,
            "rounds": 1,
            **fields,
        },
        "test",
    )
    for trial in plan(experiment, experiment.targets):
        visit = Visit(experiment, trial, Package("echo", "echo"), "run", witness=Path(trial.id))
        visit.__dict__["target"] = target
        yield visit


def test_a_deployment_of_a_trial_is_removed_with_it():
    target, leases = Slow("per_trial"), Leases()
    for visit in visits(target):
        assert leases.give_back(visit, leases.take(visit)) == []
    assert [deployment.destroyed for deployment in target.made] == [1, 1, 1]
    assert leases.close() == []


def test_a_deployment_of_a_run_is_made_once_reset_before_each_further_trial_and_removed_at_the_end():
    target, leases = Slow("per_run"), Leases()
    ledgers = []
    for visit in visits(target):
        lease = leases.take(visit)
        assert lease.events() == (["of the first trial"] if not ledgers else [])
        ledgers.append(visit.witness)
        assert leases.give_back(visit, lease) == []
    (deployment,) = target.made
    assert deployment.resets == ledgers[1:]
    assert deployment.destroyed == 0
    leases.close()
    assert deployment.destroyed == 1


def test_what_was_told_of_an_earlier_trial_is_of_no_later_one():
    target, leases = Slow("per_run"), Leases()
    first, second, _ = visits(target)
    lease = leases.take(first)
    assert [word.request_id for word in lease.new_words(lease.deployment.witnesses())] == ["first", None]
    leases.give_back(first, lease)
    lease = leases.take(second)
    lease.deployment.told.append(Witnessed("second"))  # type: ignore[attr-defined]
    assert [word.request_id for word in lease.new_words(lease.deployment.witnesses())] == [None, "second"]


def test_what_is_told_of_requests_before_the_first_is_left_out_as_well():
    target, leases = Slow("per_run"), Leases()
    lease = leases.take(next(visits(target)))
    told = lease.new_words([Witnessed("warm"), Witnessed("first")], frozenset({"warm"}))
    assert [word.request_id for word in told] == ["first"]


def test_traffic_that_is_compressed_otherwise_has_a_deployment_of_its_own_keep_alive():
    target, leases = Slow("per_run"), Leases()
    target.name, target.settings, target.parts = "process-lambda", FunctionSettings, process_lambda.TARGET.parts
    profiles = [{"bursty": {"rate": 5, "seconds": 2, "compression": 60}}, {"steady": {"rate": 5, "seconds": 2}}]
    fields = {"targets": ["process-lambda"], "profiles": profiles, "rounds": 2}
    kept = {}
    for visit in visits(target, **fields):
        leases.give_back(visit, lease := leases.take(visit))
        kept.setdefault(lease.deployment, set()).add(visit.order().settings.keep_alive_s)
    assert sorted(kept.values(), key=min) == [{5}, {300}]


def test_trials_that_are_ordered_otherwise_have_a_deployment_of_their_own():
    target, leases = Slow("per_run"), Leases()
    small, large = next(visits(target)), next(visits(target, sizing={"service_memory_mb": 4096}))
    for visit in (small, large, small, large):
        leases.give_back(visit, leases.take(visit))
    assert [len(deployment.resets) for deployment in target.made] == [1, 1]


def test_what_cannot_be_brought_back_is_removed_and_the_next_trial_is_deployed_anew():
    target, leases = Slow("per_run", stuck=True), Leases()
    first, second, third = visits(target)
    leases.give_back(first, leases.take(first))
    with pytest.raises(DeploymentError, match="brought back"):
        leases.take(second)
    assert [deployment.destroyed for deployment in target.made] == [1]
    leases.take(third)
    assert len(target.made) == 2


def test_what_cannot_even_be_removed_hides_neither_the_interruption_nor_the_failure():
    target, leases = Slow("per_run"), Leases()
    first, second = list(visits(target))[:2]
    leases.give_back(first, leases.take(first))
    (deployment,) = target.made

    def interrupted(ledger):
        raise KeyboardInterrupt

    def refused():
        raise DeploymentError("the platform does not answer")

    deployment.reset, deployment.destroy = interrupted, refused
    with pytest.raises(KeyboardInterrupt):
        leases.take(second)


def test_a_service_that_fails_in_its_own_way_at_the_end_is_a_problem_of_the_trial():
    target, leases = Slow("per_trial"), Leases()
    first = next(visits(target))
    lease = leases.take(first)

    def refused():
        raise ConnectionError("503")

    lease.deployment.destroy = refused
    assert leases.give_back(first, lease) == ["the deployment could not be removed: ConnectionError: 503"]
