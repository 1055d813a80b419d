"""Requests for which no unit could be made or started: the engine's failure or the machine's, not the function's."""

import pyarrow as pa
import pyarrow.compute as pc

from harness.record.nouns import Outcome
from targets.contract import REFUSED

PREFIX = f"{REFUSED}: "
ANSWERED = [Outcome.OK.value, Outcome.WRONG.value]


def refusal_problems(requests: pa.Table) -> list[str]:
    """What makes a trial INVALID in which none was answered and some met a refusal, with the first one's reason."""
    why, count = _refused(requests)
    if not count or _any_answered(requests):
        return []
    return [f"no request could be answered, and {count} of {len(requests)} for no fault of the function: {why}"]


def refusal_warnings(requests: pa.Table) -> list[str]:
    """What is said where others were answered."""
    why, count = _refused(requests)
    if not count or not _any_answered(requests):
        return []
    return [f"{count} of {len(requests)} requests failed for no fault of the function: {why}"]


def _refused(requests: pa.Table) -> tuple[str, int]:
    errors = requests["error"].cast(pa.string())
    refused = errors.filter(pc.starts_with(errors, PREFIX))
    return (refused[0].as_py().removeprefix(PREFIX) if len(refused) else "", len(refused))


def _any_answered(requests: pa.Table) -> bool:
    return bool(pc.any(pc.is_in(requests["outcome"].cast(pa.string()), pa.array(ANSWERED))).as_py())
