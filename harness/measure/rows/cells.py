"""Columns that are filled cell by cell, in any order, row by row or not; what stays empty takes no memory."""

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.record.columns import NAME

EMPTY = -1


class Column(Protocol):
    """One column. A cell that is filled twice has the later value; put as None it stays as it is."""

    def array(self, kind: pa.DataType) -> pa.Array:
        """The whole column, of this type."""


class Numbers:
    """Whole numbers; the memory for all rows is taken with the first."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._values: NDArray[np.int64] | None = None
        self._is_empty: NDArray[np.bool_] | None = None

    def put(self, row: int, value: int | None) -> None:
        """Fill one cell."""
        if value is None:
            return
        if self._values is None or self._is_empty is None:
            self._values, self._is_empty = np.zeros(self._rows, np.int64), np.ones(self._rows, np.bool_)
        self._values[row], self._is_empty[row] = value, False

    def array(self, kind: pa.DataType) -> pa.Array:
        """The column."""
        if self._values is None:
            return pa.nulls(self._rows, kind)
        return pa.array(self._values, mask=self._is_empty).cast(kind)


class Names:
    """Texts of which there are few: each is kept once, and a number in each row."""

    def __init__(self, rows: int) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []
        self._codes = np.full(rows, EMPTY, np.int32)

    def put(self, row: int, value: str | None) -> None:
        """Fill one cell."""
        if value is not None:
            self._codes[row] = self._number(value)

    def fill(self, row: int, value: str | None) -> None:
        """Put a value or, with None, empty the cell."""
        self._codes[row] = EMPTY if value is None else self._number(value)

    def put_where(self, rows: NDArray[np.bool_], value: str) -> None:
        """Fill the cells of many rows."""
        if rows.any():
            self._codes[rows] = self._number(value)

    def get(self, row: int) -> str | None:
        """What a cell holds."""
        code = self._codes[row]
        return None if code == EMPTY else self._texts[code]

    def array(self, kind: pa.DataType) -> pa.Array:
        """The column."""
        codes = pa.array(self._codes, mask=self._codes == EMPTY)
        return pa.DictionaryArray.from_arrays(codes, pa.array(self._texts, pa.string())).cast(kind)

    def _number(self, text: str) -> int:
        if text not in self._numbers:
            self._numbers[text] = len(self._texts)
            self._texts.append(text)
        return self._numbers[text]


class Texts:
    """Texts that differ from row to row; the list of all rows is made with the first."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._texts: list[str | None] = []

    def put(self, row: int, value: str | None) -> None:
        """Fill one cell."""
        if value is not None:
            self._texts = self._texts or [None] * self._rows
            self._texts[row] = value

    def put_first(self, row: int, value: str | None) -> None:
        """Fill one cell, unless it is filled already."""
        if not self._texts or self._texts[row] is None:
            self.put(row, value)

    def rows_of(self, wanted: Collection[str]) -> dict[str, int]:
        """The row of each of these texts that exactly one row has; no more is made than there are of them."""
        rows: dict[str, int] = {}
        several = set()
        for row, text in enumerate(self._texts if wanted else ()):
            if text is not None and text in wanted and rows.setdefault(text, row) != row:
                several.add(text)
        return {text: row for text, row in rows.items() if text not in several}

    def array(self, kind: pa.DataType) -> pa.Array:
        """The column."""
        return pa.array(self._texts, kind) if self._texts else pa.nulls(self._rows, kind)


class Cells:
    """A table under way: the columns of `fields`, and those that are added later."""

    def __init__(self, fields: Iterable[pa.Field], rows: int) -> None:
        self._rows = rows
        fields = list(fields)
        self.names = {field.name: Names(rows) for field in fields if field.type == NAME}
        self.texts = {field.name: Texts(rows) for field in fields if pa.types.is_string(field.type)}
        known = self.names.keys() | self.texts.keys()
        self.numbers = {field.name: Numbers(rows) for field in fields if field.name not in known}

    def put_number(self, row: int, name: str, value: int | None) -> None:
        """Fill one cell of a column of numbers, which begins with it if need be."""
        if value is not None:
            self.numbers.setdefault(name, Numbers(self._rows)).put(row, value)

    def table(self, schema: pa.Schema, given: Mapping[str, pa.Array]) -> pa.Table:
        """Everything, with the columns of `given` that were made elsewhere."""
        columns: dict[str, Column] = {**self.names, **self.texts, **self.numbers}
        arrays = [
            given[field.name].cast(field.type) if field.name in given else columns[field.name].array(field.type)
            for field in schema
        ]
        return pa.Table.from_arrays(arrays, schema=schema)
