"""A review prints on two pages of A4, one of a large run on two sheets; what has no room is said to stand elsewhere."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from harness.record.folder import RunFolder
from harness.record.forecast import write_forecast
from harness.review.new import new_review
from harness.review.runs import Runs
from tests.forecasts import figure, forecast, quantities, row
from tests.paper import count_pages
from tests.synthetic import CASES, make_run, manifest, samples, target_facts, traffic, trial

FIRST, SECOND = "2026-08-03T10-00-00Z_question_aaaa", "2026-11-03T10-00-00Z_question_bbbb"
EXPERIMENT = {
    "name": "document-classifier",
    "question": "Uploaded documents are sorted by their content (a small ONNX model). Container service or function, "
    "when uploads come evenly, and when they come in bursts?",
    "margin": 0.1,
    "objective": {"percentile": 95, "latency_ms": 300},
    "expected": {"requests_per_month": 3_000_000, "peak_to_mean": 5},
    "stakes": {"late_request_usd": 0.0001, "failed_request_usd": 0.001},
    "ratings": {"custom_infrastructure": 1, "team_ops_capacity": 3},
}
PROFILES = ("cold", "steady", "bursty")


def given(run):
    month = run[5:7]
    when = {"started_at": f"2026-{month}-03T10:00:00+00:00", "finished_at": f"2026-{month}-03T10:30:00+00:00"}
    return {"run": run, "experiment": EXPERIMENT, **when}


def common_run(results, run):
    """One workload on two targets, with a forecast of both sides under both profiles, whose costs cross often."""
    seed = 1 if run == FIRST else 2
    stored = make_run(results, seed, 10, 60, PROFILES, **given(run))
    keep_forecast(
        stored,
        [
            row(kind, profile=name, curve=curve(kind), warnings=[f"a warning of {kind} that takes a line of the page"])
            for name in PROFILES[1:]
            for kind in ("function", "service")
        ],
    )


def curve(kind):
    """A replica more for every 8 requests a second, which is about what the function costs."""
    rates = [1.15**step for step in range(-10, 32)]
    own = [
        {"unit_hours": figure(730.0 * math.ceil(rps / 8), 0.01)} if kind == "service" else {"late": figure(rps, 0.01)}
        for rps in rates
    ]
    return [
        {"rps": rps, "quantities": quantities(kind, rps * 2_628_000, **each), "latency_ms": figure(40.0)}
        for rps, each in zip(rates, own, strict=True)
    ]


def large_run(results, run):
    """Three workloads on four targets, with names of some length, and warnings of all kinds."""
    rng = np.random.default_rng(len(run))
    kinds = {f"{place}-{kind}": kind for place in ("docker", "process") for kind in ("service", "lambda")}
    targets = {
        name: target_facts() if kind == "service" else target_facts("function", "aws_lambda", emulated=True)
        for name, kind in kinds.items()
    }
    workloads = [f"workload-with-a-long-name-{n}" for n in range(3)]
    notices = [f"notice {n} of the run, which is a sentence of some length about the machine" for n in range(20)]
    plan = [(w, t, p, r) for r in (1, 2) for w in workloads for t in targets for p in PROFILES]
    whole = manifest(trials=len(plan), rounds=2, targets=targets, notices=notices, **given(run))
    stored = RunFolder.create(results, whole)
    for order, (workload, target, profile, number) in enumerate(plan):
        table = traffic(rng, 30, 1.0 if profile == "cold" else 0.2, failed_share=0.1)
        case = CASES[f"docker-{kinds[target]}"]
        key = {"target": target, "profile": profile, "workload": workload, "round": number, "order": order}
        stored.save_trial(trial(table, f"t{order}", case=case, **key), table, samples())
    warnings = ["a warning of the forecast that takes a whole line of the page, or nearly so"] * 3
    keep_forecast(
        stored,
        [
            row("service" if kind == "service" else "function", target=name, workload=w, profile=p, warnings=warnings)
            for w in workloads
            for name, kind in kinds.items()
            for p in PROFILES[1:]
        ],
    )


def keep_forecast(run, rows):
    names = dict.fromkeys(each["profile"] for each in rows)
    (one,) = [each.model_dump() for each in forecast(run).traffic]
    write_forecast(run, forecast(run, rows, traffic=[one | {"name": name} for name in names]))


@pytest.mark.parametrize(
    ("make", "pages"), [(common_run, 2), (large_run, 4)], ids=["a workload on two targets", "three on four"]
)
def test_a_review_prints_on_two_sheets(browser, tmp_path, make, pages):
    make(tmp_path, FIRST)
    first = new_review(Runs(tmp_path), FIRST, None, None, datetime(2026, 8, 24, tzinfo=UTC))
    assert count_pages(browser, first.read_text()) <= pages
    make(tmp_path, SECOND)
    second = new_review(Runs(tmp_path), SECOND, first, None, datetime(2026, 11, 24, tzinfo=UTC))
    text = second.read_text()
    assert "Weak evidence" in text
    assert count_pages(browser, text) <= pages


def test_pages_are_counted(browser):
    assert count_pages(browser, "---\n---\n" + "a paragraph\n\n" * 400) > 2
