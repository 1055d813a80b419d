"""Every phase that a workload names is shown wherever starts are, is billed, and never counts a moment twice."""

import io
import json
import threading

import numpy as np
import pytest
from rich.console import Console

from harness.analysis.table import summarise
from harness.analysis.trial_rows import read_rows
from harness.cost.usage import init_of
from harness.record.columns import phase_column, requests_schema
from harness.record.folder import RunFolder
from harness.record.phases import MOST_OWN, order_phases
from harness.report.console import render
from harness.report.content import content_of
from harness.report.html import as_html
from targets.serving import timeline as timelines
from targets.serving.timeline import Timeline
from tests.synthetic import MS, manifest, requests, samples, trial

NAMES = ("detector", "recogniser", "layout_model", "dictionary", "warm_up_of_gpu")


def make_run(results, parts_ms, starts=8):
    """A run of forced cold starts that all have these parts, in ms by name."""
    columns = {phase_column(name): [int(ms * MS)] * starts for name, ms in parts_ms.items()}
    table = requests([sum(parts_ms.values())] * starts, start_class=["cold"] * starts, **columns)
    assert table.schema == requests_schema(order_phases(parts_ms))
    run = RunFolder.create(results, manifest(rounds=1, trials=1))
    run.save_trial(trial(table, profile="cold"), table, samples())
    return run


def said(run, form, width=100):
    stream = io.StringIO()
    render(summarise(run), form, Console(file=stream, width=width, force_terminal=form == "text", no_color=True))
    return stream.getvalue()


@pytest.fixture
def many(tmp_path):
    """As many phases as are kept, of names that no narrow table has room for."""
    own = {f"{name}_{number}": 10.0 + number for number in range(4) for name in NAMES}
    assert len(own) == MOST_OWN
    return make_run(tmp_path, {"boot": 30.0, **own, "first_inference": 5.0, "unaccounted": 1.0}), own


def test_every_phase_is_shown_in_every_format(many):
    run, own = many
    texts = {form: said(run, form) for form in ("text", "md", "csv", "json")}
    for name in own:
        assert all(part in texts["text"] for part in name.split("_"))
        assert name.replace("_", " ") in texts["md"].replace("\\", "")
        assert f"cold_phase_{name}_ms" in texts["csv"]
    assert set(own) < set(json.loads(texts["json"])["rows"][0]["cold_phases_ms"])
    assert "left out at this width" not in texts["text"].partition("Where cold starts")[2]
    page = as_html(content_of(run))
    assert all(name.replace("_", " ") in page for name in own)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_narrow_terminal_ends_all_the_same(many, width):
    assert "Where cold starts" in said(many[0], "text", width)


def test_every_phase_is_billed_as_initialisation(many):
    run, own = many
    init_ns, unknown = init_of(read_rows(run, run.trials()[0]))
    assert init_ns.tolist() == [(30 + sum(own.values())) * MS] * 8 and not unknown.any()


@pytest.mark.parametrize(("rest_ms", "noted"), [(9.0, False), (12.0, True), (300.0, True)], ids=["9", "12", "300"])
def test_more_than_a_tenth_unaccounted_is_a_note_with_how_much_and_what_to_do(tmp_path, rest_ms, noted):
    run = make_run(tmp_path, {"boot": 40.0, "detector": 50.0, "unaccounted": rest_ms})
    notes = [note.text for note in summarise(run).rows[0].notes if note.code == "unaccounted_start"]
    assert bool(notes) == noted
    assert ("is unaccounted" in said(run, "text", 200)) == noted
    for text in notes:
        assert f"on average {rest_ms:.0f} ms of {90 + rest_ms:.0f} ms (n = 8)" in text and "with phase(" in text


class Clock:
    """A clock that a test sets."""

    def __init__(self, monkeypatch):
        self.now = 0
        monkeypatch.setattr(timelines, "now_ns", lambda: self.now)


def test_phases_in_each_other_add_up_to_the_time_they_took(monkeypatch):
    clock, timeline = Clock(monkeypatch), Timeline()
    with timeline.phase("outer"):
        clock.now = 10
        with timeline.phase("inner"):
            clock.now = 30
            with timeline.phase("outer"):
                clock.now = 35
        clock.now = 100
    assert timeline.phases_ns == {"outer": 10 + 5 + 65, "inner": 20}


def test_phases_of_several_threads_never_add_up_to_more_than_the_time_they_took():
    timeline = Timeline()
    begun = timelines.now_ns()

    def load(name):
        for _ in range(200):
            with timeline.phase(name):
                pass

    threads = [threading.Thread(target=load, args=(f"part_{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(timeline.phases_ns) == 4
    assert 0 < sum(timeline.phases_ns.values()) <= timelines.now_ns() - begun


def test_a_phase_after_the_start_is_the_invocations(monkeypatch):
    clock, timeline = Clock(monkeypatch), Timeline()
    with timeline.phase("weights"):
        clock.now = 10
        timeline.end()
        clock.now = 50
    with timeline.phase("lazy"):
        clock.now = 90
    assert timeline.phases_ns == {"weights": 10}


def test_the_innermost_phase_that_failed_is_known():
    timeline = Timeline()
    with pytest.raises(KeyError), timeline.phase("outer"), timeline.phase("inner"):
        raise KeyError
    assert timeline.failed_in == "inner"
    assert np.all(np.array(list(timeline.phases_ns.values())) >= 0)
