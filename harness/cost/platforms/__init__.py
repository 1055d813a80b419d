"""Ways of buying, a file each: what is sold, what is metered, which lines a bill has. Found by listing this folder."""

from importlib import import_module
from pkgutil import iter_modules

from harness.cost.bill import Way
from harness.errors import RecordError
from harness.files.problems import quote
from harness.record.nouns import TargetFacts


def way_for(target: TargetFacts) -> Way:
    """The way that a target says that it is bought. RecordError where it does not say, or it is none of those here."""
    names = sorted(module.name for module in iter_modules(__path__))
    if len(target.parts) > 1:
        parts = ", ".join(part.name for part in target.parts)
        raise RecordError(f"a bill of several parts is not known here: {parts}"[:200])
    bought_as = target.parts[0].bought_as if target.parts else None
    if bought_as not in names:
        raise RecordError(f"bought_as {quote(bought_as)} is no way of buying that is known here: {', '.join(names)} are")
    way: Way = import_module(f"{__name__}.{bought_as}").WAY
    return way
