"""A cold row is a sandbox that was started: three witnesses that know nothing of each other give one number.

The self-test's counts hold the same against the log and a ledger of each process.
"""

import json
import os
import threading
import time
from pathlib import Path

import docker
import pytest

from harness.record.nouns import Outcome, StartClass
from tests.e2e.bench import Bench, Started, assert_done

LEAST_REQUESTS = 100
BURSTY = {"rate": 13, "seconds": 12, "compression": 14, "on_mean_s": 20, "off_mean_s": 20, "inside_cv": 1.5}
"""Bursts of about 1.4 s at 26/s: at their begin sandboxes are started, in the silences they are evicted."""
KEEP_ALIVE_S = 0.4
CONCURRENCY_LIMIT = 12
"""What two cores can start side by side; beyond it requests are throttled, which starts nothing."""
SEED = 1


def experiment(bench: Bench) -> Path:
    function = {"keep_alive_s": KEEP_ALIVE_S, "concurrency_limit": CONCURRENCY_LIMIT}
    return bench.experiment(
        workloads=["echo"], targets=["docker-lambda"], profiles=[{"bursty": BURSTY}], seed=SEED, function=function
    )


class EventKeeper:
    """Keeps the front's event log, which goes with its work folder, under a second name."""

    def __init__(self, bench: Bench) -> None:
        self.kept = bench.folder / "events.jsonl"
        self.source = bench.temporary
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self) -> None:
        while not (found := list(self.source.glob("frostline-front-*/events.jsonl"))):
            time.sleep(0.005)
        os.link(found[0], self.kept)

    def events(self) -> list[dict]:
        return [json.loads(line) for line in self.kept.read_text().splitlines()]


class EngineWitness:
    """What the engine itself says that it created; asked live, because it remembers only its last 256 events."""

    def __init__(self) -> None:
        self.client = docker.from_env()
        self.begun = int(time.time())
        self.stream = self.client.api.events(
            since=self.begun, decode=True, filters={"type": "container", "event": "create", "label": "frostline.run"}
        )
        self.seen: list[dict] = []
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        self.seen.extend(self.stream)

    def created_for(self, run: str) -> list[str]:
        self.stream.close()
        self.thread.join(10)
        self.client.close()
        return [event["Actor"]["ID"] for event in self.seen if event["Actor"]["Attributes"]["frostline.run"] == run]


def measure(bench: Bench, started: Started, keeper: EventKeeper):
    """(trial record, its rows, number of units started for requests, the log's events)."""
    folder = assert_done(bench, started.finish())
    record = folder.trials()[-1]
    rows = folder.requests(record).to_pandas()
    events = keeper.events()
    for_request = [event["unit"] for event in events if event["kind"] == "create" and event["for_request"]]
    assert len(rows) == record.scheduled >= LEAST_REQUESTS
    assert set(rows["outcome"].astype(str)) <= {Outcome.OK, Outcome.THROTTLED}, rows["error"].dropna().unique()
    assert record.starts == len(for_request) == len(set(for_request))
    return folder, record, rows, for_request, events


def assert_cold_rows_are_starts(rows, for_request, events) -> None:
    classes = rows["start_class"].astype(str)
    cold = rows[classes == StartClass.COLD]
    assert len(cold) == len(for_request), "each start is one cold row, and each cold row one start"
    assert sorted(cold["unit"].astype(str)) == sorted(for_request)
    assert (cold["unit_request"] == 1).all() and (cold["invocation"] == 1).all()
    warm = rows[classes == StartClass.WARM]
    assert (warm["invocation"] > 1).all() and len(warm) + len(cold) == (rows["outcome"].astype(str) == "ok").sum()
    first_eviction_ns = next(event["at_ns"] for event in events if event["kind"] == "evicted")
    again = [event for event in events if event["kind"] == "create" and event["at_ns"] > first_eviction_ns]
    assert len(again) >= 3, "sandboxes were evicted and others started after them"


@pytest.mark.docker
def test_every_cold_row_is_a_container_that_the_engine_created(bench):
    keeper, witness = EventKeeper(bench), EngineWitness()
    started = bench.start("run", experiment(bench), "--results", bench.results)
    folder, _, rows, for_request, events = measure(bench, started, keeper)
    assert_cold_rows_are_starts(rows, for_request, events)
    created = witness.created_for(folder.manifest.run)
    named = [event["container"] for event in events if event["kind"] == "created"]
    assert len(created) == len(for_request) and sorted(created) == sorted(named)
