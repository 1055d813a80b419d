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
