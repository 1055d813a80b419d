"""What would force reconsideration, chosen when a review is written: limits of traffic, latency, utilisation."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.cost.nouns import BreakEven
from harness.record.estimate import round_digits
from harness.record.figures import figure
from harness.record.forecast import ForecastRow, Quantities
from harness.record.nouns import FORCED_COLD
from harness.record.stated import SECONDS_PER_MONTH
from harness.review.figures import MEASURES, find, rate
from harness.review.record import CitedFigure, Op, Primary, Trigger
from harness.review.runs import MeasuredRun
from harness.review.watch import BREAK_EVEN, REQUESTS, expected_rps, reasons_against

FORM_OF = {"serverless": "function", "container": "service", "hybrid": "hybrid"}
PERCENTILES = {50: "latency_p50_ms", 95: "latency_p95_ms", 99: "latency_p99_ms"}
OTHER_PERCENTILE = "forecast_latency_at_objective_ms"


@dataclass(frozen=True)
class Limit:
    """A mean rate beyond which the other side costs less."""

    rps: float
    above: bool
    """Whether the expected traffic lies below it."""
    of: BreakEven
    cheaper: str
    """Beyond it."""
    dearer: str


def choose_triggers(run: MeasuredRun, figures: list[CitedFigure], primary: Primary) -> list[Trigger]:
    """The nearest rates at which another side is the cheaper one, the latency and the utilisation of the side chosen.

    Empty where nothing was measured that may decide.
    """
    expected = expected_rps(run.decision.economics)
    triggers = list(watch_traffic(run, expected)) if expected is not None else []
    objective = run.decision.objective.latency_ms if run.decision.objective else None
    slow = [t for t in watch_latency(run, figures, primary) if not triggers or t.limit == objective]
    return [*triggers, *slow, *watch_utilisation(run, figures, primary)]


def watch_traffic(run: MeasuredRun, expected: float) -> Iterator[Trigger]:
    """The nearest limit below the expected traffic and the nearest above it; and of the nearer one the break-even."""
    limits = [limit for b in (run.costing.break_evens if run.costing else []) for limit in limits_of(b, expected)]
    below, above = ([limit for limit in limits if limit.above is up] for up in (False, True))
    ends = max(below, key=lambda x: x.rps, default=None), min(above, key=lambda x: x.rps, default=None)
    nearest = [limit for limit in ends if limit is not None]
    yield from map(watch_limit, nearest)
    if nearest:
        several = len({service for service, _ in run.pairs if service is not None}) > 1
        yield from watch_break_even(min(nearest, key=lambda x: distance(x.rps, expected)), expected, several)


def limits_of(crossing: BreakEven, expected: float) -> Iterator[Limit]:
    """Where the costs cross next, below and above the expected traffic."""
    names = crossing.function, crossing.service
    for before, after in zip(crossing.spans, crossing.spans[1:], strict=False):
        if before.begin_rps <= expected <= before.end_rps:
            yield Limit(before.end_rps, True, crossing, after.cheaper, other(names, after.cheaper))
        if after.begin_rps < expected <= after.end_rps:
            yield Limit(after.begin_rps, False, crossing, before.cheaper, other(names, before.cheaper))


def other(names: tuple[str, str], name: str) -> str:
    """Of two sides the one that this is not."""
    return names[1] if name == names[0] else names[0]


def distance(rps: float, expected: float) -> float:
    """How far the traffic is from a limit: the nearest trips first."""
    return max(rps / expected, expected / rps)


def watch_limit(limit: Limit) -> Trigger:
    """The expected requests of a month pass a rate at which the costs cross."""
    month = round_digits(limit.rps * SECONDS_PER_MONTH) or 0.0
    verb = "rises above" if limit.above else "falls below"
    where = f"{limit.of.workload} under {limit.of.profile}"
    words = f"the expected traffic {verb} {month:,.0f} requests a month ({figure(limit.rps)} a second): {flips(limit)}"
    return make_trigger(REQUESTS, (None, None, None), "above" if limit.above else "below", month, f"{words} ({where})")


def flips(limit: Limit) -> str:
    """Which side costs less beyond a limit."""
    return f"{limit.cheaper} then costs less than {limit.dearer}"


def watch_break_even(limit: Limit, expected: float, name_service: bool) -> Iterator[Trigger]:
    """The break-even itself passes the expected traffic; only where this limit is the one that is called so."""
    crossing = limit.of
    if crossing.rate.value is None or round_digits(crossing.rate.value) != round_digits(limit.rps):
        return
    verb: tuple[str, Op] = ("falls below", "below") if limit.above else ("rises above", "above")
    where = f"{crossing.workload} under {crossing.profile}"
    words = f"the break-even {verb[0]} {rate(expected)}: {flips(limit)} ({where})"
    about = crossing.workload, crossing.function, crossing.profile
    yield make_trigger(BREAK_EVEN, about, verb[1], expected, words, crossing.service if name_service else None)


def make_trigger(
    field: str,
    about: tuple[str | None, str | None, str | None],
    op: Op,
    limit: float,
    words: str,
    service: str | None = None,
) -> Trigger:
    """A trigger on a field of `about`: its workload, target and profile."""
    workload, target, profile = about
    return Trigger(
        field=field,
        workload=workload,
        target=target,
        profile=profile,
        service=service,
        op=op,
        limit=limit,
        words=words[:2000],
    )


def watch_latency(run: MeasuredRun, figures: list[CitedFigure], primary: Primary) -> list[Trigger]:
    """The slowest row of the side chosen (of both without one) that meets the objective; if none does, the slowest.

    It is a forecast's where there is one, and never one of a row that is not fit for it.
    """
    stated = run.decision.objective
    percentile, objective = (stated.percentile, stated.latency_ms) if stated else (95.0, None)
    measured = PERCENTILES.get(round(percentile)) if percentile == round(percentile) else None
    forecast = f"forecast_{measured}" if measured else OTHER_PERCENTILE
    for field in (forecast, measured or "latency_p95_ms", "latency_p50_ms"):
        rows = [f for f in figures if f.field == field and f.value is not None and f.profile != FORCED_COLD]
        rows = of_side(run, [f for f in rows if not reasons_against(run, f)], primary)
        limit = objective if field in (forecast, measured) else None
        within = [f for f in rows if limit is not None and (f.value or 0.0) <= limit]
        if rows:
            slowest = max(within or rows, key=lambda f: f.value or 0.0)
            return [watch_row(slowest, limit if within else None, run.margin)]
    return []


def of_side(run: MeasuredRun, rows: list[CitedFigure], primary: Primary) -> list[CitedFigure]:
    """Those of the side chosen; all where none is chosen, or has none."""
    wanted = FORM_OF.get(primary)
    return [f for f in rows if wanted is None or run.manifest.target(f.target).form == wanted] or rows


def watch_row(row: CitedFigure, objective: float | None, margin: float) -> Trigger:
    """A row's latency rises above the objective, or above what it is now and the margin."""
    limit = objective if objective is not None else round_digits((row.high or row.value or 0.0) * (1 + margin)) or 0.0
    basis = "the objective" if objective is not None else f"what {row.id} is now and the margin of {margin:g} on top"
    what = MEASURES[row.field].removesuffix(", ms")
    words = f"{what} of {row.workload} on {row.target} under {row.profile} rises above {figure(limit)} ms: {basis}"
    return make_trigger(row.field, (row.workload, row.target, row.profile), "above", limit, words)


