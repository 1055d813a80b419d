"""All runs of a results folder, and the one that is meant by a name."""

from pathlib import Path

from harness.errors import RecordError
from harness.files.problems import quote
from harness.files.whole import one_line
from harness.record.folder import RunFolder


def list_runs(results: Path) -> tuple[list[RunFolder], list[str]]:
    """Every folder with a readable manifest, each run once, and a line for each folder that is left out."""
    runs: dict[str, RunFolder] = {}
    left_out: list[str] = []
    for path in sorted((results / "runs").glob("*/manifest.json")):
        try:
            folder = RunFolder.open(path.parent)
        except RecordError as error:
            left_out.append(one_line(str(error)))
            continue
        run = folder.manifest.run
        # Of copies, the folder that is named as the run is the run.
        copies = sorted([folder, *filter(None, [runs.get(run)])], key=lambda copy: copy.path.name != run)
        runs[run] = copies[0]
        left_out += [f"{copy.path}: run {quote(run)} is there twice" for copy in copies[1:]]
    return list(runs.values()), left_out


def find_run(results_dir: Path, name: str) -> RunFolder:
    """The run that is meant by "latest", an id, the beginning of one, or a path; RecordError lists what is there."""
    runs = results_dir / "runs"
    names = sorted(path.parent.name for path in runs.glob("*/manifest.json"))
    if name == "latest":
        return latest(runs, names)
    if name in names:
        return RunFolder.open(runs / name)
    if is_folder(Path(name)):
        return RunFolder.open(Path(name))
    fitting = [run for run in names if run.startswith(name)]
    if len(fitting) == 1:
        return RunFolder.open(runs / fitting[0])
    if fitting:
        raise RecordError(f"run {quote(name)} may mean any of: {', '.join(fitting)}: give more of the id")
    known = f"there are: {', '.join(names)}" if names else "there are none yet: `frostline run` makes one"
    raise RecordError(f"run {quote(name)} is not in {runs}: {known}")


def latest(runs: Path, names: list[str]) -> RunFolder:
    """The run that began last; folders that cannot be read are named in its notices."""
    folders, unreadable = [], []
    for name in names:
        try:
            folders.append(RunFolder.open(runs / name))
        except RecordError as error:
            unreadable.append(f"not considered for latest: {error}")
    if not folders:
        raise RecordError("\n".join([f"no readable run in {runs}: `frostline run` makes one", *unreadable]))
    newest = max(folders, key=lambda folder: (folder.manifest.started_at, folder.manifest.run))
    newest.notices.extend(unreadable)
    return newest


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; False also for a name that no folder can have."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
