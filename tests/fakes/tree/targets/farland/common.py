"""What the far platform's targets have in common: how a workload gets there."""

from collections.abc import Callable
from pathlib import Path

from targets.contract import Package
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
