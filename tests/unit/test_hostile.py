"""Files that nobody would write by accident: read as far as they hold, or refused with a line that says why."""

import hashlib
import json
import os
import pickle

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.analysis.table import summarise
from harness.errors import RecordError, UsageError
from harness.experiment.question import parse_experiment, read_experiment
from harness.files.problems import has_more_values
from harness.files.strict_json import strict_json
from harness.files.whole import inside, read_file
from harness.record.columns import requests_schema
from harness.record.folder import RunFolder
from harness.record.parquet import read_table
from harness.record.shelf import find_run
from harness.report.cases import words
from harness.report.export import escape, no_formula
from harness.report.frame import minute
from tests.synthetic import make_run, manifest, requests, samples, trial


@pytest.fixture
def run(tmp_path):
    """One target, two rounds."""
    return make_run(tmp_path, rounds=2, requests_per_trial=8, profiles=("steady",))


def refusal(read, *arguments):
    with pytest.raises(RecordError) as caught:
        read(*arguments)
    assert len(str(caught.value)) < 20_000
    return str(caught.value)


def replaced(run, table=None, *, data=None, kind="requests", **options):
    """The first trial with another Parquet file, whose sha256 its line tells: a forged folder."""
    first, *rest = run.trials()
    name = next(name for name in first.files if name.startswith(kind))
    file = run.path / name
    if data is None:
        pq.write_table(table, file, **options)
    else:
        file.write_bytes(data)
    forged = first.model_copy(
        update={"files": first.files | {name: hashlib.sha256(file.read_bytes()).hexdigest()}},
    )
    (run.path / "trials.jsonl").write_text("".join(r.model_dump_json() + "\n" for r in [forged, *rest]))
    return forged


def told(run):
    """The only problem of a run whose other trials are untouched."""
    summary = summarise(run)
    (problem,) = summary.problems
    assert not summary.valid
    assert sum(row.invalid_trials for row in summary.rows) == 1
    assert all(row.valid for row in summary.rows)
    assert problem.endswith(f"run the trial again: `frostline run --resume {run.manifest.run}`")
    return problem


@pytest.mark.parametrize("harm", ["truncated", "changed", "missing", "a folder", "a pipe", "a symlink"])
@pytest.mark.parametrize("kind", ["requests", "samples"])
def test_a_damaged_file_costs_its_trial_and_nothing_else(run, tmp_path, harm, kind):
    record = run.trials()[0]
    name = f"{kind}/{record.trial}.1.parquet"
    file = run.path / name
    data = file.read_bytes()
    file.unlink()
    if harm == "truncated":
        file.write_bytes(data[: len(data) // 2])
    elif harm == "changed":
        file.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
    elif harm == "a folder":
        file.mkdir()
    elif harm == "a pipe":
        os.mkfifo(file)
    elif harm == "a symlink":
        (tmp_path / "elsewhere").write_bytes(data)
        file.symlink_to(tmp_path / "elsewhere")
    assert f"trial {record.trial}: {name}: " in told(run)
    assert [run.find_damage(each) != [] for each in run.trials()] == [True, False, False, False]
    assert name in run.find_damage(record)[0]


def test_an_invalid_trial_may_have_left_no_files_but_a_valid_one_must_have(run):
    record = run.trials()[0].model_copy(update={"files": {}})
    assert len(run.find_damage(record)) == 2
    assert run.find_damage(record.model_copy(update={"problems": ["not deployed"]})) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": -Infinity}', "-Infinity is no number"),
        ('{"a": 1e999}', "1e999 is too large"),
        ('{"a": 1%s}' % ("0" * 5000), "more than 64 bits"),
        ('{"a": 18446744073709551616}', "more than 64 bits"),
        ("[" * 100_000, "nested too deeply"),
        ("[" * 150 + "]" * 150, "nested more than 100 deep"),
        ('{"a": "\\ud800"}', "surrogates not allowed"),
        (b'{"a": "\xed\xa0\x80"}', "can't decode"),
        (b"\xff\xfe{\x00}\x00", "can't decode"),
    ],
)
def test_json_that_frostline_never_writes(run, text, why):
    text = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ValueError, match=why):
        strict_json(text)
    (run.path / "trials.jsonl").write_bytes(text + b"\n")
    assert "line 1: all: Invalid JSON: " in refusal(run.trials)
    (run.path / "manifest.json").write_bytes(text)
    assert "manifest.json: not JSON" in refusal(RunFolder.open, run.path)


def test_what_json_may_hold():
    given = {"a": [18446744073709551615, -1.5e300, "\u2744 \U0001f600", {"b": [None, True]}]}
    assert (
        strict_json(json.dumps(given).encode()) == strict_json(json.dumps(given, ensure_ascii=False).encode()) == given
    )


