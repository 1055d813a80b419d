"""Before a run costs money: the plan is shown, a budget that cannot be is refused, and a person is asked once."""

import io
import math
import sys

import pytest

from harness.commands.consent import NOBODY, Consenting, on_platform
from harness.errors import UsageError
from harness.experiment.question import parse_experiment
from harness.measure.fitting import RunnableExperiment
from harness.measure.purse import BudgetSpent
from harness.record.metered import Metered, MeteredLine
from targets.contract import Package
from tests.moto import mean

FIELDS = {
    "name": "bought",
    "question": "?",
    "workloads": [{"name": "echo"}],
    "profiles": [{"steady": {"rate": 2, "seconds": 5}}],
    "cold_starts": 3,
    "rounds": 2,
    "targets": ["aws-lambda"],
    "sizing": {"function_memory_mb": 1024},
}
EXPECTED_USD = 107 * 0.0000166667 + 47 * 0.0000002
"""107 GB-seconds and 47 requests, as test_outlook.py has them; the image's share of a month is less than a cent's
thousandth."""
MOST_USD = 124_500 * 0.0000166667 + 1245 * 0.0000002


LINE = MeteredLine(
    workload="echo", target="aws-lambda", sku="lambda.x86.gb-second", quantity=1000, of="function", source="clock"
)


@pytest.fixture(autouse=True)
def account(monkeypatch):
    """Nobody's, on a server that stands in for AWS; no person is there."""
    mean(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.setattr("targets.aws.platform.Aws.where", lambda self: "account #0123abcd, us-east-1")
    monkeypatch.setattr(sys, "stdin", io.StringIO())


def consent(fields=(), earlier=None, **given):
    """The purse, and what was said."""
    said = []
    runnable = RunnableExperiment(parse_experiment(FIELDS | dict(fields), "test"), ["aws-lambda"], [])
    package = Package("echo", "frostline/echo:0123456789ab", {"machine": "x86_64", "size_bytes": 10**9})
    consenting = Consenting(said.append, **given)
    return consenting(runnable, {("echo", "aws-lambda"): package}, earlier), "\n".join(said)


class Person(io.StringIO):
    def isatty(self):
        return True


def test_the_plan_says_what_is_made_what_it_costs_and_what_it_may_cost():
    purse, said = consent(yes=True)
    assert "Made on aws (account #0123abcd, us-east-1), and removed at the end:" in said
    assert "a function of 1024 MB" in said and "expected: 47 requests, 6 of them forced starts" in said
    assert f"Expected cost: {EXPECTED_USD:.4f} USD, if each request takes 1 s; nobody has measured that." in said
    assert f"At most: {MOST_USD:.2f} USD" in said and "Nothing is really billed: it is emulated" in said
    assert purse.budget_usd == pytest.approx(MOST_USD, abs=0.001)
    assert f"Budget: {MOST_USD:.2f} USD (the most that it can cost, as no budget_usd is stated)" in said


def test_the_purse_counts_by_the_price_book():
    purse, _ = consent(yes=True)
    purse.carry_on([LINE])
    assert purse.spent_usd == pytest.approx(0.0166667)


@pytest.mark.parametrize(
    ("fields", "given", "budget_usd"),
    [({"budget_usd": 3}, {}, 3), ({"budget_usd": 3}, {"budget_usd": 2.5}, 2.5), ({}, {"budget_usd": 0.5}, 0.5)],
)
def test_a_budget_that_is_stated_counts_the_command_s_before_the_experiment_s(fields, given, budget_usd):
    purse, said = consent(fields, yes=True, **given)
    assert purse.budget_usd == budget_usd and f"Budget: {budget_usd:.2f} USD (as stated)" in said


@pytest.mark.parametrize("budget_usd", [0.0, EXPECTED_USD / 2])
def test_less_than_is_expected_is_refused_and_nothing_is_no_lack_of_a_budget(budget_usd):
    with pytest.raises(UsageError) as refused:
        consent({"budget_usd": 3}, yes=True, budget_usd=budget_usd)
    (problem,) = refused.value.problems
    assert problem.startswith(f"budget_usd: {budget_usd:g} is less than the plan is expected to cost, 0.00")


@pytest.mark.parametrize("budget_usd", [math.nan, math.inf, -math.inf, -1.0, 100_001.0])
def test_a_budget_that_is_no_amount_is_refused(budget_usd):
    with pytest.raises(UsageError, match=r"budget_usd: .* is not accepted: give 0 to 100,000 USD"):
        consent(yes=True, budget_usd=budget_usd)


@pytest.mark.parametrize(("given", "budget_usd"), [({}, 1.5), ({"budget_usd": 2.0}, 2.0)])
def test_a_run_that_is_taken_up_again_keeps_its_budget_and_what_it_has_spent(given, budget_usd):
    earlier = Metered(budget_usd=1.5, spent_usd=0.1, lines=[LINE])
    purse, said = consent({"budget_usd": 3}, earlier, yes=True, **given)
    assert purse.budget_usd == budget_usd and f"Budget: {budget_usd:.2f} USD (as stated)" in said
    assert purse.spent_usd == pytest.approx(0.0166667)


def test_what_has_no_price_is_never_taken_to_cost_nothing():
    purse, _ = consent(yes=True)
    purse.carry_on([LINE.model_copy(update={"sku": "aws.moonlight"})])
    with pytest.raises(BudgetSpent, match=r"aws.moonlight has no price in AWS us-east-1, so no budget can be kept"):
        purse.check()


def test_who_has_no_input_at_all_is_nobody(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError) as refused:
        consent()
    assert refused.value.problems == [NOBODY]


def test_nobody_is_taken_to_agree_who_was_not_asked():
    with pytest.raises(UsageError) as refused:
        consent()
    assert refused.value.problems == [NOBODY]


@pytest.mark.parametrize("answer", ["y\n", "Yes\n", " yes \n"])
def test_a_person_says_yes(monkeypatch, answer):
    monkeypatch.setattr(sys, "stdin", Person(answer))
    assert consent()[0].budget_usd is not None


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "yep\n", "no\n"])
def test_a_person_says_anything_else(monkeypatch, answer):
    monkeypatch.setattr(sys, "stdin", Person(answer))
    with pytest.raises(UsageError, match="run: not wanted: nothing was made"):
        consent()


def test_without_a_price_book_no_budget_can_be_kept():
    with pytest.raises(UsageError, match="priced_as: there is no price book of AWS mars-north-1, so no budget"):
        consent({"priced_as": {"region": "mars-north-1"}}, yes=True)


def experiment(*names, workload="echo"):
    return parse_experiment(FIELDS | {"targets": list(names), "workloads": [{"name": workload}]}, "test")


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["docker-service", "docker-lambda"], ["aws-ecs", "aws-lambda"]),
        (["process-lambda", "docker-lambda"], ["aws-lambda"]),
        (["docker-service", "aws-lambda"], ["aws-ecs", "aws-lambda"]),
        (["aws-lambda"], ["aws-lambda"]),
    ],
)
def test_a_platform_has_a_target_for_each_side_of_the_question(names, chosen):
    assert on_platform(experiment(*names), "aws").targets == chosen


def test_all_that_has_no_counterpart_is_told_at_once():
    with pytest.raises(UsageError) as refused:
        on_platform(experiment("docker-queue", "docker-service", "docker-hybrid", workload="llm-gateway"), "aws")
    assert refused.value.problems == [
        f"--on aws: {name} has no counterpart there: leave it out of targets"
        for name in ("docker-queue", "docker-hybrid")
    ]
