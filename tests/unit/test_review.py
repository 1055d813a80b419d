"""A review is what its run gives: no number is typed, no name of a stranger breaks it, nothing is written over."""

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.analysis.table import summarise
from harness.cost.nouns import BreakEven, Costing, Purchase, SideCost, Span, Term
from harness.decision.decision import Decision, Scorecard
from harness.decision.dimensions import Dimension
from harness.errors import UsageError
from harness.record.estimate import Estimate
from harness.record.folder import RunFolder
from harness.record.forecast import read_forecast, write_forecast
from harness.record.stated import economics_of, objective_of
from harness.review.change import figure_change
from harness.review.figures import figures_of
from harness.review.file import read_review, tell_apart, write_front_matter
from harness.review.new import new_review
from harness.review.record import CitedFigure, Trigger
from harness.review.runs import Runs
from harness.review.watch import hold_against
from tests import forecasts
from tests.synthetic import make_run, requests, samples, trial

FIRST = "2026-08-03T10-00-00Z_quickstart_aaaa"
SECOND = "2026-11-03T10-00-00Z_quickstart_bbbb"
ANCHOR = "2026-11-03T09-00-00Z_quickstart_cccc"
EXPERIMENT = {
    "name": "quickstart",
    "question": "Which one?",
    "margin": 0.1,
    "objective": {"percentile": 95, "latency_ms": 300},
    "expected": {"requests_per_month": 2_628_000, "peak_to_mean": 3},
}
"""1 request per second."""


def side(target, kind, usd):
    terms = [Term("compute", usd, "measured"), Term("scaling penalty", None, "not stated")]
    month = Estimate(usd, usd * 0.9, usd * 1.1, 10)
    return SideCost(
        "echo", target, "steady", kind, Purchase("sku", 2048, 1.0), None, None, terms, [], month, month.scale(1e-3), []
    )


def costing(rate=12.0):
    crossing = BreakEven(
        "echo",
        "steady",
        "docker-lambda",
        "docker-service",
        Estimate(rate, 10.0, 14.0, 10) if rate else Estimate(None, why="none"),
        [],
        [],
        [],
        "above it the service is cheaper",
    )
    if rate:
        spans = [Span(0.001, rate, "docker-lambda"), Span(rate, 1000.0, "docker-service")]
        crossing = replace(crossing, crossings=[crossing.rate], spans=spans)
    sides = [side("docker-service", "service", 80.0), side("docker-lambda", "function", 40.0)]
    return Costing("r", "quickstart", "USD", "a book", 2_628_000, True, sides, [crossing], ["list prices"])


class Stated:
    """Money and scores that a test can choose; a clock that stands in November."""

    def __init__(self):
        self.costing = costing()
        self.no_cost = ""
        self.recommendation = "serverless"
        self.now = datetime(2026, 11, 24, tzinfo=UTC)

    def runs(self, results):
        return Runs(results, self.decide)

    def decide(self, run):
        dimension = Dimension("traffic variability", None, "missing", "neither", "not stated")
        return Decision(
            summarise(run),
            economics_of(run.manifest),
            objective_of(run.manifest.experiment),
            None if self.no_cost else self.costing,
            [Scorecard("echo", [dimension], self.recommendation, ["it is cheap"], ["more traffic"])],
            {"cost": [self.no_cost]} if self.no_cost else {},
            read_forecast(run),
        )

    def write(self, results, run=FIRST, previous=None, name=None):
        """A new review: its file, text and what is read of it."""
        file = new_review(self.runs(results), run, previous, name, self.now)
        return file, file.read_text(), read_review(file)


@pytest.fixture
def stated():
    return Stated()


def measured(results, run=FIRST, seed=1, rounds=10, month="08", **changes):
    given = {"experiment": EXPERIMENT, "run": run, **changes}
    when = {"started_at": f"2026-{month}-03T10:00:00+00:00", "finished_at": f"2026-{month}-03T10:30:00+00:00"}
    return make_run(results, seed, rounds, 60, **when, **given)


