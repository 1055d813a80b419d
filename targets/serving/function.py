"""The function's entry point. The model is loaded at import, which is Lambda's INIT phase, never in the handler."""

from typing import Any

from targets.serving.core import cpu_limit, load_core

core = load_core(threads=cpu_limit())
core.ready()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """One invocation: the event is the request's JSON, the result is the envelope."""
    return core.answer(event, context)
