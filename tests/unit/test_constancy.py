"""What may not change while a run goes on is noticed, and named with both values."""

import pytest

from harness.errors import TrialError
from harness.experiment.question import parse_experiment
from harness.measure.fitting import Choice
from harness.measure.machine import Circumstances, changes, lasting_facts
from harness.measure.walk import _unchanged
from tests.synthetic import manifest

FACTS = {"cpus": 2, "engine_version": "20.10", "source_sha256": "a" * 64}
FIELDS = {"name": "alone", "question": "?", "workloads": ["echo"], "targets": ["process-lambda"], "profiles": []}


def circumstances(facts=FACTS, engine="7/70"):
    return Circumstances(dict(facts), engine)


def test_nothing_changed_is_no_problem():
    assert circumstances().problems(circumstances(), FACTS) == []


@pytest.mark.parametrize(
    ("later", "words"),
    [
        ({"facts": {**FACTS, "cpus": 1}}, "cpus: 2 is now 1"),
        ({"facts": {**FACTS, "engine_version": None}}, "engine_version: '20.10' is now None"),
        ({"engine": "8/80"}, "the Docker engine was restarted"),
        ({"engine": "does not answer: ConnectionRefusedError"}, "the Docker engine was restarted"),
    ],
)
def test_each_change_makes_a_problem(later, words):
    (told,) = circumstances().problems(circumstances(**later), FACTS)
    assert words in told


def test_facts_are_compared_with_the_begin_of_the_run_not_of_the_trial():
    moved = circumstances({**FACTS, "cpus": 1})
    assert moved.problems(moved, FACTS) == ["facts changed since the run began: cpus: 2 is now 1"]


def test_a_fact_that_an_older_manifest_lacks_is_not_compared():
    assert changes({"cpus": 2}, FACTS) == []


def test_lasting_facts_last():
    assert lasting_facts(False) == lasting_facts(False)
    assert {"cpus", "host", "source_sha256"} <= lasting_facts(False).keys()


def test_a_run_whose_facts_changed_ends(monkeypatch):
    monkeypatch.setattr("harness.measure.walk.lasting_facts", lambda engine: {**FACTS, "cpus": 1})
    choice = Choice(parse_experiment(FIELDS, "test"), ["process-lambda"], [])
    _unchanged(manifest(facts={"lasting": {"cpus": 1}}), choice)
    _unchanged(manifest(facts={}), choice)
    with pytest.raises(TrialError, match="cpus: 2 is now 1"):
        _unchanged(manifest(facts={"lasting": FACTS}), choice)
