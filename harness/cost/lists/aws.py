"""AWS's bulk price lists: a JSON file per offer and region, public and without credentials.

The format is that of AWS's documentation (offer file): `products` by SKU with attributes, `terms.OnDemand` by SKU with
`effectiveDate` and `priceDimensions` (unit, beginRange, endRange, pricePerUnit by currency), `publicationDate`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from harness.cost.book import Price
from harness.cost.lists.listing import Listing, Row, agree
from harness.cost.lists.source import Fetch, Unread, read_list
from harness.cost.lists.units import Refused, Step, Tiers, moment, number, tiers, unit_size
from harness.files.problems import mapping

PREFIX = r"(?:(?!TS-)[A-Z]{2,4}[0-9]{0,2}-)?"
"""Of a region before a usage type. Global-, Outposts- and trust-store (TS-) products are other things."""
GB_SECONDS = ("lambda-gb-second", "gb-second", "gb-seconds")
REQUESTS = ("request", "requests")
HOURS = ("hrs", "hours", "hour")
SECONDS = ("sec", "secs", "second", "seconds")
GB = ("gb",)
GB_MONTHS = ("gb-mo", "gb-month")
LOGS = "Amazon CloudWatch Logs"
SOME = 100
"""Products that fit one row; there should be one."""


@dataclass(frozen=True)
class Offered(Row):
    """A row, and where it is in the lists."""

    offer: str
    usage: str
    family: str | None = None


def on_lambda(sku: str, usage: str, unit: str = "GB-second", nouns: tuple[str, ...] = GB_SECONDS) -> Offered:
    """A row of AWS Lambda."""
    return Offered(sku, "AWS Lambda", unit, nouns, "AWSLambda", usage, "Serverless")


def on_sagemaker_serverless(gb: int) -> Offered:
    """A memory size of SageMaker Serverless Inference."""
    sku, usage = f"sagemaker.serverless.{gb}gb.second", f"ServerlessInf:Mem-{gb}GB"
    return Offered(sku, "Amazon SageMaker", "second", SECONDS, "AmazonSageMaker", usage, "ML Serverless")


OFFERED = (
    on_lambda("lambda.x86.gb-second", "Lambda-GB-Second"),
    on_lambda("lambda.arm.gb-second", "Lambda-GB-Second-ARM"),
    on_lambda("lambda.request", "Request", "request", REQUESTS),
    on_lambda("lambda.ephemeral.gb-second", "Lambda-Storage-GB-Second", "GB-second above 512 MB"),
    on_lambda("lambda.provisioned.x86.kept.gb-second", "Lambda-Provisioned-Concurrency"),
    on_lambda("lambda.provisioned.x86.used.gb-second", "Lambda-Provisioned-GB-Second"),
    on_lambda("lambda.provisioned.arm.kept.gb-second", "Lambda-Provisioned-Concurrency-ARM"),
    on_lambda("lambda.provisioned.arm.used.gb-second", "Lambda-Provisioned-GB-Second-ARM"),
    *(
        Offered(f"fargate.{arch}.{noun}", "AWS Fargate", unit, (*HOURS, f"{unit.lower()}s"), "AmazonECS", usage)
        for arch, noun, unit, usage in (
            ("x86", "vcpu-hour", "vCPU-hour", "Fargate-vCPU-Hours:perCPU"),
            ("x86", "gb-hour", "GB-hour", "Fargate-GB-Hours"),
            ("arm", "vcpu-hour", "vCPU-hour", "Fargate-ARM-vCPU-Hours:perCPU"),
            ("arm", "gb-hour", "GB-hour", "Fargate-ARM-GB-Hours"),
        )
    ),
    *(
        Offered(sku, "Elastic Load Balancing", unit, nouns, "AWSELB", usage, "Load Balancer-Application")
        for sku, unit, nouns, usage in (
            ("alb.hour", "hour", HOURS, "LoadBalancerUsage"),
            ("alb.lcu-hour", "LCU-hour", ("lcu-hrs", "lcu-hours"), "LCUUsage"),
        )
    ),
    Offered("ipv4.hour", "Amazon VPC", "address-hour", HOURS, "AmazonVPC", "PublicIPv4:InUseAddress"),
    Offered("ecr.gb-month", "Amazon ECR", "GB-month", GB_MONTHS, "AmazonECR", "TimedStorage-ByteHrs"),
    Offered("logs.gb-ingested", LOGS, "GB", GB, "AmazonCloudWatch", "DataProcessing-Bytes"),
    Offered("logs.gb-month", LOGS, "GB-month", GB_MONTHS, "AmazonCloudWatch", "TimedStorage-ByteHrs"),
    *(
        Offered(sku, "AWS Data Transfer", unit, GB, "AWSDataTransfer", usage)
        for sku, unit, usage in (
            ("transfer.internet.gb", "GB", "DataTransfer-Out-Bytes"),
            ("transfer.inter-az.gb", "GB in each direction", "DataTransfer-Regional-Bytes"),
        )
    ),
    *(
        Offered(f"sagemaker.{name}.hour", "Amazon SageMaker", "hour", HOURS, "AmazonSageMaker", f"Host:{name}")
        for name in ("ml.m5.xlarge", "ml.g4dn.xlarge", "ml.g5.xlarge", "ml.g5.2xlarge", "ml.g6.xlarge")
    ),
    *(on_sagemaker_serverless(gb) for gb in range(1, 7)),
)
"""Not EC2, nor NAT gateways, which are in its list: that is larger than what is read of one."""


def list_url(offer: str, region: str) -> str:
    """URL of an offer's list in a region."""
    return f"https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/{offer}/current/{region}/index.json"


