"""Azure's Retail Prices API: pages of items, public and without credentials.

The format is that of Microsoft's documentation: `Items` (meterName, type, armRegionName, currencyCode, retailPrice,
unitOfMeasure, tierMinimumUnits, effectiveStartDate, isPrimaryMeterRegion) and `NextPageLink`. No live answer was read
when this was written: it is tested against hand-made answers in that format.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import quote

from harness.cost.book import Price
from harness.cost.lists.listing import Listing, Row, sole
from harness.cost.lists.source import Fetch, Unread, read_list
from harness.cost.lists.units import Refused, Step, Tiers, day, number, single, tiers
from harness.files.problems import mapping

API = "https://prices.azure.com/api/retail/prices"
MOST_PAGES = 100
URL = "%/:=&?~#+!$,;'@()*[]"
"""Characters of a link that are left as they are; the API does not write spaces of a filter as %20 everywhere."""
APPS, FUNCTIONS, KUBERNETES = "Azure Container Apps", "Functions", "Azure Kubernetes Service"


@dataclass(frozen=True)
class Metered(Row):
    """A row, and its meter; `service` is the list's own name."""

    meter: str


METERED = (
    Metered("functions.gb-second", FUNCTIONS, "GB-second", ("gb-second",), "Standard Execution Time"),
    Metered("functions.execution", FUNCTIONS, "execution", ("", "executions"), "Standard Total Executions"),
    Metered("container-apps.vcpu-second", APPS, "vCPU-second", ("second",), "Standard vCPU Active Usage"),
    Metered("container-apps.vcpu-idle-second", APPS, "vCPU-second", ("second",), "Standard vCPU Idle Usage"),
    Metered("container-apps.gib-second", APPS, "GiB-second", ("gib-second",), "Standard Memory Active Usage"),
    Metered("container-apps.gib-idle-second", APPS, "GiB-second", ("gib-second",), "Standard Memory Idle Usage"),
    Metered("container-apps.request", APPS, "request", ("", "requests"), "Standard Requests"),
    Metered("aks.standard.hour", KUBERNETES, "cluster-hour", ("hour",), "Standard Uptime SLA"),
)


def address(service: str, region: str, currency: str) -> str:
    """The first page of a service's prices in a region."""
    wanted = f"serviceName eq '{service}' and armRegionName eq '{region}' and priceType eq 'Consumption'"
    return f"{API}?currencyCode={quote(repr(currency))}&$filter={quote(wanted)}"


def read_azure(region: str, currency: str, today: date, fetch: Fetch) -> Listing:
    """Every row that can be had, and why the others cannot."""
    listing = Listing()
    for service in dict.fromkeys(row.service for row in METERED):
        rows = {row.sku: row for row in METERED if row.service == service}
        try:
            items = all_items(address(service, region, currency), fetch)
        except Unread as error:
            listing.unread.append(f"Azure Retail Prices of {service} in {region} cannot be read: {error}")
            listing.refused |= dict.fromkeys(rows, f"{service} cannot be read")
        else:
            for sku, row in rows.items():
                listing.add(sku, partial(looked_up, row, items, region, currency, today))
    return listing


def all_items(url: str, fetch: Fetch) -> list[Mapping[str, Any]]:
    """Of all pages; one that is missing makes the list worthless, as its tiers may be torn."""
    items: list[Mapping[str, Any]] = []
    seen: set[str] = set()
    while url:
        if url in seen or len(seen) == MOST_PAGES:
            raise Unread(f"its pages do not end within {MOST_PAGES}")
        seen.add(url)
        page = read_list(fetch, url)
        if not isinstance(page.get("Items"), list):
            raise Unread("it has no Items")
        items += map(mapping, page["Items"])
        link = page.get("NextPageLink")
        url = quote(link, safe=URL) if isinstance(link, str) else ""
    return items


def looked_up(
    row: Metered, items: list[Mapping[str, Any]], region: str, currency: str, today: date
) -> tuple[Price, str | None]:
    """One row."""
    wanted = {"meterName": row.meter, "type": "Consumption", "armRegionName": region}
    meters: dict[str, list[Mapping[str, Any]]] = {}
    for item in items:
        if all(item.get(name) == value for name, value in wanted.items()) and item.get("isPrimaryMeterRegion", True):
            meters.setdefault(str(item.get("meterId")), []).append(item)
    price, effective_on = sole([of_meter(meter, row, currency, today) for meter in meters.values()])
    return row.price(price, effective_on, f"Azure Retail Prices API, {row.service}", today)


def of_meter(items: list[Mapping[str, Any]], row: Metered, currency: str, today: date) -> tuple[Tiers, date]:
    """What a meter costs by what is in force today, each tier at its newest price."""
    in_force: dict[Decimal, tuple[date, Decimal]] = {}
    many = {single(item.get("unitOfMeasure"), row.nouns) for item in items}
    for item in items:
        if item.get("currencyCode") != currency:
            raise Refused(f"it has a price in {str(item.get('currencyCode'))[:3]}, not in {currency}")
        begin, since = number(item.get("tierMinimumUnits", 0)), day(item.get("effectiveStartDate"))
        if since <= today and (begin not in in_force or in_force[begin][0] < since):
            in_force[begin] = since, number(item.get("retailPrice"))
    if len(many) != 1 or not in_force:
        raise Refused("its tiers have different units" if in_force else "no price is in force yet")
    steps = [Step(begin, None, price) for begin, (_, price) in in_force.items()]
    return tiers(steps, many.pop()), max(since for since, _ in in_force.values())
