"""What must stay as it is while a run goes on: machine, engine, Frostline's own code, and nobody else measuring."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from harness.clean import marked_processes
from harness.facts import machine_facts, source_sha256
from harness.problems import shown
from targets import containers
from targets.contract import DeploymentError
from targets.ownership import Owner

LASTING = ("cpu", "cpus", "memory_mb", "system", "host")
GENERATOR = "harness.load"


def lasting_facts(engine: bool) -> dict[str, Any]:
    """Facts that two trials of one run share; `engine`: containers are used. Written into the manifest."""
    machine = machine_facts()
    found = {name: machine[name] for name in LASTING} | {"source_sha256": source_sha256()}
    if not engine:
        return found
    try:
        client = containers.engine()
    except DeploymentError:
        return found | {"engine_version": None}
    with closing(client):
        told = containers.engine_facts(client)
    return found | {f"engine_{name}": value for name, value in told.items()}


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each fact that is not what it was, with both values; facts that only one side knows are not compared."""
    both = [name for name in now if name in before]
    return [f"{name}: {shown(before[name])} is now {shown(now[name])}" for name in both if before[name] != now[name]]


def other_runs() -> list[str]:
    """Other runs that send traffic from this machine now: each has a load generator of its own."""
    own = Owner.current()
    found = {
        f"run {item.run}, process {item.owner.pid}"
        for item in marked_processes()
        if item.alive and item.owner is not None and item.owner != own and GENERATOR in item.name
    }
    return sorted(found)


@dataclass(frozen=True)
class Circumstances:
    """How things stand at one moment of a trial."""

    facts: dict[str, Any]
    engine_process: str | None
    others: list[str]

    @classmethod
    def seen(cls, engine: bool) -> "Circumstances":
        """Look."""
        return cls(lasting_facts(engine), containers.engine_process() if engine else None, other_runs())

    def restarted(self, later: "Circumstances") -> bool:
        """Whether the engine is no longer the process that it was."""
        return self.engine_process != later.engine_process

    def problems(self, later: "Circumstances", at_begin: Mapping[str, Any]) -> list[str]:
        """What makes a trial between these two moments INVALID; `at_begin` are the facts in the manifest."""
        found = [f"facts changed since the run began: {line}" for line in changes(at_begin, later.facts)]
        if self.restarted(later):
            found.append("the Docker engine was restarted")
        both = sorted({*self.others, *later.others})
        return found + [f"another run measured on this machine at the same time: {told}" for told in both]