def test_numbers_beyond_any_float_do_not_reach_the_figures(run):
    """Sums of such whole numbers could neither be divided nor printed."""
    line = json.loads((run.path / "trials.jsonl").read_text().splitlines()[0])
    for changes in ({"scheduled": 10**400}, {"counts": {"ok": 10**5000}}, {"case": {"rate": 10**400}}):
        text = (
            json.dumps(line | changes)
            if "counts" not in changes
            else json.dumps(line).replace('"ok": 8', f'"ok": {"9" * 5000}')
        )
        (run.path / "trials.jsonl").write_text(text + "\n")
        assert "64 bits" in refusal(run.trials)


@pytest.mark.parametrize("name", ["manifest.json", "trials.jsonl"])
@pytest.mark.parametrize("harm", ["a folder", "a pipe", "a circle"])
def test_what_is_no_file_is_not_waited_for(run, name, harm):
    file = run.path / name
    file.unlink()
    if harm == "a folder":
        file.mkdir()
    elif harm == "a pipe":
        os.mkfifo(file)
    else:
        file.symlink_to(run.path / "other")
        (run.path / "other").symlink_to(file)
    assert str(run.path) in refusal(lambda: summarise(RunFolder.open(run.path)))


def test_endless_lines_and_files_are_refused(run, monkeypatch, tmp_path):
    monkeypatch.setattr("harness.record.folder.MOST_BYTES", 5000)
    with (run.path / "trials.jsonl").open("ab") as file:
        file.write(b"x" * 6000)
    assert "line 5 is longer than 5,000 bytes" in refusal(run.trials)
    (run.path / "manifest.json").write_bytes(b" " * 6000)
    assert "larger than 5,000 bytes" in refusal(RunFolder.open, run.path)
    (tmp_path / "five").write_bytes(b"12345")
    assert read_file(tmp_path / "five", 5) == b"12345"


def test_a_thousand_problems_are_told_in_brief(run):
    (run.path / "trials.jsonl").write_text("x\n" * 1000)
    text = refusal(run.trials)
    assert "line 50: " in text
    assert "and 950 more" in text


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "\ud800", "..", "\x1b[31m"])
def test_names_that_are_no_run(tmp_path, name):
    assert len(refusal(find_run, tmp_path, name)) < 500


def test_a_symlink_in_a_circle_leads_nowhere(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "a")
    assert "leads out" in refusal(inside, tmp_path, "a")
    assert refusal(RunFolder.open, tmp_path / "a")


def bomb(**columns):
    """A table of requests of which some columns are something else."""
    table = requests([10.0] * 8)
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table


NESTED = pa.array([{"a": {"b": [1]}}] * 8)
TYPES = {
    "struct": bomb(index=NESTED),
    "list": bomb(scheduled_ns=pa.array([[1]] * 8)),
    "map": bomb(done_ns=pa.array([[("a", 1)]] * 8, pa.map_(pa.string(), pa.int64()))),
    "binary": bomb(outcome=pa.array([b"ok"] * 8)),
    "text": bomb(sent_ns=pa.array(["soon"] * 8)),
    "float": bomb(sent_ns=pa.array([0.5] * 8)),
    "decimal": bomb(index=pa.array([1] * 8).cast(pa.decimal128(38, 0))),
    "missing": bomb().drop_columns(["index"]),
    "twice": bomb().append_column("index", pa.array([0] * 8)),
    "empty values": bomb(index=pa.array([None] * 8, pa.int64())),
}


@pytest.mark.parametrize("kind", TYPES)
def test_columns_of_other_types(run, kind):
    replaced(run, TYPES[kind])
    assert "column " in told(run)


@pytest.mark.parametrize("rows", [10**6 * 3, 10**8])
def test_a_few_bytes_do_not_become_millions_of_rows(run, rows, tmp_path):
    nulls = pa.table({"at_ns": pa.nulls(rows, pa.int64())})
    for kind in ("requests", "samples"):
        replaced(run, nulls.rename_columns(["index" if kind == "requests" else "at_ns"]), kind=kind)
        assert f"tells of {rows:,} rows" in told(run)
    assert pa.total_allocated_bytes() < 10**9


def test_a_few_bytes_do_not_become_gigabytes_of_text(run):
    replaced(run, bomb(outcome=pa.array(["x" * 10**8] * 8)), compression="zstd")
    assert "unpacked bytes for 8 rows" in told(run)


def test_invalid_utf8_in_a_text_is_no_text(run):
    broken = pa.StringArray.from_buffers(8, *pa.array([b"\xff"] * 8).buffers()[1:])
    replaced(run, bomb(unit=broken))
    assert "not readable (" in told(run)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" * 3, b"\0" * 1000, b"PAR1" + b"\xff" * 100 + b"\x60\0\0\0PAR1"])
