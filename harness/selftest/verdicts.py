"""The comparison itself: a target beside itself, and beside itself made slower by a known fifth."""

from collections.abc import Iterator

from harness.analysis.compare import compare_within
from harness.analysis.ratio import Verdict
from harness.record.folder import latest_attempts
from harness.selftest.check import Check
from harness.selftest.testimony import Examined

ONE, OTHER, PLANTED = "one", "other", "planted"
HANDLER_MS = 30.0
PLANTED_RATIO = 1.2
JUDGED = "warm_p50_ms"


def verdicts(examined: Examined) -> Iterator[Check]:
    """A/A must never be FASTER or SLOWER in any figure; the planted one must be SLOWER in what it was planted in."""
    records = latest_attempts(examined.run.trials())
    same = compare_within(examined.run, records, (ONE, OTHER), "workloads").rows
    strange = [row for row in same if row.verdict in (Verdict.FASTER, Verdict.SLOWER)]
    told = ", ".join(f"{row.field} {row.verdict}" for row in strange)
    judged = [row for row in same if row.verdict is not None]
    said = told or ", ".join(sorted({str(row.verdict) for row in judged})) or "no verdict"
    yield Check("itself beside itself", examined.target, "neither FASTER nor SLOWER", said, bool(judged) and not told)
    planted = compare_within(examined.run, records, (ONE, PLANTED), "workloads").rows
    row = next(row for row in planted if row.field == JUDGED)
    slower = row.verdict is Verdict.SLOWER
    yield Check("itself with 20 % planted", examined.target, str(Verdict.SLOWER), str(row.verdict), slower)