def read_aws(region: str, currency: str, today: date, fetch: Fetch) -> Listing:
    """Every row of AWS's lists that can be had, and why the others cannot."""
    listing = Listing()
    for offer in dict.fromkeys(row.offer for row in OFFERED):
        rows = {row.sku: row for row in OFFERED if row.offer == offer}
        try:
            price_list = read_list(fetch, list_url(offer, region))
            if not mapping(price_list.get("products")) or not mapping(price_list.get("terms")):
                raise Unread("it has no products and terms")
        except Unread as error:
            listing.unread.append(f"AWS price list {offer} of {region} cannot be read: {error}")
            listing.refused |= dict.fromkeys(rows, f"{offer} cannot be read")
        else:
            for sku, row in rows.items():
                listing.add(sku, partial(look_up_row, row, price_list, region, currency, today))
    return listing


def look_up_row(
    row: Offered, price_list: Mapping[str, Any], region: str, currency: str, today: date
) -> tuple[Price, str | None]:
    """A row's price from its offer's list, and what is to be said of it. Refused when it is not surely there."""
    published = moment(price_list.get("publicationDate"))
    fitting = [
        term_of(price_list, sku, row, currency, published) for sku in fitting_products(price_list, row, region)[:SOME]
    ]
    price, effective_on = agree(fitting)
    source = f"AWS price list {row.offer}, published {published:%Y-%m-%d}"
    return row.price(price, effective_on.date(), source, today)


def fitting_products(price_list: Mapping[str, Any], row: Offered, region: str) -> list[str]:
    """SKUs of the list that are this row in this region."""
    usage = re.compile(PREFIX + re.escape(row.usage))
    fitting = []
    for sku, product in mapping(price_list.get("products")).items():
        attributes = mapping(mapping(product).get("attributes"))
        usage_type = attributes.get("usagetype")
        if not isinstance(usage_type, str) or not usage.fullmatch(usage_type):
            continue
        if attributes.get("regionCode", region) == region and row.family in (
            None,
            mapping(product).get("productFamily"),
        ):
            fitting.append(sku)
    return fitting


def term_of(
    price_list: Mapping[str, Any], sku: str, row: Offered, currency: str, published: datetime
) -> tuple[Tiers, datetime]:
    """What a product costs by the term that was in force when the list was published."""
    terms = [mapping(term) for term in mapping(mapping(mapping(price_list["terms"]).get("OnDemand")).get(sku)).values()]
    dated = [(moment(term.get("effectiveDate")), place) for place, term in enumerate(terms)]
    in_force = [item for item in dated if item[0] <= published]
    if not in_force:
        raise Refused("it has no on-demand price")
    effective_on, place = max(in_force)
    dimensions = [mapping(item) for item in mapping(terms[place].get("priceDimensions")).values()]
    unit_sizes = {unit_size(item.get("unit"), row.nouns) for item in dimensions}
    if len(unit_sizes) != 1:
        raise Refused("its tiers have different units")
    return tiers(list(steps_of(dimensions, currency)), unit_sizes.pop()), effective_on


def steps_of(dimensions: list[Mapping[str, Any]], currency: str) -> Iterator[Step]:
    """Each dimension is a tier; one without a range is the whole."""
    for item in dimensions:
        prices = mapping(item.get("pricePerUnit"))
        if currency not in prices:
            currencies = ", ".join(str(name)[:3] for name in list(prices)[:5]) or "none"
            raise Refused(f"it has no price in {currency}, but in {currencies}")
        begin, end = item.get("beginRange", "0"), item.get("endRange", "Inf")
        yield Step(number(begin), None if end == "Inf" else number(end), number(prices[currency]))
