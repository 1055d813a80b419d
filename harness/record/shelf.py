"""All runs of a results folder, and the one that is meant by a name."""

from datetime import datetime
from pathlib import Path

from harness.clock import utc_now
from harness.errors import RecordError
from harness.files.problems import quote
from harness.files.whole import one_line
from harness.record.folder import RunFolder
from harness.record.moments import start_of


def list_runs(results: Path, now: datetime | None = None) -> tuple[list[RunFolder], list[str]]:
    """Every run, each once, in the order in which they began, and a line for each folder that is left out: it cannot be
    read, or by its own word it began at no time, or in the future of `now`."""
    runs: dict[str, RunFolder] = {}
    left_out: list[str] = []
    for path in manifests_in(results):
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
    dated = []
    for folder in runs.values():
        try:
            dated.append((start_of(folder.manifest, now or utc_now()), folder))
        except RecordError as error:
            left_out.append(one_line(str(error)))
    return [folder for _, folder in sorted(dated, key=lambda item: (item[0], item[1].manifest.run))], left_out


def manifests_in(results: Path) -> list[Path]:
    """Every manifest.json of results/runs, by name. RecordError where the folder cannot be listed."""
    runs = results / "runs"
    try:
        folders = sorted(runs.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RecordError(f"{runs} cannot be listed ({error.strerror}): make it a readable folder") from None
    return [folder / "manifest.json" for folder in folders if may_be_there(folder / "manifest.json")]


def may_be_there(file: Path) -> bool:
    """Whether there is such a file, or nobody may look: then whoever opens it says so."""
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def find_run(results_dir: Path, name: str) -> RunFolder:
    """The run that is meant by "latest", an id, the beginning of one, or a path; RecordError lists what is there."""
    runs = results_dir / "runs"
    if name == "latest":
        return latest(results_dir)
    names = [path.parent.name for path in manifests_in(results_dir)]
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


def latest(results: Path) -> RunFolder:
    """The run that began last; folders that do not count are named in its notices."""
    folders, left_out = list_runs(results)
    told = [f"not considered for latest: {text}" for text in left_out]
    if not folders:
        raise RecordError("\n".join([f"no readable run in {results / 'runs'}: `frostline run` makes one", *told]))
    folders[-1].notices.extend(told)
    return folders[-1]


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; False also for a name that no folder can have."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
