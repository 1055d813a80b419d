"""A side's month by a forecast: its quantities at the expected traffic, and over the rates of its curve."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from harness.cost.book import PriceBook, choose_book
from harness.cost.buying import buy
from harness.cost.curves import Curve, Curves
from harness.cost.month import End, Month, month_of
from harness.cost.nouns import Basis
from harness.cost.side import PriceOf, Side
from harness.errors import RecordError
from harness.record.figures import plural
from harness.record.folder import RunFolder
from harness.record.forecast import METHOD, Forecast, ForecastRow, Quantities, RatePoint
from harness.record.stated import Economics, economics_of

STEPPED = "fixed-replicas"
"""The end of the name of a rule whose replicas change at certain rates only; those of others follow the traffic."""
NO_END = "a quantity of the forecast has no interval"
MILLION = 1e6


@dataclass(frozen=True)
class Forecasted:
    """A row of a forecast. Every end of its cost is that of all its quantities, and is not there where one has none."""

    row: ForecastRow
    source: str
    n: int
    """Resamples."""
    remarks: tuple[str, ...] = ()

    @property
    def basis(self) -> Basis:
        """A forecast."""
        return "forecast"

    @property
    def why(self) -> str | None:
        """Why an end is not there."""
        return None if ends_of(self.row.quantities) else NO_END

    @property
    def method(self) -> str:
        """Of the interval."""
        return METHOD

    @property
    def is_bound(self) -> bool:
        """A forecast takes as many replicas as it says."""
        return False

    @property
    def replicas(self) -> int | None:
        """Of a service: the most at once."""
        peak = self.row.units_peak.value
        if self.row.kind == "hybrid":
            count = self.row.parameters.get("replicas")
            return count if isinstance(count, int) else None
        return round(peak) if self.row.kind == "service" and peak is not None else None

    @property
    def words(self) -> str:
        """On what the replicas rest."""
        return f"by the rule {self.row.rule} in the forecast"

    def month(self, end: End) -> Month | None:
        """The month that is priced."""
        there = end == "value" or ends_of(self.row.quantities)
        return month_of(self.row.quantities, end, self.source) if there else None

    def curves(self, price: PriceOf) -> Curves:
        """Cost over the rates that were forecast, straight between two of them."""
        points = [point for point in self.row.curve if is_told(point.quantities)]
        rates = [point.rps for point in points]

        def curve(end: End) -> Curve | None:
            if end != "value" and not all(ends_of(point.quantities) for point in points):
                return None
            usd = [price(month_of(point.quantities, end, self.source)) for point in points]
            return Curve(partial(interpolate, rates, usd))

        value = curve("value")
        assert value is not None
        return Curves(value, curve("low"), curve("high"), self.n, tuple(rates), tuple(self._jumps(points)))

    def notes(self, price: PriceOf) -> Iterator[str]:
        """What makes the forecast doubtful."""
        yield from (*self.remarks, *self.row.warnings)

    def _jumps(self, points: list[RatePoint]) -> Iterator[tuple[float, float]]:
        for below, above in pairwise(points):
            if self.row.rule.endswith(STEPPED) and hours_of(below) != hours_of(above):
                yield below.rps, above.rps


def hours_of(point: RatePoint) -> float | None:
    """What a point's replicas come to in a month: of a fixed number all hours of each."""
    return point.quantities.unit_hours.value if point.quantities.unit_hours else None


def interpolate(rates: list[float], usd: list[float], rate: float) -> float:
    """Cost at a rate between those that are known."""
    return float(np.interp(rate, rates, usd))


def is_told(quantities: Quantities, *ends: End) -> bool:
    """Whether no quantity is withheld, nor one of these ends of any."""
    try:
        for end in ("value", *ends):
            month_of(quantities, end, "")
    except RecordError:
        return False
    return True


def ends_of(quantities: Quantities) -> bool:
    """Whether every quantity has both ends."""
    return is_told(quantities, "low", "high")


def price_forecast(run: RunFolder, forecast: Forecast, row: ForecastRow, economics: Economics, book: PriceBook) -> Side:
    """A row of the run's forecast as a side of the decision. RecordError with the reason where it cannot be priced."""
    stated, economics = economics.priced_as.provisioned_concurrency, with_provisioned(economics, row)
    bought = buy(run, row.workload, row.target, row.case, economics, book)
    asked = economics.priced_as.provisioned_concurrency
    month = month_of(row.quantities, "value", "")
    if not month.good:
        raise RecordError("nothing was answered well in the forecast month")
    if (bought.replicated is None) is not (month.unit_hours is None) or bought.by_use is (month.billed_s is None):
        raise RecordError("the forecast has no quantities of what it is bought as")
    if asked and bought.by_use and month.overflow_s is None:
        raise RecordError(
            f"priced_as.provisioned_concurrency: {asked}: the forecast was made without: "
            f"make it anew with `frostline forecast {run.manifest.run}`"
        )
    other = asked != stated and bought.by_use
    remarks = [f"forecast with {asked} sandboxes kept warm; the experiment states {stated}"] if other else []
    arrivals = row.quantities.arrivals
    amount = (
        f"{arrivals / MILLION:,.3g} million arrivals" if arrivals >= MILLION else plural(round(arrivals), "arrival")
    )
    return Side(
        workload=row.workload,
        target=row.target,
        profile=row.profile,
        case=row.case,
        bought=bought,
        grounds=Forecasted(
            row,
            f"forecast of run {run.manifest.run} made {forecast.made_at}, {row.profile}, {amount}",
            forecast.resamples,
            tuple(remarks),
        ),
    )


def with_provisioned(economics: Economics, row: ForecastRow) -> Economics:
    """With as many sandboxes kept warm as the row was forecast with, which --set may have changed."""
    count = row.parameters.get("provisioned")
    if not isinstance(count, int):
        return economics
    priced_as = economics.priced_as.model_copy(update={"provisioned_concurrency": count})
    return economics.model_copy(update={"priced_as": priced_as})


def what_ifs_usd(run: RunFolder, forecast: Forecast) -> dict[tuple[str, str, str, str], float]:
    """USD a month that the provider bills, by workload, target, profile and name of the what-if; those that can be."""
    economics, found = economics_of(run.manifest), dict[tuple[str, str, str, str], float]()
    book = choose_book(run, economics, None).book
    for row in forecast.rows:
        for what in row.what_ifs:
            own = {name: getattr(what, name) for name in ("case", "rule", "parameters", "quantities")}
            try:
                side = price_forecast(run, forecast, row.model_copy(update={**own, "curve": []}), economics, book)
            except RecordError:
                continue
            if (usd := side.cost().per_month_usd.value) is not None:
                found[row.workload, row.target, row.profile, what.name] = usd
    return found
