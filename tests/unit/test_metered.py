"""What a run itself was billed for: each figure in an assertion was worked out on paper from the price book."""

import csv
import io
import json
from dataclasses import replace
from decimal import Decimal

import pytest
from rich.console import Console

from harness.analysis.table import summarise
from harness.cost.book import PriceBook, book_for
from harness.cost.costing import costing_of
from harness.cost.metered import price
from harness.errors import RecordError
from harness.record.folder import RunFolder
from harness.record.metered import METERED_FILE, Metered, MeteredLine
from harness.report.content import content_of
from harness.report.cost import as_csv, as_json, as_markdown, render_text
from harness.report.html import as_html
from harness.report.markdown import as_markdown as page
from harness.report.metered import MOST_ROWS, TITLE, remarks, table_of
from tests.synthetic import make_run, target_facts

BOOK = book_for("AWS", "us-east-1")
TIERS = PriceBook.model_validate(
    {
        "provider": "P",
        "region": "r",
        "currency": "USD",
        "prices": [
            {
                "sku": "out.gb",
                "service": "S",
                "unit": "GB",
                "tiers": [{"from": 0, "price": "0.09"}, {"from": 100, "price": "0.05"}],
                "effective_on": None,
                "source": "a page",
                "confidence": "unverified",
            }
        ],
    }
)


def line(sku, quantity, source="clock", **changes):
    given = {"workload": "echo", "target": "docker-lambda", "of": "function"}
    return MeteredLine.model_validate({**given, "sku": sku, "quantity": quantity, "source": source, **changes})


LINES = [
    line("lambda.x86.gb-second", 1200, "witnessed"),
    line("lambda.request", 5000, "witnessed"),
    line("fargate.x86.vcpu-hour", 0.5, target="docker-service", of="task"),
    line("alb.hour", 4, "bound", target="docker-service", of="load balancer"),
]
"""0.02000004 + 0.001 + 0.02024 + 0.09."""


def test_quantity_times_price_line_by_line_and_in_all():
    bill = price(LINES, BOOK)
    assert [str(cost.ListCost) for cost in bill.costs] == [
        "0.0200000400000000000", "0.0010000000000000", "0.02024000000000", "0.0900000000000",
    ]  # fmt: skip
    assert bill.total == Decimal("0.13124004") and bill.problems == []
    assert all(cost.PricingQuantity * cost.ListUnitPrice == cost.ListCost for cost in bill.costs)


def test_lines_that_differ_in_their_quantity_only_are_one_row_and_others_are_not():
    twice = [line("alb.hour", 0.1), line("alb.hour", 0.2), line("alb.hour", 1, "bound"), line("alb.hour", 1, of="task")]
    assert [cost.PricingQuantity for cost in price(twice, BOOK).costs] == [Decimal("0.3"), 1, 1]


def test_a_sku_begins_at_its_first_tier_and_goes_on_over_all_lines():
    """80 and 50 GB: 100 at 0.09 and 30 at 0.05, of which the second line has 20 and 30."""
    bill = price([line("out.gb", 80), line("out.gb", 50, of="logs")], TIERS)
    parts = [(cost.of, cost.PricingQuantity, cost.ListUnitPrice) for cost in bill.costs]
    assert parts == [
        ("function", 80, Decimal("0.09")), ("logs", 20, Decimal("0.09")), ("logs", 30, Decimal("0.05")),
    ]  # fmt: skip
    assert bill.total == Decimal("10.5")
    assert price([line("out.gb", 130)], TIERS).total == bill.total, "however it is told"


def test_none_of_it_that_was_metered_costs_nothing_and_has_its_row():
    (one,) = price([line("out.gb", 0)], TIERS).costs
    assert (one.PricingQuantity, one.ListUnitPrice, one.ListCost) == (0, Decimal("0.09"), 0)
    *_, last = price([line("out.gb", 100), line("out.gb", 0, of="logs")], TIERS).costs
    assert (last.ListUnitPrice, last.ListCost) == (Decimal("0.05"), 0)


def test_what_the_book_lacks_is_absent_from_the_total_and_one_problem_a_sku():
    lacking = [line("mars.hour", 3), line("mars.hour", 4, of="image"), line("out.gb", 1)]
    bill = price(lacking, TIERS)
    (problem,) = bill.problems
    assert problem.startswith("mars.hour: no price in P r, so what function, image took of it is in no total: give a")
    assert [cost.ListCost for cost in bill.costs] == [None, None, Decimal("0.09")]
    assert bill.total == Decimal("0.09")
    assert price(lacking[:2], TIERS).total is None, "not 0"
    assert price([], TIERS).total == 0


def metered_run(tmp_path, lines=LINES, emulated=None, **fields):
    experiment = {"name": "quickstart", "expected": {"requests_per_month": 3_000_000, "peak_to_mean": 4}}
    run = make_run(tmp_path, rounds=3, requests_per_trial=60, experiment=experiment)
    for name in emulated or {}:
        facts = target_facts(*{"docker-service": ("service", "fargate")}.get(name, ("function", "aws_lambda")))
        facts.capabilities["emulated"] = emulated[name]
        run.manifest.targets[name] = facts
    run.write_metered(Metered(lines=lines, **fields))
    return run


def costed(run):
    return costing_of(run, summarise(run), BOOK)


