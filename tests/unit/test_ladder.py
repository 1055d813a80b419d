"""Sizes of one workload: how an experiment asks for them, and which is the cheapest within the objective."""

from types import SimpleNamespace

import pytest

from harness.analysis.summary import Row
from harness.decision.ladder import ladder_lines, ladders
from harness.errors import UsageError
from harness.experiment.plan import plan
from harness.experiment.question import parse_experiment
from harness.measure.sizes import shortage_problems
from harness.measure.visit import unit_variables
from harness.record.definition import definition_sha256
from harness.record.estimate import Estimate
from targets.contract import Sizing
from targets.local.declarations import AsProcesses

SIZES = (512, 1769, 3008)
FIELDS = {
    "name": "sizes",
    "question": "which",
    "workloads": [{"name": "echo", "label": f"echo-{mb}", "sizing": {"function_memory_mb": mb}} for mb in SIZES],
    "targets": ["process-lambda", "process-service"],
    "sizing": {"service_memory_mb": 512},
    "profiles": [{"steady": {"rate": 1, "seconds": 2}}],
}


def test_each_workload_has_its_own_size_and_the_rest_is_the_experiments():
    experiment = parse_experiment(FIELDS, "test")
    again = parse_experiment(experiment.model_dump(mode="json"), "a manifest")
    for each in (experiment, again):
        cases = {(t.workload.key, t.target): t.case for t in plan(each, each.targets)}
        assert {cases[f"echo-{mb}", "process-lambda"]["memory_mb"] for mb in SIZES} == set(SIZES)
        assert cases["echo-512", "process-lambda"]["cpus"] == Sizing.of_function(512).cpus
        assert {cases[f"echo-{mb}", "process-service"]["memory_mb"] for mb in SIZES} == {512}


def test_a_size_that_does_not_fit_is_named_where_it_stands(monkeypatch):
    monkeypatch.setattr(AsProcesses, "present", lambda self: Sizing(24_000, 1.0))
    problems = shortage_problems(parse_experiment(FIELDS, "test"), ["process-lambda"])
    assert problems == [
        "workloads.echo-3008.sizing.function_memory_mb: its vCPU follows it and is 1.7, and this machine has 1: "
        "set it to 1769 at most"
    ]


def test_sizes_out_of_bounds_are_refused():
    with pytest.raises(UsageError, match="function_memory_mb"):
        parse_experiment({**FIELDS, "workloads": [{"name": "echo", "sizing": {"function_memory_mb": 64}}]}, "test")


def test_where_the_model_is_loaded_is_a_part_of_the_case_and_reaches_the_unit():
    lazy = {"name": "echo", "label": "lazy", "load": "first_request"}
    experiment = parse_experiment({**FIELDS, "workloads": ["echo", lazy]}, "test")
    cases = {trial.workload.key: trial.case for trial in plan(experiment, ["process-lambda"])}
    assert cases["lazy"]["load"] == "first_request" and "load" not in cases["echo"]
    early, late = (unit_variables(choice) for choice in experiment.workloads)
    assert early == {} and late == {"FROSTLINE_LOAD": "first_request"}


def test_what_is_not_asked_for_changes_no_definition():
    written = {**FIELDS, "workloads": [{"name": "echo"}]}
    told = {**FIELDS, "workloads": [{"name": "echo", "label": None, "load": "init", "sizing": None}]}
    assert definition_sha256(written) == definition_sha256(told)


def row(mb, p95, cost, spread=None):
    made = Row(f"echo-{mb}", "docker-lambda", "steady", {"memory_mb": mb, "cpus": mb / 1769}, 10, 10, 0, True, 1.0)
    low, high = (p95 / spread, p95 * spread) if spread and p95 else (None, None)
    made.kind, made.latency_p95_ms = "function", Estimate(p95, low, high, n=10)
    made.cost_per_1k_usd = None if cost is None else Estimate(cost)
    return made


def line(*rows, objective=300):
    more = {"objective": {"percentile": 95, "latency_ms": objective}} if objective else {}
    manifest = SimpleNamespace(experiment={"workloads": FIELDS["workloads"], **more})
    (told,) = ladder_lines(manifest, list(rows)[::-1])
    return told


def test_the_cheapest_is_of_those_whose_whole_interval_is_within():
    told = line(row(512, 290, 0.01, 1.2), row(1769, 200, 0.02, 1.2), row(3008, 100, 0.03, 1.2))
    assert "the cheapest size within p95 of 300 ms is 1,769 MB: p95 200 ms, 0.0200 USD per 1,000" in told
    assert "512 MB p95 290 ms, 0.0100 USD" in told


def test_sizes_whose_costs_overlap_are_not_told_apart():
    small, large, largest = row(512, 200, 0.010, 1.2), row(1769, 100, 0.011, 1.2), row(3008, 90, 0.02, 1.2)
    for each in (small, large, largest):
        cost = each.cost_per_1k_usd.value
        each.cost_per_1k_usd = Estimate(cost, 0.9 * cost, 1.1 * cost, n=10)
    told = line(small, large, largest)
    assert "is 512 MB (or 1,769 MB, whose cost's interval overlaps with its): p95 200 ms" in told


@pytest.mark.parametrize(
    ("rows", "objective", "words"),
    [
        ([(512, 200, 0.03), (1769, 100, 0.02)], 300, "is 1,769 MB: p95 100 ms without an interval"),
        ([(512, 500, 0.01), (1769, None, 0.02)], 300, "no measured size is within p95 of 300 ms"),
        ([(512, 200, None), (1769, 100, 0.02)], 300, "is withheld: 512 MB has no cost"),
        ([(512, 200, 0.01), (1769, 100, 0.02)], None, "state one"),
    ],
)
def test_what_is_not_known_is_said(rows, objective, words):
    assert words in line(*(row(*each) for each in rows), objective=objective)


def test_one_size_is_no_ladder_and_other_workloads_are_none_either():
    manifest = SimpleNamespace(experiment={"workloads": ["echo", {"name": "filetype"}]})
    assert ladders(manifest, [row(512, 1, 1)]) == []
    other = row(1769, 1, 1)
    other.workload = "filetype"
    assert ladders(manifest, [row(512, 1, 1), other]) == []
