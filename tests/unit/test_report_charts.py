import re
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.analysis.trial_rows import read_rows
from harness.record.estimate import Estimate
from harness.record.folder import RunFolder
from harness.report.charts.break_even import Crossing, break_even
from harness.report.charts.canvas import drawn
from harness.report.charts.ecdf import Curve, ecdf, steps
from harness.report.charts.forest import Ratio, forest
from harness.report.charts.palette import INK, STYLES, VARIABLES
from harness.report.charts.run_order import Mark, run_order
from harness.report.charts.waterfall import waterfall
from harness.report.timeline import BINS, Pooled, most_within
from tests.synthetic import MS, manifest, requests, samples, trial

MARKUP = '<b onclick="x">&</b> $x$ -->'


def test_texts_are_text_and_colours_are_the_pages():
    svg = drawn("p", MARKUP, 100, lambda figure: figure.text(0.1, 0.5, MARKUP, color=INK))
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-label"] == MARKUP
    assert [element.text for element in root.iter("text")] == [MARKUP]
    assert "fill: var(--ink)" in svg
    assert "xmlns" not in svg
    assert not re.search("#[0-9a-f]{6}|<style|<metadata|<!--", svg)


def test_a_colour_that_would_be_lost_in_the_dark_is_a_mistake():
    with pytest.raises(KeyError):
        drawn("p", "", 100, lambda figure: figure.text(0.1, 0.5, "x", color="#123456"))


def test_ids_of_two_charts_on_a_page_differ():
    curves = [Curve(STYLES[0], np.array([1.0, 2.0]))]
    one, other = (set(re.findall(r' id="([^"]+)"', ecdf(prefix, "x", curves))) for prefix in ("a", "b"))
    assert one
    assert not one & other


def test_series_differ_in_line_and_marker_and_not_in_colour_alone():
    assert len({style.dashes for style in STYLES}) == len({style.marker for style in STYLES}) == len(STYLES)
    assert len(set(VARIABLES.values())) == len(VARIABLES)


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
        lambda: ecdf("p", "x", [Curve(STYLES[0], np.array([np.inf]))]),
        lambda: forest("p", "x", [Ratio("g", "p50", None, None, None, "no ratio")], 0.1, "b / a"),
        lambda: forest("p", "x", [Ratio("g", "p50", 1e-9, 1e-12, 1e9, "1")], 0.1, "b / a"),
        lambda: waterfall("p", "x", {"queue": 0.0}, Estimate(None), STYLES[0], 1.0),
        lambda: break_even("p", "x", [0.0, 1.0, 2.0], [(STYLES[0], [0.0, 0.0, 0.0])], Crossing(*[None] * 4), "USD"),
        lambda: run_order("p", "x", [Mark(STYLES[0], 3, None, False), Mark(STYLES[1], 4, np.inf, True)]),
    ],
    ids=["all failed", "no ratio", "far apart", "no time", "free", "no median"],
)
def test_a_chart_without_a_number_is_still_a_chart(draw):
    assert ElementTree.fromstring(draw()).attrib["role"] == "img"


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
    pooled = Pooled(seconds=4.8)
    run = RunFolder.create(tmp_path, manifest(trials=1))
    pooled.add(read_rows(run, run.save_trial(trial(table), table, samples(at_ms=(0, 4800)))), forced=False)
    assert sum(kind.sum() for kind in pooled.kinds.values()) == n
    assert pooled.kinds["bad"].sum() == outcome.count("failed")
    assert pooled.arrivals_per_s.tolist() == [10] * BINS
    assert pooled.units.tolist() == [1] * BINS
    cold, warm = np.concatenate(pooled.cold_ms), np.concatenate(pooled.warm_ms)
    assert np.isinf(np.concatenate([cold, warm])).sum() == outcome.count("failed")
    assert len(cold) == start.count("cold")
