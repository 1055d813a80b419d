"""What every target on AWS has in common: how a workload gets there, and when it can be used."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Self

from targets.aws.account import account
from targets.backing.contract import server_of
from targets.contract import DeploymentError, Order, Package
from targets.local import containers
from targets.local.processes import model_environment
from targets.packaging.image import build_image
from targets.workloads.contract import Imaged, Workload

GB = 1e9
MOST_IMAGE_GB = 10.0
"""Uncompressed (AWS Lambda quotas, SageMaker serverless quotas)."""
ARCHITECTURES = {"x86_64": ("x86_64", "x86"), "aarch64": ("arm64", "arm")}
"""By the machine that an image is of: its name at AWS, and in the price book."""
SENDERS = ("aws-invoke", "boto3")


class RealTime:
    """Settings of what lives by AWS's own time."""

    def compress(self, factor: float) -> Self:
        """The same: nobody can make AWS's time pass faster."""
        return self


def role_problems(role: str) -> list[str]:
    """What of a role's name is not accepted, a line each."""
    return ["role: an ARN is not accepted: give the role's name alone"] if ":" in role else []


def shared_problems(sender: str, role: str) -> list[str]:
    """The same of settings that all have whose requests are signed."""
    known = [] if sender in SENDERS else [f"sender: {sender!a} is not one of: {', '.join(SENDERS)}"]
    return known + role_problems(role)


def shared_resources(image_gb: float, role: str, may: str = "write its log and pull its image") -> list[str]:
    """What deploying anything makes, a line each; a role of the run's own `may` do so much."""
    return [
        f"a registry repository with the image ({image_gb:.2f} GB)",
        f"the role {role}, which is there" if role else f"a role that may {may}",
    ]


class OnAws:
    """Units are made from the image that is measured here, pushed to the account's registry."""

    name: str
    most_image_gb: float | None = MOST_IMAGE_GB

    def missing(self, accelerators: int = 0) -> str | None:
        """Why AWS cannot be used from here, or no engine builds the image; the fix with it. None when all is there."""
        if accelerators:
            return f"{self.name} has no GPUs: set accelerators to 0"
        return refusal() or containers.missing(0)

    def package(self, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
        """Build the workload's image, unless an identical one is there. Nothing leaves this machine yet."""
        if isinstance(workload, Imaged):
            raise DeploymentError(f"workload {workload.name} is an image of yours, which {self.name} does not take yet")
        if server_of(workload) is not None:
            raise DeploymentError(f"workload {workload.name} needs a server beside it, and {self.name} starts none")
        with closing(containers.engine()) as client:
            package = build_image(client, workload, model_dir, say)
        size_gb = package.facts["size_bytes"] / GB
        if self.most_image_gb is not None and size_gb > self.most_image_gb:
            raise DeploymentError(
                f"the image of {workload.name} has {size_gb:.1f} GB, and {self.name} takes {self.most_image_gb:g}: "
                "measure a smaller model, or aws-ecs"
            )
        return package


def refusal() -> str | None:
    """Why AWS cannot be used from here now, and the fix: credentials that held may have expired."""
    try:
        account().identify()
    except DeploymentError as error:
        return str(error)
    return None


def architecture_of(package: Package) -> tuple[str, str]:
    """The image's architecture, as AWS and as the price book call it."""
    return ARCHITECTURES[str(package.facts["machine"])]


def image_gb(package: Package) -> float:
    """Its size, uncompressed."""
    return float(package.facts["size_bytes"]) / GB


def variables_of(package: Package, order: Order) -> dict[str, str]:
    """What the serving code reads."""
    return model_environment(package.workload, order.sizing.cpus, order)
