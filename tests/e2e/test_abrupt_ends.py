"""A run that is killed with SIGKILL, over and over, loses nothing that was saved."""

import random
import signal
import time

from tests.e2e.bench import Bench, Started, assert_done, until
from tests.e2e.faults import assert_whole, sends, tiny

KILLS = 8
"""Two at each stage."""


def test_kill_9_wherever_a_run_is_loses_no_saved_trial(bench):
    """Every resumption is killed as well: packaging, deploying, sending or saving, and a random moment later.

    Slow, for the command line starts anew each time.
    """
    chance = random.Random(20)
    experiment = tiny(bench, rounds=4, cold_starts=1)
    started = bench.start("run", experiment, "--results", bench.results)
    until(lambda: "Run " in started.said, "the run has begun")
    saved: list[object] = []
    for number in range(KILLS):
        _reach(STAGES[number % len(STAGES)], bench, started, len(saved))
        time.sleep(chance.uniform(0, 0.3))
        started.signal(signal.SIGKILL)
        assert started.finish().code == -signal.SIGKILL, "its trials were done: lengthen it"
        until(lambda: not list(bench.processes()), "what it had started ends by itself")
        now = bench.folders()[-1].trials()
        assert now[: len(saved)] == saved, "no line that was there is gone or changed"
        saved = list(now)
        assert bench.folders()[-1].manifest.finished_at is None
        started = bench.start("run", "--resume", "latest", "--results", bench.results)
    assert len(saved) >= KILLS // len(STAGES), "each life that was killed after saving had saved"
    folder = assert_done(bench, started.finish())
    assert folder.trials()[: len(saved)] == saved and len(bench.folders()) == 1
    assert_whole(bench, folder)


STAGES = ("starting", "deploying", "sending", "saved")


def _reach(stage: str, bench: Bench, started: Started, saved: int) -> None:
    """Wait for what the run does, not for a time: on a slow machine all of it comes later."""
    reached = {
        "starting": lambda: True,
        "deploying": lambda: any(True for _ in bench.processes()),
        "sending": lambda: sends(bench),
        "saved": lambda: len(bench.folders()[-1].trials()) > saved,
    }
    until(lambda: reached[stage]() or started.process.poll() is not None, f"the run is {stage}")
