"""Where a request's time goes in a target of two parts: told by envelopes, kept in rows, and summed up part by part."""

from dataclasses import replace
from typing import Any

import numpy as np

from harness.analysis.parts import parts_of
from harness.analysis.stats import TrialValues
from harness.analysis.summary import Row
from harness.analysis.trial_figures import TrialFigures
from harness.analysis.usage import usage_of
from harness.measure.rows.evidence import Evidence
from harness.record.columns import requests_schema
from harness.record.nouns import Case, TrialRecord, UnitRecord
from harness.record.target_facts import PartFacts, TargetFacts
from harness.report.blocks import part_tables

OWN: dict[str, Any] = {"unit": "0001", "invocation": 2, "begun_ns": 100, "ended_ns": 200}
CORE = {"calls": 1, "waited_ns": 70, "queue_ns": 20, "handler_ns": 40}
HYBRID = TargetFacts(
    parts=[
        PartFacts(name="edge", kind="function", bought_as="aws_lambda"),
        PartFacts(name="core", kind="service", bought_as="fargate"),
    ]
)
CASE: Case = {"memory_mb": 512, "core_memory_mb": 2048}  # type: ignore[typeddict-unknown-key]


def test_a_nested_part_is_evidence_where_it_has_the_form_of_one() -> None:
    assert Evidence.of({**OWN, "parts": {"core": CORE}}, b"").parts == {"core": CORE}
    assert Evidence.of({**OWN, "parts": {}}, b"").parts == {}, "a request that asked nobody"
    for strange in ({**CORE, "queue_ns": -1}, {"calls": 1}, [], None, "core"):
        evidence = Evidence.of({**OWN, "parts": {"core": strange}}, b"")
        assert evidence.parts == {} and evidence.inside is not None


def test_only_a_trial_with_further_parts_has_columns_for_them() -> None:
    assert requests_schema([], ["core"]).names[-3:] == [
        "part_core_waited_ns",
        "part_core_queue_ns",
        "part_core_handler_ns",
    ]
    assert not any(name.startswith("part_") for name in requests_schema(["imports"]).names)


def record() -> TrialRecord:
    """One trial: an edge and a core, each of which lived a second."""
    units = [
        UnitRecord(unit="0001", for_request=True, lived_ns=10**9, memory_peak_bytes=2**20, cpu_ns=10),
        UnitRecord(unit="core-0001", part="core", for_request=False, lived_ns=10**9, memory_peak_bytes=2**23, cpu_ns=9),
    ]
    return TrialRecord(
        trial="t",
        round=1,
        order=0,
        workload="w",
        target="hybrid",
        profile="steady",
        case=CASE,
        started_at="now",
        seconds=1,
        counts={},
        scheduled=2,
        phases=[],
        units=units,
        parts=["core"],
    )


def test_each_part_has_its_own_time_and_its_own_memory() -> None:
    values = {"waited": [7.0], "queue": [2.0], "handler": [4.0]}
    figures = TrialFigures(
        own=TrialValues.of(np.array([3.0, 1.0])),
        parts={"core": {name: TrialValues.of(np.array(own)) for name, own in values.items()}},
    )
    edge, core = parts_of([record()], [figures], CASE, HYBRID)
    assert (edge.name, edge.requests, edge.units) == ("edge", 2, 1)
    assert (core.name, core.requests, core.units) == ("core", 1, 1), "a cached answer never reached it"
    assert (edge.usage.memory_peak_mb, core.usage.memory_peak_mb) == (1, 8)
    assert (edge.usage.memory_gb_seconds, core.usage.memory_gb_seconds) == (0.5, 2)
    assert edge.queue_p95_ms is None and "waited_p50_ms" not in edge.to_json()


def test_the_row_itself_is_of_the_part_that_requests_reach() -> None:
    assert usage_of([record()], CASE).memory_peak_mb == 1
    assert parts_of([record()], [], CASE, TargetFacts(parts=HYBRID.parts[:1])) == []


def test_parts_are_told_of_traffic_and_of_cold_starts_and_each_row_by_what_tells_it_apart() -> None:
    parts = parts_of([record()], [], CASE, HYBRID)
    known = Row("w", "hybrid", "steady", CASE, 1, 1, 0, True, 1.0, parts=parts)
    longer: Case = {**CASE, "keep_alive_s": 60.0}
    rows = [known, replace(known, case=longer), replace(known, profile="cold"), replace(known, parts=None)]
    (table,) = part_tables(rows)
    target, part = (column.cells for column in table.columns[:2])
    assert [cell.main for cell in part] == ["edge (function)", "core (service)"] * 3
    names = [cell.main for cell in target][::2]
    assert len(set(names)) == 3 and names[2] == "hybrid, forced" and all(name.startswith("hybrid") for name in names)
