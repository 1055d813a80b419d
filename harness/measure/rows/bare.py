"""What a request met whose answer carries no envelope: an image of the user's, of which only the deployment's log and
a front before it can tell."""

from dataclasses import dataclass

from harness.measure.rows.evidence import Evidence, UnitLog
from harness.measure.rows.phases import STEPS, Parts
from harness.measure.rows.starts import Wait
from harness.record.nouns import StartClass
from harness.record.phases import BOOT, UNACCOUNTED


@dataclass(frozen=True)
class Meeting:
    """Who answered, and what the request met there; None where nothing proves it."""

    unit: str | None = None
    kind: StartClass | None = None


def met_by_log(log: UnitLog, evidence: Evidence, wait: Wait) -> Meeting:
    """A front names the sandbox and counts what it asked of it. Without one the only unit that lived meanwhile has
    answered: it was created while this request waited, or had answered before that was sent.

    Whether a unit that ran already had had a request before, nobody knows: it is warm all the same.
    """
    if evidence.outside is not None:
        return Meeting(evidence.unit, _by_front(log, evidence))
    lived = [
        creation["unit"]
        for creation in log.creations
        if creation["at_ns"] <= wait.ended_ns and not _is_gone(log, creation["unit"], wait.asked_ns)
    ]
    if len(lived) != 1:
        return Meeting()
    creation, ready = log.first_event(lived[0], "create"), log.first_event(lived[0], "ready")
    if creation is None or ready is None:
        return Meeting(lived[0])
    if creation["at_ns"] >= wait.asked_ns and log.is_for_request(lived[0]):
        return Meeting(lived[0], StartClass.COLD)
    return Meeting(lived[0], StartClass.WARM if ready["at_ns"] <= wait.asked_ns else None)


def _by_front(log: UnitLog, evidence: Evidence) -> StartClass | None:
    outside, request = evidence.outside, evidence.unit_request
    if outside is None or request is None:
        return None
    if request == 1:
        if not outside.get("started_for_request"):
            return StartClass.PROACTIVE
        return StartClass.COLD_REINIT if log.has_init_timeout(evidence.unit) else StartClass.COLD
    return StartClass.RESET if outside.get("spans_ns") else StartClass.WARM


def _is_gone(log: UnitLog, unit: str, by_ns: int) -> bool:
    removal = log.first_event(unit, "removed")
    return removal is not None and removal["at_ns"] < by_ns


def bare_parts(log: UnitLog, evidence: Evidence, unit: str, wait: Wait) -> Parts:
    """Create and start as they were logged, until it was ready where somebody asked; the rest is unaccounted.

    Nothing, where they do not fit into the wait."""
    if evidence.outside is not None:
        steps = dict(evidence.outside.get("spans_ns", {}))
    else:
        spans = {begin: log.span(unit, begin, end) for begin, end in STEPS.items()}
        steps = {name: span for name, span in spans.items() if span is not None}
    names = {"load": "image", "create": "create", "start": "start"}
    parts = {phase: steps[step][1] - steps[step][0] for step, phase in names.items() if step in steps}
    if "start" in steps and (ready := log.first_event(unit, "ready")):
        parts[BOOT] = ready["at_ns"] - steps["start"][1]
    left_ns = wait.long_ns - sum(parts.values())
    return parts | {UNACCOUNTED: left_ns} if parts and min(*parts.values(), left_ns) >= 0 else {}
