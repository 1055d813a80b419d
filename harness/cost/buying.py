"""What a target of a run is bought as."""

from typing import cast

from harness.cost.bill import Bought
from harness.cost.book import PriceBook
from harness.cost.platforms import way_for
from harness.errors import RecordError
from harness.record.folder import RunFolder
from harness.record.nouns import Case
from harness.record.stated import Economics

BYTES_PER_GB = 1e9
SIZE = ("memory_mb", "cpus", "accelerators")


def buy(run: RunFolder, workload: str, target: str, case: Case, economics: Economics, book: PriceBook) -> Bought:
    """The nearest size that is sold of what was measured. RecordError with the reason where there is none."""
    facts = run.manifest.target(target)
    parts = facts.parts
    if len(parts) > 1 and facts.form is None:
        kinds = " before ".join(part.kind for part in parts)
        raise RecordError(f"a bill of several parts is not known here but of a function before a service: {kinds}")
    image, beside = image_gb(run, workload, target), server_beside(run, workload, target)

    def bought(bought_as: str | None, own: Case, *further: Bought) -> Bought:
        way = way_for(bought_as)
        return Bought(way, way.purchase(own, economics.priced_as.architecture), economics, book, image, further, beside)

    behind = [bought(part.bought_as, case_of(case, part.name)) for part in parts[1:]]
    return bought(parts[0].bought_as if parts else None, case, *behind)


def case_of(case: Case, part: str) -> Case:
    """The size of a further part, under the names that a size has."""
    own = {name: case[key] for name in SIZE if (key := f"{part}_{name}") in case}  # type: ignore[literal-required]
    return cast(Case, own)


def image_gb(run: RunFolder, workload: str, target: str) -> float | None:
    """Size of the image that it ran from; None where there was none."""
    size = run.manifest.packages.get(f"{workload}/{target}", {}).get("size_bytes")
    return size / BYTES_PER_GB if isinstance(size, int) and size > 0 else None


def server_beside(run: RunFolder, workload: str, target: str) -> str:
    """The kind of server that was started for its units, such as a store; "" where there was none."""
    facts = run.manifest.packages.get(f"{workload}/{target}", {}).get("backing")
    return str(facts.get("server", "")) if isinstance(facts, dict) else ""
