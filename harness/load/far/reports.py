"""What far workers say of themselves, held against what such a report is."""

from math import isfinite
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.errors import TrialError
from harness.files.text import harmless
from harness.load.wire import WorkerReport, unheard

LONGEST_TEXT = 2000
FORM = TypeAdapter(WorkerReport)


def report_of(told: Any, rank: int) -> dict[str, Any]:
    """The report of the worker with this rank, or its error as `told_of` has it. TrialError when it is neither."""
    if isinstance(told, dict) and "error" in told:
        return {**unheard(rank), **refusal_of(told, "")}
    try:
        report = FORM.validate_python(told)
    except ValidationError as error:
        raise TrialError(f"its report: {error.error_count()} fields are not as they should be") from None
    if report["far"] is None:
        raise TrialError("its report: it does not say which machine it is of")
    return {**_harmless(report), "rank": rank, "lost": ""}


def _harmless(value: Any) -> Any:
    """Texts as they may be shown. TrialError for a number that is none."""
    if isinstance(value, dict):
        return {name: _harmless(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_harmless(each) for each in value]
    if isinstance(value, float) and not isfinite(value):
        raise TrialError("its report: a number of it is none")
    return harmless(value)[:LONGEST_TEXT] if isinstance(value, str) else value


def refusal_of(told: dict[str, Any], host: str) -> dict[str, Any]:
    """Why a worker cannot carry a plan out, and on which machine."""
    lines = [harmless(line)[:LONGEST_TEXT] for line in str(told.get("error")).splitlines()]
    text = "\n".join(lines) + (f" (on {host})" if host else "")
    return {"error": text, "is_senders": told.get("is_senders") is True, "is_lost": False}
