"""A network of a deployment's own on this machine's engine: its containers alone are on it."""

from typing import Any

import docker.errors

from targets.clock import now_ns, sleep
from targets.contract import DeploymentError
from targets.packaging.engine import engine_errors

REMOVE_LIMIT_S = 10.0
REMOVE_POLL_S = 0.05


def make(client: Any, name: str, labels: dict[str, str]) -> str:
    """Make it; returns its id. DeploymentError when the engine refuses, as it does when it has no addresses left."""
    with engine_errors(f"making network {name}"):
        made: str = client.networks.create(name, driver="bridge", labels=labels).id
        return made


def remove(client: Any, network: str) -> None:
    """Remove it; one that is gone is fine. A container that was just removed may be on it for a moment still."""
    deadline = now_ns() + int(REMOVE_LIMIT_S * 1e9)
    with engine_errors("removing a deployment's network"):
        while True:
            try:
                client.networks.get(network).remove()
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                if "active endpoints" not in str(error):
                    raise
                if now_ns() > deadline:
                    raise DeploymentError(f"network {network} still has containers: run `frostline clean`") from error
                sleep(REMOVE_POLL_S)
