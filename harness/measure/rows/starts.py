"""What a request met: a unit that ran already, or a start, and of which kind. Never told from how long it took.

Where a deployment logs its units (`start_class`), counters and that log decide. Where it does not (`Lives`), the
envelope does, by counters and by whole durations: two stamps are subtracted only when one clock made both, and what is
compared then are two lengths of time. Of a first invocation that leaves some possibilities open, the platform's word
for this very request decides between them (`reconcile`).
"""

from dataclasses import dataclass

from harness.measure.rows.evidence import Evidence, UnitLog
from harness.record.nouns import PROVEN_COLD, StartClass
from targets.contract import INITIALISED

STARTED = (StartClass.COLD, StartClass.COLD_REINIT, StartClass.RESET)
"""The request waited for a start, whose parts are a part of its latency."""
DRIFT = 0.001
"""How much faster than ours a unit's clock may run: five times what a sound one is allowed to."""
BY_INITIALIZATION = {"provisioned-concurrency": StartClass.PROACTIVE, "snap-start": StartClass.RESTORED}
"""Ways of initialising that are no start on demand, as the platform names them to the unit."""
FIRST = frozenset(StartClass) - {StartClass.WARM}
"""What a first invocation can be."""


@dataclass(frozen=True)
class Wait:
    """How long a request was under way, on our clock: from when nobody could have started a unit for it before."""

    asked_ns: int
    """When it was sent; of a forced start, which may wake its unit before it sends, when it was due."""
    ended_ns: int

    @property
    def long_ns(self) -> int:
        """The whole of it."""
        return self.ended_ns - self.asked_ns


@dataclass(frozen=True)
class Finding:
    """A start class, and which ones the evidence leaves open: the platform's word decides between those alone."""

    proved: StartClass | None
    """What holds as long as the platform says nothing."""
    open: frozenset[StartClass]


UNKNOWN = Finding(None, frozenset(StartClass))
"""Without an envelope the platform's word is all there is."""


def start_class(evidence: Evidence, log: UnitLog) -> StartClass | None:
    """What the request met at a deployment that logs its units, from counters and logs only.

    A lost reply of a request that started a sandbox is cold by the front's word.
    """
    unit, invocation, request = evidence.unit, evidence.invocation, evidence.unit_request
    if request == 1 and evidence.outside and evidence.outside.get("started_for_request"):
        return StartClass.COLD_REINIT if log.has_init_timeout(unit) else StartClass.COLD
    if invocation is None:
        return None
    if invocation > 1:
        return StartClass.WARM
    if request is not None and request > 1:
        return StartClass.RESET
    return StartClass.COLD if log.is_for_request(unit) else StartClass.PROACTIVE


class Lives:
    """What units did before, as far as their answers tell. All of a trial's are taken in before any start is judged:
    so it does not matter in which order replies were read, or came."""

    def __init__(self) -> None:
        self._first_end: dict[str, int] = {}
        """By unit, on its own clock: when it ended the first request of which an envelope tells."""
        self._first_loss: dict[str, int] = {}
        """By unit, on our clock: when the first request ended of which only the platform tells that it was there."""

    def add_answer(self, evidence: Evidence) -> None:
        """A unit answered."""
        if inside := evidence.inside:
            self._first_end[inside["unit"]] = min(inside["ended_ns"], self._first_end.get(inside["unit"], 2**63))

    def add_loss(self, unit: str, ended_ns: int) -> None:
        """A unit had a request, says the platform, and no envelope came of it."""
        self._first_loss[unit] = min(ended_ns, self._first_loss.get(unit, 2**63))

    def judge(self, evidence: Evidence, wait: Wait) -> Finding:
        """What a request met at a deployment without a log.

        A later invocation is WARM by the unit's own count. A first one is, by what comes first:
        * RESET, when this unit had ended another request before this life of it entered its code;
        * PROACTIVE or RESTORED, when the platform told the unit so at its start;
        * COLD_REINIT, when by the platform's clock more of the invocation was over as the handler began than the
          initialisation had taken by then: it ran inside the invocation. Whether it was a reset after an end that
          nobody saw, only the platform can say;
        * PROACTIVE, when from entering its code to the end of the answer more time passed in the unit than the whole
          request took here: it was not started for a request that did not exist yet;
        * COLD otherwise, which is what nothing above excludes, and so leaves the platform's word the most room;
        * nothing, when there are no stamps of the start to tell by.
        """
        inside = evidence.inside
        if inside is None:
            return UNKNOWN
        if inside["invocation"] > 1:
            return Finding(StartClass.WARM, frozenset({StartClass.WARM}))
        init = inside.get("init")
        if init and self._had_another_life(inside["unit"], init["entered_ns"], wait.asked_ns):
            return Finding(StartClass.RESET, frozenset({StartClass.RESET}))
        if told := BY_INITIALIZATION.get(inside.get("initialization") or ""):
            return Finding(told, frozenset({told}))
        if init is None:
            return Finding(None, FIRST)
        spent_ns = inside.get("spent_ns")
        if spent_ns is not None and spent_ns >= inside["begun_ns"] - init["entered_ns"]:
            return Finding(StartClass.COLD_REINIT, frozenset({StartClass.COLD_REINIT, StartClass.RESET}))
        if inside["ended_ns"] - init["entered_ns"] > wait.long_ns * (1 + DRIFT):
            return Finding(StartClass.PROACTIVE, frozenset({StartClass.PROACTIVE, StartClass.RESET}))
        excluded = set() if spent_ns is None else {StartClass.COLD_REINIT}
        return Finding(StartClass.COLD, FIRST - excluded)

    def _had_another_life(self, unit: str, entered_ns: int, asked_ns: int) -> bool:
        return self._first_end.get(unit, 2**63) <= entered_ns or self._first_loss.get(unit, 2**63) <= asked_ns


def reconcile(finding: Finding, word: str | None) -> tuple[StartClass | None, bool]:
    """The start class, and whether the platform's word contradicts the evidence.

    Its word decides where the evidence leaves it open. Where it does not, the evidence holds: it came from the unit
    itself, with this very answer. A word that names no start class decides nothing.
    """
    said = StartClass(word) if word in set(StartClass) else None
    if said is None or said == finding.proved:
        return finding.proved, False
    if said in finding.open:
        return said, False
    return finding.proved, True


def is_open(finding: Finding, word: str | None) -> bool:
    """Whether the class is but what nothing excludes: others are as well, and no word decided between them.

    That a request was its unit's first since that was initialised leaves one other than COLD: a unit that began before
    it was sent, and so little that the request waited for nearly all of its start.
    """
    if finding.proved == StartClass.COLD and word == INITIALISED:
        return False
    return finding.proved is not None and len(finding.open) > 1 and word not in finding.open


def is_proven_cold(evidence: Evidence, wait: Wait, generation: str | None, log: UnitLog | None) -> bool:
    """Whether a forced start is one beyond doubt.

    With a log its word is proof. Without one the answer must be the first of a unit that began since the latest
    make_cold: of the `generation` which that returned, where absence could not be proved (else None).
    """
    if log is not None:
        return start_class(evidence, log) in PROVEN_COLD
    inside = evidence.inside
    if inside is None or (generation is not None and inside.get("generation") != generation):
        return False
    return Lives().judge(evidence, wait).proved in PROVEN_COLD
