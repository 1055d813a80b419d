"""From a stored run to its forecast: each workload under each traffic, all sides in turn under the same arrivals."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from harness.analysis.summary import Summary
from harness.errors import RecordError, UsageError
from harness.forecast.compiled import why_plain
from harness.forecast.grid import Grid
from harness.forecast.month import Draws
from harness.forecast.order import Order
from harness.forecast.rows import Ruled, row_of, ruled
from harness.forecast.rules import service_rule
from harness.forecast.sides import Side, sides_of
from harness.forecast.spells import DAY_S, few
from harness.forecast.traffic import Month, chosen_profiles, month_of, month_of_trace
from harness.forecast.what_ifs import what_ifs
from harness.record.capacity import Goal
from harness.record.folder import RunFolder
from harness.record.forecast import FORECAST_SCHEMA, Forecast, ForecastRow, Traffic, trials_sha256
from harness.record.stated import economics_of, objective_of

REQUESTS, FEWEST, MOST = 1_200_000, 40, 200
"""Simulated for a side over all resamples, and how many these are: the more, the less there is in a month."""
AT_LEAST = 6_000_000.0
"""Requests that the shortest resamples may come to; of the highest rates there are fewer than `FEWEST`."""
TICKS, LEAST_REQUESTS = 1_000_000, 1000.0
"""Of a rule that decides anew all the time, over all resamples, and the fewest requests of one."""
Tell = Callable[[str], None]


@dataclass
class Made:
    """What has come together so far."""

    tell: Tell
    traffic: list[Traffic] = field(default_factory=list)
    rows: list[ForecastRow] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    resamples: int = 0
    requests: int = 0


def make_forecast(run: RunFolder, summary: Summary, order: Order, made_at: str, tell: Tell = print) -> Forecast:
    """The month of a run. UsageError for what was asked for and cannot be; a side that cannot be is told in it.

    `took_s` is 0: whoever has a clock sets it.
    """
    objective = objective_of(run.manifest.experiment)
    made = Made(tell)
    for month in months_of(run, order, made):
        tell(f"forecast: {month.traffic.name} at {month.rps:.3g} requests/s")
        add_month(run, summary, order, month, made)
    plain = why_plain()
    return Forecast(
        schema=FORECAST_SCHEMA,
        run=run.manifest.run,
        trials_sha256=trials_sha256(run),
        made_at=made_at,
        seed=order.seed_of(run.manifest),
        resamples=made.resamples,
        requests=made.requests,
        took_s=0,
        compiled=plain is None,
        objective=Goal(percentile=objective.percentile, latency_ms=objective.latency_ms) if objective else None,
        traffic=made.traffic,
        rows=made.rows,
        withheld=list(dict.fromkeys(made.withheld)),
        notices=[f"not compiled, so that it takes longer ({plain}); the numbers are the same"] if plain else [],
    )


def months_of(run: RunFolder, order: Order, made: Made) -> Iterator[Month]:
    """The traffic that is asked for; a profile that cannot have the rate is withheld."""
    seed = order.seed_of(run.manifest)
    if order.trace is not None:
        yield month_of_trace(order.trace, order.rps, order.days, seed)
        return
    profiles, rps = chosen_profiles(run.manifest, order.profile), order.rps or expected_rps(run)
    if not profiles:
        raise UsageError(["--profile: the experiment has none: name one, e.g. --profile steady"])
    if rps is None:
        raise UsageError(["--rps: the experiment states no `expected` traffic: give requests per second, e.g. --rps 2"])
    for label, choice in profiles.items():
        try:
            yield month_of(label, choice, rps, order.days, seed)
        except RecordError as error:
            made.withheld += [f"{label}: {line}" for line in str(error).split("\n")]


def expected_rps(run: RunFolder) -> float | None:
    """Mean rate of the traffic that the experiment expects; None where it states none."""
    expected = economics_of(run.manifest).expected
    return expected.mean_rps if expected else None


def add_month(run: RunFolder, summary: Summary, order: Order, month: Month, made: Made) -> None:
    """Forecast every side under one traffic."""
    objective = objective_of(run.manifest.experiment)
    profile = None if month.traffic.source == "trace" else month.traffic.name
    sides, withheld = sides_of(run, summary, profile)
    made.withheld += [f"{month.traffic.name}: {line}" for line in withheld]
    if not sides:
        return
    rounds = sorted({number for side in sides for number in side.rounds})
    draws = Draws(month, month.rps, objective, rounds, *sizes_of(month, tick_of(order)))
    made.traffic.append(month.traffic.model_copy(update={"simulated_days": draws.seconds[1] / DAY_S}))
    made.resamples = max(made.resamples, draws.count)
    for _, of_workload in groupby(sides, key=lambda side: side.row.workload):
        add_workload(run, list(of_workload), order, draws, made)
    made.requests += draws.requests


def tick_of(order: Order) -> float:
    """Seconds between two decisions of the replicas' rule that is asked for; infinite without one."""
    rule = service_rule(order.settings)
    return math.inf if rule is None else rule.tick_s


def sizes_of(month: Month, tick_s: float) -> tuple[int, float]:
    """Resamples, and requests of each: fewer where a rule that decides every `tick_s` would be asked too often."""
    whole = month.rps * DAY_S * month.traffic.days
    count = int(min(MOST, max(FEWEST, REQUESTS / whole)))
    count = few(count, month.rps, AT_LEAST)
    most = REQUESTS / count
    if math.isfinite(tick_s):
        most = min(most, max(LEAST_REQUESTS, month.rps * tick_s * TICKS / count))
    return count, min(whole, most)


def add_workload(run: RunFolder, sides: list[Side], order: Order, draws: Draws, made: Made) -> None:
    """The rows of one workload: its sides as measured first, then other sizes of the same targets as what-ifs."""
    main, sizes = dict[str, Side](), list[Side]()
    for side in sides:
        if main.setdefault(side.row.target, side) is not side:
            sizes.append(side)
    chosen = list[Ruled]()
    for side in main.values():
        try:
            chosen.append(ruled(run.manifest, side, order.settings, draws))
        except RecordError as error:
            made.withheld += [f"{draws.month.traffic.name}: {side.name}: {line}" for line in str(error).split("\n")]
    made.tell(f"forecast: {draws.month.traffic.name}: {sides[0].row.workload}: a curve over rates")
    grid = Grid(draws.month, draws.objective, draws.rounds, chosen)
    curves = grid.curves()
    made.requests += grid.requests
    for of, curve in zip(chosen, curves, strict=True):
        others = [size for size in sizes if size.row.target == of.side.row.target]
        made.tell(f"forecast: {draws.month.traffic.name}: {of.side.name}: the month and what if")
        row = row_of(of, draws)
        made.rows.append(row.model_copy(update={"curve": curve, "what_ifs": what_ifs(of, others, draws)}))
