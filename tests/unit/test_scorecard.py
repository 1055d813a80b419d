"""The scorecard from made-up runs whose right answer is plain."""

from dataclasses import replace

import pytest

from harness.analysis.notes import Note
from harness.analysis.table import summarise
from harness.cost.costing import costing_of
from harness.decision.decision import scorecards
from harness.decision.dimensions import BUSY, PEAKS, step
from harness.record.estimate import Estimate
from tests.synthetic import make_run, target_facts

EXPECTED = {"requests_per_month": 3_000_000, "peak_to_mean": 4}
STATED = {
    "name": "quickstart",
    "expected": EXPECTED,
    "stakes": {"late_request_usd": 0, "failed_request_usd": 0},
    "ratings": {"custom_infrastructure": 1, "team_ops_capacity": 2},
    "objective": {"percentile": 95, "latency_ms": 300},
}


def judged(folder, rounds=10, latencies=None, costs=None, **fields):
    """The one scorecard; `latencies` and `costs` are (low, high) by target instead of the made-up run's."""
    run = make_run(folder, rounds=rounds, requests_per_trial=60, experiment=STATED | fields)
    summary = summarise(run)
    costing = costing_of(run, summary)
    for row in (row for row in summary.rows if latencies and row.profile != "cold"):
        low, high = latencies[row.target]
        row.latency_p95_ms = Estimate((low + high) / 2, low, high, 10)
    if costs:
        ends = {target: Estimate(sum(pair) / 2, *pair, 10) for target, pair in costs.items()}
        costing = replace(
            costing, sides=[replace(side, per_1k_usd=ends[side.target], is_bound=False) for side in costing.sides]
        )
    (card,) = scorecards(run, summary, costing)
    return card


FAST = {"docker-service": (20, 30), "docker-lambda": (40, 60)}
CHEAP_FUNCTION = {"docker-service": (2.0, 2.2), "docker-lambda": (1.0, 1.2)}
CHEAP_SERVICE = {"docker-service": (1.0, 1.2), "docker-lambda": (2.0, 2.2)}


@pytest.mark.parametrize(("costs", "side"), [(CHEAP_FUNCTION, "serverless"), (CHEAP_SERVICE, "container")])
def test_both_meet_the_objective_so_the_cheaper_one_wins(tmp_path, costs, side):
    card = judged(tmp_path, latencies=FAST, costs=costs)
    assert card.recommendation == side
    assert any("within the objective of 300 ms" in reason for reason in card.because)
    assert any("n = 10" in reason for reason in card.because)


def test_the_objective_comes_before_the_cost(tmp_path):
    slow = {"docker-service": (20, 30), "docker-lambda": (400, 600)}
    assert judged(tmp_path, latencies=slow, costs=CHEAP_FUNCTION).recommendation == "container"


def test_a_cheap_side_that_may_be_too_slow_is_no_choice_by_cost(tmp_path):
    doubtful = {"docker-service": (20, 30), "docker-lambda": (200, 600)}
    ratings = {"ratings": {"custom_infrastructure": 3, "team_ops_capacity": 5}}
    card = judged(tmp_path, latencies=doubtful, costs=CHEAP_FUNCTION, **ratings)
    assert any("not clearly on one side of the objective" in reason for reason in card.because)
    assert card.recommendation == "cannot decide yet"


def test_neither_meets_the_objective(tmp_path):
    slow = {"docker-service": (400, 500), "docker-lambda": (400, 600)}
    card = judged(tmp_path, latencies=slow, costs=CHEAP_FUNCTION)
    assert card.recommendation == "cannot decide yet"
    assert any("neither side meets the objective" in reason for reason in card.because)


def test_a_quick_look_decides_nothing(tmp_path):
    card = judged(tmp_path, rounds=3, latencies=FAST, costs=CHEAP_FUNCTION)
    assert card.recommendation == "cannot decide yet"
    assert card.because == ["quick look: 3 rounds, a recommendation needs 10"]


def test_what_nobody_stated_is_missing_and_would_change_it(tmp_path):
    card = judged(tmp_path, ratings={}, objective=None, expected=None)
    absent = {one.name for one in card.dimensions if one.score is None}
    assert {"custom infrastructure", "team ops capacity", "latency sensitivity", "traffic variability"} <= absent
    assert any("ratings.team_ops_capacity" in text for text in card.would_change)
    assert all(one.source == "missing" and one.pull == "neither" for one in card.dimensions if one.score is None)


def test_a_peak_that_is_assumed_is_no_score(tmp_path):
    card = judged(tmp_path, expected={"requests_per_month": 3_000_000})
    (peak,) = [one for one in card.dimensions if one.name == "traffic variability"]
    assert (peak.score, peak.source, peak.reason) == (
        None,
        "missing",
        "the experiment does not state expected.peak_to_mean",
    )


def test_six_dimensions_each_from_1_to_5(tmp_path):
    card = judged(tmp_path)
    assert len(card.dimensions) == 6
    assert all(one.score is None or 1 <= one.score <= 5 for one in card.dimensions)