def test_every_number_of_the_evidence_is_one_of_the_summary(tmp_path, stated):
    run = measured(tmp_path)
    _, text, review = stated.write(tmp_path)
    rows = {(row.target, row.profile): row.to_json() for row in summarise(run).rows}
    own = [e for e in review.figures if e.field in rows[e.target, e.profile]]
    assert len(own) > 20
    for e in own:
        number = rows[e.target, e.profile][e.field]
        assert (e.value, e.low, e.high) == (
            (number["value"], number["low"], number["high"]) if isinstance(number, dict) else (number, None, None)
        )
    assert {e.field for e in review.figures} >= {"failure_rate", "peak_1s_rps", "cost_per_1k_usd", "cpu_busy_share"}
    # 60 arrivals, 1 ms apart.
    assert {e.value for e in review.figures if e.field == "peak_1s_rps"} == {60}
    assert "| docker-lambda (emulated), steady | docker-service, steady |" in text
    assert re.search(r"\b(UNCLEAR|SAME)\b", text)


def test_the_same_run_gives_the_same_text_and_an_existing_file_stays(tmp_path, stated):
    measured(tmp_path, rounds=2)
    file, text, review = stated.write(tmp_path)
    record, evidence = review.record, file.with_name("2026-Q4_quickstart.evidence.json")
    assert (file.name, record.quarter, record.primary) == ("2026-Q4_quickstart.md", "2026-Q4", "serverless")
    rows = evidence.read_bytes()
    file.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        stated.write(tmp_path)
    assert file.read_text() == "mine"
    file.unlink()
    assert stated.write(tmp_path)[1] == text
    assert evidence.read_bytes() == rows
    assert record.evidence.sha256 == hashlib.sha256(rows).hexdigest()


def test_the_reference_review_can_still_be_read():
    (file,) = Path(__file__).parents[2].glob("results/reference/*/2026-Q4_*.md")
    review = read_review(file)
    assert len(review.figures) > 20
    assert review.lines.people.keys() == {"decision", "incidents", "hours"}


def test_the_front_matter_is_short_and_holds_no_row_of_the_evidence(tmp_path, stated):
    measured(tmp_path)
    _, text, review = stated.write(tmp_path)
    front = text.partition("\n---\n")[0]
    assert len(front.split("\n")) < 30
    assert not re.search(r"\bE[0-9]", front)
    assert write_front_matter(review.record) == f"{front}\n---"


@pytest.mark.parametrize("name", ["../x", "a/b", "", "a\nb", "-x", "y" * 200])
def test_a_name_that_is_no_file_name_is_refused(tmp_path, stated, name):
    measured(tmp_path, rounds=1)
    with pytest.raises(UsageError, match="no safe file name"):
        stated.write(tmp_path, name=name)
    assert not (tmp_path / "reviews").exists()


def test_absent_money_has_its_reason_and_a_term_that_is_not_stated_is_no_zero(tmp_path, stated):
    measured(tmp_path, rounds=1)
    assert "| sku | – | 80.0 | – | – | " in stated.write(tmp_path)[1]  # noqa: RUF001
    stated.no_cost = "priced_as.region: no prices for mars"
    _, text, review = stated.write(tmp_path, name="mars")
    assert "No cost: priced\\_as.region: no prices for mars" in text
    assert review.record.cost_sha256 is None
    assert "cost_per_1k_usd" not in {e.field for e in review.figures}


def test_where_no_row_may_be_priced_there_are_no_requests_of_nothing(tmp_path, stated):
    measured(tmp_path, rounds=1)
    stated.costing = replace(costing(), sides=[], requests_per_month=0.0, notices=["docker-lambda: host-bound"])
    text = stated.write(tmp_path)[1]
    assert "No cost: no row may be priced" in text and "- docker-lambda: host-bound" in text
    assert " 0 requests" not in text


