"""Last quarter's image deployed again: the very same one, said in the manifest, and kept by `clean` until asked."""

from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from harness.record.folder import RunFolder
from targets.ownership import IMAGE_LABEL
from targets.packaging.anchor import REPOSITORY
from targets.packaging.archive import archive_folder
from targets.packaging.cache import cache_root
from tests.e2e.bench import Bench, assert_valid
from tests.e2e.private_engine import PrivateEngine

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("cleaning")]

SUMMER = "2026-07-01T06:17:00+00:00"


@pytest.fixture(scope="module")
def private(packages):
    """An engine of our own: `clean --images` takes every image of ours that an engine has."""
    with PrivateEngine() as engine:
        engine.copy_images("frostline-base")
        usual = docker.from_env(timeout=120)
        reference = packages["echo", "docker-service"].reference
        engine.client().images.load(b"".join(usual.images.get(reference).save(named=reference)))
        usual.close()
        yield engine


def apart(bench: Bench, engine: PrivateEngine) -> dict[str, str]:
    """The engine, and a cache without the usual one's archives, which `clean --images` would take."""
    cache = bench.folder / "cache"
    cache.mkdir()
    for entry in cache_root().iterdir():
        if entry.name != archive_folder().name:
            (cache / entry.name).symlink_to(entry)
    return {"DOCKER_HOST": engine.host, "FROSTLINE_CACHE": str(cache)}


def schedule(bench: Bench, **fields: Any) -> Path:
    """Two engines give away ports of the same range: a trial that one of them refuses is tried again."""
    experiment = bench.experiment(workloads=["echo"], targets=["docker-service"], attempts=3, **fields)
    plan = bench.folder / "schedule.yaml"
    plan.write_text(yaml.safe_dump({"schema": "frostline/schedule/1", "experiments": [experiment.name]}))
    return plan


def remeasure(bench: Bench, plan: Path, **environment: str):
    finished = bench.run("remeasure", "--if-due", "--plan", plan, "--results", bench.results, **environment)
    assert "Traceback" not in finished.err
    return finished


def backdate(folder: RunFolder) -> None:
    """As if it had been measured in another quarter."""
    folder.manifest.started_at = SUMMER
    folder.write_manifest()


def assert_code(finished, *folders: RunFolder) -> None:
    assert finished.code == 0, finished.err + finished.out
    for folder in folders:
        assert_valid(folder)


def tags(engine: PrivateEngine) -> set[str]:
    return {tag for image in engine.client().images.list(filters={"label": IMAGE_LABEL}) for tag in image.tags}


def test_the_anchor_is_last_quarters_image_and_clean_keeps_it(bench, private):
    # Absent images as well: an anchor's second tag must neither keep the image there nor be lost.
    plan = schedule(bench, profiles=[{"constant": {"rate": 5, "seconds": 1}}], cold_starts=1, images=["absent"])
    place = apart(bench, private)
    finished = remeasure(bench, plan, **place)
    assert bench.folders(), finished.out + finished.err
    [first] = bench.folders()
    assert_code(finished, first)
    assert "NO ANCHOR" in finished.out and first.manifest.anchor == {}
    image_id = first.manifest.packages["echo/docker-service"]["image_id"]
    anchor_tag = f"{REPOSITORY}/echo:{image_id.removeprefix('sha256:')[:12]}"
    assert anchor_tag in tags(private)
    assert "nothing to do" in remeasure(bench, plan, **place).out and len(bench.folders()) == 1

    backdate(first)
    finished = remeasure(bench, plan, **place)
    later = [folder for folder in bench.folders() if folder.manifest.run != first.manifest.run]
    anchor, new = sorted(later, key=lambda folder: not folder.manifest.anchor)
    assert_code(finished, anchor, new)
    assert anchor.manifest.anchor == {
        "run": first.manifest.run,
        "experiment_sha256": first.manifest.experiment_sha256,
        "images": {"echo/docker-service": image_id},
    }
    assert new.manifest.anchor == {} and len(later) == 2
    assert any(anchor.manifest.run in notice for notice in new.manifest.notices)
    rows = [anchor.requests(record).to_pandas() for record in anchor.trials() if record.profile == "cold"]
    assert rows and all((found["phase_image_ns"] > 10e6).all() for found in rows), "a part of it stayed"
    assert anchor_tag in tags(private)

    told = bench.run("clean", "--images", **place).out
    assert f"kept as an anchor for the next quarter: image {anchor_tag}" in told and anchor_tag in tags(private)
    told = bench.run("clean", "--images", "--anchors", **place).out
    assert f"removed image {anchor_tag}" in told and tags(private) == set()
    assert bench.run("clean", "--anchors", **place).code == 2
    assert bench.leftovers() == []


def test_an_anchor_that_is_gone_is_made_again_by_the_same_recipe(bench, private):
    """The engine is empty but for the base: the first run builds, then its image is removed. Slow: it builds twice."""
    plan = schedule(bench, profiles=[{"constant": {"rate": 5, "seconds": 0.5}}], name="again")
    place = apart(bench, private)
    first_finished = remeasure(bench, plan, **place)
    [first] = bench.folders()
    assert_code(first_finished, first)
    backdate(first)
    bench.run("clean", "--images", "--anchors", **place)
    finished = remeasure(bench, plan, **place)
    _, anchor, _ = sorted(bench.folders(), key=lambda folder: (folder.manifest.started_at, folder.manifest.run))
    before = first.manifest.packages["echo/docker-service"]["image_id"]
    assert anchor.manifest.anchor["rebuilt"] == {"echo/docker-service": before}
    assert "made again by the same recipe" in finished.out
    bench.run("clean", "--images", "--anchors", **place)
