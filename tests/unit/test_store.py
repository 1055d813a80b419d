import json
import os
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import RecordError
from harness.record.columns import SAMPLES, requests_schema
from harness.record.folder import RunFolder
from harness.record.gpus import GPU_SAMPLES
from harness.record.shelf import find_run, list_runs
from tests.synthetic import manifest, requests, samples, trial


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path, manifest())


def saved(run, name="r01.docker-lambda", **changes):
    table = requests([10.0, 20.0, 30.0])
    return run.save_trial(trial(table, name, **changes), table, samples())


def test_a_trial_comes_back_as_it_was_stored(run):
    record = saved(run)
    again = RunFolder.open(run.path)
    assert again.manifest == run.manifest
    assert again.trials() == [record]
    assert again.requests(record).equals(requests([10.0, 20.0, 30.0]))
    assert again.requests(record).schema.equals(requests_schema(()))
    assert again.samples(record).schema.equals(SAMPLES)
    assert again.requests(record, ["outcome"]).column_names == ["outcome"]
    assert again.notices == []


def test_the_samples_of_gpus_are_kept_where_units_had_some(run):
    table = requests([10.0])
    looks = pa.Table.from_pylist([{"at_ns": 5, "gpu": "0", "power_mw": 70_000}], GPU_SAMPLES)
    record = run.save_trial(trial(table), table, samples(), looks)
    assert "gpus/r01.docker-lambda.1.parquet" in record.files
    assert run.gpus(record).select(["gpu", "power_mw", "energy_mj"]).to_pylist() == [
        {"gpu": "0", "power_mw": 70_000, "energy_mj": None}
    ]
    (run.path / "gpus" / "r01.docker-lambda.1.parquet").unlink()
    assert run.verify(record) == ["gpus/r01.docker-lambda.1.parquet: missing"]
    without = saved(run, "r02.docker-lambda")
    assert run.verify(without) == [] and run.gpus(without).num_rows == 0


@pytest.mark.parametrize(("name", "is_read"), [("resent", True), ("new_connection", False)])
def test_a_column_that_was_added_later_is_empty_in_older_files(run, name, is_read):
    record = saved(run)
    (file,) = (run.path / "requests").iterdir()
    pq.write_table(pq.read_table(file).drop_columns([name]), file)
    if is_read:
        assert run.requests(record, [name])[name].to_pylist() == [None, None, None]
        assert run.requests(record)["new_connection"].to_pylist() == [False, False, False]
        return
    with pytest.raises(RecordError, match=f"column {name} is missing"):
        run.requests(record)


def test_files_are_named_by_trial_and_attempt_with_their_digests(run):
    record = saved(run, attempt=2)
    names = ["requests/r01.docker-lambda.2.parquet", "samples/r01.docker-lambda.2.parquet"]
    assert sorted(record.files) == names
    assert run.verify(record) == []
    (run.path / names[0]).write_bytes(b"changed")
    (run.path / names[1]).unlink()
    first, second = run.verify(record)
    assert names[0] in first
    assert "missing" in second


def test_nothing_temporary_is_left(run):
    saved(run)
    assert not list(run.path.rglob("*.partial"))


def test_a_failed_write_leaves_neither_line_nor_file(run):
    table = requests([10.0])
    with pytest.raises(RecordError) as caught:
        run.save_trial(trial(table), table.drop_columns(["unit", "error"]).append_column("extra", [[1]]), samples())
    assert str(caught.value).splitlines() == [
        "table: column error is missing",
        "table: column unit is missing",
        "table: column extra is not of frostline/run/2",
    ]
    assert run.trials() == []
    assert list((run.path / "requests").iterdir()) == []


def test_empty_values_in_a_required_column_are_refused(run):
    table = requests([10.0], outcome=[None])
    with pytest.raises(RecordError, match="column outcome has 1 empty values"):
        run.save_trial(trial(requests([10.0])), table, samples())


def test_the_same_attempt_is_not_stored_twice(run):
    saved(run)
    for folder in (run, RunFolder.open(run.path)):
        with pytest.raises(RecordError, match="stored already"):
            saved(folder)


def test_a_line_cut_off_by_a_crash_is_dropped_told_and_replaced(run):
    first = saved(run)
    with (run.path / "trials.jsonl").open("ab") as file:
        file.write(b'{"trial": "r02.docker-lam')
    again = RunFolder.open(run.path)
    assert again.trials() == [first]
    assert again.trials() == [first]
    assert again.notices == ["trials.jsonl: line 2 is cut off (the writer stopped there): left out"]
    second = saved(again, "r02.docker-lambda")
    assert RunFolder.open(run.path).trials() == [first, second]


