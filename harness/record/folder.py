"""A run folder: manifest.json, trials.jsonl, requests/, samples/ and gpus/*.parquet, and metered.json where a cloud was
paid; nothing outside it is touched."""

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import RecordError
from harness.files.whole import inside, one_line, ordinary, read_file, replacing, safe_name, saving, sha256
from harness.record.columns import SAMPLES, fit_schema, requests_schema
from harness.record.gpus import GPU_SAMPLES
from harness.record.lines import read_manifest, read_record, read_trials, trial_key
from harness.record.metered import METERED_FILE, METERED_SCHEMA, Metered
from harness.record.nouns import RUN_SCHEMA, Manifest, TrialRecord
from harness.record.parquet import StoredTable, open_table, read_table

KINDS = ("requests", "samples")
"""Tables that a trial leaves, each in a folder of that name."""
GPUS = "gpus"
"""A third one, of a trial whose units had GPUs."""
CHANGED = "changed or cut off after the run: its sha256 is not the trial's"
MOST_BYTES = 64 * 2**20
"""Of manifest.json, of metered.json, and of a line of trials.jsonl; a line with 10,000 units has 3 million."""
ROWS_TOGETHER = 131_072
"""Rows of a Parquet file that are encoded at a time: all of one row group are in memory beside the table."""


