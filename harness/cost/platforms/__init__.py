"""Ways of buying, a file each: what is sold, what is metered, which lines a bill has. Found by listing this folder."""

from importlib import import_module
from pkgutil import iter_modules

from harness.cost.bill import Way
from harness.errors import RecordError
from harness.files.problems import quote


def way_for(bought_as: str | None) -> Way:
    """The way of this name. RecordError that lists the names there are."""
    names = sorted(module.name for module in iter_modules(__path__))
    if bought_as not in names:
        known = ", ".join(names)
        raise RecordError(f"bought_as {quote(bought_as)} is no way of buying that is known here: {known} are")
    way: Way = import_module(f"{__name__}.{bought_as}").WAY
    return way