@pytest.mark.parametrize(
    ("said", "primary"),
    [
        ("serverless", "serverless"),
        ("container", "container"),
        ("split", "split"),
        ("cannot decide yet", "undecided"),
    ],
)
def test_the_triggers_are_where_the_costs_cross_and_the_objective(tmp_path, stated, said, primary):
    measured(tmp_path, rounds=2)
    stated.recommendation = said
    record = stated.write(tmp_path)[2].record
    assert record.primary == primary
    assert [(t.field, t.op, t.limit) for t in record.triggers] == [
        ("requests_per_month", "above", 12.0 * 2_628_000),
        ("break_even_rps", "below", 1.0),
        ("latency_p95_ms", "above", 300.0),
    ]


def test_without_a_crossing_the_objective_is_the_trigger(tmp_path, stated):
    measured(tmp_path, rounds=2)
    stated.costing = costing(rate=None)
    (trigger,) = stated.write(tmp_path)[2].record.triggers
    assert (trigger.field, trigger.target, trigger.op, trigger.limit) == (
        "latency_p95_ms",
        "docker-lambda",
        "above",
        300.0,
    )


def test_a_trigger_trips_on_the_wrong_side_of_its_limit_only(tmp_path, stated):
    measured(tmp_path, rounds=2)
    traffic, moved, slow = stated.write(tmp_path)[2].record.triggers
    measured(tmp_path, SECOND, rounds=2)
    run = stated.runs(tmp_path).read(SECOND)

    def tripped(trigger, **changes):
        return hold_against(trigger.model_copy(update=changes), run, figures_of(run)).tripped

    assert tripped(traffic) is False
    assert tripped(traffic, limit=2_600_000) is True
    assert tripped(traffic, field="expected_rps", limit=0.9) is True  # as reviews of before have it
    assert tripped(slow) is False
    assert tripped(slow, limit=10) is True
    assert tripped(moved, limit=12.5) is True
    assert tripped(moved, profile="other") is None


def forecast_of(run, **changes):
    """Both sides of a forecast, stored; the service carries three times the traffic with as many replicas."""
    quantities = forecasts.quantities("service", busy_hours=forecasts.figure(73.0))
    curve = [
        {"rps": rps, "quantities": quantities | {"busy_hours": forecasts.figure(73.0 * rps)}, "units_peak": units}
        for rps, units in ((1.0, 1), (3.0, 1), (4.0, 2))
    ]
    service = {"quantities": quantities, "curve": curve, "units_peak": forecasts.figure(1.0, 0)}
    rows = [forecasts.row("function"), forecasts.row("service", **(service | changes))]
    write_forecast(run, forecasts.forecast(run, rows))


def busy(stated, share):
    """The costing says so of the service's replicas."""
    stated.costing.sides[0] = replace(stated.costing.sides[0], utilisation=share)


def test_the_forecast_is_cited_and_its_figures_are_evidence(tmp_path, stated):
    run = measured(tmp_path, rounds=2)
    _, text, _ = stated.write(tmp_path, name="before")
    assert "None: money is of the run's own mix" in text
    forecast_of(run)
    _, text, review = stated.write(tmp_path)
    digest = hashlib.sha256((run.path / "forecast.json").read_bytes()).hexdigest()
    assert (review.record.forecast.sha256, review.record.forecast.traffic[0].name) == (digest, "steady")
    assert f"under the rules of each platform (forecast.json, sha256 {digest}" in text
    by_field = {(f.target, f.field): f for f in review.figures}
    p95 = by_field["docker-lambda", "forecast_latency_p95_ms"]
    assert (p95.value, p95.low, p95.high, p95.n) == (40, 36, 44, 40)
    assert "| p95, ms | 40.0 (36.0–44.0) | 40.0 (36.0–44.0) |" in text  # noqa: RUF001


