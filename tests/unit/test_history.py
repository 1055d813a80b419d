"""Figures of an experiment over its runs: order, breaks, anchors, INVALID rows, change points, and hostile names."""

import io
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from rich.console import Console

from harness.decision.history import FIELDS, read_history
from harness.errors import UsageError
from harness.record.folder import RunFolder
from harness.report.history import write_history
from tests.synthetic import manifest, requests, samples, trial

CPU = {"cpu": "a cpu", "cpus": 2, "memory_mb": 1000, "architecture": "x", "system": "L 6.1", "host": "h"}
MACHINE = {"machine": CPU}
EVIL = r"$\frac{1}{0}$<script>alert(1)</script>[bold]|`x`" + "\x1b[31m\u202e"


def make(results, at, level=20.0, workload="echo", target="docker-lambda", valid=True, name="q", **changes):
    """A run of one row with five rounds of log-normal latencies around `level` ms, drawn by its own number."""
    run = RunFolder.create(
        results,
        manifest(
            run=f"run-{at[:10]}",
            experiment={"name": name, **changes.pop("experiment", {})},
            started_at=f"{at}T10:00:00+00:00",
            rounds=5,
            trials=5,
            facts=changes.pop("facts", MACHINE),
            **changes,
        ),
    )
    rng = np.random.default_rng([int(part) for part in at.split("-")])
    for number in range(1, 6):
        table = requests(level * np.exp(rng.normal(0, 0.01)) * np.exp(rng.normal(0, 0.2, 200)))
        fields = {"problems": [] if valid else ["lag"], "round": number, "order": number}
        record = trial(table, f"r{number}", workload=workload, target=target, **fields)
        run.save_trial(record, table, samples())
    return run


def quarters(n, first=2020):
    return [f"{first + k // 4}-{1 + 3 * (k % 4):02}-15" for k in range(n)]


def print_history(results, format="text", fields=(), svg=None, name="q"):
    stream = io.StringIO()
    write_history(results, name, list(fields), svg, format, Console(file=stream, width=150, highlight=False))
    return stream.getvalue()


def only(results, field="latency_p95_ms"):
    (series,) = read_history(results, "q", [field]).series
    return series


def test_runs_stand_oldest_first_with_interval_n_quarter_and_say_what_is_missing(tmp_path):
    for at in ("2026-10-01", "2025-12-31", "2026-03-31"):
        make(tmp_path, at)
    make(tmp_path, "2026-01-01", name="another")
    data = json.loads(print_history(tmp_path, "json"))
    assert data["schema"] == "frostline/history/1"
    assert [run["quarter"] for run in data["runs"]] == ["2025-Q4", "2026-Q1", "2026-Q4"]
    series = next(line for line in data["series"] if line["field"] == "latency_p95_ms")
    assert [point["run"] for point in series["points"]] == ["run-2025-12-31", "run-2026-03-31", "run-2026-10-01"]
    assert all(p["estimate"]["low"] < p["estimate"]["value"] < p["estimate"]["high"] for p in series["points"])
    assert all(point["estimate"]["n"] == 5 for point in series["points"])
    text = print_history(tmp_path)
    assert "needs at least 8 runs, has 3" in text and "n 5" in text and "2025-Q4" in text


def test_a_planted_step_is_found_and_named_and_noise_is_not(tmp_path):
    for k, at in enumerate(quarters(16)):
        make(tmp_path, at, 20.0 if k < 8 else 26.0)
    (change,) = only(tmp_path).segments[0].changes
    assert change.run == "run-2022-01-15"
    assert change.point.ratio.value == pytest.approx(1.3, rel=0.05)
    text = " ".join(print_history(tmp_path, fields=["latency_p95_ms"]).split())
    assert "from 2022-Q1 on (run run-2022-01-15): x1.3" in text and "latency_p95_ms changes here" in text
    quiet = tmp_path / "quiet"
    for at in quarters(10):
        make(quiet, at)
    assert "no change point in 10 runs" in print_history(quiet, fields=["latency_p95_ms"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"experiment": {"seed": 2}}, "definition changed"),
        ({"facts": {"machine": CPU | {"cpus": 4}}}, "different machine: cpus 2 to 4"),
    ],
)
def test_a_new_definition_or_machine_breaks_the_line(tmp_path, change, words):
    for k, at in enumerate(quarters(16)):
        make(tmp_path, at, 20.0 if k < 8 else 40.0, **(dict(change) if k >= 8 else {}))
    history = read_history(tmp_path, "q", ["latency_p95_ms"])
    (series,) = history.series
    assert [len(segment.runs) for segment in series.segments] == [8, 8]
    assert [segment.changes for segment in series.segments] == [[], []]
    assert words in history.runs[8].breaks and not history.runs[9].breaks
    assert words in " ".join(print_history(tmp_path, "md").split())


