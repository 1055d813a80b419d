"""Names and messages from elsewhere, in every format: seen, and without effect."""

import csv
import io
import json
import re

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.analysis.table import summarise
from harness.record.folder import RunFolder
from harness.report.console import render
from tests.property.folders import lines_of, put, small_run
from tests.property.hostile import LEAST, NASTY, TOTAL, Tally, as_json, examples

names = st.sampled_from([name for name in NASTY if len(name) < 200 and name != "\ud800"]) | st.text(max_size=15)


def told(summary, form):
    stream = io.StringIO()
    render(summary, form, Console(file=stream, width=140, force_terminal=form == "text", color_system=None))
    return stream.getvalue()


def unescaped(markdown):
    """Without what a backslash makes a plain character."""
    return re.sub(r"\\[!-/:-@\[-`{-~]", "", markdown)


def check_markdown(text):
    own = re.sub(r"(?m)^\|? ?\*\*[A-Z][\w ]+\*\*$|^#{2,3} |^- ", "", text)
    bare = unescaped(own)
    assert not set("<>`[]$&~\x1b") & set(bare)
    assert "://" not in bare and "www." not in bare.lower()
    for part in text.split("\n\n"):
        if part.startswith("| "):
            rows = part.split("\n")
            assert len({unescaped(row).count("|") for row in rows}) == 1
            assert all(row.startswith("| ") and row.endswith(" |") for row in rows)


def check_csv(text):
    rows = list(csv.reader(io.StringIO(text)))
    assert len({len(row) for row in rows}) == 1
    for value in (value for row in rows for value in row):
        if value.lstrip()[:1] in ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"):
            float(value)
        assert value.isprintable()


def test_names(tmp_path_factory):
    tally = Tally("names")
    run = small_run(tmp_path_factory.mktemp("results").resolve())
    heading, valid = json.loads((run.path / "manifest.json").read_bytes()), lines_of(run)

    @examples(tally.name)
    @given(st.lists(names, min_size=7, max_size=7), st.lists(names, min_size=2, max_size=2, unique=True))
    def check(given, targets):
        workload, warning, key, setting, notice, problem, experiment = given
        common = {"workload": workload, "warnings": [warning], "case": {key: setting, "rate": 5}}
        changes = [{"target": targets[0]}, {"target": targets[1]}, {"target": targets[0], "problems": [problem]}]
        told_by = {"workers": 1, "timer": warning, "priority": "real-time"}
        lines = [old | common | new | {"generator": told_by} for old, new in zip(valid, changes, strict=True)]
        put(run, as_json(heading | {"experiment": {"name": experiment}, "notices": [notice]}), map(as_json, lines))
        summary = summarise(RunFolder.open(run.path))
        for form in ("text", "md", "csv", "json"):
            text = told(summary, form)
            assert all(c.isprintable() or c == "\n" for c in text)
            if form == "md":
                check_markdown(text)
            elif form == "csv":
                check_csv(text)
            elif form == "json":
                assert json.loads(text)["experiment"] == experiment
        tally.count(parsed=True)

    check()
    tally.check()


def test_a_session_tries_enough():
    """Each test asks its own share of itself; together they are this many."""
    tried, parsed = map(sum, zip(*LEAST.values(), strict=True))
    assert tried >= TOTAL
    assert parsed >= tried / 2
