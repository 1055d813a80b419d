"""Lambda on this machine: the image's function entry point behind the emulator, one container per sandbox."""

from contextlib import ExitStack, closing
from typing import Any

from targets.backing.container import back
from targets.contract import Deployment, Order, Package
from targets.events import Event
from targets.local import containers
from targets.local.declarations import CONTAINERS, Function, InContainers, as_function, refuse
from targets.local.front_process import FunctionDeployment
from targets.local.resources import Cgroup, Usage
from targets.ownership import Owner, labels
from targets.packaging.archive import ImageArchive, archive_image
from targets.packaging.engine import engine_errors
from targets.packaging.image import FUNCTION_COMMAND
from targets.packaging.own_image import own_image_refusal
from targets.settings import FunctionSettings


class DockerLambda(InContainers, Function):
    """Emulated: the pool and its rules are ours, the sandbox is a limited container."""

    name = "docker-lambda"
    capabilities = as_function(CONTAINERS)

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Start a front with an empty pool, which can hold no more sandboxes than there are GPUs for."""
        refuse(self.refusal(order, more=0) or own_image_refusal(package, order))
        return deploy_function(package, order)


def deploy_function(package: Package, order: Order, network: str | None = None) -> FunctionDeployment:
    """A front whose sandboxes are containers of this network."""
    with ExitStack() as stack:
        client = stack.enter_context(closing(containers.engine()))
        backing = back(client, package, order, stack)
        archive = archive_image(client, package.reference) if order.images_absent else None

        def is_gone(started: Event) -> bool:
            with engine_errors(f"looking for sandbox {started['unit']}"):
                return containers.is_gone(client, started["container"])

        settings = _front_settings(package, backing.order, archive, backing.network or network)
        return FunctionDeployment(settings, backing, _usage, is_gone, _facts(order), archive, stack.pop_all())


def _front_settings(
    package: Package, order: Order, archive: ImageArchive | None, network: str | None
) -> dict[str, Any]:
    return {
        "kind": "docker",
        "name": package.workload,
        "image": package.reference,
        **_own(package),
        "prefix": f"frostline-{order.run_id}-fn",
        "sizing": vars(order.sizing),
        "function": vars(order.settings_of(FunctionSettings)),
        "environment": containers.serving_environment(package, order),
        "labels": labels(order.run_id, Owner.current()),
        "ledger": str(order.ledger) if order.ledger else None,
        "archive": str(archive.path) if archive else None,
        "network": network,
    }


def _own(package: Package) -> dict[str, Any]:
    """What is run of the image, and where its emulator listens."""
    if (image := package.own_image) is None:
        return {"command": FUNCTION_COMMAND, "listens": containers.PORT}
    return {"command": list(image.command) or None, "listens": image.port}


def _facts(order: Order) -> dict[str, Any]:
    tmp_mb = order.settings_of(FunctionSettings).tmp_mb
    return {
        "limits": vars(order.sizing),
        "tmp": f"on disk; no file may be larger than {tmp_mb} MB, all together are not limited",
        "shared_memory": "none, as on Lambda",
        "unlike_lambda": [
            "/sys/devices/system/cpu can be read",
            "the sum of all files in /tmp is not limited",
            "a program that a shell starts is ended (SIGXFSZ) where its file would be too large",
        ],
    }


def _usage(started: Event) -> Usage:
    group = Cgroup.find(started.get("pid"))
    return group.usage() if group else Usage()


TARGET = DockerLambda()
