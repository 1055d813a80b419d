"""A run on a target of two parts: what its edge and what its core did is told apart, and nothing of either is left."""

from collections.abc import Iterator

import pandas as pd
import pytest

from harness.record.folder import RunFolder
from harness.record.nouns import TrialRecord
from targets.local.processes import CODE
from tests.e2e.bench import Bench, assert_done, summary
from tests.e2e.conftest import open_bench
from tests.fakes.plug_ins import put, python_path

PROCESSES = ("process-service", "process-lambda", "process-hybrid")
Trials = list[tuple[TrialRecord, pd.DataFrame]]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("toy-split", PROCESSES), id="processes"),
        pytest.param(("known-truth", ("docker-hybrid",)), id="containers", marks=pytest.mark.docker),
    ],
)
def ran(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, engine: object, packages: object
) -> Iterator[tuple[Bench, RunFolder]]:
    """Of a toy whose edges keep what they were told, and of one whose image is there already and whose requests all
    differ; ended, with nothing left."""
    workload, names = request.param
    plug_ins = put(tmp_path_factory.mktemp("plug-ins"), "toy_split.py")
    with open_bench(tmp_path_factory.mktemp("run"), engine) as bench:  # type: ignore[arg-type]
        experiment = bench.experiment(
            workloads=[workload],
            targets=list(names),
            profiles=[{"constant": {"rate": 12, "seconds": 1}}],
            cold_starts=1,
        )
        yield bench, assert_done(bench, bench.measure(experiment, PYTHONPATH=python_path(plug_ins, CODE)))


@pytest.fixture
def trials(ran: tuple[Bench, RunFolder]) -> Trials:
    """Those on the target of two parts, with their rows."""
    _, run = ran
    found = [record for record in run.trials() if record.target.endswith("-hybrid")]
    assert sorted(record.profile for record in found) == ["cold", "constant"]
    return [(record, run.requests(record).to_pandas()) for record in found]


def test_only_what_an_edge_does_not_keep_reaches_its_core(trials: Trials) -> None:
    for _, rows in trials:
        assert set(rows["outcome"].astype(str)) == {"ok"}
        in_turn = rows.astype({"unit": str, "payload": str}).sort_values(["unit", "invocation"])
        kept = in_turn.duplicated(["unit", "payload"])
        assert (in_turn["part_core_handler_ns"].isna() == kept).all()


def test_its_cold_starts_are_the_edges(trials: Trials) -> None:
    for record, rows in trials:
        cold = rows[rows["start_class"] == "cold"]
        assert len(cold) == record.starts == rows["unit"].astype(str).nunique() > 0
        assert (cold["invocation"] == 1).all() and not rows["unit"].astype(str).str.startswith("core").any()
        assert (cold["phase_connections_ns"] > 0).all(), "its way to the core is opened in its start"
        (core,) = [unit for unit in record.units if unit.part == "core"]
        assert not core.for_request, "it was there before, and is warm"
    forced = next(rows for record, rows in trials if record.profile == "cold")
    assert (forced["start_class"] == "cold").all()


def test_each_part_has_its_own_time(trials: Trials) -> None:
    for _, rows in trials:
        asked = rows[rows["part_core_handler_ns"].notna()]
        waited, queue, own = (asked[f"part_core_{figure}_ns"] for figure in ("waited", "queue", "handler"))
        assert len(asked) and (own > 0).all() and (queue >= 0).all()
        assert (queue + own <= waited).all() and (waited <= asked["handler_ns"]).all()


def test_its_row_tells_of_both_parts_and_the_answer_is_over_all_forms(
    ran: tuple[Bench, RunFolder], trials: Trials
) -> None:
    bench, run = ran
    told = summary(bench, run.manifest.run)
    rows = {row["profile"]: row for row in told["rows"] if row["target"].endswith("-hybrid")}
    for record, requests in trials:
        edge, core = rows[record.profile]["parts"]
        assert (edge["name"], edge["kind"], edge["requests"]) == ("edge", "function", len(requests))
        asked = int(requests["part_core_handler_ns"].notna().sum())
        assert (core["name"], core["kind"], core["requests"], core["units"]) == ("core", "service", asked, 1)
        assert edge["cpu_seconds"] > 0 and core["cpu_seconds"] > 0
    forms = run.manifest.targets
    whole = [answer["targets"] for answer in told["answers"] if len(answer["targets"]) > 2]
    assert whole == ([sorted(forms)] if len(forms) > 2 else [])
