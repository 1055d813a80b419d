"""What a run will ask of targets that cost money: foreseen from its plan, or refused with all that cannot be had."""

import pytest

from harness.errors import UsageError
from harness.experiment.question import parse_experiment
from harness.measure.fitting import RunnableExperiment
from harness.measure.outlook import outlooks
from targets.contract import Package
from tests.moto import mean

NAMES = ["aws-sagemaker", "aws-sagemaker-serverless"]
ONE = {"name": "echo", "label": "one"}
OTHER = {"name": "echo", "label": "other", "sizing": {"service_cpus": 5}}
FIELDS = {
    "name": "bought",
    "question": "?",
    "workloads": [ONE, OTHER],
    "profiles": [{"steady": {"rate": 2, "seconds": 5}}],
    "cold_starts": 3,
    "rounds": 1,
    "targets": NAMES,
}


@pytest.fixture(autouse=True)
def nobodys_account(monkeypatch):
    mean(monkeypatch, "http://127.0.0.1:9")


def plans(**sizing):
    runnable = RunnableExperiment(parse_experiment(FIELDS | sizing, "test"), NAMES, [])
    package = Package("echo", "frostline/echo:0123456789ab", {"machine": "x86_64", "size_bytes": 10**9})
    return list(outlooks(runnable, {(workload, name): package for workload in ("one", "other") for name in NAMES}))


def test_all_that_cannot_be_bought_is_told_at_once_before_anything_is_made():
    with pytest.raises(UsageError) as caught:
        plans()
    assert sorted(problem.partition(": give")[0] for problem in caught.value.problems) == [
        "aws-sagemaker, other: sizing: no instance is one for a unit of 5 vCPU with 2,048 MB",
        *(
            f"aws-sagemaker-serverless, {workload}: sizing.function_memory_mb: 1769 cannot be bought as SageMaker "
            "Serverless Inference"
            for workload in ("one", "other")
        ),
    ]


def test_what_can_be_bought_is_foreseen():
    kept = plans(sizing={"function_memory_mb": 2048}, workloads=[ONE])
    assert [plan.target for plan in kept] == NAMES
    for plan in kept:
        assert plan.resources and plan.expected.starts == 3
        assert sum(line.quantity for line in plan.expected_lines) < sum(line.quantity for line in plan.most_lines)


SMALL = {"workloads": [ONE], "rounds": 2, "targets": ["aws-lambda"], "sizing": {"function_memory_mb": 1024}}


def lambda_plan(**fields):
    """Two rounds of three forced starts and of 2 requests a second for 5 s, of a function of one GB."""
    runnable = RunnableExperiment(parse_experiment(FIELDS | SMALL | fields, "test"), ["aws-lambda"], [])
    package = Package("echo", "frostline/echo:0123456789ab", {"machine": "x86_64", "size_bytes": 10**9})
    (plan,) = outlooks(runnable, {("one", "aws-lambda"): package})
    return plan


def amounts(lines):
    return {line.sku: line.quantity for line in lines}


def test_what_is_expected_of_a_small_experiment_is_what_paper_says():
    """2 x 3 starts; 1 request as it is deployed, 2 x 10 of traffic, 2 x (8 + 2) before it, and the starts: 47, of a
    second each as none is stated, and 10 s more for each start."""
    plan = lambda_plan()
    assert (plan.expected.requests, plan.expected.starts, plan.expected.request_s) == (1 + 20 + 20 + 6, 6, 1.0)
    expected = amounts(plan.expected_lines)
    assert expected["lambda.request"] == 47
    assert expected["lambda.x86.gb-second"] == pytest.approx(47 * 1 + 6 * 10)
    assert expected["ecr.gb-month"] == pytest.approx(plan.expected.seconds / 3600 / 730)


def test_the_most_is_that_of_every_trial_tried_again_and_every_request_as_long_as_it_may_be():
    """Three attempts of a trial, each with three tries of a start: 3 x (1 + 20 + 2 x (8 + 180) + 18), for of
    requests of 90 s at 2 a second 180 are under way at once, each of 90 s and the 10 s that an initialisation may take
    before it is cut off and made again."""
    plan = lambda_plan()
    assert (plan.most.requests, plan.most.starts, plan.most.request_s) == (1245, 54, 90)
    most = amounts(plan.most_lines)
    assert most["lambda.request"] == 1245
    assert most["lambda.x86.gb-second"] == pytest.approx(1245 * (90 + 10))


def test_a_stated_objective_is_what_a_request_is_taken_to_last():
    plan = lambda_plan(objective={"latency_ms": 250})
    assert amounts(plan.expected_lines)["lambda.x86.gb-second"] == pytest.approx(47 * 0.25 + 6 * 10)
    assert plan.most.request_s == 90
