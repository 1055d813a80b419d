"""Why the requests of a trial had no good answer, from its rows."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from harness.files.text import harmless
from harness.files.whole import one_line
from harness.record.nouns import Outcome, Reason
from harness.record.reasons import most_frequent

UNTOLD = {
    Outcome.SHED: "not sent: the generator had too many requests in flight",
    Outcome.UNFINISHED: "no reply before the trial ended",
    Outcome.TIMED_OUT: "no reply in time",
    Outcome.THROTTLED: "throttled (429)",
}
"""What is said of a row that tells no reason of its own."""


def reasons_of(requests: pa.Table) -> list[Reason]:
    """The most frequent first."""
    return most_frequent(_reasons(requests))


def _reasons(requests: pa.Table) -> Iterator[Reason]:
    """Each text with its count, in the order in which it first came."""
    texts = pa.table({name: requests[name].cast(pa.string()) for name in ("outcome", "error")})
    bad = texts.filter(pc.not_equal(texts["outcome"], Outcome.OK.value))
    counted = bad.append_column("row", pa.array(range(len(bad)), pa.int64())).group_by(["outcome", "error"])
    for group in counted.aggregate([("row", "count"), ("row", "min")]).sort_by("row_min").to_pylist():
        outcome = Outcome(group["outcome"])
        text = one_line(harmless(group["error"] or "")) or UNTOLD.get(outcome, "no reason is known")
        yield Reason(reason=text, count=group["row_count"], outcome=outcome)