def test_triggers_are_a_latency_a_utilisation_and_limits_of_traffic(tmp_path, stated):
    run = measured(tmp_path, rounds=2)
    forecast_of(run)
    stated.recommendation = "container"
    busy(stated, 0.1)
    # Functions are cheaper below 0.5 and between 2 and 3 requests per second; the traffic is 1.
    spans = [(0.001, 0.5, 0), (0.5, 2.0, 1), (2.0, 3.0, 0), (3.0, 1000.0, 1)]
    names = "docker-lambda", "docker-service"
    (crossing,) = costing(rate=0.5).break_evens
    spans = [Span(begin, end, names[side]) for begin, end, side in spans]
    stated.costing.break_evens[:] = [replace(crossing, spans=spans)]
    triggers = stated.write(tmp_path)[2].record.triggers
    assert [(t.field, t.target, t.op, t.limit) for t in triggers] == [
        ("requests_per_month", None, "below", 0.5 * 2_628_000),
        ("requests_per_month", None, "above", 2 * 2_628_000),
        ("break_even_rps", "docker-lambda", "above", 1.0),
        ("forecast_latency_p95_ms", "docker-service", "above", 300.0),
        ("utilisation", "docker-service", "above", pytest.approx(0.3)),
    ]
    assert "docker-lambda then costs less than docker-service" in triggers[1].words
    assert "busy for more than 30.0 % of what is paid" in triggers[4].words

    def tripped(trigger):
        newer = stated.runs(tmp_path).read(FIRST)
        return hold_against(trigger, newer, figures_of(newer)).tripped

    assert [tripped(trigger) for trigger in triggers] == [False] * 5
    newest = stated.runs(tmp_path).read(FIRST)
    said = hold_against(triggers[4], newest, figures_of(newest)).words
    assert said.startswith("utilisation is 10.0 %, limit 30.0 %: "), said
    busy(stated, 0.31)
    forecast_of(run, latency_p95_ms=forecasts.figure(301.0))
    assert [tripped(trigger) for trigger in triggers] == [False, False, False, True, True]
    (run.path / "forecast.json").unlink()
    assert [tripped(trigger) for trigger in triggers] == [False, False, False, None, True]


def test_a_row_that_is_not_fit_for_it_sets_no_trigger_and_trips_none(tmp_path, stated):
    case = {"memory_mb": 1769, "cpus": 1.0, "begin": "steady", "compression": 60}
    run = RunFolder.create(tmp_path, make_run(tmp_path / "plain", rounds=1, experiment=EXPERIMENT).manifest)
    for order in range(2):
        table = requests([400.0] * 80)
        run.save_trial(trial(table, f"r{order}", case=case, order=order, round=order + 1), table, samples())
    stated.costing = costing(rate=None)
    name = run.manifest.run
    assert stated.write(tmp_path, name)[2].record.triggers == []
    own = stated.runs(tmp_path).read(name)
    about = {"field": "latency_p95_ms", "workload": "echo", "target": "docker-lambda", "profile": "steady"}
    trigger = Trigger.model_validate(about | {"op": "above", "limit": 300.0, "words": "late"})
    state = hold_against(trigger, own, figures_of(own))
    assert state.tripped is None
    assert "compressed time" in state.words


