"""How a load process tells what kept it from carrying a plan out, and what its run makes of that."""

from collections.abc import Iterable, Mapping
from typing import Any

from harness.errors import FrostlineError, TrialError
from harness.load.senders import SenderFailed


def told_of(error: Exception) -> dict[str, Any]:
    """What a worker tells: errors of ours are sentences, of others the kind says most; and whether it is a sender's."""
    text = str(error) if isinstance(error, FrostlineError) else f"{type(error).__name__}: {error}"
    return {"error": text, "is_senders": isinstance(error, SenderFailed)}


def told_of_all(reports: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The same of all workers together, a sender's only where each is; empty where none failed."""
    failed = [report for report in reports if "error" in report]
    if not failed:
        return {}
    text = "; ".join(sorted({report["error"] for report in failed}))
    return {"error": text, "is_senders": all(report["is_senders"] for report in failed)}


def failure_from(told: Mapping[str, Any]) -> TrialError:
    """The error to raise for what was told: a sender's ends its trial, any other one the run."""
    return (
        SenderFailed(told["error"]) if told["is_senders"] else TrialError(f"the load process failed: {told['error']}")
    )
