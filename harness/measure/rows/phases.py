"""Where the time of one start went: its parts, which with `unaccounted` add up to the whole wait."""

from collections.abc import Mapping

from harness.measure.rows.evidence import Evidence, UnitLog
from harness.record.phases import BEFORE, FIRST_INFERENCE, MOST_OWN, PHASE_NAME, RESERVED, UNACCOUNTED

STEPS = {"load": "loaded", "create": "created", "start": "started"}
Parts = dict[str, int]


class OwnPhases:
    """The names that workloads gave to parts of their start: the first few that come, for each becomes a column."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self.unkept: set[str] = set()
        """Names that came when there were MOST_OWN already, or that are none."""

    def pick(self, told_ns: Mapping[str, int]) -> Parts:
        """Those that have a column, in the order told; what another name took is unaccounted."""
        return {name: told_ns[name] for name in told_ns if self._has_column(name)}

    def _has_column(self, name: str) -> bool:
        is_a_name = name not in RESERVED and PHASE_NAME.fullmatch(name) is not None
        if is_a_name and len(self._names) < MOST_OWN:
            self._names.add(name)
        if name not in self._names:
            self.unkept.add(name)
        return name in self._names


def queue_ns(evidence: Evidence) -> int | None:
    """Time in a queue of the platform's: before a sandbox was asked, or inside a replica before a thread was free."""
    inside, outside = evidence.inside, evidence.outside
    if inside and (received_ns := inside.get("received_ns")) is not None:
        return inside["begun_ns"] - received_ns
    if outside and (asked_ns := outside.get("asked_ns")) is not None:
        begun = [span[0] for span in outside.get("spans_ns", {}).values()]
        return min([asked_ns, *begun]) - outside["received_ns"]
    return None


def split_start(
    evidence: Evidence, wall_ns: int, own: OwnPhases, platform_ns: Mapping[str, int], drift: float
) -> Parts:
    """The parts of a start, ns by name, in order; they add up to the whole wait of `wall_ns`, and none is negative.

    A model that was loaded within the request is no part of its inference.

    `platform_ns` is what happened before our code ran. `drift` says how much faster than ours the unit's clock may run:
    so much more than the whole wait its parts may add up to, and then all of them are shortened in proportion, for they
    were told in seconds that are too short. Parts that add up to more contradict the wait: those of the platform's are
    dropped then, and if that is not enough, there are none.
    """
    inside, init = evidence.inside, evidence.init
    if inside is None or init is None:
        return {}
    before = {name: platform_ns[name] for name in BEFORE if name in platform_ns}
    inference_ns = inside["ended_ns"] - inside["begun_ns"] - (init.get("late_ns") or 0)
    parts = own.pick(init["phases_ns"]) | {FIRST_INFERENCE: inference_ns}
    for candidate in (before | parts, parts):
        if min(candidate.values()) >= 0 and sum(candidate.values()) <= wall_ns * (1 + drift):
            fitting = _shorten(candidate, wall_ns)
            return fitting | {UNACCOUNTED: wall_ns - sum(fitting.values())}
    return {}


def _shorten(parts: Parts, wall_ns: int) -> Parts:
    told_ns = sum(parts.values())
    return parts if told_ns <= wall_ns else {name: part * wall_ns // told_ns for name, part in parts.items()}


def logged_phases(evidence: Evidence, scheduled_ns: int, log: UnitLog) -> Parts:
    """Queue, image, create, start, boot by stamps of other processes: comparable where all share one kernel's clock."""
    init = evidence.init
    if init is None:
        return {}
    steps = _steps(evidence, log)
    parts: Parts = {}
    request_ns = evidence.outside["received_ns"] if evidence.outside else scheduled_ns
    if steps:
        parts["queue"] = min(begun for begun, _ in steps.values()) - request_ns
    for step, phase in (("load", "image"), ("create", "create")):
        if step in steps:
            parts[phase] = steps[step][1] - steps[step][0]
    if "start" in steps:
        begun, ended = steps["start"]
        ended = min(ended, init["entered_ns"])  # the engine's answer may come after the runtime's first step
        parts["start"] = ended - begun
        parts["boot"] = init["entered_ns"] - ended
    return parts


def _steps(evidence: Evidence, log: UnitLog) -> Mapping[str, tuple[int, int]]:
    """When the unit was created and started. A front tells what this request waited for; a replica starts but once."""
    if evidence.outside and evidence.unit_request is not None:
        return evidence.outside.get("spans_ns", {})
    steps = {begin: log.span(evidence.unit, begin, end) for begin, end in STEPS.items()}
    return {name: span for name, span in steps.items() if span is not None}
