"""What the far platform's targets have in common: how a workload gets there, and how all of ours is found again."""

from collections.abc import Callable, Iterable
from pathlib import Path

from targets.contract import Package, Remnant
from targets.farland.region import known_region, region
from targets.local import processes
from targets.workloads.contract import Workload


class OfFarland:
    """Knows no more of this machine than where packages are."""

    name: str

    def missing(self, accelerators: int = 0) -> str | None:
        """It has no GPU; anything else it has everywhere."""
        return f"{self.name} has no GPUs: set accelerators to 0" if accelerators else None

    def package(self, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
        """Install the workload's packages into a folder, which far away is read as well."""
        return processes.package(workload, model_dir, say)

    def remnants(self) -> Iterable[Remnant]:
        """Everything that is deployed there; nothing where no platform is known."""
        there = known_region()
        held = there.call("GET", "/deployments")["deployments"] if there else []
        return [Remnant(item["name"], item["run"], item["owner"]) for item in held]

    def remove(self, remnant: Remnant) -> None:
        """Remove it; fine when it is gone."""
        region().call("DELETE", f"/deployments/{remnant.name}")
