"""Parquet files that a stranger may have made: the columns wanted, or one RecordError. Nothing in them is run."""

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import RecordError
from harness.files.whole import one_line, refuse_special
from harness.record.columns import fit_schema
from harness.record.nouns import RUN_SCHEMA
from harness.record.upgrade import fill_requests

MOST_ROWS = 100_000_000
MOST_ROW_GROUPS = 10_000
ROWS_PER_BYTE = {"requests": 1, "samples": 100, "gpus": 100}
"""More rows than this in a byte are a trick: each request has a number of its own, an idle unit's samples are alike."""
FREE_ROWS = 100_000
BYTES_PER_ROW = 2048
CHUNK = 2**20
"""Bytes that are hashed at a time."""
FREE_BYTES = 64 * 2**20


class StoredTable:
    """One Parquet file, opened once: its hash is of the very bytes that its columns are read from afterwards."""

    def __init__(self, source: pa.NativeFile, name: str, stored_as: str) -> None:
        self.name = name
        self.stored_as = stored_as
        self._source = source

    def digest(self) -> str:
        """sha256 of the whole file."""
        digest = hashlib.sha256()
        self._source.seek(0)
        while chunk := self._source.read_buffer(CHUNK):
            digest.update(chunk)
        return digest.hexdigest()

    def read(self, wanted: pa.Schema) -> pa.Table:
        """The columns of `wanted`, with its types. RecordError for whatever is wrong with them."""
        try:
            problems = [*self._tricks, *misfits(self._schema, wanted)]
            if problems:
                raise RecordError("\n".join(f"{self.name}: {problem}" for problem in problems))
            table = self._stored.read(columns=wanted.names)
            table.validate(full=True)
            if self.name.startswith("requests/"):
                table = fill_requests(table, wanted, self.stored_as)
            return fit_schema(table, wanted, self.name)
        except RecordError:
            raise
        except Exception as error:  # of a file that is none, PyArrow may raise nearly anything
            raise RecordError(f"{self.name}: not readable ({one_line(str(error))})") from None

    @cached_property
    def _stored(self) -> pq.ParquetFile:
        return pq.ParquetFile(self._source)

    @cached_property
    def _schema(self) -> pa.Schema:
        return self._stored.schema_arrow

    @cached_property
    def _tricks(self) -> list[str]:
        return tricks(self._stored.metadata, self._source.size(), self.name)


@contextlib.contextmanager
def open_table(file: Path, name: str, stored_as: str = RUN_SCHEMA) -> Iterator[StoredTable]:
    """Open a Parquet file; `name` is its place in its run folder, of that version. OSError when it cannot be opened."""
    refuse_special(file)
    # An open file, not a path: given a path, PyArrow would take folders such as "a=1" for columns. And one of
    # PyArrow's own: its threads would still hold a file of Python's while the interpreter ends.
    try:
        source = pa.OSFile(os.fsencode(file), "rb")
    except OSError as error:  # PyArrow's text names the whole path
        raise OSError(error.errno, os.strerror(error.errno or errno.EIO), str(file)) from None
    with source:
        yield StoredTable(source, name, stored_as)


def read_table(file: Path, name: str, wanted: pa.Schema, stored_as: str = RUN_SCHEMA) -> pa.Table:
    """The columns of `wanted`, with its types, of a file that is opened for them alone."""
    try:
        with open_table(file, name, stored_as) as table:
            return table.read(wanted)
    except OSError as error:
        raise RecordError(f"{name}: not readable ({one_line(str(error))})") from None


def tricks(metadata: pq.FileMetaData, size: int, name: str) -> list[str]:
    """What a file of `size` bytes can't hold, found before memory is taken for it."""
    if metadata.num_row_groups > MOST_ROW_GROUPS:
        return [f"has {metadata.num_row_groups} row groups: at most {MOST_ROW_GROUPS:,} are read"]
    groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
    rows = max(metadata.num_rows, sum(group.num_rows for group in groups))
    most = min(MOST_ROWS, FREE_ROWS + ROWS_PER_BYTE[name.partition("/")[0]] * size)
    if rows > most or min([metadata.num_rows, *(group.num_rows for group in groups)]) < 0:
        return [f"tells of {rows:,} rows in {size:,} bytes: at most {most:,} are believed"]
    unpacked = sum(group.total_byte_size for group in groups)
    if unpacked > FREE_BYTES + BYTES_PER_ROW * rows:
        return [f"tells of {unpacked:,} unpacked bytes for {rows:,} rows: no trial leaves so many"]
    return []


def misfits(stored: pa.Schema, wanted: pa.Schema) -> list[str]:
    """Columns that are there twice, or of a type that is no plain number, text or switch."""
    problems = []
    for name in wanted.names:
        places = stored.get_all_field_indices(name)
        if len(places) > 1:
            problems.append(f"column {name} is there {len(places)} times")
        problems += [f"column {name} is {one_line(str(kind))}" for at in places if not plain(kind := stored.types[at])]
    return problems


def plain(kind: pa.DataType) -> bool:
    """Whether a column of this type may be converted to one of ours."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(text or pa.types.is_null(kind) or pa.types.is_primitive(kind))
