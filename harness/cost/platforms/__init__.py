"""Ways of buying, a file each: what is sold, what is metered, which lines a bill has. Found by listing this folder."""

from importlib import import_module
from pkgutil import iter_modules

from harness.cost.bill import Way
from harness.errors import RecordError
from harness.files.problems import quote


def way_for(kind: object) -> Way:
    """The way that targets of this kind are bought. RecordError that lists the kinds there are."""
    names = sorted(module.name for module in iter_modules(__path__))
    ways: list[Way] = [import_module(f"{__name__}.{name}").WAY for name in names]
    match = next((way for way in ways if way.kind == kind), None)
    if match is None:
        known = ", ".join(way.kind for way in ways)
        raise RecordError(f"kind {quote(kind)} is bought in no way that is known here: {known} are")
    return match
