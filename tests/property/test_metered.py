"""Whatever lies in a run's metered.json: lines that can be priced or a RecordError come of it, and nothing else."""

import json
from decimal import Decimal

import pytest
from hypothesis import given

from harness.cost.book import book_for
from harness.cost.metered import OwnBill, price
from harness.record.folder import RunFolder
from harness.record.metered import METERED_FILE, Metered
from harness.report.metered import table_of
from tests.property.folders import fingerprint, link, small_run, watched
from tests.property.hostile import Tally, alike, as_json, examples, mostly, mutated, outcome, spoiled

BOOK = book_for("AWS", "us-east-1")
SKUS = ["lambda.x86.gb-second", "fargate.x86.vcpu-hour", "alb.hour", "nobody.sells-this"]
VALID = {
    "schema": "frostline/metered/1",
    "budget_usd": 5.0,
    "spent_usd": 0.25,
    "lines": [
        {"workload": "echo", "target": "far", "sku": sku, "quantity": 1.5, "source": source, "of": "function"}
        for sku, source in zip(SKUS, ("witnessed", "clock", "bound", "clock"), strict=True)
    ],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("results").resolve())


def test_metered(run):
    tally, read = Tally("metered"), 0

    @examples(tally.name)
    @given(mostly(mutated(VALID).map(as_json), alike(VALID).map(as_json), spoiled(as_json(VALID)), share=2))
    def check(data):
        nonlocal read
        (run.path / METERED_FILE).write_bytes(data)
        before = fingerprint(run.path)
        folder = RunFolder.open(run.path)
        with watched(run.path.parent, run.path):
            found, message = outcome(folder.read_metered)
        assert fingerprint(run.path) == before
        tally.count(message is None or "not JSON" not in message)
        if found is not None:
            read += 1
            bill = price(found.lines, BOOK)
            assert all(cost.PricingQuantity.is_finite() and cost.PricingQuantity >= 0 for cost in bill.costs)
            assert bill.total is None or bill.total == sum((c.ListCost for c in bill.costs if c.ListCost), Decimal(0))
            json.dumps(bill.to_json(), allow_nan=False)
            shown = table_of(OwnBill(bill, found.budget_usd, found.spent_usd, {"far": True}))
            assert all(cell.main.isprintable() for column in shown.columns for cell in column.cells)
            assert all(text.isprintable() for text in shown.remarks)
            folder.write_metered(found)
            assert folder.read_metered() == found

    check()
    (run.path / METERED_FILE).unlink()
    tally.check()
    assert read >= tally.tried / 10, "most are refused: nothing is known of what is read"


def test_a_link_that_leads_out_and_what_is_no_file_are_refused(run, tmp_path):
    (tmp_path / "other.json").write_text(json.dumps(VALID))
    link(run, METERED_FILE, tmp_path / "other.json")
    assert "leads out of the run folder" in outcome(run.read_metered)[1]
    (run.path / METERED_FILE).unlink()
    (run.path / METERED_FILE).mkdir()
    assert "not readable" in outcome(run.read_metered)[1]
    (run.path / METERED_FILE).rmdir()
    assert run.read_metered() is None


@pytest.mark.parametrize("quantity", ["1", True, -1, None, [1], 1e16])
def test_a_quantity_is_a_finite_number_of_at_least_none(quantity):
    with pytest.raises(ValueError, match="quantity"):
        Metered.model_validate({**VALID, "lines": [{**VALID["lines"][0], "quantity": quantity}]})
