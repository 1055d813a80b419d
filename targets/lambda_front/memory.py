"""The most memory of its own that a sandbox was seen to hold: what a REPORT tells."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from targets.lambda_front.sandbox import Sandbox

LOOK_S = 0.01
"""The kernel keeps no peak without the files that were written or read: it is looked at so often."""


@contextmanager
def watched(sandbox: Sandbox) -> Iterator[None]:
    """Look from time to time while a request is under way, and once more at its end."""
    watch = asyncio.ensure_future(_watch(sandbox))
    try:
        yield
    finally:
        watch.cancel()
        sandbox.see_memory()


async def _watch(sandbox: Sandbox) -> None:
    while True:
        sandbox.see_memory()
        await asyncio.sleep(LOOK_S)
