"""Finds and removes what runs left behind: containers by label, processes by mark, folders by name."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker.errors
import psutil

from targets import containers
from targets.contract import DeploymentError
from targets.ownership import IMAGE_LABEL, OWNER_LABEL, OWNER_VARIABLE, RUN_LABEL, RUN_VARIABLE, Owner

FOLDERS = ("frostline-front-", "frostline-service-", "frostline-load-")


@dataclass(frozen=True)
class Remains:
    """One thing of ours. `alive`: the run that it belongs to is still going on."""

    kind: str
    name: str
    run: str
    alive: bool
    handle: Any


@dataclass(frozen=True)
class Cleaning:
    """What was removed, what was left alone, and what could not be looked at."""

    removed: list[Remains]
    spared: list[Remains]
    notices: list[str]


def clean(everything: bool, images: bool) -> Cleaning:
    """Remove what no living run owns; with `everything` also what one does, with `images` our images as well."""
    notices: list[str] = []
    found = [*_processes(), *_folders()]
    try:
        client = containers.engine()
    except DeploymentError as error:
        notices.append(f"containers were not looked at: {error}")
    else:
        found = [*_containers(client), *found, *(_images(client) if images else [])]
    doomed = [item for item in found if everything or not item.alive]
    for item in doomed:
        _remove(item)
    return Cleaning(doomed, [item for item in found if item not in doomed], notices)


def _containers(client: Any) -> Iterator[Remains]:
    for container in client.containers.list(all=True, filters={"label": RUN_LABEL}, ignore_removed=True):
        owner = Owner.parse(container.labels.get(OWNER_LABEL, ""))
        alive = owner is not None and owner.alive
        yield Remains("container", container.name, container.labels[RUN_LABEL], alive, container)


def _images(client: Any) -> Iterator[Remains]:
    for image in client.images.list(filters={"label": IMAGE_LABEL}):
        yield Remains("image", (image.tags or [image.short_id])[0], "", False, (client, image.id))


def _processes() -> Iterator[Remains]:
    """Processes that carry our mark in their environment, the one that asks and its ancestors excepted."""
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        try:
            marks = process.environ()
            if process.pid in spared or RUN_VARIABLE not in marks:
                continue
            name = " ".join(process.cmdline())[:80]
        except (psutil.Error, OSError):
            continue
        owner = Owner.parse(marks.get(OWNER_VARIABLE, ""))
        yield Remains(
            "process", f"{process.pid} {name}", marks[RUN_VARIABLE], owner is not None and owner.alive, process
        )


def _folders() -> Iterator[Remains]:
    """Work folders of fronts, services and load processes; each names its owner."""
    for prefix in FOLDERS:
        for path in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            if path.is_symlink() or not path.is_dir() or path.stat().st_uid != os.getuid():
                continue
            owner = Owner.parse((path / "owner").read_text()) if (path / "owner").is_file() else None
            yield Remains("folder", path.name, "", owner is not None and owner.alive, path)


def _remove(item: Remains) -> None:
    if item.kind == "container":
        containers.remove(item.handle)
    elif item.kind == "image":
        client, image = item.handle
        try:
            client.images.remove(image, force=True)
        except docker.errors.ImageNotFound:
            return
    elif item.kind == "process":
        try:
            item.handle.kill()
        except psutil.NoSuchProcess:
            return
    else:
        shutil.rmtree(item.handle, ignore_errors=True)
