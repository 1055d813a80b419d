"""What is measured again and with what beside it: the runs are made up, the decisions are real."""

import io
from contextlib import contextmanager
from datetime import UTC, datetime

import docker
import pytest
import yaml
from rich.console import Console

from harness.clock import utc_now
from harness.errors import Interrupted, MissingError
from harness.experiment.question import read_experiment
from harness.measure.anchor import Anchor, keep_images, prepare_anchor
from harness.measure.fitting import RunnableExperiment
from harness.record.folder import RunFolder
from harness.schedule.changelog import NAME
from harness.schedule.remeasure import Measuring, remeasure
from targets.contract import DeploymentError, Package
from targets.ownership import Owner
from targets.packaging import archive as archiving
from targets.packaging.anchor import anchor_package, is_anchor, recipe_differences, tag_anchor
from targets.packaging.archive import MARK, ImageArchive, bring_back
from tests.synthetic import manifest

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
QUICK = read_experiment("quickstart")
IMAGE = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
KEY = ("filetype", "docker-service")
RECIPE = {
    "tag": "frostline/filetype:0123456789ab",
    "base_id": "base",
    "runtime_wheels": "r",
    "model_wheels": "m",
    "emulator_sha256": "e",
    "files": {"code/a.py": "1", "code/b.py": "2"},
}


def stored(results, run, started_at, **changes):
    given = {
        "experiment": QUICK.model_dump(mode="json"),
        "experiment_sha256": QUICK.sha256(),
        "packages": {"filetype/docker-service": {"image_id": IMAGE}},
    }
    return RunFolder.create(results, manifest(run=run, started_at=started_at, **{**given, **changes}))


class Machine:
    """Stands for everything that measures: remembers what it was asked for and stores a run for each."""

    def __init__(self, results):
        self.results = results
        self.measured = []
        self.kept = []
        self.fails = {}
        self.no_anchor = None

    def fit_to_machine(self, experiment):
        return RunnableExperiment(experiment, ["docker-service"], [])

    def measure(self, choice, results, console, anchor=None):
        name = choice.experiment.name
        self.measured.append((name, anchor.run if anchor else None, choice.notices))
        if error := self.fails.get((name, anchor is not None)):
            raise error
        run = stored(
            results,
            f"new-{len(self.measured)}",
            "2026-11-24T12:00:00+00:00",
            experiment=choice.experiment.model_dump(mode="json"),
            experiment_sha256=choice.experiment.sha256(),
            anchor=anchor.facts if anchor else {},
        )
        return run, 0

    def prepare_anchor(self, earlier, choice, say):
        if self.no_anchor:
            raise DeploymentError(self.no_anchor)
        package = Package("filetype", "frostline-anchor/filetype:aaaaaaaaaaaa", {"image_id": IMAGE})
        return Anchor(earlier.run, earlier.experiment_sha256, {KEY: package})

    def keep(self, of):
        self.kept.append(of.run)
        return ["frostline-anchor/filetype:aaaaaaaaaaaa"], []

    def again(self, *names, if_due=True, wait=False):
        """Exit code and what was said."""
        plan = self.results / "schedule.yaml"
        plan.write_text(yaml.safe_dump({"schema": "frostline/schedule/1", "experiments": list(names)}))
        stream = io.StringIO()
        measuring = Measuring(self.measure, self.fit_to_machine, self.prepare_anchor, self.keep)
        code = remeasure(if_due, plan, self.results, Console(file=stream), measuring, NOW, wait)
        return code, stream.getvalue()


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_a_daily_call_measures_once_a_quarter_last_quarters_image_first(machine, tmp_path):
    stored(tmp_path, "summer", "2026-08-01T06:17:00+00:00")
    code, output = machine.again("quickstart")
    assert code == 0
    [anchor, new] = machine.measured
    assert anchor[:2] == ("quickstart", "summer")
    assert new[:2] == ("quickstart", None)
    assert any("images of run summer" in notice for notice in anchor[2])
    assert any("ANCHOR: run new-1 deployed" in notice for notice in new[2])
    assert "frostline compare new-1 new-2" in output
    assert "frostline compare summer new-1" in output
    assert "both deployed the same images" in output
    assert machine.kept == ["new-2"]
    assert "kept for next quarter" in output
    code, output = machine.again("quickstart")
    assert code == 0
    assert len(machine.measured) == 2
    assert "measured in 2026-Q4 by run new-2: nothing to do" in output
    assert machine.again("quickstart", if_due=False)[0] == 0
    assert [run for _, run, _ in machine.measured[2:]] == ["summer", None], "still last quarter's, not this one's"


