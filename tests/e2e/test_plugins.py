"""Files of one's own, in a folder on PYTHONPATH: a target, a sender and workloads take part in a run like any other."""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from harness.record.folder import RunFolder
from harness.record.nouns import TrialRecord
from targets.local.processes import CODE
from tests.e2e.bench import assert_done
from tests.e2e.conftest import open_bench
from tests.fakes.plug_ins import TOYS, put, python_path

DEVICE = runpy.run_path(str(TOYS / "targets" / "workloads" / "toy_parts" / "device.py"))
"""The fake device's own file, which says how long it takes."""
WORDS = {"rime": 4, "a": 6, "thaw": 1}
"""Words of each of the streaming toy's payloads, by the payload's name."""
OPERATIONS = {"x1": 1, "x7": 7, "x1000": 1000}
"""The same of the measured toy."""
OWN_PHASES = {"toy-stream": ["vocabulary", "warm_up"], "toy-device": ["device_context"]}
Trials = list[tuple[TrialRecord, pd.DataFrame]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, engine: object, packages: object) -> Iterator[RunFolder]:
    """Both workloads on the toy target and on processes."""
    plug_ins = put(tmp_path_factory.mktemp("plug-ins"))
    with open_bench(tmp_path_factory.mktemp("run"), engine) as bench:
        experiment = bench.experiment(
            workloads=["toy-stream", "toy-device"],
            targets=["toy", "process-service", "process-lambda"],
            profiles=[{"constant": {"rate": 12, "seconds": 1}}],
            cold_starts=1,
        )
        yield assert_done(bench, bench.measure(experiment, PYTHONPATH=python_path(plug_ins, CODE)))


def trials(run: RunFolder, **wanted: str) -> Trials:
    """The trials that have these fields, with their rows."""
    found = [record for record in run.trials() if all(getattr(record, name) == wanted[name] for name in wanted)]
    assert found
    return [(record, run.requests(record).to_pandas()) for record in found]


def test_every_answer_is_right(run: RunFolder) -> None:
    assert len(trials(run)) == 12
    for record, rows in trials(run):
        assert set(rows["outcome"].astype(str)) == {"ok"}, (record.trial, rows["error"].dropna().unique())


def test_the_target_is_recorded_with_what_it_claims(run: RunFolder) -> None:
    facts = run.manifest.targets["toy"]
    assert facts.kind == "service"
    assert facts.capabilities["events"] is False
    for record, rows in trials(run, target="toy"):
        forced = record.profile == "cold"
        assert record.case["waiting"] == 128
        assert record.starts == (len(rows) if forced else 0), "told from envelopes, for the toy keeps no log"
        assert (rows["start_class"] == "cold").all() if forced else (rows["start_class"] != "cold").all()
        assert rows["unit"].astype(str).nunique() == 1 == len(record.units)


def test_requests_leave_through_the_sender_that_the_endpoint_names(run: RunFolder) -> None:
    """Which signs each at the moment of sending, and the target names the requests whose signature it could verify."""
    for _, rows in trials(run, target="toy"):
        assert rows["request_id"].str.fullmatch(r"signed-[0-9]+").all()
        assert rows["request_id"].is_unique


@pytest.mark.parametrize("workload", OWN_PHASES)
def test_phases_of_any_name_are_parts_of_the_start(run: RunFolder, workload: str) -> None:
    for record, rows in trials(run, workload=workload, profile="cold"):
        own = ["imports", *OWN_PHASES[workload]]
        served = ["connections"] if record.target == "process-service" else []
        assert [name for name in record.phases if name in (*own, *served)] == own + served
        for name in record.phases:
            assert (rows[f"phase_{name}_ns"] >= 0).all(), name
        durations = rows[[f"phase_{name}_ns" for name in record.phases]].sum(axis="columns")
        assert (durations == rows["done_ns"] - rows["scheduled_ns"]).all()


def test_a_stream_is_stamped_chunk_by_chunk_where_its_target_streams(run: RunFolder) -> None:
    for record, rows in trials(run, workload="toy-stream", target="process-service"):
        assert (rows["chunks"] == rows["payload"].astype(str).map(WORDS)).all(), record.trial
        assert (rows["sent_ns"] <= rows["first_chunk_ns"]).all()
        assert (rows["first_byte_ns"] <= rows["first_chunk_ns"]).all()
        assert (rows["first_chunk_ns"] <= rows["last_chunk_ns"]).all()
        assert (rows["last_chunk_ns"] <= rows["done_ns"]).all()


