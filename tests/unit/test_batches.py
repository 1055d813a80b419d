"""A month of whole batches against cases worked out by hand from the price book."""

import pytest

from harness.cost.bill import Bought, bill
from harness.cost.book import book_for
from harness.cost.month import Month
from harness.cost.nouns import Purchase
from harness.cost.platforms import way_for
from harness.cost.platforms.fargate_tasks import meter
from harness.cost.usage import Requests
from harness.decision.decision import decide
from harness.errors import UsageError
from harness.experiment.question import parse_experiment
from harness.record.folder import RunFolder
from harness.record.stated import Economics
from tests.synthetic import CASES, manifest, requests, samples, trial, unit

BOOK = book_for("AWS", "us-east-1")
assert BOOK is not None
ROUNDS, SIZE, SECONDS = 10, 20, 40.0
STATED = {
    "name": "nightly",
    "expected": {"requests_per_month": 600},
    "objective": {"percentile": 95, "latency_ms": 60_000},
    "priced_as": {"load_balancer": "none", "public_ipv4": 0},
}


@pytest.fixture
def run_of(tmp_path):
    """Ten batches of 20 requests within 40 s on either target, each 100 ms in the handler."""

    def make(outcome="ok", **stated):
        plan = [(number, target) for number in range(1, ROUNDS + 1) for target in CASES]
        run = RunFolder.create(tmp_path, manifest(rounds=ROUNDS, trials=len(plan), experiment=STATED | stated))
        for order, (number, target) in enumerate(plan):
            outcomes = [outcome, *["ok"] * (SIZE - 1)]
            table = requests([120.0] * SIZE, handler_ns=[100_000_000] * SIZE, outcome=outcomes)
            if outcome != "ok":
                table = requests([120.0] * SIZE, handler_ns=[None, *[100_000_000] * (SIZE - 1)], outcome=outcomes)
            key = {"target": target, "round": number, "order": order, "seconds": SECONDS}
            case = {**CASES[target], "begin": "batch"}
            run.save_trial(trial(table, f"r{number:02}.{target}", case=case, **key), table, samples())
        return run

    return make


def test_a_month_is_as_many_batches_as_its_requests_make_and_the_side_that_costs_less_is_recommended(run_of):
    """600 x (0.1 s x 1,769 / 1,024 GB x 0.0000166667 + 0.0000002) = 0.0018476 USD; one replica all month is 36.0401."""
    decision = decide(run_of())
    function, service = sorted(decision.costing.sides, key=lambda side: side.target)
    assert (function.basis, service.basis, service.replicas, service.is_bound) == ("batch", "batch", 1, False)
    assert function.per_month_usd.value == pytest.approx(0.0018476, rel=1e-4)
    assert service.per_month_usd.value == pytest.approx(36.0401)
    assert "30 batches of 20 requests" in function.source
    assert [text for text in decision.costing.notices if text.startswith("begin: batch")]
    assert not [text for text in decision.costing.notices if "own mix" in text or "peak_to_mean" in text]
    (card,) = decision.cards
    assert (card.recommendation, card.chosen) == ("serverless", "docker-lambda")
    assert "by whole batches" in card.why[0] and "bounded" not in card.why[0]
    assert not decision.summary.rows[0].notes or "transient" not in {n.code for n in decision.summary.rows[0].notes}


def test_the_break_even_is_told_from_below_the_rate_that_is_asked_about(run_of):
    """600 requests a month are 0.00023 a second."""
    (found,) = decide(run_of()).costing.break_evens
    assert "cheaper at every rate from 0.0000100 to 0.464 requests" in found.words


def test_replicas_are_for_the_rate_within_a_batch_however_many_of_them_a_month_has(run_of):
    """20 requests in 40 s, and one replica carries at least that: one, for 1 batch a month and for 1,000."""
    run = run_of()
    for arrivals in (20, 20_000):
        stated = STATED | {"expected": {"requests_per_month": arrivals}}
        told = RunFolder(run.path, run.manifest.model_copy(update={"experiment": stated}))
        (service,) = (side for side in decide(told).costing.sides if side.kind == "service")
        assert service.replicas == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"expected": None}, "no batch lasts all month: state `expected.requests_per_month`"),
        ({"outcome": "unfinished"}, "the end of 10 requests never came"),
        ({"priced_as": {"provisioned_concurrency": 2}}, "priced_as.provisioned_concurrency: 2"),
    ],
)
def test_what_is_no_whole_batch_has_no_bill_and_says_why(run_of, changes, why):
    costing = decide(run_of(**changes)).costing
    assert not [side for side in costing.sides if side.kind == "function"]
    assert [text for text in costing.notices if "docker-lambda" in text and why in text]


def test_a_batch_has_its_own_peak():
    fields = {
        "name": "nightly",
        "question": "?",
        "workloads": ["echo"],
        "targets": ["process-service"],
        "profiles": [{"constant": {"rate": 1, "seconds": 4}}],
        "begin": "batch",
        "expected": {"requests_per_month": 600, "peak_to_mean": 24},
    }
    with pytest.raises(UsageError, match=r"expected\.peak_to_mean: 24 is not accepted with `begin: batch`"):
        parse_experiment(fields, "test")


def test_workers_are_billed_while_they_live_a_minute_at_least_and_the_oldest_for_the_cooldown():
    """Of lives of 50 s and 90 s the first is left: 50 + 30 of cooldown, and 90; one of 10 s counts as 60."""
    lives = [unit(name, lived_ns=int(s * 1e9)) for name, s in (("1", 50), ("2", 90), ("3", 10))]
    table = requests([1.0])
    record = trial(table, units=lives, deployment={"workers_left": 1}, case={"cooldown_s": 30})
    nothing = [0.0]
    assert meter(Requests(record, nothing, nothing, nothing, nothing, nothing)).seconds == 80 + 90 + 60


TASKS = Purchase("fargate.x86", 2048, 1.0)


def bill_of_workers(book, **priced_as):
    """A million requests a month, for which workers live 36,000 s."""
    economics = Economics.model_validate({"priced_as": priced_as})
    bought = Bought(way_for("fargate_tasks"), TASKS, economics, book, None)
    month = Month(1e6, 1e6, 1e6, 0.0, billed_s=36_000.0)
    usd = {line.SkuId: float(line.ListCost) for line in bill(bought, month)}
    return usd, way_for("fargate_tasks").basis(bought, month, "platform", "")


def test_the_queue_is_a_line_of_the_bill_or_it_is_said_that_it_is_not_in_it():
    """10 h x (0.04048 + 2 x 0.004445) = 0.4937; 3 million requests of the queue x 0.0000004 = 1.2."""
    workers = {"fargate.x86.vcpu-hour": 0.4048, "fargate.x86.gb-hour": 0.0889}
    usd, words = bill_of_workers(BOOK)
    assert usd == pytest.approx(workers | {"sqs.request": 1.2})
    assert "Amazon SQS" in words and "not the Redis" in words
    usd, words = bill_of_workers(BOOK, queue="none")
    assert usd == pytest.approx(workers) and "the queue is not in it, as priced_as.queue says" in words
    older = BOOK.model_copy(update={"prices": [price for price in BOOK.prices if price.sku != "sqs.request"]})
    usd, words = bill_of_workers(older)
    assert usd == pytest.approx(workers) and "the queue is not in it, for the price book has no sqs.request" in words
