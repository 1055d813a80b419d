"""The function's entry point. The model is loaded at import, which is Lambda's INIT phase, never in the handler."""

import signal
from typing import Any

from targets.serving.core import cpu_limit, load_core

# A file that would be too large is an error (EFBIG) to whatever writes it, as a full disk is, and no end. Blocked and
# not ignored: Python's subprocess takes back what is ignored. Only what a shell starts is ended, for a shell blocks
# nothing.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGXFSZ})
core = load_core(threads=cpu_limit())
core.ready()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """One invocation: the event is the request's JSON, the result is the envelope."""
    return core.answer(event, context)