def test_who_waited_measures_nothing_that_was_measured_meanwhile(machine, tmp_path, monkeypatch):
    @contextmanager
    def another_first(tell):
        tell("waiting for another")
        name = {"experiment": QUICK.model_dump(mode="json"), "experiment_sha256": QUICK.sha256()}
        stored(tmp_path, "theirs", f"{utc_now():%Y-%m-%dT%H:%M:%SZ}", **name)
        yield

    monkeypatch.setattr("harness.schedule.remeasure.alone", another_first)
    code, output = machine.again("quickstart", wait=True)
    assert code == 0
    assert machine.measured == []
    assert "waiting for another" in output
    assert "by run theirs: nothing to do" in output


@pytest.mark.parametrize(
    ("earlier", "reason", "part"),
    [(False, None, "no finished run before"), (True, "image sha256:aaaa is gone", "image sha256:aaaa is gone")],
)
def test_without_an_anchor_it_is_said_aloud_and_kept_in_the_run(machine, tmp_path, earlier, reason, part):
    if earlier:
        stored(tmp_path, "summer", "2026-08-01T06:17:00+00:00")
    machine.no_anchor = reason
    assert machine.again("quickstart")[0] == 0
    [(_, run, notices)] = machine.measured
    assert run is None
    assert any(notice.startswith("NO ANCHOR: ") and part in notice for notice in notices)


def test_what_cannot_be_measured_does_not_keep_the_others_from_it(machine, tmp_path):
    stored(tmp_path, "summer", "2026-08-01T06:17:00+00:00")
    machine.fails = {
        ("quickstart", True): MissingError("the anchor\nfell"),
        ("baseline", False): MissingError("no disk"),
    }
    code, output = machine.again("baseline", "quickstart", "semantic-search")
    assert code == 3
    assert "baseline: not measured: no disk" in output
    assert [(name, run) for name, run, _ in machine.measured] == [
        ("baseline", None),
        ("quickstart", "summer"),
        ("quickstart", None),
        ("semantic-search", None),
    ]
    assert any("NO ANCHOR: its run ended early: the anchor; fell" in notice for notice in machine.measured[2][2])


def test_an_interruption_ends_it_all(machine):
    machine.fails = {("quickstart", False): Interrupted("interrupted")}
    with pytest.raises(Interrupted):
        machine.again("quickstart", "baseline")
    assert len(machine.measured) == 1


def test_a_changed_definition_is_measured_and_asks_a_person_until_one_answers(machine, tmp_path):
    old = QUICK.model_copy(update={"rounds": 5})
    given = {"experiment": old.model_dump(mode="json"), "experiment_sha256": old.sha256()}
    stored(tmp_path, "summer", "2026-08-01T06:17:00+00:00", **given)
    code, output = machine.again("quickstart")
    assert code == 1
    assert len(machine.measured) == 2
    assert "NEEDS YOU" in output
    assert "the definition changed meanwhile" in output
    file = tmp_path / NAME
    assert "rounds: 5" in file.read_text()
    assert machine.again("quickstart")[0] == 1
    assert len(machine.measured) == 2
    file.write_text(file.read_text().replace("Why:", "Why: a quicker look is enough"))
    assert machine.again("quickstart")[0] == 0


def test_process_targets_have_no_images_and_no_engine_is_asked():
    earlier = manifest(packages={"filetype/process-service": {"site": "s"}})
    with pytest.raises(DeploymentError, match="no images on process-service"):
        prepare_anchor(earlier, RunnableExperiment(QUICK, ["process-service"], []), print)
    assert keep_images(earlier) == ([], [])


class Image:
    def __init__(self, image_id, tags=(), workload="filetype"):
        self.id = image_id
        self.tags = list(tags)
        self.labels = {"frostline.image": workload, "frostline.facts": "{}"}
        self.attrs = {"Size": 7, "RootFS": {"Layers": ["l"]}}

    engine: "Engine | None" = None

    def tag(self, repository, tag):
        name = f"{repository}:{tag}"
        for image in self.engine.there if self.engine else []:
            image.tags = [other for other in image.tags if other != name]
        self.tags.append(name)