def test_bytes_that_are_no_parquet(run, data):
    replaced(run, data=data)
    assert "not readable (" in told(run)


def test_nothing_is_unpickled(run, tmp_path):
    """PyArrow once unpickled what a column's extension type told it to (CVE-2023-47248)."""
    sign = tmp_path / "unpickled"

    class Mine:
        def __reduce__(self):
            return os.system, (f"touch {sign}",)

    bad = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(Mine()),
    }
    fields = [field.with_metadata(bad) if field.name in ("index", "unit") else field for field in requests_schema(())]
    forged = pa.table(
        requests([10.0] * 8).columns, schema=pa.schema(fields, metadata={b"pandas": pickle.dumps(Mine())})
    )
    replaced(run, forged)
    summarise(run)
    assert not sign.exists()


def test_a_path_that_is_no_utf8_is_read_all_the_same(tmp_path):
    run = RunFolder.create(tmp_path / os.fsdecode(b"\xff"), manifest(trials=1))
    record = run.save_trial(trial(requests([10.0] * 8)), requests([10.0] * 8), samples())
    assert summarise(run).problems == []
    assert read_table(run.path / next(iter(record.files)), "requests/x", requests_schema(())).num_rows == 8


YAML = [
    "a: !!bool foo",
    "a: !!int ''",
    "a: !!float ''",
    "a: !!timestamp x",
    "a: 1" + ":1" * 400 + ".5",
    "a: 1" + ":1" * 200_000,
    "a: 2001-99-99",
    "!!python/object/apply:os.system [ls]",
    "a: !!python/name:os.system",
]


@pytest.mark.parametrize("text", YAML)
def test_values_that_do_not_fit_their_tag(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"mine.yaml: (?:is not readable YAML: |a: )."):
        read_experiment(str(path))


def test_merged_keys_do_not_multiply(tmp_path):
    """`<<` of nine times the same, ten times over, would be 3,486,784,401 keys."""
    lines = ["a: &a {x: 1}"]
    for before, letter in zip("abcdefghij", "bcdefghijk", strict=True):
        lines.append(f"{letter}: &{letter} {{<<: [{', '.join([f'*{before}'] * 9)}], {letter * 2}: 1}}")
    path = tmp_path / "mine.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(UsageError, match="name: is missing"):
        read_experiment(str(path))


def test_settings_that_unfold_without_end_are_refused():
    endless: list = []
    endless.append(endless)
    for value in ({"seed": endless}, {"seed": list(range(20_000))}):
        fields = {"workloads": [{"name": "known-truth", "settings": value}]}
        with pytest.raises(UsageError, match="holds more than 10000 values"):
            parse_experiment(fields, "here")
    assert not has_more_values({"a": [1, 2], "b": {"c": 3}}, 6)
    assert has_more_values({"a": [1, 2], "b": {"c": 3}}, 5)


def test_the_name_of_a_setting_is_shown_inert():
    fields = {"workloads": [{"name": "known-truth", "settings": {"\x1b[31m" + "x" * 5000: 1}}]}
    with pytest.raises(UsageError) as caught:
        parse_experiment(fields, "here")
    (line,) = [line for line in caught.value.problems if "settings" in line]
    assert line.isprintable()
    assert len(line) < 400


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_the_ends_of_the_calendar(moment):
    assert minute(moment) == moment


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", " =1", "\uff1dcmd()", "\uff20x"])
def test_no_spreadsheet_takes_a_name_for_a_formula(text):
    assert no_formula(text).startswith("'")


@pytest.mark.parametrize("text", ["https://evil.example/x", "WWW.evil.example", "http://x", "[a](http://x)"])
def test_markdown_makes_no_link_of_a_name(text):
    inert = escape(text)
    assert "://" not in inert.replace("\\://", "")
    assert "www." not in inert.lower()
    assert "[" not in inert.replace("\\[", "")


def test_a_setting_without_end_is_cut_in_the_table():
    (told,) = words({"note": "x" * 10**6}, ["note"])
    assert len(told) <= 80


@pytest.mark.parametrize("value", ["much", True, None, [1]])
def test_a_size_that_is_no_number_is_refused_with_its_field_and_value(tmp_path, value):
    run = make_run(tmp_path, rounds=1, requests_per_trial=20)
    file = run.path / "trials.jsonl"
    first, *rest = file.read_text().splitlines()
    line = json.loads(first)
    line["case"]["memory_mb"] = value
    file.write_text("\n".join([json.dumps(line), *rest, ""]))
    with pytest.raises(RecordError, match=r"line 1: case\.memory_mb: .* is not accepted: a finite number is"):
        run.trials()
