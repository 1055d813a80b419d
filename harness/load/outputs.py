"""What a worker writes while its schedule runs: all is open before, for at the end nothing may be left to open."""

import mmap
from contextlib import ExitStack
from pathlib import Path

from harness.load.failures import lack_of
from harness.load.replies import Spool
from harness.load.wire import RECORD, ErrorTexts, LoadPlan


class Outputs:
    """The records, error texts and replies of one worker."""

    def __init__(self, plan: LoadPlan, rank: int, count: int) -> None:
        """For `count` records. OSError where a file cannot be had."""
        self._folder = plan.folder
        self.records = _mapped(plan.output("records", rank), RECORD.size * count)
        """Memory of the run's: what stands there outlives this process."""
        with ExitStack() as opened:
            file = opened.enter_context(plan.output("errors", rank).open("w", buffering=1))
            self._spool = Spool.create(plan.output("replies", rank), plan.output("heads", rank))
            self._opened = opened.pop_all()
        self.texts = ErrorTexts(file)
        keeps_headers = any(endpoint.kept_header for endpoint in plan.endpoints)
        self.spool = self._spool if plan.keep_replies or keeps_headers else None

    def close(self) -> list[str]:
        """Write what is left; returns what could not be written."""
        problems = []
        for what, close in (("replies", self._spool.close), ("error texts", self._opened.close)):
            try:
                close()
            except OSError as error:
                problems.append(f"{what} could not be kept: {lack_of(error, self._folder)}")
        return problems


def _mapped(path: Path, size: int) -> bytearray | mmap.mmap:
    if not size:
        return bytearray()
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), size)
