"""A file of a workload that runs at once, in a folder that mirrors the tree."""

from pathlib import Path

import targets
from harness.errors import UsageError
from harness.files.problems import quote
from targets.names import USABLE

EXAMPLE = Path(__file__).parent / "example.txt"


def write_workload(name: str, folder: Path) -> Path:
    """Write it, and return where. UsageError for a name that is none or taken, and for a file that is there."""
    module = name.replace("-", "_")
    if not USABLE.fullmatch(module):
        raise UsageError([f"NAME: {quote(name)} is not accepted: a-z first, then a-z, 0-9 and -"])
    if name in targets.workload_names():
        raise UsageError([f"NAME: there is a workload {name} already, in {targets.workload_file(name)}: take another"])
    place = folder / "targets" / "workloads" / f"{module}.py"
    if odd := [path for path in (folder / "targets", place.parent) if (path / "__init__.py").exists()]:
        raise UsageError([f"--into: {odd[0]} has an __init__.py, so it adds to nothing: name another folder"])
    text = EXAMPLE.read_text("utf-8")
    text = text.replace("@NAME@", name.replace("_", "-")).replace("@CLASS@", _class_name(module))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError([f"NAME: {place} is there already, and is left as it is: take another name"]) from None
    except OSError as error:
        raise UsageError([f"--into: {place} cannot be written ({error.strerror}): name another folder"]) from error
    return place


def _class_name(module: str) -> str:
    return "".join(part.capitalize() for part in module.split("_"))
