"""Why requests had no good answer, counted: reasons that differ in ids and durations alone are one."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from harness.files.text import harmless
from harness.files.whole import one_line
from harness.record.nouns import MOST_REASONS, Outcome, Reason

OWN = re.compile(
    r"""
    \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b
    | \b0x[0-9a-f]+\b
    | \b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{12,64}\b            # a container, a trace
    | \b(?:replica|sandbox|unit|request|pid|port)\ \#?\d+\b
    | \b\d[\d,]*(?:\.\d+)?\ ?(?:[nuµm]?s|seconds?|minutes?|min)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What two requests that failed alike do not share: ids, addresses, durations. Any other number may be what went wrong:
a status, an error's code, a class."""


def most_frequent(reasons: Iterable[Reason]) -> list[Reason]:
    """The MOST_REASONS most frequent, each in the commonest words of its kind."""
    counts: Counter[tuple[Outcome, str]] = Counter()
    words: dict[tuple[Outcome, str], Counter[str]] = {}
    for reason in reasons:
        kind = reason.outcome, OWN.sub("#", reason.reason)
        words.setdefault(kind, Counter())[reason.reason] += reason.count
        counts[kind] += reason.count
    return [
        Reason(reason=words[kind].most_common(1)[0][0], count=count, outcome=kind[0])
        for kind, count in counts.most_common(MOST_REASONS)
    ]


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
