"""A backing service in a container of its own, on a network that only its deployment's units share."""

import secrets
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from typing import Any

import docker

from targets.backing.contract import (
    FACT,
    FILL_LIMIT_S,
    FILL_SIZING,
    SECRET_VARIABLE,
    Backing,
    Running,
    Server,
    backed,
    check_filled,
    wait_until_ready,
)
from targets.contract import Order, Package
from targets.local import containers, network
from targets.ownership import BACKING_LABEL, Owner, labels
from targets.packaging.engine import engine_errors
from targets.packaging.image import FILL_COMMAND
from targets.packaging.obtain import obtain


def prepare(server: Server, say: Callable[[str], None]) -> dict[str, Any]:
    """Have its image; what of it goes into the manifest. DeploymentError."""
    with closing(containers.engine()) as client:
        found = obtain(client, server.image, server.debian, say, "use a process- target")
        return {
            "server": server.name,
            "image": found.reference,
            "image_id": found.image.id,
            "asked": server.image,
            "note": found.note,
        }


def back(client: docker.DockerClient, package: Package, order: Order, stack: ExitStack) -> Backing:
    """`backed` by a container. DeploymentError."""
    image, run_id = package.facts.get(FACT, {}), order.run_id
    return backed(
        package, order, stack, lambda server: start(server, client, image, run_id), partial(_fill, client, package)
    )


def _fill(client: docker.DockerClient, package: Package, backing: Backing) -> str:
    """Have the workload put the content in, in a container of its image that ends with that; what it printed."""
    order = replace(backing.order, sizing=FILL_SIZING)
    with engine_errors(f"filling {backing.name}"):
        container = containers.create(
            client,
            image=package.reference,
            command=FILL_COMMAND,
            name=f"frostline-{order.run_id}-fill-{secrets.token_hex(3)}",
            sizing=order.sizing,
            environment=containers.serving_environment(package, order),
            labels=labels(order.run_id, Owner.current()) | {BACKING_LABEL: backing.name},
            port=None,
            network=backing.network,
        )
        try:
            container.start()
            status = containers.wait(container, FILL_LIMIT_S)
            printed = containers.last_lines(container)
        finally:
            containers.remove(container)
    check_filled(backing.name, status, printed)
    return printed


def start(server: Server, client: docker.DockerClient, image: dict[str, Any], run_id: str) -> Running:
    """Start it; returns once it answers. DeploymentError."""
    running = ServerContainer(server, client, image, run_id)
    try:
        running.start()
        wait_until_ready(server, running)
    except BaseException:
        running.remove()
        raise
    return running


class ServerContainer:
    """Limited and without privileges as every container of ours is; published on loopback for whoever collects."""

    def __init__(self, server: Server, client: docker.DockerClient, image: dict[str, Any], run_id: str) -> None:
        self._server, self._client, self._image = server, client, image
        self._name = f"frostline-{run_id}-{server.name}-{secrets.token_hex(3)}"
        self._labels = labels(run_id, Owner.current()) | {BACKING_LABEL: server.name}
        self._secret = secrets.token_hex(16)
        self._container: Any = None
        self.network: str | None = None
        self.address = ""
        self.inner_address = server.address(server.name, server.port, self._secret)
        self.facts: dict[str, Any] = {**image, "limits": vars(server.sizing)}

    def start(self) -> None:
        """A network, and the server on it under its own name."""
        server = self._server
        with engine_errors(f"starting {server.name}"):
            network.make(self._client, self._name, self._labels)
            self.network = self._name
            self._container = containers.create(
                self._client,
                image=self._image["image_id"],
                command=server.container_command,
                name=self._name,
                sizing=server.sizing,
                environment={SECRET_VARIABLE: self._secret},
                labels=self._labels,
                port=server.port,
                network=self._name,
                alias=server.name,
            )
            self._container.start()
            port = containers.published_port(self._container, server.port)
        self.address = server.address("127.0.0.1", port, self._secret)

    def end_reason(self) -> str | None:
        """Its exit code when the container has ended."""
        with engine_errors(f"looking at {self._server.name}"):
            return "it was removed" if self._container is None else containers.end_reason(self._container)

    def last_words(self) -> str:
        """The last lines that it printed."""
        with engine_errors(f"reading what {self._server.name} printed"):
            return containers.last_lines(self._container) if self._container else ""

    def remove(self) -> None:
        """Delete the container, then its network."""
        with engine_errors(f"removing {self._server.name}"):
            if self._container is not None:
                containers.remove(self._container)
            if self.network is not None:
                network.remove(self._client, self.network)
                self.network = None
