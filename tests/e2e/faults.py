"""What every fault test asks for afterwards, and how it makes its faults."""

from pathlib import Path
from typing import Any

from harness.analysis.table import summarise
from harness.record.folder import RunFolder
from harness.record.nouns import Outcome
from targets.workloads.known_truth import command, read_settings
from tests.e2e.bench import Bench, assert_valid

PROCESS = ("process-service", "process-lambda")
DOCKER = ("docker-service", "docker-lambda")


def truth(**settings: Any) -> list[dict[str, Any]]:
    """The workloads of an experiment."""
    return [{"name": "known-truth", "settings": settings}]


def faulty(fault: str, n: int, **settings: Any) -> set[int]:
    """Which of the first `n` requests were told to go wrong in this way."""
    known = read_settings(settings)
    return {request for request in range(n) if command(known, request).fault == fault}


def with_outcome(folder: RunFolder, record: Any, outcome: Outcome) -> set[int]:
    rows = folder.requests(record).to_pandas()
    return set(rows[rows["outcome"].astype(str) == outcome]["index"])


def assert_whole(bench: Bench, folder: RunFolder) -> None:
    """No row lost, one outcome each, files as they were saved, nothing left behind, and the table can be read."""
    records = folder.trials()
    for record in records:
        assert sum(record.counts.values()) == record.scheduled
        assert folder.verify(record) == []
        assert sorted(folder.requests(record).column("index").to_pylist()) == list(range(record.scheduled))
    assert_valid(folder)
    assert len({record.trial for record in records}) == folder.manifest.trials
    assert folder.manifest.finished_at is not None
    assert all(row.scheduled is None or row.scheduled >= (row.ok or 0) for row in summarise(folder).rows)
    assert bench.leftovers() == []


def only(path: Path, pattern: str) -> Path:
    """The one file of this form."""
    (found,) = path.glob(pattern)
    return found


def tiny(bench: Bench, **fields: object) -> Path:
    usual = {
        "workloads": truth(handler_ms=2),
        "targets": list(PROCESS),
        "profiles": [{"constant": {"rate": 10, "seconds": 0.6}}],
    }
    return bench.experiment(**{**usual, **fields})


def resumed(bench: Bench, **environment: str):
    return bench.run("run", "--resume", "latest", "--results", bench.results, **environment)


def sends(bench: Bench) -> bool:
    """Whether a load process has its plan."""
    return any(path.name == "plan.json" for path in bench.temporary.glob("frostline-load-*/*/*"))