class RunFolder:
    """One stored run. `notices` tells what had to be left out while reading.

    One that is stored in an earlier version is read as one of today, and cannot be written to.
    """

    def __init__(self, path: Path, manifest: Manifest, stored_as: str = RUN_SCHEMA) -> None:
        self.path = path.resolve()
        self.manifest = manifest
        self.stored_as = stored_as
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
        for name in KINDS:
            (path / name).mkdir()
        folder.write_manifest()
        return folder

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Read a folder's manifest; RecordError when it is missing, of another version or not readable."""
        try:
            file = inside(path.resolve(), "manifest.json")
            text = read_file(file, MOST_BYTES)
        except (OSError, RuntimeError, ValueError) as error:  # the latter two: symlinks in a circle, no name at all
            reason = getattr(error, "strerror", None) or one_line(str(error))
            raise RecordError(f"{path} is not a run folder: {reason}: name a folder with manifest.json") from None
        return cls(path, *read_manifest(text, file))

    def check_can_grow(self) -> None:
        """RecordError where it is stored in an earlier version: two versions in one folder could be read as neither."""
        if self.stored_as != RUN_SCHEMA:
            problem = f"run {self.manifest.run} is stored as {self.stored_as}, and {RUN_SCHEMA} is what is written"
            raise RecordError(f"{problem}: it can be read, but not continued: start a new run")

    def write_manifest(self) -> None:
        """Replace manifest.json by the current `manifest`, atomically."""
        self.check_can_grow()
        with saving(self.manifest.run, self.path), replacing(inside(self.path, "manifest.json")) as file:
            file.write(self.manifest.model_dump_json(by_alias=True, indent=2).encode() + b"\n")

    def write_metered(self, metered: Metered) -> None:
        """Put what the run consumed of a cloud so far into metered.json, whole or not at all."""
        self.check_can_grow()
        with saving(self.manifest.run, self.path), replacing(inside(self.path, METERED_FILE)) as file:
            file.write(metered.model_dump_json(by_alias=True, indent=2).encode() + b"\n")

    def read_metered(self) -> Metered | None:
        """What the run consumed of a cloud; None where nothing was metered. RecordError with every problem."""
        file = inside(self.path, METERED_FILE)
        try:
            text = read_file(file, MOST_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RecordError(f"{file}: not readable ({error.strerror}): restore it") from None
        return read_record(Metered, text, file, (METERED_SCHEMA,))

    def save_trial(
        self, record: TrialRecord, requests: pa.Table, samples: pa.Table, gpus: pa.Table | None = None
    ) -> TrialRecord:
        """Write all files, then the line that names them, so that no line is ever without its files."""
        self.check_can_grow()
        if self._saved is None:
            self._saved = {trial_key(earlier) for earlier in self.trials()}
        if trial_key(record) in self._saved:
            raise RecordError(f"trial {record.trial} attempt {record.attempt} is stored already: raise `attempt`")
        given = {"requests": requests, "samples": samples} | ({GPUS: gpus} if gpus else {})
        tables = {kind: fit_schema(table, schema_of(kind, record)) for kind, table in given.items()}
        files = {}
        with saving(self.manifest.run, self.path):
            for kind, table in tables.items():
                name = file_name(kind, record)
                (self.path / kind).mkdir(exist_ok=True)
                with replacing(inside(self.path, name)) as file:
                    pq.write_table(table, file, ROWS_TOGETHER, compression="zstd")
                files[name] = sha256(self.path / name)
            saved = record.model_copy(update={"files": files})
            self._append(saved.model_dump_json().encode() + b"\n")
        self._saved.add(trial_key(saved))
        return saved

    def trials(self) -> list[TrialRecord]:
        """Every stored attempt in order; a last line that a crash cut off is dropped and told in `notices`."""
        file = inside(self.path, "trials.jsonl")
        try:
            return read_trials(self._lines(file), file, self.stored_as) if file.exists() else []
        except OSError as error:
            raise RecordError(f"{file}: not readable ({error.strerror}): restore it") from None

    def requests(self, record: TrialRecord, columns: Sequence[str] | None = None) -> pa.Table:
        """One row per scheduled arrival (requests_schema); `columns` keeps memory small."""
        return self._read("requests", record, columns)

    def samples(self, record: TrialRecord, columns: Sequence[str] | None = None) -> pa.Table:
        """One row per unit and moment (SAMPLES)."""
        return self._read("samples", record, columns)

    def gpus(self, record: TrialRecord) -> pa.Table:
        """One row per GPU of its units and moment (GPU_SAMPLES); empty where they had none."""
        has_file = file_name(GPUS, record) in record.files
        return self._read(GPUS, record, None) if has_file else GPU_SAMPLES.empty_table()

    @contextlib.contextmanager
    def open_trial(self, record: TrialRecord, kinds: Sequence[str] = KINDS) -> Iterator["TrialFiles"]:
        """A trial's files, each opened and hashed once. RecordError with a line for each that is not the trial's."""
        with contextlib.ExitStack() as stack:
            tables, damage = {}, []
            for kind in kinds:
                name = file_name(kind, record)
                try:
                    table = stack.enter_context(open_table(inside(self.path, name), name, self.stored_as))
                    difference = None if table.digest() == record.files.get(name) else CHANGED
                    tables[kind] = table
                except (OSError, RecordError) as error:
                    difference = opening_problem(error)
                damage += [f"{name}: {difference}"] if difference else []
            if damage:
                raise RecordError("\n".join(damage))
            yield TrialFiles(tables, record)

    @property
    def remedy(self) -> str:
        """What helps against damaged files."""
        return f"restore it or run the trial again: `frostline run --resume {self.manifest.run}`"

    def find_damage(self, record: TrialRecord) -> list[str]:
        """What keeps a trial's files from being used, a line per file. An INVALID trial may well have left none."""
        return self.verify(record) if record.valid or record.files else []

    def verify(self, record: TrialRecord) -> list[str]:
        """What differs from the sha256 that the trial's line gives; empty when nothing does."""
        differences = {name: self._difference(name, record.files.get(name)) for name in file_names(record)}
        return [f"{name}: {difference}" for name, difference in differences.items() if difference]

    def _difference(self, name: str, wanted: str | None) -> str | None:
        try:
            actual = sha256(inside(self.path, name))
        except (OSError, RecordError) as error:
            return opening_problem(error)
        return None if actual == wanted else CHANGED

    def _read(self, kind: str, record: TrialRecord, columns: Sequence[str] | None) -> pa.Table:
        name = file_name(kind, record)
        return read_table(inside(self.path, name), name, schema_of(kind, record, columns), self.stored_as)

    def _lines(self, file: Path) -> Iterator[bytes]:
        with ordinary(file) as stream:
            for number in itertools.count(1):
                line = stream.readline(MOST_BYTES)
                if line.endswith(b"\n"):
                    yield line
                elif len(line) == MOST_BYTES:
                    raise RecordError(f"{file}: line {number} is longer than {MOST_BYTES:,} bytes: restore it")
                else:
                    if line:
                        self._notice(f"trials.jsonl: line {number} is cut off (the writer stopped there): left out")
                    return

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


@dataclass(frozen=True)
class TrialFiles:
    """Open files of one trial, from which columns are read a few at a time, so that memory stays small."""

    tables: dict[str, StoredTable]
    record: TrialRecord
    """Whose phases and further parts the requests have columns for."""

    def read(self, kind: str, columns: Sequence[str]) -> pa.Table:
        """These columns of `requests` or `samples`."""
        return self.tables[kind].read(schema_of(kind, self.record, columns))


def schema_of(kind: str, record: TrialRecord, columns: Sequence[str] | None = None) -> pa.Schema:
    """The schema of a trial's file of one kind, or of these columns of it."""
    schema = (
        requests_schema(record.phases, record.parts)
        if kind == "requests"
        else {"samples": SAMPLES, GPUS: GPU_SAMPLES}[kind]
    )
    return schema if columns is None else pa.schema([schema.field(column) for column in columns])


def opening_problem(error: OSError | RecordError) -> str:
    """Why a trial's file cannot be read at all."""
    if isinstance(error, FileNotFoundError):
        return "missing"
    if isinstance(error, OSError):
        return f"not readable ({error.strerror})"
    return "a symlink that leads out of the run folder"


def file_name(kind: str, record: TrialRecord) -> str:
    """Path of a trial's file in the run folder, made from its name alone and never taken from `files`."""
    return f"{kind}/{safe_name(record.trial, 'trial')}.{record.attempt}.parquet"


def file_names(record: TrialRecord) -> list[str]:
    """Paths of a trial's files in the run folder."""
    gpus = file_name(GPUS, record)
    return [*(file_name(kind, record) for kind in KINDS), *([gpus] if gpus in record.files else [])]


def latest_attempts(records: list[TrialRecord]) -> list[TrialRecord]:
    """Of each trial the attempt that counts: the last one."""
    latest: dict[str, TrialRecord] = {}
    for record in sorted(records, key=lambda record: record.attempt):
        latest[record.trial] = record
    return sorted(latest.values(), key=lambda record: (record.order, record.trial))


def missing_trials(run: RunFolder, records: list[TrialRecord]) -> list[str]:
    """Planned trials that are not stored."""
    planned, stored = run.manifest.trials, len({record.trial for record in records})
    if stored >= planned and records:
        return []
    resume = f"continue with `frostline run --resume {run.manifest.run}`"
    return [f"unfinished: {stored} of {planned} planned trials are stored: {resume}"]
