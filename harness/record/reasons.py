"""Why requests had no good answer, counted: reasons that differ in ids and numbers alone are one."""

import re
from collections import Counter
from collections.abc import Iterable

from harness.record.nouns import MOST_REASONS, Outcome, Reason

OWN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|0x[0-9a-f]+|\d+(?:\.\d+)?")
"""What two requests that failed alike do not share: ids, addresses, numbers."""


def most_frequent(reasons: Iterable[Reason]) -> list[Reason]:
    """The MOST_REASONS most frequent, each in the words of the first of its kind."""
    counts: Counter[tuple[Outcome, str]] = Counter()
    words: dict[tuple[Outcome, str], str] = {}
    for reason in reasons:
        kind = reason.outcome, OWN.sub("#", reason.reason)
        words.setdefault(kind, reason.reason)
        counts[kind] += reason.count
    return [
        Reason(reason=words[kind], count=count, outcome=kind[0]) for kind, count in counts.most_common(MOST_REASONS)
    ]
