"""A trial's Parquet files with anything in them: figures, a problem that names the file, never a crash or a flood."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.table import summarise
from harness.analysis.trial_figures import read_figures
from harness.cost.costing import costing_of
from harness.record.columns import SAMPLES, requests_schema
from harness.record.folder import RunFolder
from harness.record.nouns import Outcome, StartClass
from tests.property.folders import lines_of, mixed_rows, put, small_run, watched
from tests.property.hostile import Tally, as_json, examples, outcome, spoiled
from tests.synthetic import requests, samples

MOST_MEMORY = 2**30


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    expected = {"requests_per_month": 1_000_000, "peak_to_mean": 3}
    experiment = {"name": "quickstart", "expected": expected}
    return small_run(tmp_path_factory.mktemp("results").resolve(), experiment=experiment)


def forged(run, kind, data, valid, **changes):
    """The second trial with other bytes, whose sha256 its line gives."""
    name = f"{kind}/{valid[1]['trial']}.1.parquet"
    (run.path / name).write_bytes(data)
    files = valid[1]["files"] | {name: hashlib.sha256(data).hexdigest()}
    line = valid[1] | changes | {"files": files}
    put(run, lines=[as_json(each) for each in (valid[0], line, valid[2])])


def summarised(run):
    """Only this folder is read; the other trials are told whatever became of the second."""
    tmp = run.path.parent.parent
    with watched(tmp, run.path):
        summary, message = outcome(lambda: summarise(RunFolder.open(run.path)))
        outcome(lambda: costing_of(run, summary))
    assert message is None
    assert pa.total_allocated_bytes() < MOST_MEMORY
    assert [row.valid for row in summary.rows if row.target == "docker-service"] == [True]
    return summary


def test_bytes(run):
    tally = Tally("parquet bytes")
    valid = lines_of(run)
    names = {kind: f"{kind}/{valid[1]['trial']}.1.parquet" for kind in ("requests", "samples")}
    files = {kind: (run.path / name).read_bytes() for kind, name in names.items()}
    tail = {kind: int.from_bytes(data[-8:-4], "little") + 8 for kind, data in files.items()}

    @st.composite
    def damaged(draw):
        """Mostly in the footer, where lengths, types and counts stand."""
        kind = draw(st.sampled_from(sorted(files)))
        data, at = files[kind], len(files[kind]) - tail[kind]
        if draw(st.booleans()):
            return kind, data[:at] + draw(spoiled(data[at:-8])) + data[-8:]
        return kind, draw(spoiled(data))

    @examples(tally.name)
    @given(damaged())
    def check(case):
        kind, data = case
        forged(run, kind, data, valid)
        record = run.trials()[1]
        with watched(run.path.parent.parent, run.path):
            figures, message = outcome(read_figures, run, record)
        assert message is None
        assert figures.problems or figures.percentiles
        assert pa.total_allocated_bytes() < MOST_MEMORY
        tally.count(parsed=False)

    check()
    for kind, data in files.items():
        forged(run, kind, data, valid)
    tally.check()


N = 8
WHOLE = st.lists(st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(0, 9), min_size=N, max_size=N)
TEXTS = st.lists(
    st.none() | st.sampled_from([*Outcome, *StartClass, "lost", "\x1b[31m", "<b>", "u0", "x" * 300, ""]),
    min_size=N,
    max_size=N,
)
arrays = (
    WHOLE.map(lambda x: pa.array(x, pa.int64()))
    | WHOLE.map(lambda x: pa.array([None if v is None else v % 2**31 for v in x], pa.int32()))
    | st.lists(st.none() | st.floats(), min_size=N, max_size=N).map(lambda x: pa.array(x, pa.float64()))
    | TEXTS.map(lambda x: pa.array(x, pa.string()))
    | TEXTS.map(lambda x: pa.array(x, pa.string()).dictionary_encode())
    | TEXTS.map(lambda x: pa.array([None if v is None else v.encode() for v in x], pa.binary()))
    | st.lists(st.none() | st.booleans(), min_size=N, max_size=N).map(lambda x: pa.array(x, pa.bool_()))
    | st.sampled_from(
        [
            pa.nulls(N),
            pa.array([[1, None]] * N),
            pa.array([{"a": {"b": 1}}] * N),
            pa.array([[("a", 1)]] * N, pa.map_(pa.string(), pa.int64())),
            pa.nulls(N, pa.string()),
            pa.StringArray.from_buffers(N, *pa.array([b"\xff\xfe"] * N).buffers()[1:]),
            pa.StringArray.from_buffers(N, *pa.array([b"\xff\xfe"] * N).buffers()[1:]).dictionary_encode(),
            pa.array([1] * N).cast(pa.decimal128(38, 0)),
            pa.array([1] * N).cast(pa.timestamp("ns")),
            pa.array([0.5] * N, pa.float32()),
            pa.array([2**64 - 1] * N, pa.uint64()),
        ]
    )
)


@st.composite
def tables(draw, valid):
    """One to three columns with other values or of another type; columns may be missing, doubled or strange."""
    table = valid
    for name in draw(st.lists(st.sampled_from(valid.column_names), min_size=1, max_size=3, unique=True)):
        at = table.column_names.index(name)
        deed = draw(st.sampled_from(["set", "set", "set", "set", "remove", "double", "rename"]))
        if deed == "set":
            table = table.set_column(at, name, draw(arrays).slice(0, len(valid)))
        elif deed == "remove":
            table = table.remove_column(at)
        elif deed == "double":
            table = table.append_column(name, draw(arrays).slice(0, len(valid)))
        else:
            other = draw(st.sampled_from(["x", "", "a.b", "\x1b[31m"]))
            table = table.rename_columns([c if c != name else other for c in table.column_names])
    return table


WRITERS = [{}, {"compression": "zstd"}, {"use_dictionary": False}, {"row_group_size": 3}, {"store_schema": False}]


def test_tables(run, tmp_path):
    tally = Tally("parquet tables")
    valid = lines_of(run)
    good = {
        "requests": mixed_rows(),
        "samples": samples(("u0", "u1"), (0, 50, 100, 150)),
    }
    file = tmp_path / "forged.parquet"

    @examples(tally.name)
    @given(
        tables(good["requests"]).map(lambda t: ("requests", t)) | tables(good["samples"]).map(lambda t: ("samples", t)),
        st.sampled_from(WRITERS),
    )
    def check(case, options):
        kind, table = case
        pq.write_table(table, file, **options)
        forged(run, kind, file.read_bytes(), valid)
        summary = summarised(run)
        row = next(row for row in summary.rows if (row.target, row.profile) == ("docker-lambda", "steady"))
        assert row.valid == (not summary.problems)
        tally.count(parsed=False)

    check()
    for kind, table in good.items():
        pq.write_table(table, file)
        forged(run, kind, file.read_bytes(), valid)
    tally.check()


def test_indices_beyond_the_dictionary(run, tmp_path):
    """Where nothing is compressed, a page holds them plainly; a reader must not follow one that leads beyond."""
    valid = lines_of(run)
    table = requests([10.0] * N, unit=["u0", "u1"] * (N // 2), outcome=["ok"] * N)
    file = tmp_path / "forged.parquet"
    pq.write_table(table, file, compression="none")
    data, rng = file.read_bytes(), np.random.default_rng(1)
    for name in ("outcome", "unit"):
        column = pq.ParquetFile(file).metadata.row_group(0).column(table.column_names.index(name))
        begin, end = column.data_page_offset, column.data_page_offset + 60
        for _ in range(60):
            other = bytearray(data)
            other[rng.integers(begin, end)] = rng.integers(0, 256)
            forged(run, "requests", bytes(other), valid)
            outcome(read_figures, run, run.trials()[1])


def test_every_column_has_a_place_in_the_test():
    assert requests_schema(()).names == requests([1.0]).column_names
    assert SAMPLES.names == samples().column_names
