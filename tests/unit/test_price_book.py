"""Prices are dated, exact and complete, and whatever is wrong with a book is said at once."""

from datetime import date
from decimal import Decimal

import pytest
import yaml
from typer.testing import CliRunner

from harness.commands.app import app
from harness.cost.book import STALE_DAYS, PriceBook, check_books, price_books, read_book
from harness.cost.refresh import tiers_text, write_book
from harness.errors import UsageError

ROW = {
    "sku": "a.b",
    "service": "S",
    "unit": "GB-second",
    "tiers": [{"from": 0, "price": "0.3"}, {"from": 100, "price": "0.2"}, {"from": 1000, "price": "0.1"}],
    "effective_on": "2026-06-01",
    "source": "a page",
    "confidence": "verified",
}
ODD = ("-1e-7", "1,000", "1_000", "NaN", "Infinity", " 1", "", "$1", "٣", "1e-9999", True, None, [1], float("nan"))
BOOK = {"provider": "P", "region": "r", "currency": "USD", "prices": [ROW]}


def book(tmp_path, **changes):
    path = tmp_path / "book.yaml"
    path.write_text(yaml.safe_dump({**BOOK, **changes}))
    return path


@pytest.mark.parametrize(
    ("units", "cost"),
    [("0", "0"), ("1", "0.3"), ("100", "30.0"), ("101", "30.2"), ("1000", "210.0"), ("1001", "210.1"), ("0.1", "0.03")],
)
def test_each_tier_has_its_own_price(units, cost):
    assert PriceBook.model_validate(BOOK).price("a.b").cost(Decimal(units)) == Decimal(cost)


@pytest.mark.parametrize(
    ("sku", "units", "cost"),
    [
        # By hand: 6e9 x 0.0000166667 + 1e9 x 0.000015
        ("lambda.x86.gb-second", "7000000000", "115000.2"),
        ("lambda.arm.gb-second", "400000", "5.33336"),
        ("lambda.request", "1000000", "0.2"),
        # A month of 730 h: 1 vCPU and 2 GB
        ("fargate.x86.vcpu-hour", "730", "29.5504"),
        ("fargate.x86.gb-hour", "1460", "6.4897"),
        # The golden file's own sums: 9 million GB-s kept, 1.75 million used
        ("lambda.provisioned.arm.kept.gb-second", "9000000", "30.0006"),
        ("lambda.provisioned.arm.used.gb-second", "1750000", "13.61115"),
        # 10,240 x 0.09 + 40,960 x 0.085 + 800 x 0.07
        ("transfer.internet.gb", "52000", "4459.2"),
        # A share of what the instances cost: 200 USD
        ("lambda.managed.fee", "200", "30"),
    ],
)
def test_shipped_prices_come_to_what_was_worked_by_hand(sku, units, cost):
    (shipped,) = [read_book(path) for path in price_books() if path.stem == "aws-us-east-1"]
    assert shipped.price(sku).cost(Decimal(units)) == Decimal(cost)


@pytest.mark.parametrize(
    "written",
    [
        "1.4699999999999999E-05", '"1.4699999999999999E-05"', "0.0000146999999999999990001", "1e-7", "1.0E-7", "0E-10",
        "0.30000000000000004", "0.1", "1E+2", "100", "123456789.123456789123456789123456789",
    ],
)  # fmt: skip
def test_a_price_is_taken_with_every_digit_that_is_written(tmp_path, written):
    path = tmp_path / "book.yaml"
    path.write_text(yaml.safe_dump(BOOK).replace("'0.3'", written))
    price = read_book(path).price("a.b")
    assert price.tiers[0].price == Decimal(written.strip('"'))
    assert PriceBook.model_validate(read_book(path).to_json()).price("a.b") == price
    write_book(path, read_book(path), date(2026, 6, 1))
    assert read_book(path).price("a.b") == price
    assert "E" not in tiers_text(price)


def test_a_book_from_json_that_lost_digits_is_refused():
    with pytest.raises(ValueError, match="write it in quotes"):
        PriceBook.model_validate({**BOOK, "prices": [{**ROW, "tiers": [{"from": 0, "price": 0.3}]}]})


def test_a_row_of_the_future_is_told(tmp_path):
    path = book(tmp_path, prices=[{**ROW, "read_on": "2031-01-01"}])
    assert "2031-01-01 is in the future" in check_books([path], date(2026, 6, 1))[0]


def test_less_than_none_has_no_cost():
    with pytest.raises(ValueError, match="not less than 0"):
        PriceBook.model_validate(BOOK).price("a.b").cost(Decimal(-1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        *(({"tiers": [{"from": 0, "price": odd}]}, "price: ") for odd in ODD),
        ({"tiers": [{"from": True, "price": "1"}]}, "from: "),
        ({"tiers": [{"from": 5, "price": "1"}]}, "tiers begin at 0"),
        ({"tiers": [{"from": 0, "price": "1"}, {"from": 0, "price": "2"}]}, "ascend"),
        ({"tiers": []}, "tiers"),
        ({"tiers": [{"from": 0, "price": "-1"}]}, "price"),
        ({"tiers": [{"from": 0, "price": "1e400"}]}, "price: '1e400' is not accepted: it must be less than or"),
        ({"tiers": [{"from": 0, "price": "1"}, {"from": "1e400", "price": "1"}]}, "from: '1e400' is not accepted"),
        ({"confidence": "sure"}, "confidence"),
        ({"effective_on": "soon"}, "effective_on"),
        ({"source": ""}, "source"),
        ({"colour": "red"}, "there is no such field"),
    ],
)
def test_what_is_wrong_is_said_with_its_field_and_all_at_once(tmp_path, change, words):
    path = book(tmp_path, prices=[{**ROW, **change}], currency="dollars")
    with pytest.raises(UsageError) as refused:
        read_book(path)
    told = "\n".join(refused.value.problems)
    assert words in told and "currency" in told


def test_a_sku_twice_or_unknown_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"a\.b: given twice"):
        read_book(book(tmp_path, prices=[ROW, ROW]))
    with pytest.raises(UsageError, match=r"'x' has no price in P r, which has: a\.b"):
        read_book(book(tmp_path)).price("x")


def test_stale_and_unverified_rows_are_told(tmp_path):
    path = book(tmp_path, prices=[ROW, {**ROW, "sku": "c", "confidence": "unverified"}])
    begun = date(2026, 6, 1)
    assert [line.split(":")[0] for line in check_books([path], begun)] == ["P r c"]
    late = check_books([path], date.fromordinal(begun.toordinal() + STALE_DAYS + 1))
    assert len(late) == 2 and "121 days old, more than 120" in late[0] and "unverified" in late[1]


def test_a_row_without_a_date_is_told_and_a_missing_field_is_refused(tmp_path):
    assert "not dated" in check_books([book(tmp_path, prices=[{**ROW, "effective_on": None}])], date(2026, 6, 1))[0]
    with pytest.raises(UsageError, match="effective_on: is missing"):
        read_book(book(tmp_path, prices=[{name: value for name, value in ROW.items() if name != "effective_on"}]))


def test_every_shipped_book_can_be_read():
    assert price_books() and all(read_book(path).currency == "USD" for path in price_books())


def test_the_command_warns_and_names_what_is_malformed(tmp_path):
    runner = CliRunner()
    told = runner.invoke(app, ["prices", "check"])
    assert told.exit_code == 0 and "lambda.provisioned.x86.used.gb-second: " in told.stdout
    bad = runner.invoke(app, ["prices", "check", str(book(tmp_path, currency="dollars"))])
    assert isinstance(bad.exception, UsageError) and bad.exception.exit_code == 2