def test_every_corrupt_line_in_the_middle_is_named(run):
    saved(run)
    file = run.path / "trials.jsonl"
    line = json.loads(file.read_text())
    wrong = json.dumps(line | {"trial": "r02", "round": 0, "surprise": 1})
    file.write_text(f"not json\n{wrong}\n{json.dumps(line)}\n{json.dumps(line)}\n")
    with pytest.raises(RecordError) as caught:
        run.trials()
    text = str(caught.value)
    for part in ("line 1: all: Invalid JSON", "line 2: round", "line 2: surprise", "line 4", "there twice", "restore"):
        assert part in text


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", "..", ".hidden", "", "a\nb", "a\x00b", "ä", "x" * 201])
def test_a_hostile_trial_name_never_becomes_a_path(run, tmp_path, name):
    table = requests([10.0])
    record = trial(table, name)
    before = sorted(tmp_path.rglob("*"))
    for attempt in (
        lambda: run.save_trial(record, table, samples()),
        lambda: run.requests(record),
        lambda: run.samples(record),
    ):
        with pytest.raises(RecordError, match="not a safe file name"):
            attempt()
    assert sorted(tmp_path.rglob("*")) == before
    (run.path / "trials.jsonl").write_text(record.model_dump_json() + "\n")
    with pytest.raises(RecordError, match=r"line 1: trial .*not a safe file name"):
        run.trials()


def test_a_hostile_run_id_is_refused(tmp_path):
    with pytest.raises(RecordError, match="not a safe file name"):
        RunFolder.create(tmp_path, manifest(run="../outside"))
    assert list(tmp_path.iterdir()) == []


def test_a_symlink_out_of_the_folder_is_refused_for_reading_and_writing(run, tmp_path):
    record = saved(run)
    outside = tmp_path / "outside"
    outside.mkdir()
    file = run.path / "requests" / "r01.docker-lambda.1.parquet"
    file.rename(outside / file.name)
    file.symlink_to(outside / file.name)
    with pytest.raises(RecordError, match="leads out of the run folder"):
        run.requests(record)
    (run.path / "samples").rename(tmp_path / "old")
    (run.path / "samples").symlink_to(outside, target_is_directory=True)
    with pytest.raises(RecordError, match="leads out of the run folder"):
        saved(run, "r02.docker-lambda")
    assert [path.name for path in outside.iterdir()] == [file.name]


def test_files_named_by_the_record_are_not_followed(run):
    record = saved(run).model_copy(update={"files": {"../../secret.parquet": "0"}})
    assert run.requests(record).num_rows == 3


def test_an_unreadable_table_names_the_file(run):
    record = saved(run)
    (run.path / "requests" / "r01.docker-lambda.1.parquet").write_bytes(b"PAR1 no")
    (run.path / "samples" / "r01.docker-lambda.1.parquet").unlink()
    with pytest.raises(RecordError, match=r"requests/r01.docker-lambda.1.parquet: not readable"):
        run.requests(record)
    with pytest.raises(RecordError, match=r"samples/r01.docker-lambda.1.parquet: not readable"):
        run.samples(record)


def test_a_folder_that_looks_like_a_partition_adds_no_column(tmp_path):
    run = RunFolder.create(tmp_path / "year=2026", manifest())
    assert run.requests(saved(run)).column_names == requests_schema(()).names


def test_types_that_can_be_converted_are(run):
    table = requests([10.0])
    loose = table.set_column(table.column_names.index("outcome"), "outcome", pa.array(["ok"]))
    record = run.save_trial(trial(table), loose, samples())
    assert run.requests(record).schema.equals(requests_schema(()))


def test_another_version_is_named(run):
    file = run.path / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"schema": "frostline/run/9"}))
    with pytest.raises(RecordError, match="schema 'frostline/run/9' is not known"):
        RunFolder.open(run.path)


@pytest.mark.parametrize(("text", "why"), [("{", "not JSON"), ("[]", "schema None"), ("{}", "schema None")])
def test_a_manifest_that_is_none_is_told(run, text, why):
    (run.path / "manifest.json").write_text(text)
    with pytest.raises(RecordError, match=why):
        RunFolder.open(run.path)


def test_all_problems_of_a_manifest_come_at_once(run):
    data = json.loads((run.path / "manifest.json").read_text())
    (run.path / "manifest.json").write_text(json.dumps(data | {"seed": "x", "rounds": 0}))
    with pytest.raises(RecordError) as caught:
        RunFolder.open(run.path)
    assert "seed: " in str(caught.value)
    assert "rounds: " in str(caught.value)


def test_a_changed_manifest_replaces_the_old_one(run):
    run.manifest.finished_at = "2026-11-04T00:00:00+00:00"
    run.write_manifest()
    assert RunFolder.open(run.path).manifest.finished_at == "2026-11-04T00:00:00+00:00"
    with pytest.raises(RecordError, match="exists already"):
        RunFolder.create(run.path.parent.parent, manifest())


