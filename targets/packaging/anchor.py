"""Images of an earlier run, kept under a tag of their own so that they can be deployed again beside new ones."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from targets.contract import DeploymentError, Package
from targets.ownership import IMAGE_LABEL
from targets.packaging.engine import engine_errors, find_image
from targets.packaging.image import build_image, image_facts
from targets.workloads.contract import Workload

REPOSITORY = "frostline-anchor"
"""`clean --images` keeps what is tagged so: an image cannot be given a label after it was built."""
IMAGE_ID = re.compile(r"sha256:[0-9a-f]{64}")
BASE_FACTS = ("base", "base_id", "base_asked", "base_note", "recipe")
"""Facts of the run that built the image; the image itself does not tell them."""


def tag_anchor(client: Any, workload: str, image_id: str) -> str:
    """Tag an image as an anchor; returns the tag. DeploymentError when it is gone or is not this workload's."""
    image = find_own_image(client, workload, image_id)
    repository, tag = f"{REPOSITORY}/{workload}", image_id.removeprefix("sha256:")[:12]
    with engine_errors(f"tagging image {image_id}"):
        image.tag(repository, tag)
    return f"{repository}:{tag}"


def is_anchor(image: Any) -> bool:
    """Whether one of its tags says so."""
    return any(tag.startswith(f"{REPOSITORY}/") for tag in image.tags)


def anchor_package(
    client: Any, workload: Workload, model_dir: Path | None, facts: Mapping[str, Any], say: Callable[[str], None]
) -> Package:
    """The image that `facts` of an earlier run's manifest tell of, or one made again by the same recipe.

    DeploymentError says why there is neither.
    """
    image_id = str(facts.get("image_id"))
    base_facts = {name: facts[name] for name in BASE_FACTS if name in facts}
    try:
        image = find_own_image(client, workload.name, image_id)
    except DeploymentError as problem:
        package = _rebuild(client, workload, model_dir, facts, say, problem)
        image = find_own_image(client, workload.name, package.facts["image_id"])
        base_facts |= {"rebuilt_for": image_id}
    tag = tag_anchor(client, workload.name, image.id)
    return Package(workload.name, tag, image_facts(image) | base_facts | {"anchor": True, "cached": True}, model_dir)


def find_own_image(client: Any, workload: str, image_id: str) -> Any:
    """The image of this id. The id may come from a stranger's file: only one that we built for the workload counts."""
    if not IMAGE_ID.fullmatch(image_id):
        raise DeploymentError(f"{image_id[:80]!a} is no image id")
    image = find_image(client, image_id)
    if image is None:
        raise DeploymentError(f"image {image_id[:19]} is gone")
    if image.labels.get(IMAGE_LABEL) != workload:
        raise DeploymentError(f"image {image_id[:19]} is not one of {workload}")
    return image


def _rebuild(
    client: Any,
    workload: Workload,
    model_dir: Path | None,
    facts: Mapping[str, Any],
    say: Callable[[str], None],
    problem: DeploymentError,
) -> Package:
    if not isinstance(facts.get("recipe"), dict):
        raise DeploymentError(f"{problem} and cannot be made again: its run does not tell how it was made") from problem
    package = build_image(client, workload, model_dir, say)
    if differences := recipe_differences(facts, package.facts):
        raise DeploymentError(
            f"{problem} and cannot be made again from the present code: {'; '.join(differences)}. "
            "Check out the code of that run to build it, or do without"
        ) from problem
    say(
        f"{problem}: made again by the same recipe "
        "(same files and packages; the id differs, for a build stamps the time)"
    )
    return package


def recipe_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each thing an image is made of that is not what it was; empty when the same recipe gives it again."""
    old, new = before["recipe"], now["recipe"]
    labels = {"base_id": "base image", "runtime_wheels": "requirements", "model_wheels": "model packages"}
    labels |= {"emulator_sha256": "emulator"}
    differences = [f"{words} differs" for name, words in labels.items() if old.get(name) != new[name]]
    files = old.get("files") if isinstance(old.get("files"), dict) else {}
    names = sorted(name for name in files.keys() | new["files"].keys() if files.get(name) != new["files"].get(name))
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        differences.append(f"changed files: {', '.join(ascii(str(name))[1:-1][:80] for name in names[:3])}{more}")
    if before.get("packages") != now.get("packages"):
        differences.append("the wheels that pip chooses are not those of that run")
    return differences if differences or old.get("tag") == new["tag"] else ["the content tag differs"]
