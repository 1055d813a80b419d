"""What both targets on SageMaker have in common."""

import json

import targets
from targets.aws.common import architecture_of
from targets.contract import Order, Package

SENDERS = ("aws-invoke", "boto3")
LONGEST_REQUEST_S = 60.0
"""So long a unit has for its answer (SageMaker API, InvokeEndpoint)."""
UNMETERED_REPLIES = "data of requests as of the largest; data of replies is not metered, for nobody tells of it"


def shared_problems(sender: str, role: str) -> list[str]:
    """What of settings that both have cannot be, a line each."""
    problems = []
    if sender not in SENDERS:
        problems.append(f"sender: {sender!a} is not one of: {', '.join(SENDERS)}")
    if ":" in role:
        problems.append("role: an ARN is not accepted: give the role's name alone")
    return problems


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
        f"a registry repository with the image ({image_gb:.2f} GB)",
        f"the role {role}, which is there" if role else "a role that may write its log and pull its image",
        f"{endpoint}, with a model, a configuration, and a log group that is kept for a day",
    ]
