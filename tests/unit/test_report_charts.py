import itertools
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.analysis.trial_rows import read_rows
from harness.record.estimate import Estimate
from harness.record.folder import RunFolder
from harness.report.charts.axes import Area, number, ticks
from harness.report.charts.break_even import CostCurve, break_even
from harness.report.charts.crowd import Course, crowd
from harness.report.charts.drawing import Drawing, width_of
from harness.report.charts.ecdf import Curve, ecdf, steps
from harness.report.charts.forest import Ratio, forest
from harness.report.charts.memory import Peak, memory
from harness.report.charts.mix import Strip, mix
from harness.report.charts.palette import STYLES
from harness.report.charts.run_order import Mark, run_order
from harness.report.charts.spans import Span, spans
from harness.report.charts.waterfall import waterfall
from harness.report.charts.week import Side, stretches, week
from harness.report.html import SHEETS, TEMPLATES
from harness.report.timeline import BINS, Pool, most_within
from tests.synthetic import MS, manifest, requests, samples, trial

MARKUP = '<b onclick="x">&</b> $x$ -->'


def every_chart():
    edges, ones = np.linspace(0, 8, BINS + 1), np.ones(BINS)
    kinds = {kind: ones * place for place, kind in enumerate(("warm", "cold", "bad", "unknown"))}
    return [
        ecdf(MARKUP, [Curve(STYLES[0], np.array([1.0, 2.0])), Curve(STYLES[1], np.arange(1.0, 90.0))]),
        forest(MARKUP, [Ratio(MARKUP, MARKUP, 1.2, 1.1, 99.0, MARKUP)], 0.1, MARKUP),
        waterfall(MARKUP, {"queue": 1.0, "unaccounted": 2.0}, Estimate(3.0), STYLES[2], 4.0),
        break_even(
            MARKUP,
            [1.0, 9.0],
            [CostCurve(STYLES[3], [1.0, 2.0], [(0.5, 1.5), (1.0, 3.0)])],
            [Estimate(2.0, 1.5, 3.0)],
            4.0,
            MARKUP,
        ),
        run_order(MARKUP, [Mark(STYLES[4], 3, 5.0, False), Mark(STYLES[5], 4, np.inf, True)]),
        memory(MARKUP, [Peak(MARKUP, STYLES[0], 60.0, 40.0, 128.0)]),
        mix(MARKUP, [Strip(MARKUP, STYLES[0], edges, ones, kinds)]),
        crowd(MARKUP, [Course(STYLES[0], edges, ones, None), Course(STYLES[1], edges, ones, ones)]),
        week(MARKUP, [1.0] * 168, [Side(STYLES[0], [0.5] * 168, [None, *[2.0] * 167])]),
        week(MARKUP, [1.0] * 24, [Side(STYLES[1], [0.0] * 24, [2.0] * 24)]),
        spans(MARKUP, [Span(MARKUP, MARKUP, STYLES[0], Estimate(3.0, 0.0, 9.0))], MARKUP, 5.0),
    ]


def test_texts_are_text():
    drawing = Drawing(MARKUP, 100)
    drawing.text(10, 50, MARKUP)
    root = ElementTree.fromstring(drawing.svg())
    assert root.attrib["aria-label"] == MARKUP
    assert [element.text for element in root.iter("text")] == [MARKUP]


def test_every_colour_is_a_class_of_the_style_sheet():
    sheet = "".join((TEMPLATES / name).read_text() for name in SHEETS)
    for svg in every_chart():
        root = ElementTree.fromstring(svg)
        assert not re.search("#[0-9a-f]{3,}|style=|fill=|stroke=|<!--| id=", svg)
        classes = {name for element in root.iter() for name in element.attrib.get("class", "").split()}
        assert [name for name in classes if not re.search(rf"\.{name}\b", sheet)] == []
        bare = [e for e in root.iter() if e.tag in ("path", "line", "rect") and not e.attrib.get("class")]
        assert bare == []


def test_a_chart_is_the_same_every_time():
    assert every_chart() == every_chart()


def test_every_variable_of_the_sheets_has_a_value_for_light_and_for_dark():
    light, dark = (TEMPLATES / "colours.css").read_text().split("@media")
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", "".join((TEMPLATES / name).read_text() for name in SHEETS)))
    assert len(used) > 15
    for name in used:
        assert f"{name}:" in light
        assert f"{name}:" in dark


@pytest.mark.parametrize(
    ("low", "high", "log", "expected"),
    [
        (0, 8, False, [0, 2, 4, 6, 8]),
        (0, 100, False, [0, 20, 40, 60, 80, 100]),
        (90, 1100, True, [100, 200, 500, 1000]),
        (100, 500, True, [100, 150, 200, 300, 400]),
        (11.9, 14.3, True, [12, 12.5, 13, 13.5, 14]),
        (0.001, 1e6, True, [0.01, 1, 100, 10_000, 1e6]),
        (3, 3, False, [3]),
    ],
)
def test_ticks_are_round_and_few(low, high, log, expected):
    assert ticks(low, high, log, 5, False) == pytest.approx(expected)


def test_labels_of_ticks_do_not_touch():
    axis = Area(40, 386, 0, 100).across(1, 1e6)
    assert len(axis.ticks) >= 2
    narrow = Area(0, 60, 0, 100).across(0, 5000)
    edges = [(narrow.at(v) - width_of(number(v)) / 2, narrow.at(v) + width_of(number(v)) / 2) for v in narrow.ticks]
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(edges))


def test_what_lies_beyond_an_axis_ends_on_its_edge():
    axis = Area(10, 110, 0, 50).across(1, 100, log=True)
    assert [axis.at(value) for value in (1e-9, 1, 10, 100, 1e9)] == pytest.approx([10, 10, 60, 110, 110])


