"""A row of a run as a side of the decision: what it is bought as, and what it used."""

from harness.analysis.fitness import is_batch, unfit
from harness.analysis.summary import Row
from harness.cost.batches import whole_batches
from harness.cost.book import PriceBook
from harness.cost.buying import buy
from harness.cost.month import slots_of
from harness.cost.own_mix import OwnMix
from harness.cost.replicas import carried_rate
from harness.cost.side import Side
from harness.cost.usage import billed_per_arrival, read_use, use_of
from harness.errors import RecordError
from harness.record.capacity import KeptCapacity
from harness.record.folder import RunFolder
from harness.record.stated import DEFAULT_PEAK, SECONDS_PER_MONTH, Economics, objective_of


def price_row(run: RunFolder, row: Row, economics: Economics, book: PriceBook, capacity: KeptCapacity | None) -> Side:
    """A row as a side of the decision. RecordError with the reason where it cannot be priced."""
    if reasons := unfit(row, "cost"):
        raise RecordError("; ".join(reasons))
    objective, expected = objective_of(run.manifest.experiment), economics.expected
    bought = buy(run, row.workload, row.target, row.case, economics, book)
    way = bought.way
    trials = [read_use(run, record, objective.latency_ms if objective else 0.0, way.meter) for record in row.entered]
    use = use_of(trials)
    if use is None or not row.seconds:
        raise RecordError("nothing was answered")
    own = (row.scheduled or 0) / row.seconds * SECONDS_PER_MONTH
    carried, busy_s = None, use.handler_s if way.replicated else use.further_s
    if (by_hour := bought.replicated) is not None:
        if not busy_s > 0:
            raise RecordError("no time in the handler is known, so nothing bounds what a replica carries")
        carried = carried_rate(row, capacity, objective, slots_of(by_hour.purchase) / busy_s)
    grounds = OwnMix(
        use=use,
        trials=trials,
        carried=carried,
        billed=billed_per_arrival(trials) if bought.by_use else None,
        busy_s=busy_s,
        arrivals=expected.requests_per_month if expected else own,
        peak_to_mean=expected.peak if expected else DEFAULT_PEAK,
        sandboxes=economics.priced_as.provisioned_concurrency if bought.by_use else 0,
        source=f"measured: the own mix of run {run.manifest.run}, {len(trials)} trials",
    )
    if is_batch(row):
        grounds = whole_batches(grounds, row, expected, run.manifest.run)
    return Side(row.workload, row.target, row.profile, row.case, bought, grounds)
