"""All runs of a results folder."""

from pathlib import Path

from harness.errors import RecordError
from harness.files import one_line
from harness.problems import shown
from harness.store import RunFolder


def stored_runs(results: Path) -> tuple[list[RunFolder], list[str]]:
    """Every folder with a readable manifest, each run once, and a line for each folder that is left out."""
    found: dict[str, RunFolder] = {}
    told: list[str] = []
    for path in sorted((results / "runs").glob("*/manifest.json")):
        try:
            folder = RunFolder.open(path.parent)
        except RecordError as error:
            told.append(one_line(str(error)))
            continue
        run = folder.manifest.run
        # Of copies, the folder that is named as the run is the run.
        copies = sorted([folder, *filter(None, [found.get(run)])], key=lambda copy: copy.path.name != run)
        found[run] = copies[0]
        told += [f"{copy.path}: run {shown(run)} is there twice" for copy in copies[1:]]
    return list(found.values()), told