def test_find_run_by_every_name(tmp_path):
    for name, at in (("b_first", "2026-01-01"), ("a_second", "2026-02-01"), ("a_sec", "2025-01-01")):
        RunFolder.create(tmp_path, manifest(run=name, started_at=at))
    found = {name: find_run(tmp_path, name).manifest.run for name in ("latest", "b", "a_sec", "a_seco")}
    assert found == {"latest": "a_second", "b": "b_first", "a_sec": "a_sec", "a_seco": "a_second"}
    assert find_run(tmp_path, str(tmp_path / "runs" / "b_first")).manifest.run == "b_first"
    with pytest.raises(RecordError, match="may mean any of: a_sec, a_second"):
        find_run(tmp_path, "a")
    with pytest.raises(RecordError, match="there are: a_sec, a_second, b_first"):
        find_run(tmp_path, "zzz")


@pytest.mark.parametrize(
    ("stamps", "newest"),
    [
        ({"a": "2026-11-03T10:00:00+09:00", "b": "2026-11-03T02:00:00Z"}, "b"),
        ({"a": "2026-11-03T01:00:00Z", "b": "2026-11-02T23:00:00-05:00"}, "b"),
        ({"a": "2026-11-03T10:00:00.9+00:00", "b": "2026-11-03T10:00:00+00:00"}, "a"),
        ({"a": "2026-11-03T10:00:01", "b": "2026-11-03T10:00:00+00:00"}, "a"),
        ({"a": "20261103T110000Z", "b": "2026-11-03T10:00:00Z"}, "a"),
    ],
    ids=["zones", "west", "fractions", "no-zone-is-utc", "basic-form"],
)
def test_latest_is_the_run_that_began_last_whatever_zone_it_wrote(tmp_path, stamps, newest):
    for name, at in stamps.items():
        RunFolder.create(tmp_path, manifest(run=name, started_at=at))
    assert find_run(tmp_path, "latest").manifest.run == newest


def test_a_run_of_the_future_or_of_no_time_is_told_and_never_the_latest(tmp_path):
    for name, at in (("good", "2026-11-03T10:00:00Z"), ("ahead", "2931-01-01T00:00:00Z"), ("odd", "yesterday")):
        RunFolder.create(tmp_path, manifest(run=name, started_at=at))
    found = find_run(tmp_path, "latest")
    assert found.manifest.run == "good"
    assert [line for line in found.notices if "run ahead: started_at" in line and "in the future" in line]
    assert [line for line in found.notices if "run odd: started_at: 'yesterday' is no time" in line]
    assert len(found.notices) == 2
    assert find_run(tmp_path, "ahead").manifest.run == "ahead", "by its name it is there"


def test_clocks_may_be_a_few_minutes_apart(tmp_path):
    now = datetime(2026, 11, 3, 10, tzinfo=UTC)
    for name, at in (("a", "2026-11-03T10:04:59Z"), ("b", "2026-11-03T10:05:01Z")):
        RunFolder.create(tmp_path, manifest(run=name, started_at=at))
    runs, told = list_runs(tmp_path, now)
    assert [run.manifest.run for run in runs] == ["a"]
    assert len(told) == 1 and "run b" in told[0]


def test_a_folder_of_runs_that_cannot_be_listed_is_not_an_empty_one(tmp_path):
    (tmp_path / "runs").write_text("")
    for name in ("latest", "x"):
        with pytest.raises(RecordError, match=r"runs cannot be listed \(Not a directory\)"):
            find_run(tmp_path, name)


def test_find_run_without_runs_and_with_a_broken_one(tmp_path):
    with pytest.raises(RecordError, match="there are none yet"):
        find_run(tmp_path, "x")
    with pytest.raises(RecordError, match="no readable run"):
        find_run(tmp_path, "latest")
    RunFolder.create(tmp_path, manifest(run="good"))
    broken = tmp_path / "runs" / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{")
    found = find_run(tmp_path, "latest")
    assert found.manifest.run == "good"
    assert len(found.notices) == 1
    assert "broken" in found.notices[0]


def test_an_odd_folder_spoils_no_other_run(tmp_path):
    RunFolder.create(tmp_path, manifest(run="good"))
    makers = {
        "fifo": os.mkfifo,
        "folder": os.mkdir,
        "loop": lambda path: path.symlink_to(path),
        "binary": lambda path: path.write_bytes(b"\x00\xff"),
        "empty": lambda path: path.write_bytes(b""),
        "marked": lambda path: path.write_bytes(b"\xef\xbb\xbf{}\r\n"),
    }
    for name, make in makers.items():
        (tmp_path / "runs" / name).mkdir()
        make(tmp_path / "runs" / name / "manifest.json")
    (tmp_path / "runs" / "itself").symlink_to("itself")
    (tmp_path / "runs" / "file").write_text("x")
    os.mkfifo(tmp_path / "runs" / "pipe")
    runs, told = list_runs(tmp_path)
    assert [run.manifest.run for run in runs] == ["good"]
    assert len(told) == len(makers) + 1 and all("\n" not in line for line in told)
