"""Public lists: HAND-MADE responses in the format that AWS documents; no live list is read."""

import io
import json
import urllib.request
import urllib.response
from datetime import date
from decimal import Context, Decimal
from email.message import Message

import pytest
import yaml
from typer.testing import CliRunner

from harness.commands.app import app
from harness.cost.book import STALE_DAYS, Price, PriceBook, read_book
from harness.cost.lists import source
from harness.cost.lists.source import fetch_list
from harness.cost.lists.units import Refused, Step, number, tiers, unit_size
from harness.cost.refresh import refresh
from harness.errors import MissingError, UsageError

TODAY = date(2026, 11, 24)
INF = "Inf"


def product(usage, unit, *tiers, family="Serverless", region="us-east-1", currency="USD", effective="2026-11-01"):
    """One product and its on-demand term; `tiers` are (begin, end, price)."""
    dimensions = {
        f"d{place}": {"unit": unit, "beginRange": begin, "endRange": end, "pricePerUnit": {currency: price}}
        for place, (begin, end, price) in enumerate(tiers)
    }
    attributes = {"usagetype": usage, "regionCode": region}
    term = {"effectiveDate": f"{effective}T00:00:00Z", "priceDimensions": dimensions}
    return {"productFamily": family, "attributes": attributes}, {"term": term}


def one(usage, unit, price, **changes):
    return product(usage, unit, ("0", INF, price), **changes)


def offer(*products):
    return {
        "formatVersion": "v1.0",
        "publicationDate": "2026-11-20T12:00:00Z",
        "products": {f"S{place}": about for place, (about, _) in enumerate(products)},
        "terms": {"OnDemand": {f"S{place}": terms for place, (_, terms) in enumerate(products)}},
    }


GB = "Lambda-GB-Second"
ALB = "Load Balancer-Application"
AWS = {
    "AWSLambda": offer(
        product(GB, GB, ("6000000000", "15000000000", "0.0000150000"), ("0", "6000000000", "0.0000166667"),
                ("15000000000", INF, "0.0000133334")),
        product("Global-Lambda-GB-Second", GB, ("0", "400000", "0"), region=""),
        one("Lambda-GB-Second-ARM", GB, "0.0000140000"),
        one("Request", "1M Requests", "0.25"),
        one("Lambda-Edge-Request", "Requests", "0.0000006"),
        one("Lambda-Storage-GB-Second", "GB-Seconds", "0.0000000309"),
        one("Lambda-Provisioned-Concurrency", GB, "0.0000041667"),
        one("Lambda-Provisioned-GB-Second", GB, "0.0000097222"),
        one("Lambda-Provisioned-Concurrency-ARM", "Furlongs", "0.0000033334"),
    ),
    "AmazonECS": offer(
        one("USE1-Fargate-vCPU-Hours:perCPU", "hours", "0.0404800000", family="Compute"),
        one("USE1-Fargate-GB-Hours", "hours", "0.0044450000", family="Compute"),
        one("USE1-Fargate-Windows-vCPU-Hours:perCPU", "hours", "0.046552", family="Compute"),
        one("USE1-Fargate-ARM-vCPU-Hours:perCPU", "hours", "0.0323800000", family="Compute"),
        one("USE1-Fargate-ARM-GB-Hours", "hours", "0.0035600000", family="Compute"),
    ),
    "AWSELB": offer(
        one("LoadBalancerUsage", "Hrs", "0.0225", family=ALB),
        one("LoadBalancerUsage", "Hrs", "0.025", family="Load Balancer"),
        one("TS-LoadBalancerUsage", "Hrs", "0.0056", family=ALB),
        one("Outposts-LoadBalancerUsage", "Hrs", "0.0225", family=ALB),
        one("LCUUsage", "LCU-Hrs", "0.009", family=ALB, effective="2026-10-01"),
    ),
    "AmazonVPC": offer(one("USE1-PublicIPv4:InUseAddress", "Hrs", "0.0050000000", family=None)),
    "AmazonECR": offer(one("TimedStorage-ByteHrs", "GB-Mo", "0.1000000000", family="EC2 Container Registry")),
    "AmazonCloudWatch": offer(
        one("USE1-DataProcessing-Bytes", "GB", "0.6000000000", family="Data Payload"),
        one("USE1-DataProcessingIA-Bytes", "GB", "0.2500000000", family="Data Payload"),
        one("Global-DataProcessing-Bytes", "GB", "0.0000000000", family="Data Payload", region=""),
        one("USE1-TimedStorage-ByteHrs", "GB-Mo", "0.0300000000", family="Storage Snapshot"),
    ),
    "AWSDataTransfer": offer(
        product("DataTransfer-Out-Bytes", "GB", ("0", "10240", "0.09"), ("10240", "51200", "0.085"),
                ("51200", "153600", "0.07"), ("153600", INF, "0.05"), family="Data Transfer"),
        one("USE1-USW2-AWS-Out-Bytes", "GB", "0.02", family="Data Transfer"),
        one("DataTransfer-Regional-Bytes", "GB", "0.01", family="Data Transfer"),
    ),
    "AmazonSageMaker": offer(
        one("USE1-Host:ml.m5.xlarge", "Hrs", "0.2300000000", family="ML Instance"),
        one("USE1-Train:ml.m5.xlarge", "Hrs", "0.2400000000", family="ML Instance"),
        one("USE1-ServerlessInf:Mem-2GB", "seconds", "0.0000400000", family="ML Serverless"),
        one("USE1-ServerlessInf:Mem-2GB-Provisioned", "seconds", "0.00001", family="ML Serverless"),
        one("USE1-ServerlessInf:Mem-4GB", "requests", "0.0000800000", family="ML Serverless"),
    ),
}  # fmt: skip


