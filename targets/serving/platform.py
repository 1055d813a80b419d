"""What the platform tells a unit: of itself by its environment, of one invocation by the handler's context."""

import os
from typing import Any

START_FACTS = {"generation": "FROSTLINE_GENERATION", "initialization": "AWS_LAMBDA_INITIALIZATION_TYPE"}
"""Members of every envelope of this unit, and the variables that they come from."""
MEMORY_VARIABLE = "FROSTLINE_TELL_MEMORY"
"""In a unit's environment: nobody else tells what it uses, so its answers do."""
OWN_NAME = os.urandom(16).hex()


def unit_name() -> str:
    """Who started the unit has named it, or Lambda has with its log stream; else a name drawn when it began."""
    return os.environ.get("FROSTLINE_UNIT") or os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME") or OWN_NAME


def start_facts() -> dict[str, str]:
    """What was known of this unit when it was started; what nobody said is left out."""
    return {name: os.environ[variable] for name, variable in START_FACTS.items() if os.environ.get(variable)}


def request_id(context: object) -> str | None:
    """The platform's name for this invocation; None where it gives none."""
    found = getattr(context, "aws_request_id", None)
    return str(found) if found else None


def spent_ns(context: Any) -> int | None:
    """How much of the invocation's time is over, by the platform's clock; None where its limit is not known."""
    limit_s = os.environ.get("FROSTLINE_TIMEOUT_S")
    if not limit_s or not hasattr(context, "get_remaining_time_in_millis"):
        return None
    return max(0, int(float(limit_s) * 1e9) - int(context.get_remaining_time_in_millis()) * 1_000_000)


def memory_used_bytes() -> int | None:
    """The most that this process has had so far, by its kernel; None where it does not say."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:  # noqa: PTH123 - of each request
            peak = next((line for line in status if line.startswith("VmHWM:")), "")
    except OSError:
        return None
    return int(peak.split()[1]) * 1024 if peak else None