def test_what_is_written_is_read_again_whole(tmp_path):
    run = metered_run(tmp_path, budget_usd=5.0, spent_usd=0.08)
    found = RunFolder.open(run.path).read_metered()
    assert found == Metered(lines=LINES, budget_usd=5.0, spent_usd=0.08)
    assert json.loads((run.path / METERED_FILE).read_text())["schema"] == "frostline/metered/1"
    assert not list(run.path.glob(".*partial"))


def test_a_run_without_metering_is_read_and_told_as_before(tmp_path):
    run = metered_run(tmp_path)
    (run.path / METERED_FILE).unlink()
    costing = costed(run)
    assert run.read_metered() is None and costing.metered is None
    assert "metered" not in costing.to_json() and TITLE not in as_markdown(costing)


def test_what_an_earlier_frostline_stored_is_not_written_to(tmp_path):
    run = metered_run(tmp_path)
    old = RunFolder(run.path, run.manifest, "frostline/run/1")
    with pytest.raises(RecordError, match="it can be read, but not continued"):
        old.write_metered(Metered())


def test_the_bill_stands_beside_the_month_in_every_form_but_the_months_own_lines(tmp_path):
    run = metered_run(tmp_path, budget_usd=5.0, spent_usd=0.08)
    bare, costing = replace(costed(run), metered=None), costed(run)
    told = json.loads(as_json(costing))
    assert told["schema"] == "frostline/cost/1" and told["metered"]["total"].startswith("0.13124004")
    assert (told["metered"]["budget_usd"], told["metered"]["spent_usd"]) == (5, 0.08)
    assert told["metered"]["lines"][0]["PricingQuantity"] == "1200.000000000"
    assert {name: value for name, value in told.items() if name != "metered"} == json.loads(as_json(bare))
    render_text(costing, Console(file=(shown := io.StringIO()), width=100))
    screen = shown.getvalue()
    for written in (screen, as_markdown(costing), page(content_of(run)), as_html(content_of(run))):
        assert TITLE in written and "in all 0.13 USD: 0.02 by the platform" in written
        assert "lambda.x86.gb" in written and "0.0000166667" in written
    assert len(list(csv.reader(as_csv(costing).splitlines()))) == len(list(csv.reader(as_csv(bare).splitlines()))), (
        "the CSV is of the month"
    )


@pytest.mark.parametrize(
    ("emulated", "words"),
    [
        ({"docker-lambda": False, "docker-service": False}, []),
        (
            {"docker-lambda": True, "docker-service": True},
            [
                "emulated: docker-lambda, docker-service: nothing was really billed, this is what AWS would ask",
            ],
        ),
        (
            {"docker-lambda": True, "docker-service": False},
            ["emulated: docker-lambda, 0.02 USD of the total: nothing was really billed, this is what AWS would ask"],
        ),
        (
            {"docker-lambda": None, "docker-service": False},
            ["docker-lambda: the manifest does not say whether it is emulated, so whether this was billed"],
        ),
    ],
)
def test_what_was_not_really_billed_says_so(tmp_path, emulated, words):
    own = costed(metered_run(tmp_path, emulated=emulated)).metered
    assert [text for text in remarks(own) if "emulated" in text] == words


def test_whose_word_it_is_and_what_is_doubtful_or_lacks_a_price_is_said(tmp_path):
    lines = [*LINES, line("mars.hour", 1), line("lambda.provisioned.x86.used.gb-second", 1e6, "witnessed")]
    own = costed(metered_run(tmp_path, lines=lines, budget_usd=1, spent_usd=0.07)).metered
    told = list(remarks(own))
    assert told[0] == (
        "in all at least 9.85 USD: 9.74 by the platform's own word, 0.02 by our clock, "
        "0.09 that nobody told, reckoned as the most it can be"
    )
    assert "budget: 1.00 USD" in told and "when the run last looked, 0.07 USD were spent by its own prices" in told
    assert any(text.startswith("mars.hour: no price in AWS us-east-1") for text in told)
    assert "unverified prices, to look up before they are quoted: lambda.provisioned.x86.used.gb-second" in told
    (column,) = [column for column in table_of(own).columns if column.name == "unit price"]
    assert [cell.small for cell in column.cells] == ["", "", "", "", "", "unverified"]


def test_a_bill_of_what_has_no_price_is_not_known(tmp_path):
    own = costed(metered_run(tmp_path, lines=[line("mars.hour", 1)])).metered
    assert next(iter(remarks(own))) == "in all: not known, since nothing of it has a price"


def test_a_stranger_s_endless_bill_is_cut_and_its_names_are_harmless(tmp_path):
    lines = [line("alb.hour", 1, of=f"<script>\x1b[31m{n}") for n in range(MOST_ROWS + 5)]
    costing = costed(metered_run(tmp_path, lines=lines))
    written = as_markdown(costing)
    assert "5 more rows are in the total" in written and "\x1b" not in written and "<script>" not in written
    assert len(costing.metered.bill.costs) == MOST_ROWS + 5


def test_a_record_that_cannot_be_read_is_named_and_the_month_is_priced_all_the_same(tmp_path):
    run = metered_run(tmp_path)
    before = costed(run)
    (run.path / METERED_FILE).write_text('{"schema": "frostline/metered/9"}')
    after = costed(run)
    assert after.metered is None and after.sides == before.sides
    (told,) = [text for text in after.notices if text.startswith("what the run itself was billed for is not told: ")]
    assert "schema 'frostline/metered/9' is not known" in told