def lists(offers=AWS, region="us-east-1"):
    """A fetch that knows these offers of one region only."""
    place = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws"
    pages = {f"{place}/{name}/current/{region}/index.json": body for name, body in offers.items()}

    def fetch(url):
        if url not in pages:
            raise OSError("HTTP Error 404: Not Found")
        return pages[url] if isinstance(pages[url], bytes) else json.dumps(pages[url]).encode()

    return fetch


def with_lambda(*products):
    return lists(AWS | {"AWSLambda": offer(*products)})


@pytest.fixture
def path(tmp_path):
    """A book of the reader's own, which begins as the shipped one of its name."""
    return tmp_path / "aws-us-east-1.yaml"


def test_aws_prices_tiers_dates_and_sources_are_taken_and_each_change_is_told(path):
    told = refresh(path, "us-east-1", lists(), TODAY)
    book = read_book(path)
    x86 = book.price("lambda.x86.gb-second")
    assert [(tier.begin, tier.price) for tier in x86.tiers] == [
        (0, Decimal("0.0000166667")), (6_000_000_000, Decimal("0.000015")), (15_000_000_000, Decimal("0.0000133334")),
    ]  # fmt: skip
    assert (x86.effective_on, x86.confidence, x86.read_on) == (date(2026, 11, 1), "verified", TODAY)
    assert x86.source == "AWS price list AWSLambda, published 2026-11-20"
    # 0.25 for a million requests.
    assert book.price("lambda.request").cost(Decimal(4_000_000)) == 1
    assert book.price("alb.hour").tiers[0].price == Decimal("0.0225")
    assert "lambda.request: 0.0000002 -> 0.00000025 USD per request, since 2026-11-01" in told
    assert "alb.lcu-hour: 0.008 -> 0.009 USD per LCU-hour, since 2026-10-01" in told
    arm = "0.0000133334, from 7500000000 on 0.0000120001, from 18750000000 on 0.0000106667"
    assert f"lambda.arm.gb-second: {arm} -> 0.000014 USD per GB-second, since 2026-11-01" in told
    assert not any(line.startswith("lambda.x86.gb-second") for line in told)
    assert "tried on hand-made lists only" in told[-2]
    assert told[-1].endswith("20 rows read, 16 of them at the price they had, 31 kept as they were")
    assert "logs.gb-ingested: 0.5 -> 0.6 USD per GB, since 2026-11-01" in told
    skus = (
        "transfer.internet.gb",
        "transfer.inter-az.gb",
        "sagemaker.ml.m5.xlarge.hour",
        "sagemaker.serverless.2gb.second",
    )
    assert {book.price(sku).confidence for sku in skus} == {"verified"}
    assert {book.price(sku).confidence for sku in ("sagemaker.serverless.4gb.second", "nat.hour")} == {"unverified"}


def test_what_is_not_found_or_not_understood_keeps_its_price_and_its_old_date(path):
    shipped = {price.sku: price for price in read_book(path.parents[0] / refresh_from(path)).prices}
    told = refresh(path, "us-east-1", lists(), TODAY)
    now = read_book(path)
    for sku, why in (
        ("lambda.provisioned.arm.kept.gb-second", "its unit 'Furlongs' is not known"),
        ("lambda.provisioned.arm.used.gb-second", "not found in the list"),
    ):
        assert now.price(sku) == shipped[sku] and now.price(sku).read_on is None
        assert any(line.startswith(f"{sku}: kept at 0.00000") and line.endswith(f"2024-07-01: {why}") for line in told)