def test_the_change_since_the_previous_review(tmp_path, stated):
    measured(tmp_path)
    stated.now = datetime(2026, 8, 24, tzinfo=UTC)
    first, text, _ = stated.write(tmp_path)
    assert "This is the first review" in text
    stated.now = datetime(2026, 11, 24, tzinfo=UTC)
    measured(tmp_path, SECOND, seed=2, month="11")
    file, text, review = stated.write(tmp_path, SECOND, first)
    record = review.record
    assert record.previous.sha256 == tell_apart(first.read_text()).sha256
    assert [(c.role, c.run) for c in record.runs] == [("run", SECOND), ("previous", FIRST)]
    assert "not interleaved" in text
    assert "No anchor" in text
    assert "Both reviews point to serverless: enough signal to migrate" in text
    # The same distribution measured twice: the median of 20 ms did not move by a tenth.
    assert re.search(r"^Within the margin: (.*; )?SAME: [0-9]+ figures", text, re.MULTILINE)
    file.unlink()
    measured(tmp_path, ANCHOR, seed=3, month="10", anchor={"run": FIRST, "experiment_sha256": "0" * 64, "images": {}})
    _, text, review = stated.write(tmp_path, SECOND, first)
    assert review.record.anchor == ANCHOR
    (line,) = [
        x for x in text.splitlines() if x.startswith("| echo, docker-service, steady: p50, ms |") and "SAME" in x
    ]
    assert line.count("SAME") == 2


def test_costs_that_are_reckoned_otherwise_by_now_are_no_change(tmp_path, stated):
    measured(tmp_path)
    stated.now = datetime(2026, 8, 24, tzinfo=UTC)
    first = stated.write(tmp_path)[0]
    stated.now = datetime(2026, 11, 24, tzinfo=UTC)
    measured(tmp_path, SECOND, seed=2, month="11")
    # A Frostline that leaves people's hours out of the same field, of both runs.
    stated.costing.sides[:] = [side("docker-service", "service", 60.0), side("docker-lambda", "function", 20.0)]
    file, text, review = stated.write(tmp_path, SECOND, first)
    ids = [e.id for e in review.figures if e.field.startswith("cost_")]
    assert len(ids) == 4
    assert "Costs of then are derived anew: run 2026-08-03T10-00-00Z" in text
    assert "enough signal to migrate" not in text
    since = text[text.index("## Change since last quarter") :]
    assert not [line for line in since.splitlines() if "LOWER" in line and "cost of" in line]
    assert not [id for id in ids if f"| {id} |" in since]
    # Where there is no costing of then any more, there is nothing to hold a cost against.
    file.unlink()
    stated.no_cost = "no prices"
    text = stated.write(tmp_path, SECOND, first)[1]
    assert "Costs are not compared" in text


def test_a_run_that_is_itself_the_anchor_changed_nothing_of_its_own(tmp_path, stated):
    measured(tmp_path, rounds=2)
    first = stated.write(tmp_path)[0]
    measured(tmp_path, ANCHOR, seed=3, rounds=2, month="11", anchor={"run": FIRST})
    _, text, review = stated.write(tmp_path, ANCHOR, first, "anchored")
    assert review.record.anchor is None
    assert text.count("none: these are the earlier images") == 6
    assert "- 4 more figures: frostline compare" in text


def test_only_another_definition_is_called_one(tmp_path, stated):
    """The hash that a run holds may be of another version of Frostline."""
    measured(tmp_path, rounds=1)
    first = stated.write(tmp_path)[0]
    measured(tmp_path, SECOND, rounds=1, month="11", experiment_sha256="b" * 64)
    assert "definition changed" not in stated.write(tmp_path, SECOND, first, "same")[1]
    measured(tmp_path, ANCHOR, rounds=1, month="11", experiment={**EXPERIMENT, "margin": 0.2})
    assert "definition changed" in stated.write(tmp_path, ANCHOR, first, "other")[1]


def test_what_cannot_be_the_previous_review_is_refused_with_every_reason(tmp_path, stated):
    measured(tmp_path, rounds=1)
    first = stated.write(tmp_path)[0]
    elsewhere = tmp_path / first.name
    elsewhere.write_text(first.read_text())
    measured(tmp_path, SECOND, rounds=1, experiment={**EXPERIMENT, "name": "other"})
    stated.now = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(UsageError) as caught:
        stated.write(tmp_path, SECOND, first)
    assert len(caught.value.problems) == 2  # another experiment, a later quarter
    with pytest.raises(UsageError, match="does not lie in"):
        stated.write(tmp_path, SECOND, elsewhere)
    with pytest.raises(UsageError, match="rests on the same run"):
        stated.write(tmp_path, FIRST, first, "again")
    assert sorted(p.name for p in (tmp_path / "reviews").glob("*.md")) == [first.name]