class Engine:
    """The few calls of a Docker client that keeping an image makes."""

    def __init__(self, *images):
        self.there = list(images)
        self.images = self
        self.saved = list(images)

    def get(self, reference):
        for image in self.there:
            if reference == image.id or reference in image.tags:
                image.engine = self
                return image
        raise docker.errors.ImageNotFound(reference)

    def remove(self, reference, force):
        self.there.remove(self.get(reference))

    def load(self, file):
        """What is loaded takes its tag from whoever has it, as in an engine."""
        loaded = [Image(image.id, image.tags[:1]) for image in self.saved]
        tags = {tag for image in loaded for tag in image.tags}
        others = [image for image in self.there if image.id not in {new.id for new in loaded}]
        for image in others:
            image.tags = [tag for tag in image.tags if tag not in tags]
        self.there = [*others, *loaded]


def test_only_an_image_that_we_built_for_the_workload_becomes_an_anchor():
    engine = Engine(Image(IMAGE, ["frostline/filetype:x"]), Image(OTHER, ["theirs:latest"], workload="echo"))
    assert not is_anchor(engine.get(IMAGE))
    assert tag_anchor(engine, "filetype", IMAGE) == "frostline-anchor/filetype:aaaaaaaaaaaa"
    assert is_anchor(engine.get(IMAGE))
    for image_id, why in (
        (OTHER, "not one of filetype"),
        ("theirs:latest", "no image id"),
        ("sha256:" + "c" * 64, "gone"),
    ):
        with pytest.raises(DeploymentError, match=why):
            tag_anchor(engine, "filetype", image_id)
    assert engine.get(OTHER).tags == ["theirs:latest"]


def packaged(image_id, **recipe):
    return {"image_id": image_id, "packages": ["a==1"], "recipe": {**RECIPE, **recipe}}


def test_the_very_image_of_then_is_deployed_where_it_is_there(monkeypatch):
    monkeypatch.setattr("targets.packaging.anchor.build_image", lambda *_: pytest.fail("must not build"))
    workload = QUICK.workloads[0].resolve()
    package = anchor_package(Engine(Image(IMAGE)), workload, None, packaged(IMAGE) | {"base": "debian"}, print)
    assert package.reference == "frostline-anchor/filetype:aaaaaaaaaaaa"
    assert package.facts["image_id"] == IMAGE
    assert package.facts["base"] == "debian"
    assert "rebuilt_for" not in package.facts


def test_an_image_that_is_gone_is_made_again_by_the_same_recipe_or_what_differs_is_told(monkeypatch):
    workload, engine, said = QUICK.workloads[0].resolve(), Engine(Image(OTHER)), []
    built = Package("filetype", "frostline/filetype:x", packaged(OTHER))
    monkeypatch.setattr("targets.packaging.anchor.build_image", lambda *_: built)
    package = anchor_package(engine, workload, None, packaged(IMAGE), said.append)
    assert package.reference == "frostline-anchor/filetype:bbbbbbbbbbbb"
    assert package.facts["rebuilt_for"] == IMAGE
    assert Anchor("r", "0", {KEY: package}).facts == {
        "run": "r",
        "experiment_sha256": "0",
        "images": {"filetype/docker-service": OTHER},
        "rebuilt": {"filetype/docker-service": IMAGE},
    }
    assert any("made again by the same recipe" in line for line in said)
    changed = packaged(IMAGE, base_id="another", files={"code/a.py": "1", "code/b.py": "9", "code/c\x1b.py": "3"})
    with pytest.raises(DeploymentError) as output:
        anchor_package(engine, workload, None, changed, print)
    for part in ("is gone and cannot be made again", "base image differs", "code/b.py, code/c\\x1b.py"):
        assert part in str(output.value)
    with pytest.raises(DeploymentError, match="does not tell how it was made"):
        anchor_package(engine, workload, None, {"image_id": IMAGE}, print)


