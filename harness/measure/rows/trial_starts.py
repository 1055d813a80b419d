"""What each request of a trial met, and where the time of its start went: judged once everything is known of all."""

from collections.abc import Iterator, Mapping

import numpy as np

from harness.load.process import Sent
from harness.measure.rows.bare import bare_parts, met_by_log
from harness.measure.rows.cells import Names
from harness.measure.rows.evidence import Evidence, UnitLog
from harness.measure.rows.phases import OwnPhases, Parts, logged_phases, split_start
from harness.measure.rows.starts import DRIFT, STARTED, UNKNOWN, Finding, Lives, Wait, is_open, reconcile, start_class
from harness.record.nouns import StartClass
from harness.record.phases import BOOT
from targets.clock import clock_id
from targets.contract import Capabilities, Witnessed

UNTOLD = Witnessed()
NO_EVIDENCE = Evidence(), 0
GATEWAY_TIMEOUT = 504
"""Whoever waited for the answer gave up: the request goes on."""


class TrialStarts:
    """Takes in what is known row by row; only what is told of starts is kept until they are judged."""

    def __init__(self, can: Capabilities, log: UnitLog | None, sent: Sent, kinds: Names, words: Names) -> None:
        """`kinds` and `words` are the columns start_class and start_type."""
        self._log = log
        self._our_clock = clock_id() if can.clock == "shared" else None
        self._records, self._generations = sent.records, sent.generations
        self._kinds, self._words = kinds, words
        self._lives, self._own = Lives(), OwnPhases()
        self._firsts: dict[int, tuple[Evidence, int]] = {}
        """By row: the evidence of what may have met a start, and when it ended."""
        self._bare: dict[int, Parts] = {}
        """By row: the parts of a start of which only the log tells."""
        self._platform_ns: dict[int, Mapping[str, int]] = {}
        self._init_ns: dict[int, int] = {}
        """By row: the whole initialisation, as the platform tells it."""
        self._unit_words: dict[str, Witnessed] = {}
        """By unit: what the platform tells of its start, and of no request."""
        self._told: set[int] = set()
        """Rows of which the platform told something that has to be held against the evidence."""
        self._ended_ns = np.zeros(len(sent.records), np.int64)
        """By row: when its request had come to its end for sure; 0 where nobody knows."""
        self.older: set[int] = set()
        """Forced starts whose answer is of an older generation than was wanted: no word makes them one."""
        self.open_rows: list[int] = []
        """Those whose class the evidence leaves open and no word of the platform's decided."""
        self.disagreements = 0
        self._placed = 0
        """Rows whose parts by the platform's word have found their place."""

    def add(self, row: int, evidence: Evidence, ended_ns: int) -> None:
        """What a reply proves."""
        self._lives.add_answer(evidence)
        if self._records["status"][row] != GATEWAY_TIMEOUT:
            self._ended_ns[row] = ended_ns
        kind = start_class(evidence, self._log) if self._log else _later(evidence)
        self._kinds.put(row, kind)
        if kind is None and self._is_older(row, evidence):
            self.older.add(row)
        elif kind in STARTED or (kind is None and evidence.inside):
            self._firsts[row] = (evidence, ended_ns)

    def add_bare(self, row: int, evidence: Evidence) -> str | None:
        """What a reply without an envelope proves, by the deployment's log alone; who answered, where that is known."""
        if self._log is None:
            return None
        wait = self._wait(row, int(self._records["done_ns"][row]))
        meeting = met_by_log(self._log, evidence, wait)
        self._kinds.put(row, meeting.kind)
        if meeting.kind in STARTED and meeting.unit:
            self._bare[row] = bare_parts(self._log, evidence, meeting.unit, wait)
        return meeting.unit

    def add_word(self, row: int, witness: Witnessed, unit_is_known: bool) -> None:
        """What the platform tells of a row."""
        if witness.phases_ns:
            self._platform_ns[row] = witness.phases_ns
        if witness.init_ns is not None:
            self._init_ns[row] = witness.init_ns
        if witness.unit and not unit_is_known and self._ended_ns[row]:
            self._lives.add_loss(witness.unit, int(self._ended_ns[row]))
        if row in self._firsts or witness.start_type != self._kinds.get(row):
            self._told.add(row)

    def add_unit_word(self, witness: Witnessed) -> None:
        """What the platform tells of a unit's start, whichever request met it."""
        if witness.unit and (witness.phases_ns or witness.start_type):
            self._unit_words[witness.unit] = witness

    def judge(self) -> Iterator[tuple[int, Parts]]:
        """Tell the class of each row that is not told yet; yields the parts of each start, in the order of rows."""
        yield from sorted(self._bare.items())
        for row in sorted({*self._firsts, *self._told} - self.older):
            finding, word = self._finding(row), self._words.get(row) or self._unit_word(row).start_type
            kind, disagrees = reconcile(finding, word)
            self._kinds.put(row, kind)
            self.disagreements += disagrees
            if is_open(finding, word):
                self.open_rows.append(row)
            if row in self._firsts and kind in STARTED:
                yield row, self._parts(row)

    @property
    def unkept_phases(self) -> set[str]:
        """Names of parts of starts that have no column: their time is unaccounted."""
        return self._own.unkept

    @property
    def unplaced(self) -> int:
        """Requests of which the platform told parts of a start that have no place in what is known of them."""
        return len(self._platform_ns) - self._placed

    def _is_older(self, row: int, evidence: Evidence) -> bool:
        wanted = self._generations.get(int(self._records["index"][row])) if self._generations else None
        return bool(wanted and evidence.inside and evidence.inside.get("generation") != wanted)

    def _finding(self, row: int) -> Finding:
        if self._log is None and row in self._firsts:
            evidence, ended_ns = self._firsts[row]
            return self._lives.judge(evidence, self._wait(row, ended_ns))
        kind = self._kinds.get(row)
        return Finding(StartClass(kind), frozenset({StartClass(kind)})) if kind else UNKNOWN

    def _wait(self, row: int, ended_ns: int) -> Wait:
        record = self._records[row]
        return Wait(int(record["sent_ns"] if record["started_ns"] else record["scheduled_ns"]), ended_ns)

    def _parts(self, row: int) -> Parts:
        """Of what was before our code the log's word goes first, and the platform's fills in what it leaves out."""
        evidence, ended_ns = self._firsts[row]
        told_ns = self._platform_ns.get(row) or self._unit_word(row).phases_ns or self._boot(row, evidence)
        scheduled_ns = int(self._records["scheduled_ns"][row])
        logged, drift = Parts(), DRIFT
        if self._our_clock and evidence.inside and evidence.inside.get("clock") == self._our_clock:
            logged, drift = logged_phases(evidence, scheduled_ns, self._log or UnitLog()), 0.0
        for before in ({**told_ns, **logged}, logged):
            parts = split_start(evidence, ended_ns - scheduled_ns, self._own, before, drift)
            if before.keys() <= parts.keys():
                break
        self._placed += row in self._platform_ns and told_ns.keys() <= parts.keys()
        return parts

    def _unit_word(self, row: int) -> Witnessed:
        """What is told of the unit whose first invocation a row was."""
        evidence, _ = self._firsts.get(row, NO_EVIDENCE)
        return self._unit_words.get(evidence.unit or "", UNTOLD)

    def _boot(self, row: int, evidence: Evidence) -> Mapping[str, int]:
        """What of an initialisation, told as a whole, was before our code: two lengths of one clock."""
        inside, init = evidence.inside, evidence.init
        ended_ns = inside.get("init_ended_ns") if inside else None
        if init is None or ended_ns is None or row not in self._init_ns:
            return {}
        boot_ns = self._init_ns[row] - (ended_ns - init["entered_ns"])
        return {BOOT: boot_ns} if boot_ns >= 0 else {}


def _later(evidence: Evidence) -> StartClass | None:
    """A later invocation is warm by the unit's own count; what a first one is, is judged when all are known."""
    return StartClass.WARM if (evidence.invocation or 0) > 1 else None
