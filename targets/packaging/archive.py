"""An image that can be absent: kept in a file, removed before a cold start, loaded again as a part of that start."""

import hashlib
from pathlib import Path
from typing import Any

from targets.contract import DeploymentError
from targets.packaging.cache import assembled, cache_root
from targets.packaging.engine import engine_errors, find_image

ARCHIVE = "image.tar"
SAVE_CHUNK_BYTES = 1 << 21


class ImageArchive:
    """A local stand-in for a registry. Layers that other images share, such as the base's, stay with the engine."""

    def __init__(self, client: Any, reference: str, path: Path) -> None:
        self.client = client
        self.reference = reference
        self.path = path
        self._other_tags: set[str] = set()

    def forget(self) -> None:
        """Remove the image with every tag of it, or its layers would stay. DeploymentError when it is still there."""
        with engine_errors(f"removing image {self.reference}"):
            image = find_image(self.client, self.reference)
            if image is None:
                return
            self._other_tags |= set(image.tags) - {self.reference}
            self.client.images.remove(image.id, force=True)
        if find_image(self.client, image.id) is not None:
            raise DeploymentError(f"image {self.reference} is still there after it was removed")

    def load(self) -> None:
        """Bring the image back, unless it is there."""
        if find_image(self.client, self.reference) is not None:
            return
        with engine_errors(f"loading image {self.reference} from {self.path}"), self.path.open("rb") as file:
            self.client.images.load(file)

    def restore(self) -> None:
        """As it was before the first `forget`: loaded, with its other tags (an anchor has one). No part of a start."""
        self.load()
        image = find_image(self.client, self.reference)
        if image is None:
            raise DeploymentError(f"image {self.reference} is not there after it was loaded from {self.path}")
        with engine_errors(f"tagging image {self.reference}"):
            for tag in self._other_tags - set(image.tags):
                image.tag(*tag.rsplit(":", 1))


def archives() -> Path:
    """Where they are kept; it may not exist."""
    return cache_root() / "archives"


def archive_of(client: Any, reference: str) -> ImageArchive:
    """Save an image into the cache under this reference, unless one of the same id is there."""
    image = find_image(client, reference)
    if image is None:
        raise DeploymentError(f"image {reference} is not there: package the workload first")
    named = hashlib.sha256(reference.encode()).hexdigest()[:12]  # loading brings back the one tag that it was saved by
    entry = archives() / f"{str(image.id).replace(':', '-')}-{named}"
    if not entry.is_dir():
        with (
            engine_errors(f"saving image {reference}"),
            assembled(entry) as draft,
            (draft / ARCHIVE).open("wb") as file,
        ):
            file.writelines(image.save(chunk_size=SAVE_CHUNK_BYTES, named=reference))
    return ImageArchive(client, reference, entry / ARCHIVE)
