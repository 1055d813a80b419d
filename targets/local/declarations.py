"""What the targets of this machine have in common: how they are bought elsewhere, and what can be proved of them."""

from dataclasses import replace

from targets.contract import Capabilities, Part

SERVICE = (Part("service", "service", bought_as="fargate"),)
FUNCTION = (Part("function", "function", bought_as="aws_lambda"),)

PROCESSES = Capabilities(
    clock="shared",
    cold="removed",
    usage="polled",
    events=True,
    emulated=False,
    isolated=False,
    page_cache=True,
    accelerator=True,
)
"""A unit that is sized with GPUs has them for itself while it lives; more units at once than they do for are refused.
One that is sized with none sees all of this machine's: processes see the whole of it."""
CONTAINERS = replace(PROCESSES, isolated=True, engine=True, images_absent=True)


def as_service(capabilities: Capabilities) -> Capabilities:
    """Of replicas that the bench starts itself."""
    return replace(capabilities, scale_out=True, streams=True, deploy_s=2.5)


def as_function(capabilities: Capabilities) -> Capabilities:
    """Of sandboxes behind the local Lambda."""
    return replace(capabilities, emulated=True, invoke_api=True, deploy_s=1.5)