def watch_utilisation(run: MeasuredRun, figures: list[CitedFigure], primary: Primary) -> Iterator[Trigger]:
    """How busy the replicas of the side chosen are at the highest rate that the forecast gives as many to."""
    form = "hybrid" if primary == "hybrid" else "service"
    rows = [row for row in (run.forecast.rows if run.forecast else []) if row.kind == form]
    full = [(row, now, most) for row in rows for now, most in busy_shares(row, figures) if most > now]
    if primary == "serverless" or not full:
        return
    row, _, most = min(full, key=lambda each: each[2] / each[1])
    where = f"{row.workload} on {row.target} under {row.profile}"
    busy = f"busy for more than {figure(100 * most)} % of what is paid"
    words = f"the replicas of {where} are {busy}: the forecast has one more beyond it"
    yield make_trigger("utilisation", (row.workload, row.target, row.profile), "above", most, words)


def busy_shares(row: ForecastRow, figures: list[CitedFigure]) -> Iterator[tuple[float, float]]:
    """Of what is paid by the hour, now and at the highest rate of the curve with as many replicas."""
    paid = find(figures, row.target, row.profile, "utilisation", row.workload)
    now = busy_share(row.quantities)
    same = [busy_share(p.quantities) for p in row.curve if p.units_peak == row.units_peak.value]
    most = max((share for share in same if share is not None), default=None)
    if paid is not None and paid.value and now and most:
        yield paid.value, round_digits(min(1.0, paid.value * most / now)) or 0.0


def busy_share(quantities: Quantities) -> float | None:
    """Hours of slots that serve over those of replicas; None where either is not known."""
    busy, units = quantities.busy_hours, quantities.unit_hours
    return busy.value / units.value if busy and units and busy.value is not None and units.value else None
