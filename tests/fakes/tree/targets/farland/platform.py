"""The far platform: how all of ours is found again."""

from collections.abc import Iterable, Mapping, Sequence

from targets.contract import Kind, Remnant
from targets.farland.region import known_region, region


class Farland:
    """What is deployed says whose it is."""

    stand_ins: Mapping[Kind, str] = {"function": "far-function", "service": "far-service"}

    def where(self) -> str:
        """There is one only."""
        return "the far platform"

    def refusal(self) -> str | None:
        """None: it is started where there is none."""
        return None

    def remnants(self, run: str = "") -> Iterable[Remnant]:
        """Everything that is deployed there; nothing where no platform is known."""
        there = known_region()
        held = there.call("GET", "/deployments")["deployments"] if there else []
        return [Remnant(item["name"], item["run"], item["owner"]) for item in held if run in ("", item["run"])]

    def unseen(self) -> Sequence[str]:
        """All of it can be looked at."""
        return []

    def remove(self, remnant: Remnant) -> None:
        """Remove it; fine when it is gone."""
        region().call("DELETE", f"/deployments/{remnant.name}")


PLATFORM = Farland()
