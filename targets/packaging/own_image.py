"""An image that the user brings: it is taken as the engine has it, and never pulled, changed or removed."""

from typing import Any

from targets.contract import DeploymentError, Order, Package
from targets.packaging.engine import find_image
from targets.workloads.contract import OwnImage, Workload


def own_image_package(client: Any, workload: Workload, own: OwnImage | None) -> Package:
    """The image by its id, so that what is measured stays the same. DeploymentError when there is none."""
    if own is None:
        raise DeploymentError(f"workload {workload.name} needs an image: name one in its settings, as `image`")
    image = find_image(client, own.reference)
    if image is None:
        raise DeploymentError(
            f"image {own.reference} is not in the Docker engine: build it, or `docker pull` or `docker load` it there"
        )
    facts = {
        "image": own.reference,
        "image_id": image.id,
        "size_bytes": image.attrs["Size"],
        "layers": len(image.attrs["RootFS"]["Layers"]),
        "machine": image.attrs["Architecture"],
        "own_image": True,
    }
    return Package(workload.name, image.id, facts, own_image=own)


def own_image_refusal(package: Package, order: Order) -> str | None:
    """Why it cannot be deployed as ordered: to have it absent it would be removed, and it is not ours."""
    if package.own_image is None or not order.images_absent:
        return None
    return f"image {package.own_image.reference} is yours and is not removed: leave images: absent out"
