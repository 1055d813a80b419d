"""Where the time of one start went, whoever it was for: by the deployment's log and the unit's own stamps."""

from dataclasses import dataclass
from typing import Literal

from harness.measure.rows.evidence import Evidence, UnitLog
from harness.measure.rows.phases import logged_phases
from harness.record.phases import UNACCOUNTED
from targets.clock import clock_id


@dataclass(frozen=True)
class Start:
    """One start until its model was loaded, ms."""

    parts_ms: dict[str, float]
    """By phase, in order; what is in none of them is `unaccounted`."""
    took_ms: float


def start_of(evidence: Evidence, log: UnitLog | None, clock: Literal["shared", "own"]) -> Start | None:
    """The start of the unit that answered, from its creation where a log on our clock has it, else from its first
    line of code; None where the answer is not the unit's first, or carries no stamps."""
    inside, init = evidence.inside, evidence.init
    if inside is None or init is None or (ended_ns := inside.get("init_ended_ns")) is None:
        return None
    creation = log.first_event(evidence.unit, "create") if log else None
    shared = clock == "shared" and inside.get("clock") == clock_id()
    before_ns, begun_ns = {}, init["entered_ns"]
    if log and creation and shared:
        begun_ns = creation["at_ns"]
        before_ns = {
            name: part for name, part in logged_phases(evidence, begun_ns, log).items() if name != "queue" and part >= 0
        }
    parts_ns = before_ns | init["phases_ns"]
    took_ns = ended_ns - begun_ns
    parts_ns[UNACCOUNTED] = max(0, took_ns - sum(parts_ns.values()))
    return Start({name: part / 1e6 for name, part in parts_ns.items()}, took_ns / 1e6)