def refresh_from(path):
    from harness.cost.book import SHIPPED

    return SHIPPED / path.name


@pytest.mark.parametrize(
    ("products", "why"),
    [
        ([one(GB, GB, "0.1"), one(f"USE1-{GB}", GB, "0.2")], "2 different prices fit"),
        ([product(GB, GB, ("0", "5", "0.1"), ("6", INF, "0.2"))], "its tiers have gaps"),
        ([product(GB, GB, ("5", INF, "0.1"))], "its tiers do not begin at 0"),
        ([one(GB, GB, "0.0000000000")], "it is listed as costing nothing"),
        ([one(GB, GB, "NaN")], "'NaN' is no price or amount"),
        ([one(GB, GB, "-1")], "'-1' is no price or amount"),
        ([one(GB, GB, ["1"])], "is no price or amount"),
        ([one(GB, GB, "0.1", currency="CNY")], "it has no price in USD, but in CNY"),
        ([one(GB, GB, "0.1", effective="2027-01-01")], "it has no on-demand price"),
        ([one(GB, GB, "0.1", effective="soon")], "is no date"),
        ([one(GB, GB, "0.1", region="eu-west-1")], "not found in the list"),
        ([one(GB, GB, "0.1", family="Other")], "not found in the list"),
        ([one(GB, "3 GB-Seconds", "0.1")], "is no power of ten"),
        ([one(GB, None, "0.1")], "its unit None is not known"),
        ([({"productFamily": "Serverless", "attributes": {"usagetype": GB}}, ["x"])], "it has no on-demand price"),
    ],
)  # fmt: skip
def test_no_doubtful_price_is_taken(path, products, why):
    told = refresh(path, "us-east-1", with_lambda(*products), TODAY)
    (line,) = [line for line in told if line.startswith("lambda.x86.gb-second: ")]
    assert ": kept at 0.0000166667, from 6000000000" in line and why in line
    assert read_book(path).price("lambda.x86.gb-second").effective_on == date(2024, 7, 1)


def test_of_several_terms_the_one_in_force_counts_and_twins_at_one_price_are_one(path):
    about, terms = one(GB, GB, "0.1", effective="2026-01-01")
    terms |= {"new": one(GB, GB, "0.2", effective="2026-11-01")[1]["term"]}
    terms |= {"later": one(GB, GB, "0.3", effective="2026-12-01")[1]["term"]}
    refresh(path, "us-east-1", with_lambda((about, terms), one(f"USE1-{GB}", GB, "0.2")), TODAY)
    price = read_book(path).price("lambda.x86.gb-second")
    assert (price.tiers[0].price, price.effective_on) == (Decimal("0.2"), date(2026, 11, 1))


def test_a_free_first_tier_is_left_out_and_told(path):
    free = product(GB, GB, ("0", "400000", "0.0"), ("400000", "900000", "0.2"), ("900000", INF, "0.1"))
    told = refresh(path, "us-east-1", with_lambda(free), TODAY)
    assert "lambda.x86.gb-second: the first 400,000 a month are free to an account: left out" in told
    tiers = read_book(path).price("lambda.x86.gb-second").tiers
    assert [(tier.begin, tier.price) for tier in tiers] == [(0, Decimal("0.2")), (900_000, Decimal("0.1"))]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "Expecting property name"),
        (b"\xff", "decode"),
        (b"[]", "not a JSON object"),
        (b'{"products": NaN}', "NaN is no number"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "nested"),
        (b"{}", "it has no products and terms"),
        (None, "404"),
    ],
)
def test_a_list_that_cannot_be_read_is_told_and_its_rows_stay(path, body, why):
    offers = {name: given for name, given in AWS.items() if name != "AWSELB"} | ({"AWSELB": body} if body else {})
    told = refresh(path, "us-east-1", lists(offers), TODAY)
    assert told[0].startswith("AWS price list AWSELB of us-east-1 cannot be read: ") and why in told[0]
    assert any(line.startswith("alb.hour: kept at 0.0225, effective unknown: AWSELB cannot be read") for line in told)
    assert read_book(path).price("alb.hour").effective_on is None


