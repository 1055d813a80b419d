"""What may not change while a run goes on is noticed, and named with both values."""

import sys
from pathlib import Path

import pytest

from harness.errors import TrialError
from harness.experiment.question import parse_experiment
from harness.measure import constancy
from harness.measure.constancy import MEASURING, Circumstances, changes, lasting_facts, measuring_sha256
from harness.measure.fitting import RunnableExperiment
from harness.measure.run import _machine_changes, _places
from harness.measure.walk import _check_constancy
from tests.synthetic import manifest

FACTS = {"cpus": 2, "engine_version": "20.10", "measuring_sha256": "a" * 64}
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
    (problem,) = circumstances().problems(circumstances(**later), FACTS)
    assert words in problem


def test_facts_are_compared_with_the_begin_of_the_run_not_of_the_trial():
    moved = circumstances({**FACTS, "cpus": 1})
    assert moved.problems(moved, FACTS) == ["facts changed since the run began: cpus: 2 is now 1"]


def test_a_fact_that_an_older_manifest_lacks_is_not_compared():
    assert changes({"cpus": 2}, FACTS) == []


def test_lasting_facts_last():
    assert lasting_facts(False) == lasting_facts(False)
    assert {"cpus", "host", "measuring_sha256"} <= lasting_facts(False).keys()


def test_saving_what_reads_and_tells_changes_no_identity_and_saving_what_measures_does(monkeypatch, tmp_path):
    for place in (
        "harness/load/dispatch.py",
        "harness/record/columns.py",
        "harness/record/shelf.py",
        "targets/clock.py",
    ):
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("1\n")
    monkeypatch.setattr(constancy, "ROOT", tmp_path)
    monkeypatch.setattr(constancy, "MEASURING", [place for place in MEASURING if (tmp_path / place).exists()])
    before = measuring_sha256()
    (tmp_path / "harness/record/shelf.py").write_text("2\n")
    (tmp_path / "targets/clock.py").touch()
    assert measuring_sha256() == before
    (tmp_path / "harness/load/dispatch.py").write_text("2\n")
    assert measuring_sha256() != before


def test_a_plug_in_belongs_to_what_measures_wherever_it_lies(monkeypatch, tmp_path):
    ours_alone = measuring_sha256()
    plug_in = tmp_path / "one" / "targets" / "workloads" / "mine.py"
    plug_in.parent.mkdir(parents=True)
    plug_in.write_text("1\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "one")])
    before = measuring_sha256()
    assert before != ours_alone
    (tmp_path / "one" / "notes.py").write_text("no plug-in\n")
    (tmp_path / "one").rename(tmp_path / "two")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "two"), str(tmp_path / "two")])
    assert measuring_sha256() == before
    (tmp_path / "two" / "targets" / "workloads" / "mine.py").write_text("2\n")
    assert measuring_sha256() != before


def test_every_place_that_measures_is_there():
    root = Path(constancy.__file__).parents[2]
    assert [place for place in MEASURING if not (root / place).exists()] == []
    packages = {place.split("/")[1] for place in MEASURING if place.startswith("harness/")}
    assert {"experiment", "load", "measure"} <= packages and not {"report", "review", "analysis", "cost"} & packages


def test_an_engine_is_asked_for_its_facts_once_until_it_is_another_process(monkeypatch):
    processes, asked = ["7/70", "7/70", "7/70", "8/80", "8/80"], []

    class Client:
        def info(self):
            asked.append(1)
            return {"ServerVersion": f"20.{len(asked)}"}

        def close(self):
            asked.append("closed")

    monkeypatch.setattr(constancy, "_ENGINE_FACTS", {})
    monkeypatch.setattr(constancy.containers, "engine_process", lambda: processes.pop(0))
    monkeypatch.setattr(constancy.containers, "engine", Client)
    assert lasting_facts(True)["engine_version"] == lasting_facts(True)["engine_version"] == "20.1"
    assert lasting_facts(True)["engine_version"] == "20.3"
    assert asked == [1, "closed", 1, "closed"] and processes == []


def test_a_run_of_the_time_when_all_code_was_hashed_is_not_taken_up_with_this_code():
    runnable = RunnableExperiment(parse_experiment(FIELDS, "test"), ["process-lambda"], [])
    (line,) = _machine_changes(manifest(facts={"lasting": {"source_sha256": "a" * 64}}), runnable)
    assert "began this run" in line
    assert _machine_changes(manifest(facts={"lasting": lasting_facts(False)}), runnable) == []


def test_a_run_goes_on_in_no_other_region_than_it_began_in(monkeypatch):
    class Platform:
        place = "account x, eu-west-1"

        def where(self):
            return self.place

    monkeypatch.setattr("targets.platform_of", lambda name: "far")
    monkeypatch.setattr("targets.platform", lambda name: Platform())
    runnable = RunnableExperiment(parse_experiment(FIELDS, "test"), ["process-lambda"], [])
    began = manifest(facts={"lasting": lasting_facts(False) | _places(runnable)})
    assert _machine_changes(began, runnable) == []
    monkeypatch.setattr(Platform, "place", "account x, us-east-1")
    (line,) = _machine_changes(began, runnable)
    assert "made_on_far: 'account x, eu-west-1' is now 'account x, us-east-1'" in line


def test_a_run_whose_facts_changed_ends(monkeypatch):
    monkeypatch.setattr("harness.measure.walk.lasting_facts", lambda engine: {**FACTS, "cpus": 1})
    runnable = RunnableExperiment(parse_experiment(FIELDS, "test"), ["process-lambda"], [])
    _check_constancy(manifest(facts={"lasting": {"cpus": 1}}), runnable)
    _check_constancy(manifest(facts={}), runnable)
    with pytest.raises(TrialError, match="cpus: 2 is now 1"):
        _check_constancy(manifest(facts={"lasting": FACTS}), runnable)
