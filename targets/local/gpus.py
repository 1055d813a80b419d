"""The GPUs of this machine, of which each living unit of a deployment has its own."""

from pathlib import Path

from targets.contract import DeploymentError
from targets.events import OwnGpus

DEVICES = Path("/dev")


def missing(accelerators: int) -> str | None:
    """Why this machine has not so many for one unit, and the fix; None when it has."""
    present = count()
    if present >= accelerators:
        return None
    return f"{accelerators} GPUs a unit are asked for, and this machine has {present}: set sizing.accelerators to less"


def refusal(each: int, units: int, setting: str) -> str | None:
    """Why `units` at once, as `setting` says, are more than there are GPUs for, and the fix; None when they are not."""
    present = count()
    if units * each <= present:
        return None
    return (
        f"{setting}: {units} units with {each} GPUs each are asked for, and this machine has {present}: "
        f"set {setting} to {present // each} at most, or sizing.accelerators to less"
    )


def count() -> int:
    """How many this machine has."""
    return len(list(DEVICES.glob("nvidia[0-9]*")))


class UnitGone(DeploymentError):
    """A unit that was removed asks for GPUs: nobody would give them back, so that it is never given any."""


class Gpus:
    """Hands `each` of them to a unit and takes them back: none is two units' at once."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._free = [str(number) for number in range(count())]
        """By the driver's numbers, which begin at 0 whatever their device files are called."""
        self._taken: dict[str, list[str]] = {}
        self._gone: set[str] = set()

    def take(self, unit: str) -> list[str]:
        """Its own until they are given back. DeploymentError when too few are free, UnitGone when it has given back."""
        if not self._each:
            return []
        if unit in self._gone:  # it still waited for them when it was removed
            raise UnitGone(f"unit {unit} was removed: it is given no GPU")
        if len(self._free) < self._each:
            raise DeploymentError(
                f"unit {unit} is to have {self._each} GPUs for itself, and {len(self._free)} are free: run fewer units"
            )
        self._taken[unit], self._free = self._free[: self._each], self._free[self._each :]
        return self._taken[unit]

    def give_back(self, unit: str) -> None:
        """Once nothing of the unit is left. Safe to call twice."""
        self._gone.add(unit)
        self._free = sorted(self._free + self._taken.pop(unit, []), key=int)


def gpu_facts(ids: list[str]) -> OwnGpus:
    """What the log tells of a unit that has these; nothing where it has none."""
    return {"gpus": ids} if ids else {}


def variables(ids: list[str]) -> dict[str, str]:
    """What lets a process see these alone; one that is sized for none is left as it is."""
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(ids)} if ids else {}
