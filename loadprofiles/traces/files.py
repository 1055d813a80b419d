"""A file as blocks of named columns, a few MiB at a time: CSV, a line of JSON per row, Parquet, or bare numbers."""

import csv
import io
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from loadprofiles.traces.trace import TraceError

Columns = dict[str, pa.Array]
BLOCK_BYTES = 4 * 2**20
MOST_HEAD_BYTES = 8 * 2**20
LONGEST_LINE_BYTES = 64 * 2**20
BATCH_ROWS = 2**18
LOOKED_AT = 100
"""Rows that tell what a file's columns are."""
NAMELESS = "value"
"""What the column of a file without a header is called."""
DATE = re.compile(r"\d{4}-\d\d-\d\d")
NO_OBJECT = re.compile(rb"^\s*[^{\s]", re.MULTILINE)
"""A line that begins otherwise than an object does."""
PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
    b"Rar!": "rar",
    b"7z\xbc\xaf": "7z",
    b"\x28\xb5\x2f\xfd": "zstd",
}


@dataclass
class Source:
    """A file that can be read in blocks, once its columns are known."""

    path: Path
    columns: list[str]
    first: dict[str, Any]
    """The first value of each column, as text where the file has no types; None where the first rows have none."""
    read: Callable[["Source", Sequence[str]], Iterator[Columns]]
    typed: bool = True
    """Whether it tells numbers from text."""
    malformed: int = 0
    """Rows that are none."""
    oddity: str = "no JSON object"
    """What such a row has."""

    def blocks(self, names: Sequence[str]) -> Iterator[Columns]:
        """These columns, a block of rows at a time. TraceError where the file cannot be read on."""
        try:
            yield from self.read(self, names)
        except (pa.ArrowException, OSError) as error:
            raise TraceError(f"{self.path} cannot be read: {brief(error)}") from error


def open_source(path: Path) -> Source:
    """Look at a file's first bytes. TraceError where it is none, empty, packed, or neither text nor Parquet."""
    try:
        if not path.is_file():
            raise TraceError(f"{path} is not a file: name a trace in CSV, JSONL or Parquet")
        with path.open("rb") as file:
            head = file.read(MOST_HEAD_BYTES)
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {brief(error)}") from error
    if head.startswith(b"PAR1"):
        return _parquet(path)
    text = _text(path, head)
    return _json(path, text) if text.lstrip().startswith("{") else _csv(path, text)


def brief(error: BaseException) -> str:
    """An error's message on one line, shortened; of the operating system's only what it means."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(ascii(said)[1:-1].split())[:200]


def _text(path: Path, head: bytes) -> str:
    """The begin of a text. TraceError with what the file is instead."""
    for magic, kind in PACKED.items():
        if head.startswith(magic):
            raise TraceError(f"{path} is packed ({kind}): unpack it first")
    if b"\0" in head:
        raise TraceError(f"{path} is neither text nor Parquet: a trace is CSV, JSONL or Parquet, text as UTF-8")
    text = head.decode("utf-8-sig", errors="replace")
    if not text.strip():
        raise TraceError(f"{path} is empty: it holds no arrivals")
    if "\r" in text.strip() and "\n" not in text:
        raise TraceError(
            f"{path} has no line that ends in a newline, but carriage returns alone, as of an old Mac: end each line "
            "in a newline"
        )
    if text.lstrip().startswith("["):
        raise TraceError(f"{path} is one JSON array: write one object per line (JSONL)")
    return text


# CSV, and bare numbers


def _csv(path: Path, head: str) -> Source:
    lines = head.split("\n")
    at = next(at for at, line in enumerate(lines) if line.strip())
    delimiter = max(",;\t", key=lines[at].count)
    rows = [_fields(line, delimiter) for line in lines[at : at + 20] if line.strip()]
    if len(rows[0]) == 1 and _is_value(rows[0][0]):
        names, skipped, first = [NAMELESS], at, rows[0]
    else:
        names, skipped, first = rows[0], at + 1, rows[1] if len(rows) > 1 else []
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TraceError(f"{path} has column {twice[0][:80]!a} twice: rename one of the two")

    def read(source: Source, wanted: Sequence[str]) -> Iterator[Columns]:
        form = pyarrow.csv.ConvertOptions(
            include_columns=list(wanted), column_types=dict.fromkeys(wanted, pa.binary()), check_utf8=False
        )
        with path.open("rb") as file:
            for _ in range(skipped):
                file.readline()
            for block in _whole_lines(path, file):
                if block.strip():
                    yield _rows(source, block, delimiter, form)

    return Source(
        path, names, dict(zip(names, first, strict=False)), read, typed=False, oddity="another number of fields"
    )


def _rows(source: Source, block: bytes, delimiter: str, form: pyarrow.csv.ConvertOptions) -> Columns:
    """A block's columns as bytes; rows of another number of fields are skipped and counted."""
    if not block.isascii():  # a skipped row is handed over as text, whatever it is
        block = block.decode(errors="replace").encode()
    skipped: list[Any] = []

    def skip(row: Any) -> str:
        skipped.append(row)
        return "skip"

    table = pyarrow.csv.read_csv(
        io.BytesIO(block),
        pyarrow.csv.ReadOptions(column_names=source.columns, block_size=len(block) + 1, use_threads=False),
        pyarrow.csv.ParseOptions(delimiter=delimiter, invalid_row_handler=skip),
        form,
    )
    found, lines = table.num_rows + len(skipped), block.count(b"\n") + (not block.endswith(b"\n"))
    if found != lines and found != len(split := [line for line in block.decode().split("\n") if line.strip()]):
        return _fields_by_line(source, split, delimiter, form.include_columns)  # a quote without end hid some
    source.malformed += len(skipped)
    return {name: table[name].combine_chunks() for name in table.column_names}


