"""Why requests had no good answer, counted: reasons that differ in ids and durations alone are one."""

import re
from collections import Counter
from collections.abc import Iterable

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
