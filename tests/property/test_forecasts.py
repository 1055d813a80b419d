"""Whatever lies in a run's forecast.json: a forecast of this run or a notice comes of it, and nothing else."""

import json

import pytest
from hypothesis import given

from harness.record.folder import RunFolder
from harness.record.forecast import FILE, Figure, read_forecast
from tests.forecasts import forecast
from tests.property.folders import fingerprint, small_run, watched
from tests.property.hostile import Tally, alike, as_json, examples, mostly, mutated, spoiled


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("results").resolve())


def figures(value):
    """Every figure in a record."""
    if isinstance(value, Figure):
        yield value
    elif isinstance(value, list):
        for inner in value:
            yield from figures(inner)
    elif hasattr(type(value), "model_fields"):
        for name in type(value).model_fields:
            yield from figures(getattr(value, name))


def test_forecasts(run):
    tally = Tally("forecasts")
    valid = json.loads(forecast(run).model_dump_json(by_alias=True))
    read = 0

    @examples(tally.name)
    @given(mostly(mutated(valid).map(as_json), alike(valid).map(as_json), spoiled(as_json(valid)), share=2))
    def check(data):
        nonlocal read
        (run.path / FILE).write_bytes(data)
        before = fingerprint(run.path)
        folder = RunFolder.open(run.path)
        with watched(run.path.parent, run.path):
            found = read_forecast(folder)
        assert fingerprint(run.path) == before
        assert (found is None) == bool(folder.notices)
        assert all(notice.isprintable() and len(notice) < 600 for notice in folder.notices)
        tally.count(not any("not JSON" in notice for notice in folder.notices))
        if found is not None:
            read += 1
            assert found.run == valid["run"] or found.trials_sha256 == valid["trials_sha256"]
            assert all(each.value is not None or each.why for each in figures(found))
            json.dumps(json.loads(found.model_dump_json()), allow_nan=False)

    check()
    (run.path / FILE).unlink()
    tally.check()
    assert read >= tally.tried / 10, "most are refused: nothing is known of what is read"
