"""Costs at the expected traffic, term by term, and the rate at which both sides cost the same."""

from collections.abc import Iterator
from functools import partial

from harness.cost.nouns import BILLED, STATED, Basis, BreakEven, Costing, SideCost
from harness.cost.words import NOT_STATED
from harness.files.text import harmless
from harness.record.figures import Cell, cell, count, figure, percent_of
from harness.record.figures import money as dollars
from harness.record.stated import SECONDS_PER_MONTH
from harness.report.blocks import Column, Table, drop_empty
from harness.report.charts.break_even import CostCurve, break_even
from harness.report.cost import counted, where_of
from harness.report.material import Material, limit_charts, profile_name
from harness.report.metered import table_of
from harness.report.nouns import Chart, KeyEntry, Part
from harness.report.sections.answer import at, end_sentence

MOST_CROSSINGS = 4
"""So many a key tells one by one."""


def money(material: Material) -> Part:
    """Curves, terms, and what they rest on; the reason where there is no costing."""
    costing = material.costing
    title = "Costs and break-even"
    if costing is None:
        return Part("break-even", title, absent=list(material.reasons.get("cost", ["not worked out"])))
    traffic = f"At {at(costing)}. " if costing.expected or costing.sides else ""
    about = [
        f"{traffic}Prices: {costing.prices}. What the provider bills; intervals are of what is measured or forecast."
    ]
    about += [harmless(f"{where_of(b)}: {end_sentence(b.words)}") for b in costing.break_evens]
    charts, remarks = limit_charts(list(charts_of(material, costing, "run")))
    tables = [*tables_of(costing), *([table_of(costing.metered)] if costing.metered else [])]
    absent = [] if costing.break_evens else ["no break-even: it takes a function and a service under the same traffic"]
    return Part("break-even", title, about, charts, tables, [bases(costing)], absent, remarks)


def charts_of(material: Material, costing: Costing, basis: Basis) -> Iterator[Chart]:
    """A chart of both curves per break-even; no chart where there is nothing to draw on a logarithmic axis."""
    expected = costing.requests_per_month / SECONDS_PER_MONTH if costing.expected else None
    for point in (each for each in costing.break_evens if each.basis == basis):
        if sum(rate > 0 for rate in point.rates) < 2:
            continue
        sides = [
            CostCurve(material.style(harmless(point.function)), point.function_usd_per_month, point.function_ends_usd),
            CostCurve(material.style(harmless(point.service)), point.service_usd_per_month, point.service_ends_usd),
        ]
        keys = [
            KeyEntry(harmless(name), material.places.get(harmless(name), 0)) for name in (point.function, point.service)
        ]
        keys += crossing_keys(point, expected)
        draw = partial(
            break_even,
            label=f"cost per month over requests per second: {harmless(point.words)}",
            rates=point.rates,
            sides=sides,
            crossings=point.crossings,
            expected=expected,
            currency=costing.currency,
        )
        told = ", forecast · cost" if basis == "forecast" else ""
        yield Chart(harmless(f"{point.workload} · {profile_name(point.profile)}{told}"), keys, draw)


def crossing_keys(point: BreakEven, expected: float | None) -> Iterator[KeyEntry]:
    """Entries of the key for the lines across, and for the surfaces around the curves."""
    if point.crossings:
        told = [cell(crossing) for crossing in point.crossings]
        rates = [f"{each.main} ({each.small})" if each.small else each.main for each in told[:MOST_CROSSINGS]]
        rest = f" and {len(told) - MOST_CROSSINGS} more" if len(told) > MOST_CROSSINGS else ""
        n = point.crossings[0].n
        yield KeyEntry(f"same cost at {', '.join(rates)}{rest} requests/s, n = {n}", pattern="upright")
    if expected is not None:
        yield KeyEntry(f"expected, {figure(expected)} requests/s", pattern="dotted")


def tables_of(costing: Costing) -> Iterator[Table]:
    """The terms of every side under one workload and profile; what is stated stands apart, where anything is."""
    groups: dict[tuple[str, str], list[SideCost]] = {}
    for side in costing.sides:
        groups.setdefault((side.workload, side.profile), []).append(side)
    for (workload, profile), sides in groups.items():
        columns = [
            *(Column(f"{name} {costing.currency}", 0, [term(side, name) for side in sides]) for name in BILLED),
            Column(f"month {costing.currency}", 0, [cell(side.per_month_usd) for side in sides]),
            Column(f"1,000 good answers {costing.currency}", 0, [cell(side.per_1k_usd) for side in sides]),
            Column("n", 0, [Cell(f"{side.per_month_usd.n:,}") for side in sides]),
            Column("replicas", 0, [count(side.replicas) for side in sides]),
            Column("busy %", 0, [percent_of(side.utilisation) for side in sides]),
            *stated_columns(sides, costing.currency),
        ]
        remarks = [harmless(f"{side.target}: {'; '.join((side.source, *side.notes))}") for side in sides]
        target = Column("target", 0, [Cell(harmless(side.target)) for side in sides])
        title = harmless(f"{workload} · {profile_name(profile)}")
        yield Table(title, f"per month; n counts {counted(sides)}", [target, *drop_empty(columns)], remarks)


def stated_columns(sides: list[SideCost], currency: str) -> Iterator[Column]:
    """What the experiment states, and the month with it; nothing where it states nothing."""
    if any(side.per_month_with_stated_usd for side in sides):
        for name in STATED:
            yield Column(f"{name} {currency}, stated", 0, [term(side, name) for side in sides])
        yield Column(
            f"month with what is stated {currency}", 0, [cell(side.per_month_with_stated_usd) for side in sides]
        )


def term(side: SideCost, name: str) -> Cell:
    """What one term of a side costs."""
    billed = next((term for term in side.terms if term.name == name), None)
    return Cell(dollars(billed.usd_per_month if billed else None))


def bases(costing: Costing) -> Table:
    """A table of what every term rests on."""
    rows = [(side, term) for side in costing.sides for term in side.terms if term.basis != NOT_STATED]
    columns = [
        Column("target", 0, [Cell(harmless(f"{s.target}, {profile_name(s.profile)}")) for s, _ in rows]),
        Column("term", 0, [Cell(term.name) for _, term in rows]),
        Column(
            f"{costing.currency} per month",
            0,
            [Cell(dollars(t.usd_per_month)) for _, t in rows],
        ),
        Column("rests on", 0, [Cell(harmless(term.basis)) for _, term in rows]),
    ]
    return Table("What each term rests on", "", columns)