@pytest.mark.parametrize("field", [*RECIPE, "packages"])
def test_no_part_of_a_recipe_may_differ(field):
    now = packaged(OTHER)
    assert recipe_differences(packaged(IMAGE), now) == []
    if field == "packages":
        assert recipe_differences({**packaged(IMAGE), "packages": ["a==2"]}, now)
    else:
        assert recipe_differences(packaged(IMAGE, **{field: {"x": "1"} if field == "files" else "other"}), now)


def test_an_image_with_an_anchors_tag_is_wholly_absent_and_gets_its_tag_back(tmp_path):
    """Removing one tag of two would leave every layer, and a cold start without its image would be none."""
    (tmp_path / "image.tar").touch()
    engine = Engine(Image(IMAGE, ["frostline/filetype:x", "frostline-anchor/filetype:aaaaaaaaaaaa"]))
    archive = ImageArchive(engine, "frostline/filetype:x", tmp_path / "image.tar")
    for _ in range(2):
        archive.forget()
        assert engine.there == []
        archive.load()
        assert engine.get(IMAGE).tags == ["frostline/filetype:x"]
    archive.restore()
    archive.restore()
    assert engine.get(IMAGE).tags == ["frostline/filetype:x", "frostline-anchor/filetype:aaaaaaaaaaaa"]


def test_an_image_that_a_killed_run_left_absent_comes_back_with_all_its_tags(tmp_path, monkeypatch):
    monkeypatch.setattr(archiving, "archive_folder", lambda: tmp_path)
    place = tmp_path / "entry"
    place.mkdir()
    (place / "image.tar").touch()
    engine = Engine(Image(IMAGE, ["frostline/filetype:x", "frostline-anchor/filetype:aaaaaaaaaaaa"]))
    ImageArchive(engine, "frostline/filetype:x", place / "image.tar").forget()
    assert bring_back(engine) == [] and engine.there == [], "its run goes on"
    mark = place / MARK
    mark.write_text(mark.read_text().replace(str(Owner.current()), "1/0/another-boot"))
    (told,) = bring_back(engine)
    assert "frostline-anchor/filetype:aaaaaaaaaaaa" in told and told.endswith("is back")
    assert engine.get(IMAGE).tags == ["frostline/filetype:x", "frostline-anchor/filetype:aaaaaaaaaaaa"]
    assert bring_back(engine) == [] and not mark.exists()


KEPT = "frostline-anchor/filetype:aaaaaaaaaaaa"


@pytest.fixture
def killed(tmp_path, monkeypatch):
    """An engine, an archive whose owner was killed after its mark was written, and that mark."""
    monkeypatch.setattr(archiving, "archive_folder", lambda: tmp_path)
    place = tmp_path / "entry"
    place.mkdir()
    (place / "image.tar").touch()
    engine = Engine(Image(IMAGE, ["frostline/filetype:x", KEPT]))
    ImageArchive(engine, "frostline/filetype:x", place / "image.tar").forget()
    mark = place / MARK
    mark.write_text(mark.read_text().replace(str(Owner.current()), "1/0/another-boot"))
    return engine, mark


def test_an_image_that_was_never_removed_is_not_said_to_be_back(killed):
    """Its run was killed between the mark and the removal."""
    engine, mark = killed
    engine.there = [Image(IMAGE, ["frostline/filetype:x", KEPT])]
    assert bring_back(engine) == []
    assert engine.get(IMAGE).tags == ["frostline/filetype:x", KEPT]
    assert not mark.exists()


def test_an_image_that_was_loaded_without_its_other_tags_gets_them_back(killed):
    engine, mark = killed
    engine.load(None)
    assert bring_back(engine) == [f"image {KEPT}, which a killed run left absent, is back"]
    assert engine.get(IMAGE).tags == ["frostline/filetype:x", KEPT]
    assert not mark.exists()


def test_another_image_that_took_the_reference_keeps_it_and_gets_no_anchors_tag(killed):
    engine, mark = killed
    engine.there = [Image(OTHER, ["frostline/filetype:x"])]
    assert bring_back(engine) == [f"image {KEPT}, which a killed run left absent, is back"]
    assert engine.get("frostline/filetype:x").id == OTHER
    assert engine.get(OTHER).tags == ["frostline/filetype:x"]
    assert engine.get(KEPT).id == IMAGE
    assert not mark.exists()
