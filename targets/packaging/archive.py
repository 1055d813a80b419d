"""An image that can be absent: kept in a file, removed before a cold start, loaded again as a part of that start."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from targets.contract import DeploymentError
from targets.ownership import Owner
from targets.packaging.cache import assemble, cache_root
from targets.packaging.engine import engine_errors, find_image

ARCHIVE = "image.tar"
MARK = "absent.json"
"""Beside an archive whose image was removed and is to come back."""
SAVE_CHUNK_BYTES = 1 << 21


class ImageArchive:
    """A local stand-in for a registry. Layers that other images share, such as the base's, stay with the engine."""

    def __init__(self, client: Any, reference: str, path: Path, other_tags: Iterable[str] = ()) -> None:
        self.client = client
        self.reference = reference
        self.path = path
        self.other_tags = set(other_tags)

    def forget(self) -> None:
        """Remove the image with every tag of it, or its layers would stay. DeploymentError when it is still there."""
        with engine_errors(f"removing image {self.reference}"):
            image = find_image(self.client, self.reference)
            if image is None:
                return
            self.other_tags |= set(image.tags) - {self.reference}
            self._write_mark(image.id)
            self.client.images.remove(image.id, force=True)
        if find_image(self.client, image.id) is not None:
            raise DeploymentError(f"image {self.reference} is still there after it was removed")

    @property
    def _mark(self) -> Path:
        return self.path.with_name(MARK)

    def _write_mark(self, image_id: str) -> None:
        """Before the image goes, so that a kill from then on loses no tag: `bring_back` reads it."""
        mark = {
            "owner": str(Owner.current()),
            "reference": self.reference,
            "tags": sorted(self.other_tags),
            "image_id": image_id,
        }
        draft = self._mark.with_suffix(".draft")
        draft.write_text(json.dumps(mark))
        draft.replace(self._mark)

    def load(self) -> None:
        """Bring the image back, unless it is there."""
        if find_image(self.client, self.reference) is not None:
            return
        with engine_errors(f"loading image {self.reference} from {self.path}"), self.path.open("rb") as file:
            self.client.images.load(file)

    def restore(self) -> None:
        """Make the image what it was before the first `forget`: loaded, with its other tags.

        An anchor has one. This is no part of a start.
        """
        self.load()
        image = find_image(self.client, self.reference)
        if image is None:
            raise DeploymentError(f"image {self.reference} is not there after it was loaded from {self.path}")
        with engine_errors(f"tagging image {self.reference}"):
            for tag in self.other_tags - set(image.tags):
                image.tag(*tag.rsplit(":", 1))
        self._mark.unlink(missing_ok=True)


def bring_back(client: Any) -> list[str]:
    """Load what a killed run left absent, with all its tags (an anchor's may be among them); a line for each image."""
    lines = []
    for path in sorted(archive_folder().glob(f"*/{MARK}")):
        try:
            mark = json.loads(path.read_text())
            owner, reference, tags = Owner.parse(mark["owner"]), mark["reference"], set(mark["tags"])
            image_id = mark.get("image_id")  # marks of earlier versions have none
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if owner is not None and owner.alive:
            continue
        try:
            back = _bring_back_image(ImageArchive(client, reference, path.with_name(ARCHIVE), tags), image_id)
        except DeploymentError as error:
            lines.append(f"image {reference}, which a killed run left absent, could not be brought back: {error}")
        else:
            path.unlink(missing_ok=True)
            if back:
                lines.append(f"image {', '.join(sorted(back))}, which a killed run left absent, is back")
    return lines


def _bring_back_image(archive: ImageArchive, image_id: str | None) -> set[str]:
    """The tags that the image has got back: none where it was never removed.

    Where another image has its reference by now, it keeps it, and the one that comes back gets its other tags alone.
    """
    client, reference, tags = archive.client, archive.reference, archive.other_tags
    holder = find_image(client, reference)
    if holder is None or image_id is None or holder.id == image_id:
        lacking = {reference, *tags} - (set(holder.tags) if holder is not None else set())
        archive.restore()
        return lacking
    image = find_image(client, image_id)
    lacking = tags - (set(image.tags) if image is not None else set())
    if lacking:
        if image is None:
            image = _load_beside(archive, holder, image_id)
        with engine_errors(f"tagging image {image_id}"):
            for tag in lacking:
                image.tag(*tag.rsplit(":", 1))
    return lacking


def _load_beside(archive: ImageArchive, holder: Any, image_id: str) -> Any:
    """Load the archive, which takes the reference with it, and give that back to its holder."""
    with engine_errors(f"loading image {image_id} from {archive.path}"), archive.path.open("rb") as file:
        archive.client.images.load(file)
        holder.tag(*archive.reference.rsplit(":", 1))
    image = find_image(archive.client, image_id)
    if image is None:
        raise DeploymentError(f"image {image_id} is not there after it was loaded from {archive.path}")
    return image


def archive_folder() -> Path:
    """The folder of the archives; it may not exist."""
    return cache_root() / "archives"


def archive_image(client: Any, reference: str) -> ImageArchive:
    """Save an image into the cache under this reference, unless one of the same id is there."""
    image = find_image(client, reference)
    if image is None:
        raise DeploymentError(f"image {reference} is not there: package the workload first")
    tag_hash = hashlib.sha256(reference.encode()).hexdigest()[:12]  # loading brings back the tag that it was saved by
    entry = archive_folder() / f"{str(image.id).replace(':', '-')}-{tag_hash}"
    if not entry.is_dir():
        with (
            engine_errors(f"saving image {reference}"),
            assemble(entry) as draft,
            (draft / ARCHIVE).open("wb") as file,
        ):
            file.writelines(image.save(chunk_size=SAVE_CHUNK_BYTES, named=reference))
    return ImageArchive(client, reference, entry / ARCHIVE)
