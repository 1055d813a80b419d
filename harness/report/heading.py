"""What stands above and below the tables of a run."""

from datetime import UTC, datetime

from harness.analysis.summary import Summary
from harness.files.text import harmless
from harness.record.figures import counted

LEGEND = (
    "p50, p95, p99 count from the scheduled moment over all requests, with failures as infinitely late; below a figure "
    "its 95 % interval; peak is the kernel's, of one unit; units are the most at once; 1 MB is 1,048,576 bytes."
)


def heading(summary: Summary) -> str:
    """What was run, when, and whether it holds, e.g. quickstart · 3 rounds · seed 1 · 2026-11-22 00:52 UTC · valid."""
    name = summary.experiment or "unnamed experiment"
    state = "valid" if summary.valid else f"INVALID: {counted(len(summary.problems), 'problem')}"
    parts = [name, counted(summary.rounds, "round"), f"seed {summary.seed}", minute(summary.started_at), state]
    return harmless(" · ".join(parts))


def minute(moment: str) -> str:
    """An ISO 8601 time to the minute in UTC; any other text, or a time without a zone, as it is."""
    try:
        when = datetime.fromisoformat(moment)
        when = when.astimezone(UTC) if when.tzinfo else when
    except (ValueError, OverflowError):  # the latter: before the year 1 or after the year 9999 in UTC
        return moment
    return f"{when:%Y-%m-%d %H:%M} UTC" if when.tzinfo else moment
