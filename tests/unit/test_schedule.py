"""The schedule file, what is due, and the changelog: pure, with made-up manifests."""

import io
import json
import re
from datetime import UTC, datetime

import pytest
import yaml
from rich.console import Console

from harness.clock import Quarter
from harness.errors import RecordError, UsageError
from harness.experiment.question import read_experiment
from harness.record.folder import RunFolder
from harness.schedule.changelog import NAME, ask_why, change_since, field_changes
from harness.schedule.due import show, standing
from harness.schedule.plan import Moment, Plan, as_written, read_plan
from tests.synthetic import manifest

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
QUICK = read_experiment("quickstart")


def plan_file(folder, **fields):
    path = folder / "frostline-schedule.yaml"
    path.write_text(yaml.safe_dump({"schema": "frostline/schedule/1", "experiments": ["quickstart"], **fields}))
    return path


def measured(run, started_at, **changes):
    given = {"experiment": QUICK.model_dump(mode="json"), "experiment_sha256": QUICK.sha256()}
    return manifest(run=run, started_at=started_at, **{**given, **changes})


def test_every_problem_of_a_schedule_is_told_at_once(tmp_path):
    folder = tmp_path / "a-folder-of-a-user" / "with-a-long-way-to-what-is-not-there"
    folder.mkdir(parents=True)
    (folder / "bad.yaml").write_text("name: UPPER\nrounds: 0\nquestion: q\nworkloads: [echo]\ntargets: [nowhere]\n")
    with pytest.raises(UsageError) as output:
        read_plan(plan_file(folder, experiments=["nothing", "bad.yaml", "quickstart", "quickstart"]))
    message = str(output.value)
    assert "nothing' is neither a file nor one of" in message
    assert "two are called quickstart" in message
    assert all(part in message for part in ("name: 'UPPER'", "rounds: 0", "'nowhere' is not one of"))


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"schema": "frostline/schedule/2"}, "schema"),
        ({"experiments": []}, "experiments"),
        ({"moment": {"minute": 0}}, "moment.minute: 0"),
        ({"moment": {"day": 31}}, "moment.day: 31"),
        ({"every": "week"}, "every: 'week' is not accepted: there is no such field"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused_by_field_and_value(tmp_path, fields, part):
    with pytest.raises(UsageError, match=part.replace("(", r"\(")):
        read_plan(plan_file(tmp_path, **fields))


def test_a_written_schedule_is_read_back_and_holds_no_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text("like: quickstart\nname: own\n")
    (tmp_path / "plans").mkdir()
    file = tmp_path / "plans" / "schedule.yaml"
    Plan(experiments=as_written(["quickstart", str(tmp_path / "own.yaml")], file)).write(file)
    assert str(tmp_path) not in file.read_text()
    assert "../own.yaml" in file.read_text()
    plan, experiments = read_plan(file)
    assert [experiment.name for experiment in experiments] == ["quickstart", "own"]
    assert plan.moment.cron == "17 6 1 1,4,7,10 *"


@pytest.mark.parametrize(
    ("moment", "quarter", "following"),
    [
        ("2026-01-01T00:00:00+00:00", "2026-Q1", "2026-Q2"),
        ("2026-03-31T23:59:59+00:00", "2026-Q1", "2026-Q2"),
        ("2026-04-01T00:00:00+00:00", "2026-Q2", "2026-Q3"),
        ("2026-12-31T23:59:59+00:00", "2026-Q4", "2027-Q1"),
    ],
)
def test_quarters_begin_and_end_with_their_months(moment, quarter, following):
    found = Quarter.of(datetime.fromisoformat(moment))
    assert (str(found), str(found.next)) == (quarter, following)
    assert found.next.month == {"1": 1, "2": 4, "3": 7, "4": 10}[following[-1]]


def test_only_a_finished_run_of_this_quarter_that_is_no_anchor_is_one():
    summer = measured("a", "2026-08-01T06:17:00+00:00")
    unfinished = measured("b", "2026-10-01T06:17:00+00:00", finished_at=None)
    anchor = measured("c", "2026-10-02T06:17:00+00:00", anchor={"run": "a"})
    other = measured("d", "2026-10-03T06:17:00+00:00", experiment={"name": "other"})
    nonsense = measured("e", "tomorrow")
    # In another time zone it is October already.
    late = measured("f", "2026-10-01T01:00:00+05:00")
    stand = standing("quickstart", [other, anchor, unfinished, late, nonsense, summer], NOW)
    assert stand.due
    assert stand.last is late
    assert stand.previous is late
    assert stand.anchor is anchor
    now = measured("g", "2026-10-05T06:17:00")
    stand = standing("quickstart", [now, late, anchor], NOW)
    assert not stand.due
    assert stand.last is now
    assert stand.previous is late
    assert standing("quickstart", [now], NOW).previous is now
    assert standing("quickstart", [], NOW).due


def test_a_run_of_the_future_holds_up_no_quarter(tmp_path):
    ahead = measured("ahead", "2031-02-01T00:00:00+00:00")
    summer = measured("a", "2026-08-01T06:17:00+00:00")
    stand = standing("quickstart", [ahead, summer], NOW)
    assert stand.due
    assert stand.last is summer
    RunFolder.create(tmp_path, ahead)
    stream = io.StringIO()
    show(plan_file(tmp_path), tmp_path, Console(file=stream), NOW)
    assert "quickstart: never measured; due now" in stream.getvalue()
    told = [line for line in stream.getvalue().splitlines() if "run ahead: started_at: '2031" in line]
    assert len(told) == 1 and "in the future" in told[0]


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-10-01T06:17:00+00:00", False),
        ("2026-10-15T06:16:59+00:00", False),
        ("2026-10-15T02:16:59-04:00", False),
        ("2026-10-15T06:17:00+00:00", True),
        ("2026-12-31T23:59:59+00:00", True),
        ("2027-01-01T00:00:00+00:00", False),
    ],
)
@pytest.mark.parametrize("stored", [[], ["2026-07-15T06:17:10+00:00"]], ids=["never-measured", "measured-last-quarter"])
def test_nothing_is_due_before_the_moment_of_the_quarter_and_a_missed_moment_is_caught_up(stored, now, due):
    moment, now = Moment(day=15), datetime.fromisoformat(now).astimezone(UTC)
    stand = standing("quickstart", [measured("r", at) for at in stored], now, moment)
    assert stand.due is due
    done = measured("done", now.isoformat())
    assert not standing("quickstart", [done], now, moment).due