def test_where_nothing_can_be_read_nothing_is_written(path):
    with pytest.raises(MissingError, match=r"AmazonECS(.|\n)*nothing is written") as missing:
        refresh(path, "us-east-1", lists({}), TODAY)
    assert missing.value.exit_code == 3 and not path.exists()
    refresh(path, "us-east-1", lists(), TODAY)
    before = path.read_bytes()
    with pytest.raises(MissingError):
        refresh(path, "us-east-1", lists({}), TODAY)
    assert path.read_bytes() == before and [item.name for item in path.parent.iterdir()] == [path.name]


def test_another_region_has_only_what_its_lists_tell(tmp_path):
    path = tmp_path / "mine.yaml"
    vpc = offer(one("EUC1-PublicIPv4:InUseAddress", "Hrs", "0.005", family=None, region="eu-central-1"))
    told = refresh(path, "eu-central-1", lists({"AmazonVPC": vpc}, "eu-central-1"), TODAY)
    book = read_book(path)
    assert (book.provider, book.region, [price.sku for price in book.prices]) == ("AWS", "eu-central-1", ["ipv4.hour"])
    assert "ipv4.hour: new: 0.005 USD per address-hour, since 2026-11-01" in told
    assert "alb.hour: left out: AWSELB cannot be read" in told


def test_what_is_no_book_or_of_another_region_is_refused_and_stays(tmp_path, path):
    refresh(path, "us-east-1", lists(), TODAY)
    with pytest.raises(UsageError, match="is of us-east-1, not of eu-west-1: give --region us-east-1"):
        refresh(path, "eu-west-1", lists(), TODAY)
    other = tmp_path / "notes.yaml"
    other.write_text("a: 1\n")
    with pytest.raises(UsageError, match="provider"):
        refresh(other, "us-east-1", lists(), TODAY)
    assert other.read_text() == "a: 1\n"
    with pytest.raises(UsageError, match="is no region"):
        refresh(tmp_path / "new.yaml", "../../x", lists(), TODAY)
    with pytest.raises(UsageError, match="in a folder that exists"):
        refresh(tmp_path / "no/new.yaml", "us-east-1", lists(), TODAY)
    foreign = tmp_path / "gcp.yaml"
    foreign.write_text(path.read_text().replace("provider: AWS", "provider: GCP"))
    with pytest.raises(UsageError, match=r"'GCP' has no list that is read here, AWS has"):
        refresh(foreign, "us-east-1", lists(), TODAY)


def test_a_run_keeps_its_prices(tmp_path):
    run = tmp_path / "runs/r"
    (run / "requests").mkdir(parents=True)
    (run / "manifest.json").write_text("{}")
    with pytest.raises(UsageError, match="lies in a run, which keeps its prices"):
        refresh(run / "book.yaml", "us-east-1", lists(), TODAY)
    assert sorted(item.name for item in run.iterdir()) == ["manifest.json", "requests"]


def test_rows_of_ones_own_and_other_units_stay(path):
    refresh(path, "us-east-1", lists(), TODAY)
    fields = yaml.safe_load(path.read_text())
    fields["prices"][0]["unit"] = "GB-hour"
    fields["prices"].append(
        {**fields["prices"][1], "sku": "own.thing", "source": "a contract: 'x' # y\n", "read_on": None}
    )
    path.write_text(yaml.safe_dump(fields))
    before = read_book(path)
    told = refresh(path, "us-east-1", lists(), TODAY)
    after = read_book(path)
    assert after.price("own.thing") == before.price("own.thing")
    assert after.price("lambda.x86.gb-second") == before.price("lambda.x86.gb-second")
    assert any(line.startswith("own.thing: kept at") and "in no list" in line for line in told)
    assert any("the book counts it per GB-hour, the list per GB-second" in line for line in told)


def test_a_price_that_holds_for_years_is_fresh_while_it_is_read():
    row = {
        "sku": "a", "service": "S", "unit": "u", "tiers": [{"from": 0, "price": "1"}], "effective_on": date(2022, 6, 1),
        "source": "s", "confidence": "verified",
    }  # fmt: skip
    assert "days old" in Price.model_validate(row).doubts(TODAY)[0]
    read = Price.model_validate(row | {"read_on": TODAY})
    assert read.doubts(TODAY) == [] and read.doubts(date.fromordinal(TODAY.toordinal() + STALE_DAYS + 1))
    book = PriceBook.model_validate({"provider": "P", "region": "r", "currency": "USD", "prices": [read]})
    assert PriceBook.model_validate(book.to_json()) == book


# Units and the wire


@pytest.mark.parametrize(
    ("unit", "many"),
    [
        ("Requests", 1),
        ("1M Requests", 10**6),
        ("Million requests", 10**6),
        ("1,000 Requests", 1000),
        ("10K requests", 10**4),
    ],
)
def test_a_unit_says_how_many_it_is(unit, many):
    assert unit_size(unit, ("request", "requests")) == many