@pytest.mark.parametrize(("steps", "value", "score"), [(PEAKS, 1, 1), (PEAKS, 1.5, 2), (PEAKS, 50, 5), (BUSY, 0.3, 4)])
def test_steps(steps, value, score):
    assert step(steps, value) == score


def test_where_this_machine_was_the_bottleneck_a_function_is_not_called_too_slow(tmp_path):
    run = make_run(tmp_path, rounds=10, requests_per_trial=60, experiment=STATED)
    summary = summarise(run)
    for row in (row for row in summary.rows if row.target == "docker-lambda" and row.profile != "cold"):
        row.latency_p95_ms = Estimate(500, 400, 600, 10)
        row.notes = [*row.notes, Note("host_bound", "host-bound")]
    (card,) = scorecards(run, summary, costing_of(run, summary))
    assert any("host-bound: this machine may be what is slow" in reason for reason in card.because)
    assert card.recommendation == "cannot decide yet"


def test_costs_that_overlap_leave_it_to_the_dimensions(tmp_path):
    near = {"docker-service": (1.0, 1.2), "docker-lambda": (1.1, 1.3)}
    card = judged(tmp_path, latencies=FAST, costs=near)
    assert any("of the dimensions" in reason for reason in card.because)
    assert [one.pull for one in card.dimensions].count("serverless") == 4
    assert [one.pull for one in card.dimensions].count("container") == 0
    assert card.recommendation == "serverless"


def test_replicas_added_under_load_are_no_profile_to_choose_for(tmp_path):
    """Only a service has them: that a function lacks them is no reason to stay undecided."""
    run = make_run(tmp_path, rounds=10, requests_per_trial=60, experiment=STATED)
    summary = summarise(run)
    costing = costing_of(run, summary)
    for row in (row for row in summary.rows if row.profile != "cold"):
        row.latency_p95_ms = Estimate(20, 10, 30, 10)
    (before,) = scorecards(run, summary, costing)
    service = next(row for row in summary.rows if row.target == "docker-service" and row.profile == "steady")
    summary.rows.append(replace(service, profile="scale-out"))
    (after,) = scorecards(run, summary, costing)
    assert (after.recommendation, after.because) == (before.recommendation, before.because)
    assert not any("scale-out" in reason for reason in after.because)


def test_each_pair_is_judged_on_its_own_latency_and_its_own_money(tmp_path):
    """Two functions beside one service: the fast one is dear, the cheap one slow: neither card may mix them."""
    run = make_run(tmp_path, rounds=10, requests_per_trial=60, experiment=STATED)
    summary = summarise(run)
    costing = costing_of(run, summary)
    run.manifest.targets["aws-lambda"] = run.manifest.targets["docker-lambda"]
    summary.rows += [replace(row, target="aws-lambda") for row in summary.rows if row.target == "docker-lambda"]
    latencies = {"aws-lambda": (400, 600), "docker-lambda": (40, 60), "docker-service": (20, 30)}
    for row in (row for row in summary.rows if row.profile != "cold"):
        low, high = latencies[row.target]
        row.latency_p95_ms = Estimate((low + high) / 2, low, high, 10)
    costs = {"aws-lambda": (0.1, 0.2), "docker-lambda": (5.0, 6.0), "docker-service": (1.0, 2.0)}
    functions = [side for side in costing.sides if side.kind == "function"]
    sides = [*costing.sides, *(replace(side, target="aws-lambda") for side in functions)]
    estimates = {target: Estimate(sum(pair) / 2, *pair, 10) for target, pair in costs.items()}
    costing = replace(costing, sides=[replace(side, per_1k_usd=estimates[side.target]) for side in sides])
    cards = {card.function: card for card in scorecards(run, summary, costing)}
    assert set(cards) == {"aws-lambda", "docker-lambda"}
    assert all(card.recommendation == "container" for card in cards.values())
    slow, dear = (" ".join(cards[name].because) for name in ("aws-lambda", "docker-lambda"))
    assert "aws-lambda, the run's own mix p95 500 ms (400–600), n = 10, is beyond" in slow  # noqa: RUF001
    assert "docker-lambda" not in slow
    assert "docker-lambda 5.50 USD" in dear and "aws-lambda" not in dear
    assert cards["docker-lambda"].title == "echo, docker-lambda or docker-service"
    assert all("docker-lambda" not in text for text in cards["aws-lambda"].would_change)


def test_a_target_of_another_kind_is_on_neither_side(tmp_path):
    run = make_run(tmp_path, rounds=10, requests_per_trial=60, experiment=STATED)
    run.manifest.targets["docker-lambda"] = target_facts("queue", "aws_lambda")
    summary = summarise(run)
    (card,) = scorecards(run, summary, costing_of(run, summary))
    assert (card.service, card.function) == ("docker-service", None)
    assert "no valid function under traffic in this run" in card.because
    assert card.recommendation == "cannot decide yet"
