"""Cold starts over the size of the model: which rows belong together, and where their line crosses the objective."""

from types import SimpleNamespace

import pytest

from harness.analysis.summary import Row
from harness.decision.model_sizes import crossing, size_line, size_lines, size_series
from harness.record.estimate import Estimate
from harness.record.stated import Objective
from harness.report.charts.palette import style
from harness.report.charts.sizes import SizeCurve
from harness.report.charts.sizes import sizes as draw
from harness.report.sections.sizes import sizes

OBJECTIVE = Objective(percentile=95, latency_ms=1000)
SIZES = (10, 100, 1000)


def manifest(objective=True, runtimes=("onnx",)):
    workloads = [
        {"name": "sized", "label": f"{runtime}-{size}", "settings": {"size_mb": size, "runtime": runtime}}
        for runtime in runtimes
        for size in SIZES
    ]
    more = {"objective": OBJECTIVE.model_dump()} if objective else {}
    return SimpleNamespace(experiment={"workloads": workloads, **more})


def row(size, ms, spread=None, target="docker-lambda", kind="function", runtime="onnx", cache="kept"):
    low, high = (ms / spread, ms * spread) if spread and ms else (None, None)
    estimate = Estimate(ms, low, high, n=20, why=None if ms else "among failures")
    case = {"memory_mb": 3008, "cpus": 1.7, "page_cache": cache, "images": "present"}
    made = Row(f"{runtime}-{size}", target, "cold", case, 10, 10, 0, True, 1.0)
    made.model_bytes, made.kind, made.cold_p50_ms = int(size * 1e6), kind, estimate
    return made


def line(values, spread=None):
    rows = [row(size, ms, spread) for size, ms in zip(SIZES, values, strict=True)]
    return size_line(size_series(manifest(), rows)[0], OBJECTIVE)


def test_a_size_is_read_between_two_measured_ones_on_logarithmic_scales():
    size, below, above = crossing([(10, 100), (100, 500), (1000, 2000)], 1000)
    assert (below, above) == (100, 1000) and size == pytest.approx(100 * 10**0.5)
    assert crossing([(10, 100), (100, 500)], 1000) is None
    assert crossing([(10, 100), (100, float("nan")), (1000, 2000)], 1000) is None


def test_its_interval_is_where_both_ends_cross():
    told = line([100, 500, 2000], spread=1.1)
    assert "from 316 MB (interval 270 MB to 370 MB, read between 100 MB and 1,000 MB) on" in told
    assert "fewer than 5 % of its requests meet a cold start" in told


@pytest.mark.parametrize(
    ("values", "spread", "words"),
    [
        ([100, 500, 2000], None, "from a size between 100 MB and 1,000 MB on"),
        ([100, 500, 950], None, "keep to the objective of 1000 ms up to 1,000 MB, the largest"),
        ([1100, 1500, 2000], 1.1, "break the objective of 1000 ms from 10.0 MB on, the smallest"),
        ([100, None, None], None, "is withheld: at 100 MB, among failures; at 1,000 MB, among failures"),
    ],
)
def test_what_cannot_be_read_is_not_told(values, spread, words):
    assert words.replace("10.0 MB", "10 MB") in line(values, spread)


def test_only_rows_that_differ_in_size_alone_stand_together():
    rows = [
        row(size, 100, runtime=runtime, cache=cache)
        for runtime in ("onnx", "torch")
        for cache in ("kept", "dropped")
        for size in SIZES
    ]
    rows += [row(10, 90, target="docker-service", kind="service")]
    found = size_series(manifest(runtimes=("onnx", "torch")), rows[::-1])
    assert len(found) == 4 and all([r.model_bytes for r in s.rows] == [1e7, 1e8, 1e9] for s in found)
    assert "docker-lambda, sized, runtime torch, page cache dropped" in {series.label for series in found}


def test_services_break_no_objective_of_a_function_and_without_one_nothing_is_broken():
    rows = [row(size, 100, target="docker-service", kind="service") for size in SIZES]
    assert size_lines(manifest(), rows) == [] and size_lines(manifest(objective=False), rows) == []
    told = size_lines(manifest(objective=False), [row(size, 100) for size in SIZES])
    assert len(told) == 1 and "state one" in told[0]


def test_the_chart_has_a_point_an_interval_and_every_limit():
    curve = SizeCurve(style(0), [(10, Estimate(100, 90, 110)), (100, Estimate(500))])
    svg = draw("sizes", [curve], [(1000, "objective"), (10_000, "initialisation is cut off at 10 s")])
    assert svg.count("translate(") == 2 and "objective" in svg and "cut off at 10 s" in svg
    assert svg.count("stem muted broken") == 2


def test_the_report_has_the_chart_the_table_and_the_sentence_and_none_of_them_without_sizes():
    rows = [row(size, 200 * size**0.5, 1.1) for size in SIZES]
    rows += [row(size, None, target="docker-service", kind="service") for size in SIZES]
    material = SimpleNamespace(run=SimpleNamespace(manifest=manifest()), summary=SimpleNamespace(rows=rows))
    (part,) = sizes(material)
    (chart,) = part.charts
    assert [key.label for key in chart.keys] == ["docker-lambda"] and "docker-service" not in chart.draw()
    assert "632 ms at 10.0 MB" in chart.draw() and "objective, 1000 ms" in chart.draw()
    assert len(part.tables[0].columns[0].cells) == 6 and any("break" in line or "on," in line for line in part.about)
    material.summary.rows = rows[:1]
    assert sizes(material) == []
