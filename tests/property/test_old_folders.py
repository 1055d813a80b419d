"""A run of version 1 with anything in it: read through the one step to today's records, or refused; never a crash."""

import hashlib
import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.trial_figures import read_figures
from harness.analysis.trial_rows import read_rows
from harness.record.folder import RunFolder
from harness.record.upgrade import OLD_PHASES, OLD_SCHEMA, upgrade_manifest, upgrade_trial
from tests.property.folders import lines_of, put, watched
from tests.property.hostile import Tally, as_json, examples, mostly, mutated, outcome, spoiled, values
from tests.property.test_parquet_files import tables

RUN = next((Path(__file__).parents[1] / "fixtures" / "run-v1" / "runs").iterdir())
NAMES = ["index", "outcome", "reply_bytes", "gpu_ns", *(f"phase_{phase}_ns" for phase in OLD_PHASES)]


@pytest.fixture
def run(tmp_path):
    shutil.copytree(RUN, tmp_path / "runs" / RUN.name)
    return RunFolder.open(tmp_path / "runs" / RUN.name)


def test_old_manifests(run):
    tally, valid = Tally("old manifests"), json.loads((run.path / "manifest.json").read_bytes())
    facts = mostly(mutated(valid["targets"]["process-lambda"]), values)
    of_targets = st.dictionaries(st.sampled_from([*valid["targets"], "x"]), facts, max_size=3)
    told = of_targets.map(lambda targets: as_json(valid | {"targets": targets}))

    @examples(tally.name)
    @given(mostly(told, mutated(valid).map(as_json), spoiled(as_json(valid)), share=2))
    def check(data):
        put(run, data)
        found, message = outcome(RunFolder.open, run.path)
        tally.count(message is None or "not JSON" not in message)
        if found is not None and found.stored_as == OLD_SCHEMA:
            assert found.manifest.model_validate_json(found.manifest.model_dump_json(by_alias=True)) == found.manifest
            assert len(found.trials()) == 12

    check()
    tally.check()


def test_old_trial_lines(run):
    tally, valid = Tally("old trial lines"), lines_of(run)

    @examples(tally.name)
    @given(mostly(mutated(valid[0]).map(as_json), spoiled(as_json(valid[0]))))
    def check(line):
        put(run, lines=[line, as_json(valid[1])])
        found, message = outcome(run.trials)
        tally.count(message is None or "Invalid JSON" not in message)
        for record in found or []:
            assert "unaccounted" in record.phases
            with watched(run.path.parent.parent, run.path):
                outcome(read_figures, run, record)

    check()
    tally.check()


def test_old_tables(run, tmp_path):
    tally, valid, file = Tally("old parquet tables"), lines_of(run), tmp_path / "forged.parquet"
    name = next(name for name in valid[0]["files"] if name.startswith("requests"))
    good = pq.read_table(run.path / name).select(NAMES)
    rest = pq.read_table(run.path / name).drop_columns(NAMES)
    assert len(good) == 3

    @examples(tally.name)
    @given(tables(good), st.sampled_from([{}, {"row_group_size": 2}, {"store_schema": False}]))
    def check(table, options):
        for field in rest.schema:
            table = table.append_column(field, rest[field.name])
        pq.write_table(table, file, **options)
        (run.path / name).write_bytes(file.read_bytes())
        files = valid[0]["files"] | {name: hashlib.sha256(file.read_bytes()).hexdigest()}
        put(run, lines=[as_json(valid[0] | {"files": files})])
        (record,) = run.trials()
        with watched(run.path.parent.parent, run.path):
            rows, message = outcome(read_rows, run, record)
            figures = read_figures(run, record)
        assert figures.problems if message else set(rows.problems) <= set(figures.problems)
        tally.count(parsed=False)

    check()
    tally.check()


@given(values)
def test_the_step_itself_never_raises(value):
    upgrade_trial(value)
    upgrade_manifest({"targets": value})
    upgrade_manifest({"targets": {"x": value}})
    upgrade_manifest({"targets": {"x": {"kind": value, "emulated": value, "local": value}}})
