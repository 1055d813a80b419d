"""When a run began, by its own word: in UTC, and never later than now."""

from datetime import datetime, timedelta

from harness.clock import moment_of
from harness.errors import RecordError
from harness.files.problems import quote
from harness.record.nouns import Manifest

AHEAD = timedelta(minutes=5)
"""So far the clocks of two machines may be apart; a later stamp is of a clock that was wrong."""


def start_of(manifest: Manifest, now: datetime) -> datetime:
    """When the run began, in UTC. RecordError when that is no time, or lies in the future: it has no place in order."""
    stamp = f"run {quote(manifest.run)[1:-1]}: started_at: {quote(manifest.started_at)}"
    try:
        began = moment_of(manifest.started_at)
    except ValueError:
        raise RecordError(f"{stamp} is no time: restore manifest.json") from None
    if is_ahead(began, now):
        raise RecordError(f"{stamp} lies in the future: set this machine's clock, or correct manifest.json")
    return began


def is_ahead(moment: datetime, now: datetime) -> bool:
    """Whether a moment lies so far in the future that no clock's doubt explains it."""
    return moment - now > AHEAD
