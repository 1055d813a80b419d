"""A run folder that somebody sends: shown as far as it holds, or refused; nothing else is read, nothing written."""

import json
import os
import shutil
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from harness.analysis.table import summarise
from harness.cli import main
from harness.errors import RecordError
from harness.record.folder import RunFolder
from harness.record.moments import start_of
from harness.record.shelf import find_run
from harness.report.console import render
from tests.property.folders import MARKER, beside, fingerprint, lines_of, link, put, small_run, watched
from tests.property.hostile import (
    RAW,
    Tally,
    alike,
    as_json,
    examples,
    mostly,
    mutated,
    outcome,
    spoiled,
    texts,
    values,
)

anything = mostly(values, texts, st.sampled_from(sorted(RAW)), share=2)
FORMS = ("text", "md", "csv", "json")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("results").resolve())


@pytest.fixture
def restored(run):
    """The run, put back as it was when a test is over."""
    manifest, lines = (run.path / "manifest.json").read_bytes(), (run.path / "trials.jsonl").read_bytes()
    yield run
    (run.path / "manifest.json").write_bytes(manifest)
    (run.path / "trials.jsonl").write_bytes(lines)


def shown(summary, form, file):
    with file.open("w+", encoding="utf-8") as stream:
        console = Console(file=stream, width=120, force_terminal=form == "text", color_system=None, highlight=False)
        render(summary, form, console)
        stream.seek(0)
        return stream.read()


def inert(text):
    """Nothing that a terminal would obey; rich itself breaks lines."""
    return all(c.isprintable() or c == "\n" for c in text)


def test_manifests(restored):
    tally = Tally("manifests")
    valid = json.loads((restored.path / "manifest.json").read_bytes())
    plain = mutated(valid).map(as_json)

    @examples(tally.name)
    @given(mostly(plain, mutated(valid, anything).map(as_json), spoiled(as_json(valid))))
    def check(data):
        put(restored, data)
        found, message = outcome(RunFolder.open, restored.path)
        tally.count(message is None or "not JSON" not in message)
        if found is not None:
            assert found.manifest.schema_ == "frostline/run/2"
            found.manifest.model_dump_json(by_alias=True)
        latest, _ = outcome(find_run, restored.path.parent.parent, "latest")
        began, _ = (None, "") if found is None else outcome(start_of, found.manifest, datetime.now(UTC))
        assert (latest is None) == (began is None), "a run of no time, or of the future, has no place in order"

    check()
    tally.check()


def test_trial_lines(restored):
    tally = Tally("trial lines")
    valid = lines_of(restored)

    @examples(tally.name)
    @given(st.integers(0, 2), mutated(valid[0], anything).map(as_json) | mutated(valid[1]).map(as_json), st.booleans())
    def check(at, line, spoil):
        lines = [json.dumps(each).encode() for each in valid]
        lines[at] = line.replace(b",", b";", 1) if spoil and at == 2 else line
        put(restored, lines=lines)
        found, message = outcome(restored.trials)
        tally.count(message is None or "Invalid JSON" not in message)
        if found is not None:
            assert all(record.attempt >= 1 for record in found)
            restored.find_damage(found[-1])

    check()
    tally.check()


LABELS = (
    *("workload", "target", "profile", "case", "problems", "warnings", "units", "generator", "starts", "seconds"),
    *("round", "order", "host_cpus", "unit_cpus", "steal_share", "scheduled", "counts"),
    *("phases", "witnessed"),
)


def test_whole_runs(restored, tmp_path):
    """Valid Parquet files under mutated lines and a mutated manifest: read to the end and shown in one format."""
    tally = Tally("whole runs")
    manifest, valid = json.loads((restored.path / "manifest.json").read_bytes()), lines_of(restored)
    labels = {name: valid[1][name] for name in LABELS}
    told = {
        name: manifest[name] for name in ("started_at", "finished_at", "notices", "targets", "rounds", "experiment")
    }
    fields, heading = mostly(alike(labels), mutated(labels)), mostly(alike(told), mutated(told))
    shown_at_all = 0

    @examples(tally.name)
    @given(fields, mostly(st.just({}), heading, share=1), st.sampled_from(FORMS))
    def check(changes, others, form):
        nonlocal shown_at_all
        put(restored, as_json(manifest | others), [as_json(each) for each in (valid[0], valid[1] | changes, valid[2])])
        summary, message = outcome(lambda: summarise(RunFolder.open(restored.path)))
        tally.count(message is None or "JSON" not in message)
        if summary is not None:
            shown_at_all += 1
            text = shown(summary, form, tmp_path / "out")
            assert inert(text.replace("\r", "?") if form != "csv" else text)
            json.dumps(summary.to_json(), allow_nan=False)

    check()
    tally.check()
    print(f"{shown_at_all} of them shown")
    assert shown_at_all >= tally.tried / 2


