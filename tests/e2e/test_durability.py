"""Whatever happens to the disk or the engine: what was saved stays, and the resumed run is whole."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.analysis.table import summarise
from tests.e2e.bench import assert_done, until
from tests.e2e.faults import DOCKER, assert_whole, only, resumed, sends, tiny
from tests.e2e.private_engine import PrivateEngine

DISRUPTIVE = pytest.mark.skipif(
    os.environ.get("FROSTLINE_DISRUPTIVE") != "1" or os.geteuid() != 0,
    reason="mounts disks and starts engines of its own: run as root with FROSTLINE_DISRUPTIVE=1",
)


def test_damaged_files_are_noticed_named_and_measured_again(bench):
    folder = assert_done(bench, bench.measure(tiny(bench, rounds=2)))
    files = [only(folder.path, f"requests/{record.trial}.*.parquet") for record in folder.trials()[:3]]
    files[0].write_bytes(files[0].read_bytes()[:-40])
    files[1].unlink()
    changed = bytearray(files[2].read_bytes())
    changed[len(changed) // 2] ^= 1
    files[2].write_bytes(changed)
    shown = bench.run("show", "latest", "--results", bench.results)
    assert shown.code == 1 and "Traceback" not in shown.err
    assert all(file.name in shown.out for file in files), shown.out
    again = resumed(bench)
    assert all(f"{file.name}" in again.out for file in files)
    folder = bench.folders()[-1]
    assert len(folder.trials()) >= 4 + 3, "each of them once more, as another attempt"
    assert again.code == 0, again.err
    latest = {record.trial: record for record in folder.trials()}
    assert len(latest) == 4 and all(record.valid and record.scheduled > 0 for record in latest.values())
    assert all(folder.verify(record) == [] for record in latest.values())
    assert bench.leftovers() == []


def test_a_line_that_was_cut_off_costs_that_trial_only(bench):
    folder = assert_done(bench, bench.measure(tiny(bench)))
    lines = folder.path / "trials.jsonl"
    before = folder.trials()
    lines.write_bytes(lines.read_bytes()[:-100])
    folder.manifest.finished_at = None
    folder.write_manifest()
    folder = assert_done(bench, resumed(bench))
    assert folder.trials()[: len(before) - 1] == before[:-1]
    assert_whole(bench, folder)


def test_a_line_that_is_no_record_is_named_with_the_fix(bench):
    folder = assert_done(bench, bench.measure(tiny(bench)))
    lines = folder.path / "trials.jsonl"
    lines.write_bytes(b'{"trial": 3}\n' + lines.read_bytes())
    for command in (("show", "latest"), ("run", "--resume", "latest")):
        told = bench.run(*command, "--results", bench.results)
        assert told.code == 2 and "line 1" in told.err and "Traceback" not in told.err
    lines.write_bytes(lines.read_bytes().split(b"\n", 1)[1])
    assert_whole(bench, bench.folders()[-1])


@contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[Path]:
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@DISRUPTIVE
def test_a_disk_that_fills_up_while_saving_costs_the_trial_being_saved(bench):
    """Room for a few trials; then space is made, and the run is resumed to its end."""
    with small_disk(bench.folder / "disk", 300) as disk:
        bench.results = disk / "results"
        (disk / "ballast").write_bytes(b"x" * 180_000)
        finished = bench.measure(tiny(bench, rounds=4))
        assert finished.code == 3, finished.err
        assert "free some space" in finished.err and "--resume" in finished.err and "Traceback" not in finished.err
        assert bench.leftovers() == []
        saved = bench.folders()[-1].trials()
        assert 1 <= len(saved) < 8 and all(bench.folders()[-1].verify(record) == [] for record in saved)
        assert list(disk.rglob("*.partial")) == []
        (disk / "ballast").unlink()
        folder = assert_done(bench, resumed(bench))
        assert folder.trials()[: len(saved)] == saved
        assert_whole(bench, folder)


@DISRUPTIVE
@pytest.mark.docker
def test_an_engine_that_is_restarted_in_mid_run_costs_one_attempt(bench, packages):
    """An engine of its own, so that nobody else's containers are touched. Slow: it starts twice and builds."""
    with PrivateEngine() as private:
        private.copy_images("frostline-base")
        environment = {"DOCKER_HOST": private.host}
        fields = {"targets": list(DOCKER), "profiles": [{"constant": {"rate": 5, "seconds": 5}}], "attempts": 3}
        started = bench.start("run", tiny(bench, **fields), "--results", bench.results, **environment)
        until(lambda: private.running() and sends(bench), "a container answers requests")
        private.restart()
        finished = started.finish()
        folder = bench.folders()[-1]
        records = folder.trials()
        told = [problem for record in records for problem in record.problems]
        assert any("the Docker engine was restarted" in problem for problem in told), (told, finished.out, finished.err)
        assert "Traceback" not in finished.err
        latest = {record.trial: record for record in records}
        assert len(latest) == 2 and folder.manifest.finished_at is not None
        assert all(record.valid and record.scheduled > 0 for record in latest.values())
        assert finished.code == 0, finished.err
        assert summarise(folder).rows
        assert private.containers() == [] and bench.leftovers() == []