@pytest.mark.parametrize("target", ["process-lambda", "toy"])
def test_elsewhere_the_same_stream_is_one_answer(run: RunFolder, target: str) -> None:
    for _, rows in trials(run, workload="toy-stream", target=target):
        assert rows[["chunks", "first_chunk_ns", "last_chunk_ns"]].isna().all(axis=None)


@pytest.mark.parametrize("target", ["toy", "process-service", "process-lambda"])
def test_what_was_measured_of_an_answer_is_in_its_row(run: RunFolder, target: str) -> None:
    for _, rows in trials(run, workload="toy-stream", target=target):
        words = rows["payload"].astype(str).map(WORDS)
        assert (rows["tokens_in"] == words).all() and (rows["tokens_out"] == words).all()
        assert rows["gpu_ns"].isna().all(), "nothing ran on a device"
    for _, rows in trials(run, workload="toy-device", target=target):
        operations = rows["payload"].astype(str).map(OPERATIONS)
        assert (rows["gpu_ns"] == DEVICE["LAUNCH_NS"] + operations * DEVICE["OPERATION_NS"]).all()
        assert rows[["tokens_in", "tokens_out"]].isna().all(axis=None)


@pytest.mark.docker
def test_an_image_holds_a_plug_in_and_what_it_shares(tmp_path: Path, engine: object) -> None:
    plug_ins = put(tmp_path / "plug-ins")
    with open_bench(tmp_path, engine) as bench:
        experiment = bench.experiment(
            workloads=["toy-stream", "toy-device"],
            targets=["docker-service", "docker-lambda"],
            profiles=[],
            cold_starts=1,
        )
        run = assert_done(bench, bench.measure(experiment, PYTHONPATH=python_path(plug_ins, CODE)))
    (device,) = {rows["gpu_ns"].item() for _, rows in trials(run, workload="toy-device")}
    assert device == DEVICE["LAUNCH_NS"] + OPERATIONS["x1"] * DEVICE["OPERATION_NS"]
    chunks = {record.target: rows["chunks"].item() for record, rows in trials(run, workload="toy-stream")}
    assert chunks["docker-service"] == WORDS["rime"] and pd.isna(chunks["docker-lambda"])
    assert {name for record, _ in trials(run) for name in record.phases} >= {"vocabulary", "warm_up", "device_context"}


def test_the_conformance_suite_finds_the_target_and_is_passed(tmp_path: Path) -> None:
    plug_ins = put(tmp_path, "toy.py", "toy_sender.py")
    command = [sys.executable, "-m", "pytest", "tests/contract/test_targets.py", "-k", "toy", "-n0", "-rs"]
    environment = os.environ | {"PYTHONPATH": python_path(plug_ins, CODE)}
    done = subprocess.run(command, cwd=CODE, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "SKIPPED" not in done.stdout, done.stdout


def test_a_start_that_enters_a_reserved_phase_fails_and_says_why(tmp_path: Path, engine: object) -> None:
    place = tmp_path / "targets" / "workloads" / "toy_stream.py"
    put(tmp_path, "toy_stream.py")
    place.write_text(place.read_text().replace('phase("warm_up")', 'phase("boot")'))
    with open_bench(tmp_path, engine) as bench:
        experiment = bench.experiment(workloads=["toy-stream"], targets=["process-service"], profiles=[], cold_starts=1)
        finished = bench.measure(experiment, PYTHONPATH=python_path(tmp_path, CODE))
    assert finished.code == 1
    assert "phase 'boot' is told by the bench itself: give yours another name" in finished.out


def test_a_run_is_shown_where_its_plug_ins_are_not(run: RunFolder, tmp_path: Path, engine: object) -> None:
    with open_bench(tmp_path, engine) as bench:
        shown = bench.run("show", run.path, "--format", "json")
    assert shown.code == 0, shown.err
    rows = json.loads(shown.out)["rows"]
    assert {row["target"] for row in rows} == {"toy", "process-service", "process-lambda"}
    (cold,) = [row for row in rows if (row["workload"], row["target"], row["profile"]) == ("toy-stream", "toy", "cold")]
    assert {"vocabulary", "warm_up"} <= set(cold["cold_phases_ms"])
