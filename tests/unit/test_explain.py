"""The reference of an experiment's keys, and the name that was likely meant where one is unknown."""

import pytest

from harness.errors import UsageError
from harness.experiment.explained import below, keys, unit_of
from harness.experiment.question import parse_experiment, read_experiment
from harness.files.problems import near

KNOWN = keys()


def test_every_key_has_a_sentence():
    """A field of an experiment without one gets a docstring below it, or a description."""
    assert [key.path for key in KNOWN if not key.sentence] == []
    assert len({key.path for key in KNOWN}) == len(KNOWN)


@pytest.mark.parametrize(
    ("path", "takes", "default", "unit"),
    [
        ("rounds", "whole number, from 1 to 1,000", "10", ""),
        ("sizing.service_cpus", "number, from 0.25 to 16", "1", "vCPU"),
        ("function.keep_alive_s", "number, above 0 to 86,400", "300", "s"),
        ("begin", "one of steady, empty, batch", "steady", ""),
        ("workloads", "list, at least 1, each mapping", "required", ""),
        ("workloads.model_dir", "path", "none", ""),
        ("objective.latency_ms", "number, above 0", "required", "ms"),
        ("expected.requests_per_month", "number, above 0 to 1e+13", "required", "requests per month"),
        ("stakes.engineering_usd_per_hour", "number, from 0 to 1,000,000,000", "none", "USD per hour"),
        ("profiles.steady.rate", "number, above 0 to 100,000", "required", "requests per second"),
        ("page_cache", "list, at least 1, each one of kept, dropped", "[kept]", ""),
    ],
)
def test_a_key_says_what_it_takes(path, takes, default, unit):
    key = next(key for key in KNOWN if key.path == path)
    assert (key.takes, key.default, key.unit) == (takes, default, unit)


def test_every_key_that_an_experiment_stores_is_told():
    stored = read_experiment("baseline").model_dump(mode="json")
    assert set(stored) <= {key.path for key in KNOWN}


def test_one_key_comes_with_what_lies_below_it():
    both = ["workloads.sizing.service_cpus", "sizing.service_cpus"]
    assert [key.path for key in below("service_cpus", KNOWN)] == both
    assert {key.path for key in below("objective", KNOWN)} == {
        "objective",
        "objective.percentile",
        "objective.latency_ms",
    }
    assert below("nothing", KNOWN) == []
    assert unit_of("latency_ms") == "ms" and unit_of("seed") == ""


@pytest.mark.parametrize(
    ("changes", "meant"),
    [
        ({"roundz": 3}, "there is no such field; did you mean rounds?"),
        ({"sizing": {"service_cpu": 1}}, "did you mean service_cpus?"),
        ({"objective": {"latency_m": 1}}, "did you mean latency_ms?"),
        ({"workloads": [{"name": "echo", "model_dirr": "x"}]}, "did you mean model_dir?"),
        ({"workloads": ["ekho"]}, "did you mean echo?"),
        ({"targets": ["docker-servise"]}, "did you mean docker-service?"),
        ({"profiles": [{"stedy": {}}]}, "did you mean steady?"),
        ({"profiles": [{"steady": {"rate": 1, "seconds": 1, "compresion": 1}}]}, "did you mean compression?"),
        ({"settings": {"process-lambda": {"keep_alive": 1}}}, "did you mean keep_alive_s?"),
        ({"settings": {"process-lamda": {}}}, "did you mean process-lambda?"),
    ],
)
def test_an_unknown_name_is_answered_with_the_one_that_was_meant(changes, meant):
    fields = {"name": "x", "question": "?", "workloads": ["echo"], "targets": ["process-service"], **changes}
    with pytest.raises(UsageError) as refused:
        parse_experiment(fields, "x.yaml")
    assert any(line.endswith(meant) for line in refused.value.problems), refused.value.problems


def test_nothing_is_suggested_for_what_is_like_nothing():
    assert near("qqqq", ["rounds", "seed"]) == ""
    assert near(3, ["rounds"]) == ""
