"""Workers behind a queue come and go, and what each of them used is known at its end."""

import time

import pytest

from targets.events import EventLog, EventReader
from targets.local.crew import Crew, Depth, Worker
from targets.local.resources import Usage
from targets.settings import QueueSettings

PATIENCE_S = 60


class Brief(Worker):
    """Ready at once, and gone as soon as it is told to end, with everything that was counted for it."""

    told = False
    is_ready = True

    def start(self):
        return 0

    def ask_to_end(self):
        self.told = True

    def end_reason(self):
        return "exit code 0" if self.told else None

    def usage(self):
        return Usage(oom_killed=True) if self.told else Usage(10, 20, 5, 1_000, 0)

    def remove(self):
        pass

    def is_gone(self):
        return True


@pytest.fixture
def log(tmp_path):
    log = EventLog(tmp_path / "events.jsonl")
    yield log
    log.close()


def removed(folder):
    return [event for event in EventReader(folder / "events.jsonl").read() if event["kind"] == "removed"]


def test_a_worker_that_was_told_to_end_leaves_what_it_used(log, tmp_path):
    settings = QueueSettings(polling_interval_s=1, cooldown_s=1, max_workers=1).compress(50)
    made: list[Brief] = []

    def new(name):
        made.append(Brief(name, log))
        return made[-1]

    crew = Crew(settings, log, new, lambda: Depth(waiting=not made, running=0, accepted=1))
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not (told := removed(tmp_path)):
            assert time.monotonic() < deadline, "it never left"
            time.sleep(0.01)
    finally:
        crew.close()
    assert [(event["memory_peak_bytes"], event["own_memory_bytes"], event["cpu_ns"]) for event in told] == [
        (20, 5, 1_000)
    ]
    assert told[0]["oom_killed"], "which is known at its end only"