def test_a_new_kernel_is_marked_but_breaks_nothing(tmp_path):
    make(tmp_path, "2026-01-01")
    make(tmp_path, "2026-04-01", facts={"machine": CPU | {"system": "L 6.2"}})
    later = read_history(tmp_path, "q", []).runs[1]
    assert later.breaks == [] and later.era == 0 and "new kernel: system" in later.remarks[0]


def test_expected_traffic_parts_the_cost_alone(tmp_path):
    make(tmp_path, "2026-01-01")
    make(tmp_path, "2026-04-01", experiment={"expected": {"requests_per_month": 1e6}})
    later = read_history(tmp_path, "q", []).runs[1]
    assert (later.era, later.cost_era) == (0, 1)


def test_a_run_of_before_capacities_were_kept_and_one_without_any_are_priced_alike(tmp_path):
    make(tmp_path, "2026-01-01", capacities=None)
    make(tmp_path, "2026-04-01", capacities={})
    make(tmp_path, "2026-07-01", capacities={"echo/docker-service": {"file": "a.json"}})
    runs = read_history(tmp_path, "q", []).runs
    assert [[text for text in run.remarks if "capacities" in text] for run in runs] == [
        [],
        [],
        ["cost by other measured capacities"],
    ]


def test_an_invalid_row_is_shown_and_enters_no_change_point(tmp_path):
    for k, at in enumerate(quarters(9)):
        make(tmp_path, at, valid=k != 4)
    series = only(tmp_path)
    assert not series.points[4].valid and series.points[4].estimate.value is None
    assert len(series.segments[0].runs) == 8 and "run-2021-01-15" not in series.segments[0].runs
    assert "INVALID" in print_history(tmp_path) and "INVALID" in print_history(tmp_path, "md")


def test_anchor_runs_stand_apart_and_break_nothing(tmp_path):
    make(tmp_path, "2026-01-01")
    make(tmp_path, "2026-04-01", 99.0, anchor={"run": "run-2026-01-01"}, experiment={"seed": 2})
    make(tmp_path, "2026-04-02")
    history = read_history(tmp_path, "q", ["latency_p95_ms"])
    assert [run.anchor for run in history.runs] == [False, True, False] and history.runs[2].breaks == []
    (series,) = history.series
    assert [point.run for point in series.anchors] == ["run-2026-04-01"]
    assert [point.run for point in series.points] == ["run-2026-01-01", "run-2026-04-02"]
    assert series.segments[0].runs == ["run-2026-01-01", "run-2026-04-02"]
    assert "anchor: an earlier run's images" in " ".join(print_history(tmp_path, "md").split())


def test_what_cannot_be_read_is_told_and_the_rest_is_shown(tmp_path):
    make(tmp_path, "2026-01-01")
    damaged = make(tmp_path, "2026-04-01")
    (damaged.path / "trials.jsonl").write_text("{}\n")
    (tmp_path / "runs/broken").mkdir()
    (tmp_path / "runs/broken/manifest.json").write_text("{")
    (tmp_path / "runs/copy").mkdir()
    first = tmp_path / "runs/run-2026-01-01"
    (tmp_path / "runs/copy/manifest.json").write_bytes((first / "manifest.json").read_bytes())
    undated = make(tmp_path, "2026-07-01")
    undated.manifest = undated.manifest.model_copy(update={"started_at": "soon"})
    undated.write_manifest()
    history = read_history(tmp_path, "q", [])
    notices = "\n".join(history.told)
    assert len(history.runs) == 1 and history.series
    for words in ("broken", "runs/copy: run 'run-2026-01-01' is there twice", "run-2026-04-01", "'soon' is no time"):
        assert words in notices
    assert print_history(tmp_path).count("notice: left out") == 4


