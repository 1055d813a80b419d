"""The comparison itself: a target beside itself, and beside itself made slower by a known fifth."""

from collections.abc import Iterator

from harness.analysis.compare import compare_within
from harness.analysis.ratio import Verdict
from harness.record.folder import latest_attempts
from harness.selftest.check import Check, absent
from harness.selftest.testimony import Exam

ONE, OTHER, PLANTED = "one", "other", "planted"
HANDLER_MS = 30.0
PLANTED_RATIO = 1.2
JUDGED = "warm_p50_ms"


def verdicts(exam: Exam) -> Iterator[Check]:
    """A/A must never be FASTER or SLOWER in any figure; the planted one must be SLOWER in what it was planted in."""
    records = latest_attempts(exam.run.trials())
    same = compare_within(exam.run, records, (ONE, OTHER), "workloads").rows
    strange = [row for row in same if row.verdict in (Verdict.FASTER, Verdict.SLOWER)]
    strange_words = ", ".join(f"{row.field} {row.verdict}" for row in strange)
    compared = [row for row in same if row.verdict is not None]
    words = strange_words or ", ".join(sorted({str(row.verdict) for row in compared})) or "no verdict"
    yield Check("itself beside itself", exam.target, "neither FASTER nor SLOWER", words, bool(compared and not strange))
    planted = compare_within(exam.run, records, (ONE, PLANTED), "workloads").rows
    row = next((row for row in planted if row.field == JUDGED), None)
    if row is None:
        yield absent("itself with 20 % planted", exam.target, f"{JUDGED} was not compared")
        return
    slower = row.verdict is Verdict.SLOWER
    yield Check("itself with 20 % planted", exam.target, str(Verdict.SLOWER), str(row.verdict), slower)
