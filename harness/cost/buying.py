"""What a target of a run is bought as."""

from harness.cost.bill import Bought
from harness.cost.book import PriceBook
from harness.cost.platforms import way_for
from harness.errors import RecordError
from harness.record.folder import RunFolder
from harness.record.nouns import Case
from harness.record.stated import Economics

BYTES_PER_GB = 1e9


def buy(run: RunFolder, workload: str, target: str, case: Case, economics: Economics, book: PriceBook) -> Bought:
    """The nearest size that is sold of what was measured. RecordError with the reason where there is none."""
    parts = run.manifest.target(target).parts
    if len(parts) > 1:
        raise RecordError(f"a bill of several parts is not known here, and it has {len(parts)}")
    way = way_for(parts[0].bought_as if parts else None)
    purchase = way.purchase(case, economics.priced_as.architecture)
    return Bought(way, purchase, economics, book, image_gb(run, workload, target))


def image_gb(run: RunFolder, workload: str, target: str) -> float | None:
    """Size of the image that it ran from; None where there was none."""
    size = run.manifest.packages.get(f"{workload}/{target}", {}).get("size_bytes")
    return size / BYTES_PER_GB if isinstance(size, int) and size > 0 else None
