"""From a stored run to a Costing."""

from harness.cost.nouns import Costing
from harness.price_book import PriceBook
from harness.store import RunFolder
from harness.summary import Summary


def costing_of(run: RunFolder, summary: Summary, book: PriceBook | None = None) -> Costing:
    """At the experiment's expected traffic, by the prices that the run keeps, or those of `book`.

    UsageError when a price is missing or currencies differ; RecordError when the run's own inputs are malformed.
    """
    raise NotImplementedError
