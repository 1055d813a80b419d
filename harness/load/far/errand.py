"""What a far worker does for one plan: fetches it, carries its share out, keeps what came of it until that is had."""

import hashlib
import platform
import shutil
from contextlib import ExitStack
from typing import Any

import gevent
from locust.env import Environment

from harness.errors import TrialError
from harness.load.far.pieces import Ask, Offer, fetch, sizes_of
from harness.load.host_times import HostTimes
from harness.load.limits import MOST_ARRIVALS, MOST_BODIES_BYTES
from harness.load.stripes import reserve
from harness.load.wire import BODIES, PLAN, SCHEDULE, LoadPlan, parse_bodies
from harness.load.worker import Shift
from loadprofiles.contract import fingerprint
from targets.ownership import work_folder

MOST_PLAN_BYTES = 2**26
MOST = {PLAN: MOST_PLAN_BYTES, SCHEDULE: 8 * MOST_ARRIVALS, BODIES: MOST_BODIES_BYTES + 2**26}
OUTPUTS = ("records", "errors", "replies", "heads")


class Errand:
    """Plan and bodies are held in memory alone, for they may hold secrets; replies go into a folder that is removed."""

    def __init__(self, order: str, rank: int, of: int) -> None:
        self.order = order
        self._rank, self._of = rank, of
        self._opened = ExitStack()
        self.offer = Offer({})

    def prepare(self, environment: Environment, sizes: Any, ask: Ask) -> tuple[Shift, str]:
        """Fetch the plan and make ready what its share takes; returns that, and the sha256 of the whole schedule.
        TrialError, which may be SenderFailed, where that cannot be."""
        parts = {name: b"".join(fetch(name, size, ask)) for name, size in sizes_of(sizes, MOST).items()}
        folder = work_folder("load")
        self._opened.callback(shutil.rmtree, folder, ignore_errors=True)
        self._plan = plan = LoadPlan.parse(parts[PLAN], str(folder))
        offsets = plan.parse_offsets(parts[SCHEDULE])
        self._opened.enter_context(reserve(plan, len(offsets), self._of, [self._rank]))
        self.shift = Shift(environment, plan, offsets, parse_bodies(parts[BODIES]), self._rank, self._of)
        self._opened.callback(self._put_away)
        return self.shift, fingerprint(offsets)

    def _put_away(self) -> None:
        """What a share that nobody began on holds; one that was begun on does so itself."""
        if not self.shift.armed.is_set():
            self.shift.client.close()
            self.shift.dispatcher.stop()
            self.shift.outputs.close()

    def wait_out(self) -> dict[str, Any]:
        """Wait until its share is over; returns what is to be said of it, and has the rest ready to be fetched."""
        gevent.wait([self.shift.go, self.shift.finished], count=1)
        before = HostTimes.read()
        self.shift.finished.wait()
        now = HostTimes.read()
        report = self.shift.report | {
            "far": {
                "machine": hashlib.sha256(platform.node().encode()).hexdigest()[:12],
                "clock": None,
                "steal_share": now.steal_share(before),
                "throttled": now.was_throttled_since(before),
            }
        }
        try:
            self.offer = Offer({name: self._plan.output(name, self._rank) for name in OUTPUTS})
        except OSError as error:
            raise TrialError(f"what it recorded cannot be read any more: {error}") from error
        return report

    def close(self) -> None:
        """Let go of all that is left of it, also when it was never begun. Safe to call twice."""
        self._opened.close()
