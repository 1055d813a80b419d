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
from tests.e2e.bench import Bench, assert_done

LEAST_REQUESTS = 60
BURSTY = {"rate": 13, "seconds": 6, "compression": 14, "on_mean_s": 20, "off_mean_s": 20, "inside_cv": 1.5}
"""Bursts of about 1.4 s at 26/s: many requests for few sandboxes."""
RARE = {"rate": 1, "seconds": 10}
"""Gaps of more than twice the keep-alive: whenever the first sandbox is ready, it is evicted and another started."""
FUNCTION = {"keep_alive_s": 0.4, "concurrency_limit": 4, "init_timeout_s": 60}
"""Beyond the limit requests are throttled, which starts nothing; no machine is so slow that a start is cut off."""
SEED = 1


def experiment(bench: Bench) -> Path:
    profiles = [{"bursty": BURSTY}, {"constant": RARE}]
    return bench.experiment(
        workloads=["echo"], targets=["docker-lambda"], profiles=profiles, seed=SEED, function=FUNCTION
    )


class EventKeeper:
    """Keeps each front's event log, which goes with its work folder, under a second name."""

    def __init__(self, bench: Bench) -> None:
        self.kept: dict[Path, Path] = {}
        self.folder = bench.folder
        self.source = bench.temporary
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self) -> None:
        while True:
            for log in self.source.glob("frostline-front-*/events.jsonl"):
                if log not in self.kept:
                    kept = self.folder / f"events-{len(self.kept)}.jsonl"
                    os.link(log, kept)
                    self.kept[log] = kept
            time.sleep(0.005)

    def logs(self) -> list[list[dict]]:
        """One list of events for each deployment, in the order of deploying."""
        return [[json.loads(line) for line in kept.read_text().splitlines()] for kept in self.kept.values()]


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


def units_for_requests(events: list[dict]) -> list[str]:
    return [event["unit"] for event in events if event["kind"] == "create" and event["for_request"]]


def assert_cold_rows_are_starts(record, rows, events) -> None:
    for_request = units_for_requests(events)
    assert len(rows) == record.scheduled
    assert set(rows["outcome"].astype(str)) <= {Outcome.OK, Outcome.THROTTLED}, rows["error"].dropna().unique()
    assert record.starts == len(for_request) == len(set(for_request)) > 0
    classes = rows["start_class"].astype(str)
    cold = rows[classes == StartClass.COLD]
    assert len(cold) == len(for_request), "each start is one cold row, and each cold row one start"
    assert sorted(cold["unit"].astype(str)) == sorted(for_request)
    assert (cold["unit_request"] == 1).all() and (cold["invocation"] == 1).all()
    warm = rows[classes == StartClass.WARM]
    assert (warm["invocation"] > 1).all() and len(warm) + len(cold) == (rows["outcome"].astype(str) == "ok").sum()


@pytest.mark.docker
def test_every_cold_row_is_a_container_that_the_engine_created(bench):
    keeper, witness = EventKeeper(bench), EngineWitness()
    started = bench.start("run", experiment(bench), "--results", bench.results)
    folder = assert_done(bench, started.finish())
    records, logs = folder.trials(), keeper.logs()
    assert sorted(record.profile for record in records) == ["bursty", "constant"] and len(logs) == 2
    for record, events in zip(records, logs, strict=True):
        assert_cold_rows_are_starts(record, folder.requests(record).to_pandas(), events)
    assert sum(record.scheduled for record in records) >= LEAST_REQUESTS
    rare = logs[[record.profile for record in records].index("constant")]
    evictions_ns = [event["at_ns"] for event in rare if event["kind"] == "evicted"]
    assert evictions_ns, "sandboxes are evicted in the gaps"
    assert any(event["kind"] == "create" and event["at_ns"] > evictions_ns[0] for event in rare)
    created = witness.created_for(folder.manifest.run)
    named = [event["container"] for events in logs for event in events if event["kind"] == "created"]
    assert sorted(created) == sorted(named)
    assert len(created) == sum(len(units_for_requests(events)) for events in logs)
