"""Asynchronous invocations: accepted at once, carried out when the pool can, tried again as AWS documents it."""

import asyncio

from targets.lambda_front.passage import Passage
from targets.lambda_front.pool import Pool, Throttled
from targets.lambda_front.sandbox import SandboxDied

RETRY_S = (60.0, 120.0)
"""What lies between the attempts at an event whose function failed; after the last it is given up."""
THROTTLED_S = (1.0, 300.0)
"""Between attempts at an event that was throttled: the first pause, doubled each time, and the longest."""
LONGEST_S = 6 * 3600.0
"""How long a throttled event is kept."""


class Backlog:
    """Those that are under way or wait for their next attempt; they end with the front."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, body: bytes, passage: Passage) -> None:
        """Carry it out in the background."""
        task = asyncio.ensure_future(self._carry(body, passage))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up whatever is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry(self, body: bytes, passage: Passage) -> None:
        for pause_s in (*RETRY_S, None):
            if await self._attempt(body, passage) or pause_s is None:
                return
            await asyncio.sleep(pause_s)

    async def _attempt(self, body: bytes, passage: Passage) -> bool:
        """Whether it is done with: well, or for want of a sandbox all the time."""
        pause_s, longest_s = THROTTLED_S
        waited_s = 0.0
        while waited_s < LONGEST_S:
            try:
                reply = await self.pool.invoke(body, Passage(passage.received_ns, passage.request_id))
            except Throttled:
                await asyncio.sleep(pause_s)
                waited_s += pause_s
                pause_s = min(2 * pause_s, longest_s)
            except SandboxDied:
                return False
            else:
                return reply.error is None
        return True
