"""Columns that are filled cell by cell, and take nothing for what stays empty."""

import tracemalloc

import pyarrow as pa

from harness.measure.rows.cells import Cells, Names, Numbers, Texts
from harness.record.columns import NAME


def test_numbers_take_no_memory_before_the_first():
    numbers = Numbers(1_000_000)
    before = pa.total_allocated_bytes()
    assert numbers._values is None
    assert numbers.array(pa.int32()).null_count == 1_000_000
    assert pa.total_allocated_bytes() - before < 8_000_000
    numbers.put(3, None)
    assert numbers._values is None
    numbers.put(3, 0)
    assert numbers.array(pa.int64())[3].as_py() == 0


def test_the_last_value_of_a_cell_counts():
    names, numbers, texts = Names(2), Numbers(2), Texts(2)
    for column, values in ((names, ("a", "b", None)), (numbers, (1, 2, None)), (texts, ("a", "b", None))):
        for value in values:
            column.put(1, value)
    assert names.array(NAME).to_pylist() == texts.array(pa.string()).to_pylist() == [None, "b"]
    assert numbers.array(pa.int64()).to_pylist() == [None, 2]
    names.fill(1, None)
    assert names.get(1) is None


def test_a_text_of_several_rows_is_nobodys():
    texts = Texts(4)
    for row, text in enumerate(["a", "b", "a", "a"]):
        texts.put_first(row, text)
        texts.put_first(row, "later")
    assert texts.rows_of({"a", "b", "c"}) == {"b": 1}
    assert texts.rows_of({"c"}) == texts.rows_of(()) == Texts(2).rows_of({"a"}) == {}


def test_texts_take_no_more_than_a_pointer_for_a_row_and_nothing_before_the_first():
    texts = Texts(100_000)
    assert texts.array(pa.string()).null_count == 100_000
    tracemalloc.start()
    try:
        texts.put(3, None)
        assert tracemalloc.get_traced_memory()[0] < 1_000
        for row in range(100_000):
            texts.put(row, "the same text")
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_table_has_the_columns_of_its_fields_and_those_added_later():
    fields = [pa.field("name", NAME), pa.field("text", pa.string()), pa.field("count", pa.int32())]
    cells = Cells(fields, 2)
    cells.names["name"].put(0, "x")
    cells.texts["text"].put(1, "y")
    cells.put_number(0, "added", 5)
    schema = pa.schema([*fields, pa.field("added", pa.int64())])
    table = cells.table(schema, {"count": pa.array([7, 8])})
    assert table.to_pylist() == [
        {"name": "x", "text": None, "count": 7, "added": 5},
        {"name": None, "text": "y", "count": 8, "added": None},
    ]