@pytest.mark.parametrize("unit", ["Minutes", "1M", "Requests/Month", "", "0 Requests", "2 Requests", "M" * 100, 10])
def test_a_unit_that_is_not_surely_understood_is_refused(unit):
    with pytest.raises(Refused, match="its unit"):
        unit_size(unit, ("request", "requests"))


@pytest.mark.parametrize("value", ["1e999999999", "9" * 40, True, None, "Infinity", 1.5])
def test_a_number_that_is_not_exact_is_refused(value):
    with pytest.raises(Refused):
        number(value)


URL = "https://pricing.us-east-1.amazonaws.com/offers"


class Server(urllib.request.HTTPSHandler):
    """Answers HTTPS requests from a table, without a network."""

    def __init__(self, answers):
        super().__init__()
        self.answers = answers

    def https_open(self, req):
        """urllib: a request is sent."""
        code, headers, body = self.answers[req.full_url]
        message = Message()
        for name, value in headers.items():
            message[name] = value
        reply = urllib.response.addinfourl(io.BytesIO(body), message, req.full_url, code)
        reply.msg = "as asked"
        return reply


def test_the_wire_is_bounded_by_host_scheme_and_size(monkeypatch):
    moved = {"Location": f"{URL}/new"}
    assert fetch_list(URL, Server({URL: (302, moved, b""), f"{URL}/new": (200, {}, b"here")})) == b"here"
    for place in ("https://elsewhere.example/x", "http://pricing.us-east-1.amazonaws.com/x", "file:///etc/passwd"):
        with pytest.raises(OSError, match=r"only https to|another host|not allowed"):
            fetch_list(URL, Server({URL: (302, {"Location": place}, b"")}))
    for url in (
        "http://pricing.us-east-1.amazonaws.com/",
        "https://pricing.us-east-1.amazonaws.com.example/",
        "https://u@pricing.us-east-1.amazonaws.com/",
        "file:///x",
    ):
        with pytest.raises(OSError, match="only https to"):
            fetch_list(url)
    monkeypatch.setattr(source, "MOST_BYTES", 3)
    assert fetch_list(URL, Server({URL: (200, {}, b"123")})) == b"123"
    with pytest.raises(OSError, match="larger than 3 bytes"):
        fetch_list(URL, Server({URL: (200, {}, b"1234")}))
    with pytest.raises(OSError, match="503"):
        fetch_list(URL, Server({URL: (503, {}, b"")}))


def test_the_command_tells_and_says_what_is_missing(tmp_path, monkeypatch):
    path = tmp_path / "aws-us-east-1.yaml"
    monkeypatch.setattr("harness.cost.refresh.refresh.__defaults__", (lists(), TODAY))
    told = CliRunner().invoke(app, ["prices", "refresh", "--book", str(path)])
    assert told.exit_code == 0 and "lambda.request: 0.0000002 -> 0.00000025 USD per request" in told.stdout
    checked = CliRunner().invoke(app, ["prices", "check", str(path)])
    assert "lambda.request" not in checked.stdout
    monkeypatch.setattr("harness.cost.refresh.refresh.__defaults__", (lists({}), TODAY))
    missing = CliRunner().invoke(app, ["prices", "refresh", "--book", str(path)])
    assert isinstance(missing.exception, MissingError) and missing.exception.exit_code == 3


@pytest.mark.parametrize(
    ("value", "exact"),
    [
        ("1.4699999999999999E-05", "0.000014699999999999999"),
        ("0.000014699999999999999000000000000000000000001", "0.000014699999999999999000000000000000000000001"),
        (Decimal("1.4699999999999999E-05"), "0.000014699999999999999"),
        ("1.0E-7", "0.0000001"),
        ("123456789012345.123456789012345678901234567890", "123456789012345.123456789012345678901234567890"),
        ("1.2E+3", "1200"),
    ],
)
def test_a_price_of_a_list_is_taken_with_all_its_digits(value, exact):
    assert number(value) == Decimal(exact)
    by_million = tiers([Step(Decimal(0), None, number(value))], 1_000_000).steps[0][1]
    assert by_million == Decimal(exact).scaleb(-6, Context(prec=100))


@pytest.mark.parametrize("value", ["-1e-7", "1,000", "1_000", "NaN", "٣", " 1", "0x1", ""])
def test_what_is_no_price_is_refused_for_its_row(value):
    with pytest.raises(Refused):
        number(value)