def test_what_does_not_exist_is_said_with_what_does_and_nothing_is_written(tmp_path):
    make(tmp_path, "2026-01-01")
    svg = tmp_path / "x.svg"
    with pytest.raises(UsageError, match=r"experiments with a run in .*: q"):
        print_history(tmp_path, name="nope", svg=svg)
    with pytest.raises(UsageError) as refused:
        print_history(tmp_path, fields=["latency", "ok", "case"], svg=svg)
    assert refused.value.problems[:2] == [f"field: '{x}' is no number of the summary" for x in ("latency", "case")]
    assert "latency_p95_ms" in refused.value.problems[2]
    with pytest.raises(UsageError, match="svg: "):
        print_history(tmp_path, svg=tmp_path / "no/x.svg")
    assert not svg.exists()


def test_every_number_of_the_summary_may_be_chosen(tmp_path):
    make(tmp_path, "2026-01-01")
    history = read_history(tmp_path, "q", list(FIELDS))
    assert [line.field for line in history.series] == list(FIELDS)
    number = {line.field: line.points[0].estimate for line in history.series}
    assert (number["memory_peak_mb"].value, number["memory_peak_mb"].n) == (64, 5)
    assert number["gpu_p50_ms"].value is None and number["gpu_p50_ms"].why == "not measured"
    assert print_history(tmp_path, fields=["ok", "ok", "queue_p95_ms"]).count("queue p95 ms") == 1


def texts(svg):
    return [node.text for node in ET.fromstring(svg.read_bytes()).iter("{http://www.w3.org/2000/svg}text")]


def test_the_drawing_is_the_same_every_time_and_shows_breaks_changes_n_and_invalid_rows(tmp_path):
    for k, at in enumerate(quarters(18)):
        make(tmp_path, at, 20.0 if k < 8 else 30.0, valid=k != 3, experiment={"seed": 2 if k < 17 else 3})
    make(tmp_path, "2026-10-01", anchor={"run": "run-2020-01-15"})
    first, second = tmp_path / "1.svg", tmp_path / "2.svg"
    for svg in (first, second):
        print_history(tmp_path, fields=["latency_p95_ms"], svg=svg)
    assert first.read_bytes() == second.read_bytes()
    drawing = first.read_text()
    assert "var(" not in drawing  # it stands in no page, so nothing else gives a colour
    classes = {name for group in re.findall(r'class="([^"]*)"', drawing) for name in group.split()}
    assert {"series-1", "paper"} <= classes and all(f".{name}" in drawing for name in classes)
    labels = texts(first)
    assert {"definition changed", "INVALID", "n=5", "anchor, n=5"} <= set(labels)
    assert any(text.startswith("docker-lambda x1.5") for text in labels)
    assert "docker-lambda (emulated)" in labels
    assert not list(tmp_path.glob(".*.partial"))


def test_hostile_names_are_text_everywhere(tmp_path):
    evil = "_" + EVIL
    make(tmp_path, "2026-01-01", workload=EVIL, target=evil, name=EVIL, targets={evil: {}})
    svg = tmp_path / "x.svg"
    text = print_history(tmp_path, name=EVIL, svg=svg)
    assert "\x1b" not in text and "\u202e" not in text and r"$\frac{1}{0}$<script>" in text and "[bold]" in text
    for word in (b"<script", b"\x1b", "\u202e".encode()):
        assert word not in svg.read_bytes()
    labels = texts(svg)
    assert any(r"$\frac{1}{0}$<script>" in line for line in labels)
    assert any(line.startswith(r"_$\frac{1}{0}$<script>") for line in labels)
    markdown = print_history(tmp_path, "md", name=EVIL)
    assert "<script" not in markdown.replace("\\<script", "") and "\x1b" not in markdown
    assert print_history(tmp_path, "json", name=EVIL).isascii()


def test_runs_of_all_zones_stand_in_the_order_of_their_moments_and_those_of_the_future_nowhere(tmp_path):
    for at, stamp in (
        ("2026-10-02", "2026-10-02T01:00:00+09:00"),
        ("2026-10-01", "2026-10-01T17:30:00Z"),
        ("2026-10-03", "2026-10-01T09:00:00.5-07:00"),
        ("2026-10-04", "2931-10-01T00:00:00Z"),
    ):
        run = make(tmp_path, at)
        run.manifest = run.manifest.model_copy(update={"started_at": stamp})
        run.write_manifest()
    history = read_history(tmp_path, "q", [])
    began = [run.started_at for run in history.runs]
    assert began == ["2026-10-01T16:00:00+00:00", "2026-10-01T16:00:00+00:00", "2026-10-01T17:30:00+00:00"]
    assert [run.run for run in history.runs] == ["run-2026-10-02", "run-2026-10-03", "run-2026-10-01"]
    assert [line for line in history.told if "run-2026-10-04" in line and "in the future" in line]
