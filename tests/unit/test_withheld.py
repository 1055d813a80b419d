"""A percentile that the table withholds is withheld wherever else it could be told."""

import io
import json
import re

import pytest
from rich.console import Console

from harness.analysis.compare import compare
from harness.cost.costing import summary_with_cost
from harness.decision.history import read_history
from harness.record.figures import milliseconds
from harness.record.folder import RunFolder
from harness.report import comparison, console
from harness.report.charts.over_time import over_time
from harness.report.content import content_of
from harness.report.html import as_html
from harness.report.markdown import as_markdown
from harness.review.figures import figures_of
from harness.review.runs import read_run
from tests.synthetic import MS, TARGETS, manifest, requests, samples, trial

COLD_MS = {"docker-service": (7137.0, 7139.0), "docker-lambda": (9431.0, 9437.0)}
"""A start in each of two rounds."""
TRAFFIC_MS = {"docker-service": 3571.0, "docker-lambda": 4583.0}
FORMATS = ("text", "md", "csv", "json")


def make_thin_run(results) -> RunFolder:
    """Two rounds of a forced cold start each, and of two requests each: too few for any percentile."""
    run = RunFolder.create(results, manifest(rounds=2, trials=8))
    order = 0
    for round_number in (1, 2):
        for target in TARGETS:
            whole_ms = COLD_MS[target][round_number - 1]
            parts = {f"phase_{name}_ns": [int(ms * MS)] for name, ms in parts_of(whole_ms).items()}
            cold = requests([whole_ms], start_class=["cold"], **parts)
            steady = requests([TRAFFIC_MS[target] + 2 * round_number] * 2)
            for profile, table in (("cold", cold), ("steady", steady)):
                key = {"target": target, "profile": profile, "round": round_number, "order": order}
                run.save_trial(trial(table, f"r0{round_number}.{target}.{profile}", **key), table, samples())
                order += 1
    return run


def parts_of(whole_ms: float) -> dict[str, float]:
    """A start's parts, of numbers that stand nowhere else; a good deal of it is in none."""
    return {"weights": round(0.531 * whole_ms), "unaccounted": whole_ms - round(0.531 * whole_ms)}


def withheld_texts() -> set[str]:
    """Each latency as an output could write it: whole, to three digits, and to six."""
    numbers = [ms for both in COLD_MS.values() for ms in both]
    numbers += [ms + 2 * number for ms in TRAFFIC_MS.values() for number in (1, 2)]
    numbers += [(a * b) ** 0.5 for a, b in COLD_MS.values()]
    parts = [parts_of(ms) for both in COLD_MS.values() for ms in both]
    numbers += [ms for of_start in parts for ms in of_start.values()]
    numbers += [sum(both) / 2 for both in COLD_MS.values()]
    numbers += [(a[name] + b[name]) / 2 for a, b in (parts[:2], parts[2:]) for name in a]
    return (
        {f"{ms:,.0f}" for ms in numbers}
        | {f"{ms:g}" for ms in numbers}
        | {milliseconds(ms).main for ms in numbers}
        | {f"{ms:.0f}" for ms in numbers}
    )


def said(render, subject, form) -> str:
    stream = io.StringIO()
    render(subject, form, Console(file=stream, width=200, force_terminal=False))
    return stream.getvalue()


def outputs_of(results, run) -> dict[str, str]:
    """Everything that speaks of a run."""
    both = compare(results, "docker-service", "docker-lambda")
    content = content_of(run)
    charts = [chart for part in content.parts for chart in part.charts]
    past = read_history(results, "quickstart", ["latency_p50_ms", "cold_p50_ms"])
    return {
        **{f"show {form}": said(console.render, summary_with_cost(run), form) for form in FORMATS},
        **{f"compare {form}": said(comparison.render, both, form) for form in FORMATS},
        "report html": as_html(content),
        "report md": as_markdown(content),
        "charts": "\n".join(chart.draw() for chart in charts),
        "history json": json.dumps(past.to_json()),
        "history svg": over_time(past),
        "review": json.dumps([figure.model_dump(mode="json") for figure in figures_of(read_run(run))]),
    }


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    return outputs_of(results, make_thin_run(results))


def test_what_the_table_withholds_stands_in_no_output(outputs):
    """Ids and hashes may hold any digits, so that only whole numbers count."""
    found = {
        (name, number)
        for name, text in outputs.items()
        for number in withheld_texts()
        if re.search(rf"(?<![\w.#-]){re.escape(number)}(?![\w-])(?!\.\d)", text)
    }
    assert not found


def test_parts_of_too_few_starts_are_named_without_a_number(outputs):
    (cold,) = [row for row in json.loads(outputs["show json"])["rows"] if row["profile"] == "cold"][:1]
    assert cold["cold_phases_ms"] == {"weights": None, "unaccounted": None}
    for form in ("text", "md"):
        assert "withheld where fewer than 6 cold starts stamped it: weights, unaccounted" in outputs[f"show {form}"]
    assert "no row has 6 cold starts with stamped parts, as a median needs" in outputs["report html"]


def test_a_comparison_of_too_few_says_how_many_it_needs(tmp_path):
    make_thin_run(tmp_path)
    rows = {row.field: row for row in compare(tmp_path, "docker-service", "docker-lambda").rows}
    cold = rows["cold_p50_ms"]
    assert (cold.a_ms, cold.b_ms, cold.ratio.value, cold.verdict) == (None, None, None, None)
    assert cold.ratio.need == 6
    assert cold.why == "cold p50 needs 6 cold starts, docker-service has 2"
    assert rows["latency_p50_ms"].a_ms is None


def test_what_the_table_tells_is_compared(tmp_path):
    run = RunFolder.create(tmp_path, manifest(rounds=3, trials=6))
    for number in (1, 2, 3):
        for order, target in enumerate(TARGETS):
            table = requests(COLD_MS[target], start_class=["cold"] * 2)
            key = {"target": target, "profile": "cold", "round": number, "order": 2 * number + order}
            run.save_trial(trial(table, f"r0{number}.{target}.cold", **key), table, samples())
    (row,) = compare(tmp_path, "docker-service", "docker-lambda").rows
    assert row.a_ms == pytest.approx(7138.0)
    assert row.ratio.value == pytest.approx(9434 / 7138)
