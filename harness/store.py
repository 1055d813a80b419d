"""A run folder: manifest.json, trials.jsonl, requests/*.parquet, samples/*.parquet; nothing outside it is touched."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from harness.columns import REQUESTS, SAMPLES, fitted, upgraded
from harness.errors import RecordError
from harness.files import inside, replacing, safe_name, sha256
from harness.records import RUN_SCHEMA, Manifest, TrialRecord

__all__ = ["REQUESTS", "SAMPLES", "RunFolder", "find_run", "trial_key"]

SCHEMAS = {"requests": REQUESTS, "samples": SAMPLES}


class RunFolder:
    """One stored run. `notices` tells what had to be left out while reading."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path.resolve()
        self.manifest = manifest
        self.notices: list[str] = []
        self._saved: set[tuple[str, int]] | None = None

    @classmethod
    def create(cls, results_dir: Path, manifest: Manifest) -> "RunFolder":
        """Make results_dir/runs/<run>/; RecordError when the id is no file name or is taken."""
        path = results_dir / "runs" / safe_name(manifest.run, "run")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            raise RecordError(f"run {manifest.run}: {path} exists already: choose another id or resume it") from None
        except OSError as error:
            raise RecordError(f"{path} cannot be made: {error.strerror}: choose another --results") from None
        folder = cls(path, manifest)
        for name in SCHEMAS:
            (path / name).mkdir()
        folder.write_manifest()
        return folder

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Read a folder's manifest; RecordError when it is missing, of another version or not readable."""
        file = inside(path.resolve(), "manifest.json")
        try:
            text = file.read_bytes()
        except OSError as error:
            raise RecordError(
                f"{path} is not a run folder: {error.strerror}: name a folder with manifest.json"
            ) from None
        return cls(path, read_manifest(text, file))

    def write_manifest(self) -> None:
        """Replace manifest.json by the current `manifest`, atomically."""
        with replacing(inside(self.path, "manifest.json")) as file:
            file.write(self.manifest.model_dump_json(by_alias=True, indent=2).encode() + b"\n")

    def save_trial(self, record: TrialRecord, requests: pa.Table, samples: pa.Table) -> TrialRecord:
        """Write both files, then the line that names them, so that no line is ever without its files."""
        if self._saved is None:
            self._saved = {trial_key(earlier) for earlier in self.trials()}
        if trial_key(record) in self._saved:
            raise RecordError(f"trial {record.trial} attempt {record.attempt} is stored already: raise `attempt`")
        tables = {"requests": fitted(requests, REQUESTS), "samples": fitted(samples, SAMPLES)}
        files = {}
        for kind, table in tables.items():
            name = file_name(kind, record)
            with replacing(inside(self.path, name)) as file:
                pq.write_table(table, file, compression="zstd")
            files[name] = sha256(self.path / name)
        saved = record.model_copy(update={"files": files})
        self._append(saved.model_dump_json().encode() + b"\n")
        self._saved.add(trial_key(saved))
        return saved

    def trials(self) -> list[TrialRecord]:
        """Every stored attempt in order; a last line that a crash cut off is dropped and told in `notices`."""
        file = inside(self.path, "trials.jsonl")
        lines = file.read_bytes().split(b"\n") if file.exists() else [b""]
        if lines.pop():
            self._notice(f"trials.jsonl: line {len(lines) + 1} is cut off (the writer stopped there): left out")
        return read_trials(lines, file)

    def requests(self, record: TrialRecord, columns: Sequence[str] | None = None) -> pa.Table:
        """One row per scheduled arrival (REQUESTS); `columns` keeps memory small."""
        return self._read("requests", record, columns)

    def samples(self, record: TrialRecord, columns: Sequence[str] | None = None) -> pa.Table:
        """One row per unit and moment (SAMPLES)."""
        return self._read("samples", record, columns)

    def verify(self, record: TrialRecord) -> list[str]:
        """What differs from the sha256 that the trial's line gives; empty when nothing does."""
        problems = []
        for kind in SCHEMAS:
            name = file_name(kind, record)
            file, wanted = inside(self.path, name), record.files.get(name)
            if not file.is_file():
                problems.append(f"{name}: missing: restore it or run the trial again")
            elif sha256(file) != wanted:
                problems.append(f"{name}: sha256 is not {wanted}: the file was changed after the run")
        return problems

    def _read(self, kind: str, record: TrialRecord, columns: Sequence[str] | None) -> pa.Table:
        name, schema = file_name(kind, record), SCHEMAS[kind]
        wanted = list(schema.names if columns is None else columns)
        try:
            # An open file, not a path: given a path, PyArrow would take folders such as "a=1" for columns. And one of
            # PyArrow's own: its threads would still hold a file of Python's while the interpreter ends.
            with pa.OSFile(str(inside(self.path, name)), "rb") as file:
                table = upgraded(pq.ParquetFile(file).read(columns=wanted), wanted)
        except (OSError, pa.ArrowException) as error:
            raise RecordError(f"{name}: not readable ({error}): restore it or run the trial again") from None
        return fitted(table, pa.schema([schema.field(column) for column in wanted]), name)

    def _append(self, line: bytes) -> None:
        file = inside(self.path, "trials.jsonl")
        with file.open("r+b" if file.exists() else "x+b") as stream:
            whole = stream.read().rfind(b"\n") + 1
            stream.truncate(whole)
            stream.seek(whole)
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())

    def _notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)


