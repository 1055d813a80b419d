"""What both targets on SageMaker have in common."""

import json

import targets
from targets.aws.common import architecture_of, shared_resources
from targets.contract import Order, Package

LONGEST_REQUEST_S = 60.0
"""So long a unit has for its answer (SageMaker API, InvokeEndpoint)."""
UNMETERED_REPLIES = "data of requests as of the largest; data of replies is not metered, for nobody tells of it"


def machine_refusal(package: Package, name: str) -> str | None:
    """Why the image does not run there; None where it does."""
    machine = architecture_of(package)[0]
    if machine == "x86_64":
        return None
    return f"the image of {package.workload} is for {machine}, and {name} has x86_64 alone: build it on such a machine"


def largest_request_bytes(package: Package, order: Order) -> int:
    """Of the workload's payloads, as they are sent."""
    settings = json.loads(order.environment.get("FROSTLINE_SETTINGS", "{}"))
    return max(len(payload.body) for payload in targets.workload(package.workload, settings).payloads())


def resource_lines(image_gb: float, role: str, endpoint: str) -> list[str]:
    """What deploying makes, a line each."""
    return [
        *shared_resources(image_gb, role),
        f"{endpoint}, with a model, a configuration, and a log group that is kept for a day",
    ]
