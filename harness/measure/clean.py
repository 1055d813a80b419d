"""Finds and removes what runs left behind: containers by label, processes by mark, folders by name, and what lies on
platforms far away by their own word."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import docker.errors
import psutil

import targets
from harness.errors import MissingError
from targets.clock import clock_id, now_ns, sleep, wall_time
from targets.contract import DeploymentError, Platform, Remnant
from targets.local import containers
from targets.local.network import remove as remove_network
from targets.ownership import (
    EXPIRES_LABEL,
    IMAGE_LABEL,
    OWNER_FILE,
    OWNER_LABEL,
    OWNER_VARIABLE,
    RUN_LABEL,
    RUN_VARIABLE,
    Owner,
)
from targets.packaging.anchor import is_anchor
from targets.packaging.archive import archive_folder, bring_back

FOLDERS = ("frostline-front-", "frostline-service-", "frostline-load-")
DEATH_LIMIT_S = 5.0
IS_LEFT = "is left"
LOOKS = 5
LOOK_AGAIN_S = 0.2
"""The engine may still be making a container for a process that was just cut off: it is looked for more than once."""


@dataclass(frozen=True)
class Remains:
    """One thing of ours. `alive`: the run that it belongs to is still going on."""

    kind: str
    name: str
    run: str
    alive: bool
    handle: Any
    owner: Owner | None = None


@dataclass(frozen=True)
class Cleaning:
    """What was removed, what was left alone, what could not be looked at, and the images kept as anchors."""

    removed: list[Remains]
    spared: list[Remains]
    notices: list[str]
    anchors: list[Remains]


def clean(everything: bool, images: bool, anchors: bool = False) -> Cleaning:
    """Remove what no living run owns; with `everything` also what one does, with `images` our images, `anchors` too."""
    cleaning = Cleaning([], [], [], [])

    def remove_doomed(items: Iterable[Remains]) -> int:
        listed = list(items)
        doomed = [item for item in listed if everything or not item.alive]
        cleaning.spared.extend(item for item in listed if item not in doomed and item not in cleaning.spared)
        cleaning.removed.extend(item for item in doomed if _remove(item))
        return len(doomed)

    killed = remove_doomed(marked_processes())  # first, because a front that lives makes containers
    try:
        client = containers.engine()
    except DeploymentError as error:
        cleaning.notices.append(f"containers were not looked at: {error}")
    else:
        with closing(client):
            _remove_until_gone(lambda: remove_doomed(_containers(client)), cut_off=killed > 0)
            remove_doomed(_networks(client))
            cleaning.notices.extend(bring_back(client))
            all_images = list(_images(client)) if images else []
            cleaning.anchors.extend(item for item in all_images if not anchors and is_anchor(item.handle))
            remove_doomed(item for item in all_images if item not in cleaning.anchors)
    remove_doomed(_folders())
    remove_doomed(_archive_folders() if images else [])
    return cleaning


def clean_platform(name: str, everything: bool, dry_run: bool, region: str = "") -> Cleaning:
    """Remove what no living run owns on one platform, in a region or where the environment says; `dry_run`: only say
    what that is. MissingError when it cannot be used from here."""
    platform = targets.platform(name)
    platform.region = region
    if why := platform.refusal():
        raise MissingError(f"{name}: {why}")
    try:
        return _clean_platform(platform, name, everything, dry_run)
    except DeploymentError as error:
        raise MissingError(f"{name}: {error}") from error


def _clean_platform(platform: Platform, name: str, everything: bool, dry_run: bool) -> Cleaning:
    cleaning = Cleaning([], [], [], [])
    for item in list(_remnants(name)):
        if item.alive and not everything:
            cleaning.spared.append(item)
            continue
        try:
            if dry_run or _remove(item):
                cleaning.removed.append(item)
        except DeploymentError as error:
            cleaning.notices.append(f"{item.name} could not be removed: {error}")
    rest = _with_unseen("nothing was removed", platform) if dry_run else _rest(name)
    cleaning.notices.append(f"{platform.where()}: {rest}")
    return cleaning


def _rest(name: str, run: str = "") -> str:
    """What is there of ours, by another look: the proof that nothing is, where all of it could be looked at."""
    left, of = list(_remnants(name, run)), f" of run {run}" if run else " that Frostline made"
    platform = targets.platform(name)
    if not left and not platform.unseen():
        return f"nothing{of} {IS_LEFT}"
    told = f"still there: {', '.join(item.name for item in left)}" if left else f"nothing{of} was found"
    return _with_unseen(told, platform)


def _with_unseen(told: str, platform: Platform) -> str:
    unseen = platform.unseen()
    return f"{told}; not looked at: {'; '.join(unseen)}" if unseen else told


def sweep(run_id: str, names: Sequence[str], cut_off: bool, owner: Owner | None = None) -> list[str]:
    """Remove what is left of a run on the targets of these names. `owner` carried it out: this process, or one that is
    dead. Returns for each platform what another look at it shows: that nothing is left, or what is."""
    run_owner = owner or Owner.current()
    for item in (item for item in marked_processes() if item.run == run_id):
        _remove(item)
    told = [_sweep_platform(name, run_id) for name in targets.platforms_of(names)]
    if any(targets.target(name).capabilities.engine for name in names):
        gone = (DeploymentError, docker.errors.DockerException, OSError)  # the engine is: `clean` does it later
        with suppress(*gone), closing(containers.engine()) as client:
            _remove_until_gone(
                lambda: sum(_remove(item) for item in _containers(client) if item.run == run_id), cut_off
            )
            for item in (item for item in _networks(client) if item.run == run_id):
                _remove(item)
    for item in (item for item in _folders() if item.owner == run_owner):
        _remove(item)
    return told


def _sweep_platform(name: str, run_id: str) -> str:
    """Whatever a platform does, it ends no run: what is left there is said, with the command that removes it later."""
    region = f" --region {chosen}" if (chosen := targets.platform(name).region) else ""
    again = f"remove it with `frostline clean --on {name}{region}`"
    failed = []
    try:
        for item in _remnants(name, run_id):
            try:
                _remove(item)
            except Exception as error:  # a platform fails in ways of its own
                failed.append(f"{item.name} could not be removed ({error})")
        rest = _rest(name, run_id)
    except Exception as error:
        return f"{name}: what is left of run {run_id} is not known ({error}): {again}"
    told = f"{name}: {targets.platform(name).where()}: {rest}"
    return told if rest.endswith(IS_LEFT) else "; ".join([told, *failed, again])


def _remove_until_gone(remove: Callable[[], int], cut_off: bool) -> None:
    """Once, and again while there was something; after a kill or an interruption as often as LOOKS says."""
    for _ in range(LOOKS):
        if not remove() and not cut_off:
            return
        sleep(LOOK_AGAIN_S)


def _containers(client: Any) -> Iterator[Remains]:
    for container in client.containers.list(all=True, filters={"label": RUN_LABEL}, ignore_removed=True):
        owner = Owner.parse(container.labels.get(OWNER_LABEL, ""))
        alive = owner is not None and (owner.alive or _is_of_other_machine(owner, container))
        yield Remains("container", container.name, container.labels[RUN_LABEL], alive, container, owner)


def _networks(client: Any) -> Iterator[Remains]:
    """Of deployments; one that containers are still on is in use, whoever made it."""
    for network in client.networks.list(filters={"label": RUN_LABEL}):
        labels = network.attrs.get("Labels") or {}
        owner = Owner.parse(labels.get(OWNER_LABEL, ""))
        network.reload()
        alive = bool(network.containers) or (owner is not None and (owner.alive or _is_fresh(owner, labels)))
        yield Remains("network", network.name, labels[RUN_LABEL], alive, network, owner)


def _is_of_other_machine(owner: Owner, container: Any) -> bool:
    """Whether it is of another machine that uses this engine and cannot be seen from here: trusted until it expires."""
    return container.status == "running" and _is_fresh(owner, container.labels)


def _is_fresh(owner: Owner, labels: Mapping[str, str]) -> bool:
    expires = labels.get(EXPIRES_LABEL, "")
    return owner.boot != clock_id() and expires.isdigit() and wall_time() < int(expires)


def _images(client: Any) -> Iterator[Remains]:
    for image in client.images.list(filters={"label": IMAGE_LABEL}):
        yield Remains("image", (image.tags or [image.short_id])[0], "", False, image)


def marked_processes() -> Iterator[Remains]:
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
        alive = owner is not None and owner.alive
        yield Remains("process", f"{process.pid} {name}", marks[RUN_VARIABLE], alive, process, owner)


def _remnants(name: str, run: str = "") -> Iterator[Remains]:
    """What a platform finds of ours, of one run or of all."""
    platform = targets.platform(name)
    for remnant in platform.remnants(run):
        owner = Owner.parse(remnant.owner)
        alive = owner is not None and (owner.alive or _may_live_elsewhere(owner, remnant))
        remove = partial(platform.remove, remnant)
        yield Remains("remnant", f"{name} {remnant.name}", remnant.run, alive, remove, owner)


def _may_live_elsewhere(owner: Owner, remnant: Remnant) -> bool:
    """Whether it is of another machine that shares the platform: trusted until it expires."""
    return owner.boot != clock_id() and remnant.expires_s is not None and wall_time() < remnant.expires_s


def _folders() -> Iterator[Remains]:
    """Work folders of fronts, services and load processes; each names its owner."""
    for prefix in FOLDERS:
        for path in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            if path.is_symlink() or not path.is_dir() or path.stat().st_uid != os.getuid():
                continue
            mark = path / OWNER_FILE
            owner = Owner.parse(mark.read_text()) if mark.is_file() else None
            yield Remains("folder", path.name, "", owner is not None and owner.alive, path, owner)


def _archive_folders() -> Iterator[Remains]:
    """Images kept in files, for cold starts that find theirs absent."""
    folder = archive_folder()
    if folder.is_dir():
        yield Remains("folder", str(folder), "", False, folder)


def _wait_for_death(process: psutil.Process) -> None:
    """A zombie is dead: its parent, or a container without an init, may never collect it."""
    deadline = now_ns() + int(DEATH_LIMIT_S * 1e9)
    with suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE and now_ns() < deadline:
            sleep(0.005)


def _remove(item: Remains) -> bool:
    """False when it was gone before."""
    if item.kind == "container":
        containers.remove(item.handle)
    elif item.kind == "network":
        remove_network(item.handle.client, item.handle.id)
    elif item.kind == "image":
        try:
            item.handle.remove(force=True)
        except docker.errors.ImageNotFound:
            return False
    elif item.kind == "remnant":
        item.handle()
    elif item.kind == "process":
        try:
            item.handle.kill()
        except psutil.NoSuchProcess:
            return False
        _wait_for_death(item.handle)
    else:
        shutil.rmtree(item.handle, ignore_errors=True)
    return True
