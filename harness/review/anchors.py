"""Runs of a results folder by what a review needs them for: the cited one, its anchor, the newest."""

from collections.abc import Iterator
from pathlib import Path

from harness.errors import RecordError
from harness.files.whole import safe_name
from harness.record.folder import RunFolder
from harness.record.shelf import stored_runs


def cited_run(results: Path, run: str) -> RunFolder:
    """By its whole id. RecordError when it is not there or not readable."""
    folder = results / "runs" / safe_name(run, "run")
    if not (folder / "manifest.json").exists():
        raise RecordError(f"run {run} is not in {results / 'runs'}: restore it, or write a new review of another run")
    return RunFolder.open(folder)


def runs_of(results: Path, experiment: str) -> Iterator[RunFolder]:
    """Every readable run of an experiment; `check` tells of the others."""
    for folder in stored_runs(results)[0]:
        if folder.manifest.experiment.get("name") == experiment and folder.path.name == folder.manifest.run:
            yield folder


def anchor_of(results: Path, experiment: str, previous: str, other_than: str) -> str | None:
    """The newest finished run that deployed the images of `previous` again."""
    found = [
        folder.manifest
        for folder in runs_of(results, experiment)
        if folder.manifest.anchor.get("run") == previous and folder.manifest.run != other_than
    ]
    finished = [manifest for manifest in found if manifest.finished_at]
    return max(finished, key=lambda m: (m.started_at, m.run)).run if finished else None


def newest_run(results: Path, experiment: str, cited: RunFolder) -> RunFolder:
    """The finished run that began last and is no anchor; at least the cited one."""
    found = [f for f in runs_of(results, experiment) if f.manifest.finished_at and not f.manifest.anchor]
    return max([*found, cited], key=lambda f: (f.manifest.started_at, f.manifest.run))
