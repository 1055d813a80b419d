"""A function before a service as one side of the question: its month, its bill, and when it is the answer."""

import json
from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.summary import Summary
from harness.decision.decision import Scorecard
from harness.decision.overall import overall_of
from harness.decision.recommendation import Recommendation
from harness.forecast.rules import FunctionRule, HybridRule, parameters_of, pool_of, replicas_of
from harness.forecast.samples import Bag
from harness.forecast.simulate import serve_by_hybrid
from harness.forecast.spells import Spell
from harness.record.target_facts import PartFacts, TargetFacts
from harness.report.export import as_json
from harness.review.derive import advice_of, primary_of
from targets.rules.fixed_replicas import FixedReplicas

EDGE = FunctionRule()
"""With the usual keep-alive."""


def bag(**columns: float) -> Bag:
    """One sample."""
    return Bag.of([(1, {name: np.array([value]) for name, value in columns.items()})])


def served(arrivals_s: list[float], core_s: float, replicas: int = 1):
    """Requests that take 10 ms at the edge and so long in the core, whose queue was measured as 5 ms."""
    warm = bag(whole_s=0.015 + core_s, held_s=core_s, core_queue_s=0.005, billed_s=0.015 + core_s, good=1.0, died=0.0)
    cold = bag(whole_s=1 + core_s, billed_s=0.5 + core_s)
    spell = Spell(np.array(arrivals_s), 0.0, 100.0, (0,))
    stream = np.random.default_rng(1)
    return serve_by_hybrid(warm, cold, EDGE.limits, FixedReplicas(replicas), 1, [spell], [1], stream)


def test_a_request_waits_at_its_edge_for_the_core_and_is_billed_for_it() -> None:
    month = served([0.0, 10.0, 10.0], core_s=1.0)
    assert month.cold.tolist() == [True, False, True], "the third finds the only edge waiting for the core"
    assert month.latency_s == pytest.approx([2.0, 1.01, 3.0]), "this month's queue, not the measured one"
    assert month.queue_s == pytest.approx([0.0, 0.0, 1.0])
    assert month.billed_s == pytest.approx([1.5, 1.01, 2.5])
    assert served([0.0, 10.0, 10.0], core_s=1.0, replicas=2).latency_s == pytest.approx([2.0, 1.01, 2.0])


def test_a_request_that_the_edge_answers_itself_never_reaches_the_core() -> None:
    month = served([0.0, 10.0, 10.0], core_s=0.0)
    assert month.queue_s is not None and not len(month.queue_s)
    assert month.latency_s[1] == pytest.approx(0.01) and month.busy_s.tolist() == [0, 0, 0]
    assert month.core_s_by_hour is not None and month.core_s_by_hour.sum() > 0, "a replica is paid all the same"


def test_its_rule_is_that_of_both_parts() -> None:
    rule = HybridRule(EDGE, FixedReplicas(3))
    assert pool_of(rule) is EDGE and replicas_of(rule) == FixedReplicas(3)
    assert parameters_of(rule)["replicas"] == 3 and parameters_of(rule)["keep_alive_s"] == 300
    assert replicas_of(EDGE) is None and pool_of(FixedReplicas(1)) is None


def test_a_form_is_what_its_parts_are() -> None:
    parts = {kind: PartFacts(name=kind, kind=kind, bought_as="x") for kind in ("function", "service")}
    assert TargetFacts(parts=[parts["function"], parts["service"]]).form == "hybrid"
    assert TargetFacts(parts=[parts["service"]]).form == "service"
    assert TargetFacts(parts=[parts["service"], parts["function"]]).form is None


def card(function: str, service: str, chosen: str | None, recommendation: Recommendation) -> Scorecard:
    """One pair's."""
    hybrid = "hybrid" in (function, service)
    bare = Scorecard("w", [], recommendation, [], [], service, function, why=["it costs less"])
    return replace(bare, chosen=chosen, has_hybrid=hybrid)


def test_a_form_is_recommended_that_wins_both_its_pairs() -> None:
    cards = [
        card("lambda", "service", None, "cannot decide yet"),
        card("hybrid", "service", "hybrid", "hybrid"),
        card("lambda", "hybrid", "hybrid", "hybrid"),
    ]
    (overall,) = overall_of(cards)
    assert (overall.recommendation, overall.target) == ("hybrid", "hybrid")
    assert overall.answer[0] == "w, hybrid, lambda or service: hybrid (hybrid)"
    assert "against service: it costs less" in overall.answer[1]


SERVERLESS_WINS = [
    card("lambda", "service", "lambda", "serverless"),
    card("hybrid", "service", None, "cannot decide yet"),
    card("lambda", "hybrid", "lambda", "serverless"),
]
"""Though which of the two others is better is open."""
HYBRID_WINS = [
    card("lambda", "service", "service", "container"),
    card("hybrid", "service", "hybrid", "hybrid"),
    card("lambda", "hybrid", "hybrid", "hybrid"),
]
SERVICE_BY_A_HYBRID = [card("hybrid", "service", "hybrid", "hybrid")]


def test_machines_are_told_the_answer_over_all_forms_and_then_every_pair() -> None:
    summary = Summary("r", "q", "then", None, 10, 1, [], [], [])
    answers = json.loads(as_json(summary, SERVERLESS_WINS))["answers"]
    assert answers[0] == {
        "workload": "w",
        "targets": ["hybrid", "lambda", "service"],
        "recommendation": "serverless",
        "target": "lambda",
        "why": ["against service: it costs less", "against hybrid: it costs less"],
        "sure": None,
        "settle": None,
    }
    assert [(each["targets"], each["target"]) for each in answers[1:]] == [
        (["lambda", "service"], "lambda"),
        (["hybrid", "service"], None),
        (["lambda", "hybrid"], "lambda"),
    ]
    assert json.loads(as_json(summary, []))["answers"] == []


@pytest.mark.parametrize(
    ("cards", "primary"),
    [
        (SERVERLESS_WINS, "serverless"),
        (HYBRID_WINS, "hybrid"),
        (SERVICE_BY_A_HYBRID, "hybrid"),
        (SERVERLESS_WINS[1:2], "undecided"),
        ([*SERVERLESS_WINS, *(replace(each, workload="v") for each in HYBRID_WINS)], "split"),
    ],
)
def test_a_review_decides_by_the_answer_over_all_forms(cards: list[Scorecard], primary: str) -> None:
    assert primary_of(advice_of(cards)) == primary


def test_a_review_states_what_is_recommended_over_all_forms() -> None:
    first, *pairs = advice_of(HYBRID_WINS)
    assert (first.targets, first.target, first.recommendation) == (["hybrid", "lambda", "service"], "hybrid", "hybrid")
    assert (first.service, first.function) == (None, None)
    assert [(each.function, each.service) for each in pairs] == [each.pair for each in HYBRID_WINS]
    assert all("targets" not in each.model_dump() for each in pairs)
    assert [each.targets for each in advice_of(SERVICE_BY_A_HYBRID)] == [None]


def test_while_a_pair_that_matters_is_open_no_form_is_recommended() -> None:
    cards = [
        card("lambda", "service", "lambda", "serverless"),
        card("hybrid", "service", "hybrid", "hybrid"),
        card("lambda", "hybrid", None, "cannot decide yet"),
    ]
    (overall,) = overall_of(cards)
    assert (overall.recommendation, overall.target) == ("cannot decide yet", None)
    assert overall.why == ["lambda or hybrid: cannot decide yet"]
    assert list(overall_of(cards[:1])) == [], "two forms have a card, and need no other answer"