def test_commands(restored, monkeypatch, capsys):
    """The very command, with the printing of its errors."""
    tally = Tally("commands")
    manifest, valid = json.loads((restored.path / "manifest.json").read_bytes()), lines_of(restored)

    @examples(tally.name)
    @given(mutated(manifest, anything), mutated(valid[1], anything), st.booleans(), st.sampled_from(FORMS))
    def check(others, line, whole, form):
        put(restored, as_json(manifest if whole else others), [as_json(each) for each in (valid[0], line, valid[2])])
        monkeypatch.setattr("sys.argv", ["frostline", "show", str(restored.path), "--format", form])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        assert inert(told.out + told.err)
        assert ended.value.code in (0, 1, 2)
        assert "Traceback" not in told.err
        tally.count("JSON" not in told.err)

    check()
    tally.check()


ESCAPES = ["..", "../..", "/", "/etc/passwd", "../../outside", ".", "%2e", "a/../../b", "~", "$HOME", "C:\\x", "a\0b"]


def test_no_name_leads_out_of_the_folder(restored, tmp_path_factory):
    """Every text of a line is a path that leads to a valid run beside the folder."""
    tmp = restored.path.parent.parent
    other = beside(tmp_path_factory.mktemp("beside").resolve())
    inside = str(next((other / "requests").iterdir())).removesuffix(".1.parquet")
    valid = lines_of(restored)

    @settings(max_examples=70, derandomize=True, database=None)
    @given(
        st.sampled_from(["trial", "files", "workload", "schedule_sha256"]),
        st.sampled_from([*ESCAPES, inside, f"{inside}.1.parquet", os.path.relpath(inside, restored.path / "requests")]),
    )
    def check(field, name):
        line = valid[1] | {field: {name: "0" * 64, **valid[1]["files"]} if field == "files" else name}
        put(restored, lines=[as_json(each) for each in (valid[0], line, valid[2])])
        before = fingerprint(tmp) | fingerprint(other)
        with watched(tmp, restored.path):
            summary, _ = outcome(lambda: summarise(RunFolder.open(restored.path)))
        assert fingerprint(tmp) | fingerprint(other) == before
        assert summary is None or summary.experiment != MARKER

    check()


PLACES = ["manifest.json", "trials.jsonl", "requests", "samples", "requests/{trial}", "samples/{trial}"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", ["absolute", "relative", "twice"])
def test_no_symlink_leads_out_of_the_folder(tmp_path, place, way):
    """What it leads to is a valid file of a valid run, so that only a reader that follows it would show it."""
    tmp = tmp_path.resolve()
    run, other = small_run(tmp / "results"), beside(tmp)
    place = place.format(trial="r01.docker-lambda.steady.1.parquet")
    target = other / place
    if way == "relative":
        target = os.path.relpath(target, (run.path / place).parent)
    elif way == "twice":
        (run.path / "step").symlink_to(target)
        target = run.path / "step"
    link(run, place, target)
    before = fingerprint(tmp)
    with watched(tmp, run.path):
        summary, message = outcome(lambda: summarise(RunFolder.open(run.path)))
    assert fingerprint(tmp) == before
    if summary is None:
        assert "leads out of the run folder" in message
    else:
        assert not summary.valid
        assert any("leads out of the run folder" in problem for problem in summary.problems)
        assert MARKER not in json.dumps(summary.to_json())


def test_a_folder_is_not_made_by_asking_for_it(tmp_path):
    for name in ("latest", "x", str(tmp_path / "none"), "../x"):
        with pytest.raises(RecordError):
            find_run(tmp_path / "results", name)
    assert list(tmp_path.iterdir()) == []


def test_a_copy_is_read_as_well_as_the_original(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "copy")
    assert summarise(find_run(tmp_path, str(tmp_path / "copy"))).to_json() == summarise(run).to_json()
