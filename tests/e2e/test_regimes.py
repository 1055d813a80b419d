"""In what state a forced cold start finds the machine, and scale-out under load: each is a row of its own kind."""

import os

import pytest

from harness.analysis.table import summarise
from harness.measure import page_cache
from harness.record.columns import phase_column, phases_in
from harness.record.nouns import Outcome, StartClass
from tests.conftest import one_at_a_time
from tests.e2e.bench import MAIN, assert_done
from tests.e2e.faults import DOCKER, PROCESS, assert_whole, truth


def assert_parts_are_the_whole(rows) -> None:
    started = rows[rows["phase_unaccounted_ns"].notna()]
    total = started[[phase_column(phase) for phase in phases_in(rows)]].sum(axis=1)
    assert len(started) and (total == started["done_ns"] - started["scheduled_ns"]).all()


@pytest.mark.docker
def test_an_absent_image_is_loaded_as_a_part_of_the_start(bench):
    """Slow, for an image of 300 MB is loaded four times."""
    fields = {"targets": list(DOCKER), "profiles": [], "cold_starts": 2, "images": ["present", "absent"]}
    with one_at_a_time("filetype"):  # nobody else may use the image that is taken away
        folder = assert_done(bench, bench.measure(bench.experiment(workloads=["filetype"], **fields)))
    for record in folder.trials():
        rows = folder.requests(record).to_pandas()
        assert (rows["start_class"].astype(str) == StartClass.COLD).sum() == 2
        absent = record.case["images"] == "absent"
        assert ("image" in record.phases) == absent
        assert not absent or (rows["phase_image_ns"] > 10e6).all(), "an image is not loaded in 10 ms"
        assert_parts_are_the_whole(rows)
    assert {record.case["images"] for record in folder.trials()} == {"present", "absent"}
    assert_whole(bench, folder)


@pytest.mark.skipif(
    os.environ.get("FROSTLINE_DISRUPTIVE") != "1" or page_cache.refusal() is not None,
    reason="drops the page cache of the whole machine: run as root with FROSTLINE_DISRUPTIVE=1",
)
def test_a_dropped_page_cache_is_a_regime_of_its_own(bench):
    fields = {"targets": list(PROCESS), "profiles": [], "cold_starts": 2, "page_cache": ["kept", "dropped"]}
    folder = assert_done(bench, bench.measure(bench.experiment(workloads=["filetype"], **fields)))
    found: dict[tuple[str, str], float] = {}
    for record in folder.trials():
        rows = folder.requests(record).to_pandas()
        assert_parts_are_the_whole(rows)
        found[record.target, record.case["page_cache"]] = float((rows["done_ns"] - rows["scheduled_ns"]).median())
    assert len(summarise(folder).rows) == 4
    assert set(found) == {(name, regime) for name in PROCESS for regime in ("kept", "dropped")}
    assert_whole(bench, folder)


def test_where_the_page_cache_may_not_be_dropped_it_is_said_and_left_out(bench):
    code = "from harness.measure import page_cache; page_cache.refusal = lambda: 'not on this day'\n" + MAIN
    fields = {"workloads": truth(), "targets": ["process-lambda"], "profiles": [], "cold_starts": 1}
    both = bench.experiment(**fields, page_cache=["kept", "dropped"])
    finished = bench.start("run", both, "--results", bench.results, code=code).finish()
    folder = assert_done(bench, finished)
    assert "NOT MEASURED" in finished.out and "not on this day" in finished.out
    assert any("NOT MEASURED" in notice for notice in folder.manifest.notices)
    assert [record.case["page_cache"] for record in folder.trials()] == ["kept"]
    only = bench.experiment(**fields, page_cache=["dropped"], name="only")
    refused = bench.start("run", only, "--results", bench.results, code=code).finish()
    assert refused.code == 3 and "not on this day" in refused.err and len(bench.folders()) == 1


@pytest.mark.parametrize("name", ["process-service", pytest.param("docker-service", marks=pytest.mark.docker)])
def test_scale_out_adds_replicas_under_load_and_times_each_from_asking(bench, name):
    fields = {"profiles": [], "cold_starts": 0, "scale_out": {"starts": 2, "rate": 10, "seconds": 6}}
    profile = {"constant": {"rate": 5, "seconds": 0.4}}
    experiment = bench.experiment(workloads=truth(handler_ms=3), targets=[name], **{**fields, "profiles": [profile]})
    folder = assert_done(bench, bench.measure(experiment))
    record = next(record for record in folder.trials() if record.profile == "scale-out")
    rows = folder.requests(record).to_pandas()
    added = rows[rows["start_class"].astype(str) == StartClass.COLD]
    assert len(added) == 2 == record.starts and (added["outcome"].astype(str) == Outcome.OK).all()
    assert list(added["index"]) == [record.scheduled - 2, record.scheduled - 1]
    load = rows.drop(added.index)
    assert added["scheduled_ns"].is_monotonic_increasing
    assert added["scheduled_ns"].min() < load["scheduled_ns"].max(), "under load"
    assert added["started_ns"].isna().all() and load["started_ns"].notna().all()
    assert_parts_are_the_whole(rows)
    row = next(row for row in summarise(folder).rows if row.profile == "scale-out")
    assert row.valid and row.cold_starts == 2 and row.lag_p99_ms is not None
    assert_whole(bench, folder)