def test_show_says_from_when_on_it_is_due(tmp_path):
    plan = plan_file(tmp_path, moment={"day": 28, "hour": 23, "minute": 59})
    stream = io.StringIO()
    show(plan, tmp_path, Console(file=stream), datetime(2026, 10, 28, 23, 58, tzinfo=UTC))
    assert "quickstart: never measured; due 2026-10-28 23:59 UTC, and then it has no anchor" in stream.getvalue()


def test_a_change_names_the_fields_that_make_another_experiment_and_no_others():
    before = QUICK.model_dump(mode="json")
    after = json.loads(json.dumps(before)) | {"rounds": 10, "expected": {"requests_per_month": 9.0, "peak_to_mean": 1}}
    after["profiles"][0]["parameters"]["rate"] = 9
    del after["margin"]  # at its default, as an older Frostline would have stored it that had no such field
    assert list(field_changes(before, after)) == [("profiles.0.parameters.rate", 4, 9), ("rounds", 3, 10)]
    assert change_since(None, QUICK) is None
    assert change_since(measured("a", "2026-08-01T06:17:00+00:00"), QUICK) is None


def test_what_a_run_folder_says_is_harmless_in_the_changelog_and_no_folder_of_the_users_is_told():
    experiment = QUICK.model_dump(mode="json") | {
        "question": "<script>alert(1)</script> ![x](http://evil) \x1b[31m\n## quickstart 000000000000 -> 111111111111",
        "rounds\n# x": 1,
    }
    experiment["workloads"][0]["model_dir"] = "/somebody/else/private/model"
    experiment["zzz"] = {str(number): number for number in range(100)}
    change = change_since(measured("a", "2026-08-01T06:17:00+00:00", experiment=experiment), QUICK)
    assert change is not None
    assert "script" in change.entry
    assert "\x1b" not in change.entry
    assert re.findall(r"(?<!\\)[<\[\]]", change.entry) == []
    assert "/somebody" not in change.entry
    assert "private" not in change.entry
    assert "model" in change.entry
    assert change.entry.count("\n## ") == 1
    assert "more" in change.entry
    assert len(change.lines) == 41


def test_a_reason_is_asked_for_until_somebody_gives_one(tmp_path):
    experiment = QUICK.model_copy(update={"rounds": 10})
    change = change_since(measured("a", "2026-08-01T06:17:00+00:00"), experiment)
    assert change is not None
    assert change.lines == ("rounds: 3 -\\> 10",)
    file = tmp_path / NAME
    assert len(ask_why(tmp_path, [change], ["quickstart"])) == 1
    first = file.read_text()
    assert change.heading in first
    assert len(ask_why(tmp_path, [change], ["quickstart"])) == 1
    assert file.read_text() == first
    assert ask_why(tmp_path, [change], ["other"]) == []
    file.write_text(first.replace("Why:", "Why: <!-- nobody knows -->"))
    assert ask_why(tmp_path, [], ["quickstart"])
    file.write_text(first + "\n## Notes of our own\n\nWhy: because\n")
    assert ask_why(tmp_path, [], ["quickstart"]), "a reason given elsewhere is none"
    file.write_text(first.replace("Why:", "Why: three rounds allowed no verdict"))
    assert ask_why(tmp_path, [change], ["quickstart"]) == []
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not readable text"):
        ask_why(tmp_path, [change], ["quickstart"])
    assert file.read_bytes() == b"\xff\xfe"


def test_show_tells_what_is_due_and_what_needs_a_person(tmp_path):
    plan = plan_file(tmp_path, experiments=["quickstart", "baseline", "semantic-search"])
    old = QUICK.model_dump(mode="json") | {"question": "\x1b[2J"}
    first = {"run": "r1", "started_at": "2026-08-01T06:17:00+00:00", "experiment": old, "experiment_sha256": "a" * 64}
    baseline = {"experiment": {"name": "baseline"}, "experiment_sha256": read_experiment("baseline").sha256()}
    RunFolder.create(tmp_path, measured(**first))
    RunFolder.create(tmp_path, measured("r2", "2026-10-02T06:17:00+00:00", **baseline))
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "manifest.json").write_text("{}")
    stream = io.StringIO()
    show(plan, tmp_path, Console(file=stream), NOW)
    output = stream.getvalue()
    assert "quickstart: due now; last run r1 (2026-08-01)" in output
    assert "baseline: measured in 2026-Q4, due again 2027-01-01; last run r2" in output
    assert "semantic-search: never measured; due now" in output
    assert "its definition changed since then" in output
    assert "NEEDS YOU" in output
    assert "say why" in output
    assert "not considered" in output
    assert "\x1b" not in output
    assert "question" in (tmp_path / NAME).read_text()
    with pytest.raises(RecordError):
        RunFolder.open(tmp_path / "runs" / "broken")