def find_run(results_dir: Path, name: str) -> RunFolder:
    """The run that is meant by "latest", an id, the beginning of one, or a path; RecordError lists what is there."""
    runs = results_dir / "runs"
    there = sorted(path.parent.name for path in runs.glob("*/manifest.json"))
    if name == "latest":
        return latest(runs, there)
    if name in there:
        return RunFolder.open(runs / name)
    if Path(name).is_dir():
        return RunFolder.open(Path(name))
    fitting = [run for run in there if run.startswith(name)]
    if len(fitting) == 1:
        return RunFolder.open(runs / fitting[0])
    if fitting:
        raise RecordError(f"run {name!r} may mean any of: {', '.join(fitting)}: give more of the id")
    known = f"there are: {', '.join(there)}" if there else "there are none yet: `frostline run` makes one"
    raise RecordError(f"run {name!r} is not in {runs}: {known}")


def latest(runs: Path, there: list[str]) -> RunFolder:
    """The run that began last; folders that cannot be read are named in its notices."""
    folders, unreadable = [], []
    for name in there:
        try:
            folders.append(RunFolder.open(runs / name))
        except RecordError as error:
            unreadable.append(f"not considered for latest: {error}")
    if not folders:
        raise RecordError("\n".join([f"no readable run in {runs}: `frostline run` makes one", *unreadable]))
    newest = max(folders, key=lambda folder: (folder.manifest.started_at, folder.manifest.run))
    newest.notices.extend(unreadable)
    return newest


def trial_key(record: TrialRecord) -> tuple[str, int]:
    """What no two lines of trials.jsonl share."""
    return record.trial, record.attempt


def file_name(kind: str, record: TrialRecord) -> str:
    """Path of a trial's file in the run folder, made from its name alone and never taken from `files`."""
    return f"{kind}/{safe_name(record.trial, 'trial')}.{record.attempt}.parquet"


def read_manifest(text: bytes, file: Path) -> Manifest:
    """A manifest of a version that this reader knows."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise RecordError(f"{file}: not JSON ({error}): restore it") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != RUN_SCHEMA:
        raise RecordError(f"{file}: schema {schema!r} is not known, this reader knows {RUN_SCHEMA!r}: use its version")
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        raise RecordError("\n".join(problems_of(error, str(file)))) from None


def read_trials(lines: list[bytes], file: Path) -> list[TrialRecord]:
    """Every line, or one RecordError with all problems."""
    records: dict[tuple[str, int], TrialRecord] = {}
    problems = []
    for number, line in enumerate(lines, 1):
        place = f"{file}: line {number}"
        try:
            record = TrialRecord.model_validate_json(line)
            safe_name(record.trial, "trial")
        except ValidationError as error:
            problems += problems_of(error, place)
        except RecordError as error:
            problems.append(f"{place}: {error}")
        else:
            if trial_key(record) in records:
                problems.append(f"{place}: trial {record.trial!r} attempt {record.attempt} is there twice: delete one")
            records[trial_key(record)] = record
    if problems:
        raise RecordError("\n".join([*problems, "restore the lines named, or delete them and resume the run"]))
    return list(records.values())


def problems_of(error: ValidationError, place: str) -> list[str]:
    """One line per problem: field, value, what is wrong."""
    problems = []
    for problem in error.errors(include_url=False):
        field = ascii(".".join(map(str, problem["loc"])) or "all")[1:-1]
        problems.append(f"{place}: {field}: {problem['msg']} (got {str(problem['input'])[:80]!a})")
    return problems