def _fields_by_line(source: Source, lines: list[str], delimiter: str, wanted: Sequence[str]) -> Columns:
    rows = [fields for line in lines if len(fields := _fields(line, delimiter)) == len(source.columns)]
    source.malformed += len(lines) - len(rows)
    places = {name: source.columns.index(name) for name in wanted}
    return {name: pa.array([fields[place] for fields in rows], pa.string()) for name, place in places.items()}


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return [field.strip() for field in next(csv.reader([line], delimiter=delimiter), [""])]
    except csv.Error:  # e.g. a field that is longer than that reader takes
        return line.split(delimiter)


def _is_value(text: str) -> bool:
    """A number, or the begin of a date: no column is called so."""
    try:
        float(text)
    except ValueError:
        return DATE.match(text) is not None
    return True


# JSON, one object per line


def _json(path: Path, head: str) -> Source:
    objects = (found for line in head.splitlines() if (found := _object(line)) is not None)
    first = _first_values(itertools.islice(objects, LOOKED_AT))
    if not first:
        raise TraceError(f"{path} looks like JSON and has no whole object on a line: write one object per line (JSONL)")

    def read(source: Source, wanted: Sequence[str]) -> Iterator[Columns]:
        kinds = [(name, pa.string() if isinstance(first.get(name), str) else pa.float64()) for name in wanted]
        with path.open("rb") as file:
            for block in _whole_lines(path, file):
                yield _parsed(source, block, kinds)

    return Source(path, list(first), first, read)


def _first_values(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    first: dict[str, Any] = {}
    for row in rows:
        first |= {name: value for name, value in row.items() if first.get(name) is None}
    return first


def _whole_lines(path: Path, file: BinaryIO) -> Iterator[bytes]:
    rest = file.read(3).removeprefix(b"\xef\xbb\xbf")
    while piece := file.read(BLOCK_BYTES):
        whole, newline, tail = piece.rpartition(b"\n")
        if newline:
            yield rest + whole + newline
            rest = tail
        else:
            rest += piece
        if len(rest) > LONGEST_LINE_BYTES:
            raise TraceError(f"{path} has a line of more than {LONGEST_LINE_BYTES:,} bytes: it is no trace")
    yield rest


def _parsed(source: Source, block: bytes, kinds: list[tuple[str, pa.DataType]]) -> Columns:
    """A block's columns at once; where one line of it is odd, line by line, as text."""
    names = [name for name, _ in kinds]
    if not block.strip():
        return {name: pa.array([], pa.string()) for name in names}
    if NO_OBJECT.search(block):  # pyarrow 26 crashes on a null in place of the first object
        return _line_by_line(source, block, names)
    try:
        table = pyarrow.json.read_json(
            io.BytesIO(block),
            pyarrow.json.ReadOptions(block_size=len(block) + 1, use_threads=False),
            pyarrow.json.ParseOptions(pa.schema(kinds), unexpected_field_behavior="ignore"),
        )
        return {name: table[name].combine_chunks() for name in names}
    except pa.ArrowException:
        return _line_by_line(source, block, names)


def _line_by_line(source: Source, block: bytes, names: list[str]) -> Columns:
    lines = [line for line in block.decode(errors="replace").splitlines() if line.strip()]
    rows = [row for row in map(_object, lines) if row is not None]
    source.malformed += len(lines) - len(rows)
    return {name: pa.array([_as_text(row.get(name)) for row in rows], pa.string()) for name in names}


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return str(value).encode(errors="replace").decode()
    except ValueError:  # a whole number of thousands of digits
        return None


# Parquet


def _parquet(path: Path) -> Source:
    try:
        with pq.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
            begin: list[dict[str, Any]] = next(
                (batch.to_pylist() for batch in file.iter_batches(batch_size=LOOKED_AT)), []
            )
    except (pa.ArrowException, OSError) as error:
        raise TraceError(f"{path} cannot be read as Parquet: {brief(error)}") from error

    def read(_: Source, wanted: Sequence[str]) -> Iterator[Columns]:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(wanted)):
                yield {name: batch.column(name) for name in wanted}

    return Source(path, names, _first_values(begin), read)