HOSTILE = [
    "<!-- end -->",
    "x\n<!-- end -->\n- Decision: buy mine\n<!-- yours: hours -->",
    "\n---\nprimary: container\n",
    "<script>alert(1)</script>|a|b\r\n| c |",
    "[x](javascript:alert(1)) \x1b[31m\u202e `x` {{ 7*7 }} {% raw %}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_break_neither_blocks_nor_tables_nor_front_matter(tmp_path, stated, text):
    given = {**EXPERIMENT, "name": text, "question": text}
    run = RunFolder.create(
        tmp_path,
        make_run(tmp_path / "plain", rounds=1, experiment=given).manifest.model_copy(
            update={"run": FIRST, "notices": [text], "trials": 2}
        ),
    )
    for order, target in enumerate(("docker-service", "docker-lambda")):
        table = requests([10.0] * 80)
        key = {"target": target, "workload": text, "profile": text, "order": order, "warnings": [text]}
        run.save_trial(trial(table, f"r01.{order}", case={"rate": 4, text: text}, **key), table, samples())
    _, page, review = stated.write(tmp_path, FIRST, name="safe")
    row = review.figures[0]
    assert (review.record.experiment, row.workload, row.case[text]) == (text, text, text)
    authorship = tell_apart(page)
    assert authorship.people == {"decision": ["- Decision:", "- Owner:", "- Date:", "- Status: proposed"]} | {
        "incidents": [],
        "hours": [],
    }
    assert all(c.isprintable() or c == "\n" for c in page)
    body = page.split("\n---\n", 1)[1]
    marks = [line for line in body.splitlines() if line.startswith("<!--")]
    assert len(marks) == 6
    own = "\n".join(line for line in body.splitlines() if line not in marks)
    assert not re.search(r"(?<!\\)[<>\[\]`]", own)
    rows = [line for line in own.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4, 9}


def number(value, low=None, high=None, field="latency_p95_ms"):
    given = {"id": "E1", "workload": "echo", "target": "t", "profile": "steady", "case": {}, "field": field}
    return CitedFigure.model_validate(given | {"value": value, "low": low, "high": high})


@pytest.mark.parametrize(
    ("then", "now", "verdict", "within"),
    [
        (number(10, 9.9, 10.1), number(10, 9.9, 10.1), "SAME", True),
        (number(10, 9.9, 10.1), number(20, 19, 21), "SLOWER", False),
        (number(10, 9.9, 10.1), number(5, 4.9, 5.1), "FASTER", False),
        (number(10, 8, 12), number(10.5, 9, 13), "UNCLEAR", True),
        (number(2, 1.9, 2.1, "cost_per_1k_usd"), number(4, 3.9, 4.1, "cost_per_1k_usd"), "HIGHER", False),
        (number(0, 0, 0.1, "failure_rate"), number(0.2, 0.1, 0.3, "failure_rate"), "no verdict: a value of 0", False),
        (number(10, -5, 12), number(20, 19, 21), "no verdict: no interval", False),
        (number(40, field="memory_peak_mb"), number(41, field="memory_peak_mb"), "no verdict: no interval", True),
    ],
)
def test_a_number_then_and_now(then, now, verdict, within):
    change = figure_change(then, now, margin=0.1, rounds=10)
    assert change.verdict.startswith(verdict)
    assert change.within is within


def test_no_verdict_from_fewer_than_ten_rounds():
    then, now = number(10, 9.9, 10.1), number(20, 19, 21)
    assert figure_change(then, now, margin=0.1, rounds=9).verdict == "no verdict: fewer than 10 rounds"