def test_series_differ_in_line_and_marker_and_not_in_colour_alone():
    assert len({style.dashes for style in STYLES}) == len({style.marker for style in STYLES}) == len(STYLES)
    assert len({style.colour for style in STYLES}) == len(STYLES)


def test_a_curve_ends_below_1_where_requests_failed():
    x, y = steps(np.array([30.0, 10.0, np.inf, 20.0]))
    assert x.tolist() == [10, 10, 20, 30]
    assert y.tolist() == [0, 0.25, 0.5, 0.75]


def test_a_thinned_curve_keeps_its_ends():
    x, y = steps(np.arange(1.0, 10_001.0))
    assert len(x) < 200
    assert (x[0], x[-1], y[0], y[-1]) == (1, 10_000, 0, 1)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: ecdf("x", [Curve(STYLES[0], np.array([np.inf]))]),
        lambda: forest("x", [Ratio("g", "p50", None, None, None, "no ratio")], 0.1, "b / a"),
        lambda: forest("x", [Ratio("g", "p50", 1e-9, 1e-12, 1e9, "1")], 0.1, "b / a"),
        lambda: waterfall("x", {"queue": 0.0}, Estimate(None), STYLES[0], 1.0),
        lambda: break_even("x", [0.0, 1.0, 2.0], [CostCurve(STYLES[0], [0.0, 0.0, 0.0])], [], None, "USD"),
        lambda: run_order("x", [Mark(STYLES[0], 3, None, False), Mark(STYLES[1], 4, np.inf, True)]),
        lambda: week("x", [None] * 168, [Side(STYLES[0], [None] * 168, [0.0] * 168)]),
        lambda: spans("x", [Span("p95", "a", STYLES[0], Estimate(None, why="throttled"))], "ms", None),
    ],
    ids=["all failed", "no ratio", "far apart", "no time", "free", "no median", "no hour", "no latency"],
)
def test_a_chart_without_a_number_is_still_a_chart(draw):
    assert ElementTree.fromstring(draw()).attrib["role"] == "img"


def test_every_crossing_and_both_intervals_are_drawn():
    crossings = [Estimate(2.0, 1.5, 3.0), Estimate(5.0), Estimate(None, why="not known")]
    sides = [CostCurve(STYLES[n], [1.0, 2.0, 9.0], [(0.5, 1.5), (1.0, 3.0), (8.0, 10.0)]) for n in (0, 1)]
    svg = break_even("x", [1.0, 4.0, 9.0], sides, crossings, None, "USD")
    assert svg.count('class="stem ink"') == 2
    assert svg.count('class="shade"') == 1
    assert [svg.count(f'class="spread {STYLES[n].colour}"') for n in (0, 1)] == [1, 1]


def test_a_line_over_the_week_is_broken_where_no_day_has_the_hour():
    assert list(stretches([None, 1.0, 0.0, None, None, 2.0])) == [[(1, 1.0), (2, 0.0)], [(5, 2.0)]]
    svg = week("x", [1.0] * 168, [Side(STYLES[0], [0.0] * 80 + [None] + [1.0] * 87, [1.0] * 168)])
    assert len(re.findall('class="line series-1"', svg)) == 3
    assert [text for text in ElementTree.fromstring(svg).itertext() if text in "1234567"][-7:] == list("1234567")


def test_the_most_within_each_part_counts_what_was_open_before():
    begins, ends = np.array([0.0, 1.0, 12.0, 12.0]), np.array([25.0, 2.0, 13.0, 14.0])
    assert most_within(begins, ends, np.array([0.0, 10.0, 20.0, 30.0])).tolist() == [2, 3, 1]


def test_a_request_that_never_ended_is_in_flight_to_the_end():
    edges = np.array([0.0, 10.0, 20.0, 30.0])
    assert most_within(np.array([5.0]), np.array([np.inf]), edges).tolist() == [1, 1, 1]


def test_every_arrival_of_the_schedule_is_of_one_kind(tmp_path):
    n = 48
    outcome = ["failed" if i % 5 == 0 else "ok" for i in range(n)]
    start = [("cold", "warm", None)[i % 3] for i in range(n)]
    table = requests([20.0] * n, outcome=outcome, start_class=start, scheduled_ns=np.arange(n) * 100 * MS)
    pooled = Pool(seconds=4.8)
    run = RunFolder.create(tmp_path, manifest(trials=1))
    pooled.add(read_rows(run, run.save_trial(trial(table), table, samples(at_ms=(0, 4800)))), forced=False)
    assert sum(kind.sum() for kind in pooled.kinds.values()) == n
    assert pooled.kinds["bad"].sum() == outcome.count("failed")
    assert pooled.arrivals_per_s.tolist() == [10] * BINS
    assert pooled.units.tolist() == [1] * BINS
    cold, warm = np.concatenate(pooled.cold_ms), np.concatenate(pooled.warm_ms)
    assert np.isinf(np.concatenate([cold, warm])).sum() == outcome.count("failed")
    assert len(cold) == start.count("cold")


def test_the_chart_of_forced_starts_shows_those_that_the_table_counts(tmp_path):
    starts = ["cold", "reset", "restored", "proactive", "cold_reinit"]
    table = requests([100.0, 1.0, 2.0, 3.0, 200.0], start_class=starts)
    run = RunFolder.create(tmp_path, manifest(trials=1))
    rows = read_rows(run, run.save_trial(trial(table), table, samples()))
    pooled = Pool(seconds=0.0)
    pooled.add(rows, forced=True)
    assert np.concatenate(pooled.cold_ms).tolist() == [100.0, 200.0]
    assert rows.latency_ms[rows.is_cold(forced=True)].tolist() == [100.0, 200.0]
    assert len(rows.latency_ms[rows.is_cold(forced=False)]) == 4
