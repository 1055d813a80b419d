"""The most memory of its own that a sandbox was seen to hold: what a REPORT tells."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from targets.lambda_front.sandbox import Sandbox

GLANCE_S = 0.05
LOOK_S = 0.01
"""The kernel keeps no peak without the files that were written or read: it is looked at so often."""


@contextmanager
def glanced_at(sandbox: Sandbox) -> Iterator[None]:
    """Look seldom, and never during a request that is soon over: so that the peak is known if memory runs out."""
    loop = asyncio.get_running_loop()

    timers: list[asyncio.TimerHandle] = []

    def look() -> None:
        sandbox.see_memory()
        timers[:] = [loop.call_later(GLANCE_S, look)]

    timers.append(loop.call_later(GLANCE_S, look))
    try:
        yield
    finally:
        timers[0].cancel()


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
