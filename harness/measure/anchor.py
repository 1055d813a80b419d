"""An earlier run's images, deployed again: what differs from that run is the platform, not what was built since."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import targets
from harness.experiment.pieces import WorkloadChoice
from harness.files.problems import quote
from harness.measure.fitting import RunnableExperiment
from harness.record.nouns import Manifest
from targets.contract import DeploymentError, Package
from targets.local import containers
from targets.packaging.anchor import anchor_package, tag_anchor
from targets.packaging.archive import bring_back


@dataclass(frozen=True)
class Anchor:
    """What a run deploys instead of new packages."""

    run: str
    """The run whose images they are."""
    experiment_sha256: str
    """The definition of that run. What is deployed is sent the traffic of the present one."""
    packages: dict[tuple[str, str], Package]

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says of it; `rebuilt` names that run's images that were made again by the same recipe."""
        package_facts = {f"{workload}/{name}": package.facts for (workload, name), package in self.packages.items()}
        rebuilt = {key: facts["rebuilt_for"] for key, facts in package_facts.items() if "rebuilt_for" in facts}
        images = {key: facts["image_id"] for key, facts in package_facts.items()}
        fields = {"run": self.run, "experiment_sha256": self.experiment_sha256, "images": images}
        return fields | ({"rebuilt": rebuilt} if rebuilt else {})


def prepare_anchor(earlier: Manifest, runnable: RunnableExperiment, say: Callable[[str], None]) -> Anchor:
    """The earlier run's images for everything that `runnable` deploys. DeploymentError with every reason why not."""
    if without_images := [name for name in runnable.targets if not _has_images(name)]:
        raise DeploymentError(f"there are no images on {', '.join(without_images)}")
    packages, problems = {}, []
    with closing(containers.engine()) as client:
        for line in bring_back(client):
            say(line)
        for workload in runnable.experiment.workloads:
            for name in runnable.targets:
                try:
                    facts = _image_facts(earlier, workload, name)
                    packages[workload.key, name] = anchor_package(
                        client, workload.resolve(), workload.own_model, facts=facts, say=say
                    )
                except DeploymentError as error:
                    problems.append(f"{workload.key} on {name}: {error}")
    if problems:
        raise DeploymentError("\n".join(problems))
    return Anchor(earlier.run, earlier.definition, packages)


def prepare_same_anchor(manifest: Manifest, runnable: RunnableExperiment, say: Callable[[str], None]) -> Anchor:
    """The anchor of a run that was interrupted, to go on with. DeploymentError when an image is gone meanwhile."""
    anchor = prepare_anchor(manifest, runnable, say)
    before = manifest.anchor
    return Anchor(str(before.get("run")), str(before.get("experiment_sha256")), anchor.packages)


def keep_images(manifest: Manifest) -> tuple[list[str], list[str]]:
    """Tag a finished run's images as anchors, so that `clean --images` keeps them; returns tags and problems."""
    tags, problems = set(), set()
    images = {(facts.get("image_id"), key) for key, facts in manifest.packages.items() if facts.get("image_id")}
    if not images:
        return [], []
    try:
        with closing(containers.engine()) as client:
            for image_id, key in images:
                try:
                    tags.add(tag_anchor(client, _workload_name(manifest, key), str(image_id)))
                except DeploymentError as error:
                    problems.add(str(error))
    except DeploymentError as error:
        problems.add(str(error))
    return sorted(tags), sorted(problems)


def _workload_name(manifest: Manifest, key: str) -> str:
    """The workload behind a row's name, from the definition that the run stores."""
    for fields in manifest.experiment.get("workloads") or []:
        try:
            choice = WorkloadChoice.model_validate(fields)
        except ValueError:
            continue
        if choice.key == key.rpartition("/")[0] and choice.name in targets.workload_names():
            return choice.name
    raise DeploymentError(f"run {manifest.run}: {quote(key)} is no workload of it")


def _has_images(name: str) -> bool:
    return targets.target(name).capabilities.engine


def _image_facts(earlier: Manifest, workload: WorkloadChoice, target: str) -> dict[str, Any]:
    facts = earlier.packages.get(f"{workload.key}/{target}")
    if not facts or not facts.get("image_id"):
        raise DeploymentError(f"run {earlier.run} deployed no image of it")
    return facts
