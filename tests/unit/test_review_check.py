"""`review check` wakes a person for a typed number, a changed run, age, a tripped trigger; malformed input stops it."""

import os
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from harness.commands.app import app
from harness.errors import UsageError
from harness.review.checking import check_reviews
from tests.unit.test_review import EXPERIMENT, FIRST, SECOND, costing, measured, stated, written

__all__ = ["stated"]


@pytest.fixture
def review(tmp_path, stated):
    """One review of a run of November, decided by a person."""
    measured(tmp_path, month="11", rounds=2)
    return decided(written(tmp_path)[0])


def decided(file):
    text = file.read_text()
    for name, value in (("Decision", "keep the function"), ("Owner", "me"), ("Date", "2026-11-25")):
        text = text.replace(f"- {name}:\n", f"- {name}: {value}\n")
    file.write_text(text)
    return file


def checked(results, capsys):
    code = check_reviews(results / "reviews", results)
    return code, capsys.readouterr().out


def refused(results, capsys):
    with pytest.raises(UsageError) as caught:
        check_reviews(results / "reviews", results)
    assert capsys.readouterr().out == ""
    return caught.value.problems


def test_nothing_to_do(tmp_path, review, capsys):
    code, told = checked(tmp_path, capsys)
    assert code == 0
    assert "ok: every number is what the run gives" in told
    assert "not tripped: expected_rps is 1.00, limit 12.0" in told
    # What people write, and how their editor ends lines, is theirs.
    text = review.read_text().replace("<!-- yours: hours -->", "<!-- yours: hours -->\n12 hours\n\n| so | it is |")
    review.write_bytes(text.replace("\n", "  \r\n").encode())
    assert checked(tmp_path, capsys)[0] == 0


def test_a_decision_that_nobody_took(tmp_path, review, capsys):
    review.write_text(review.read_text().replace("- Owner: me", "- Owner:"))
    code, told = checked(tmp_path, capsys)
    assert code == 1
    assert "needs a person: no decision yet, not filled in: Owner\n" in told


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"value": 0.0, ', '"value": 0.01, '),
        ("**serverless**", "**container**"),
        ("## Scorecard", "The cost of 1,000 good answers is 3 USD.\n\n## Scorecard"),
        ('primary: "serverless"', 'primary: "container"'),
        ("- Status: proposed\n<!-- end -->", "- Status: proposed\n<!-- end -->\nMore of mine."),
        ("<!-- yours: hours -->\n<!-- end -->\n", ""),
    ],
)
def test_an_edited_line_is_told(tmp_path, review, capsys, old, new):
    text = review.read_text()
    assert old in text
    changed = text.replace(old, new, 1)
    review.write_text(changed)
    number = next(n for n, (a, b) in enumerate(zip(text.split("\n"), changed.split("\n"), strict=False), 1) if a != b)
    code, told = checked(tmp_path, capsys)
    assert code == 1
    assert f"edited by hand: line {number}: " in told
    assert "ok: every number" not in told


def test_a_changed_run_is_told(tmp_path, review, capsys):
    run = tmp_path / "runs" / FIRST
    data = next((run / "requests").iterdir())
    whole = data.read_bytes()
    data.write_bytes(whole[:-1])
    code, told = checked(tmp_path, capsys)
    assert code == 1
    assert f"changed: run {FIRST}: requests/{data.name}" in told
    data.write_bytes(whole)
    lines = run / "trials.jsonl"
    lines.write_text(lines.read_text().replace('"host_cpus":4.0', '"host_cpus":5.0', 1))
    code, told = checked(tmp_path, capsys)
    assert code == 1
    assert f"changed: run {FIRST} is not the one that was measured" in told


def test_other_prices_are_no_forgery(tmp_path, review, capsys, stated):
    stated["costing"] = costing(rate=13.0)
    code, told = checked(tmp_path, capsys)
    assert code == 1
    assert "changed: the costing gives other figures now" in told


def test_age_and_triggers_are_of_the_newest_run(tmp_path, review, capsys, stated):
    stated["now"] = datetime(2027, 2, 20, tzinfo=UTC)
    busier = {**EXPERIMENT, "expected": {"requests_per_month": 60_000_000}}
    measured(tmp_path, SECOND, month="12", rounds=1, experiment=busier)
    code, told = checked(tmp_path, capsys)
    assert code == 1
    assert "stale: measured 108 days ago" in told
    assert "tripped: expected_rps is 22.8, limit 12.0" in told
    assert f"frostline review new {SECOND} --previous" in told


def test_two_reviews_that_point_the_same_way(tmp_path, review, capsys, stated):
    review.write_text(review.read_text().replace("keep the function", ""))
    stated["now"] = datetime(2027, 1, 5, tzinfo=UTC)
    measured(tmp_path, SECOND, month="12", rounds=2, seed=5)
    second = written(tmp_path, SECOND, review)[0]
    code, told = checked(tmp_path, capsys)
    assert code == 1
    assert "enough signal to migrate: serverless in 2026-Q4 and in 2027-Q1" in told
    assert told.count("no decision yet") == 1  # the first is superseded
    decided(second)
    assert checked(tmp_path, capsys)[0] == 0
    review.write_text(review.read_text().replace("**serverless**", "**hybrid**", 1))
    code, told = checked(tmp_path, capsys)
    assert code == 1
    assert "enough signal" not in told
    assert "changed: the previous review" in told


def test_bad_input_is_refused_with_every_problem(tmp_path, review, capsys):
    text = review.read_text()
    bad = review.with_name("2026-Q3_bad.md")
    bad.write_text(text.replace('primary: "serverless"', "primary: mine").replace("rounds: 2", "rounds: two"))
    review.with_name("2026-Q3_worse.md").write_text("# no front matter")
    review.with_name("2026-Q3_alias.md").write_text(text.replace("previous: null", "previous: &a [*a]"))
    problems = refused(tmp_path, capsys)
    assert len(problems) == 4
    assert any("primary: 'mine' is not accepted" in line for line in problems)
    assert any("rounds: 'two' is not accepted" in line for line in problems)
    assert any("an alias is not accepted" in line for line in problems)


def test_a_missing_run_and_a_renamed_file(tmp_path, review, capsys):
    renamed = review.rename(review.with_name("2026-Q4_other.md"))
    (line,) = refused(tmp_path, capsys)
    assert "give the file its name back" in line
    renamed.rename(review)
    (tmp_path / "runs" / FIRST).rename(tmp_path / "gone")
    (line,) = refused(tmp_path, capsys)
    assert f"run {FIRST} is not in" in line


def test_a_folder_without_reviews(tmp_path, capsys):
    (line,) = refused(tmp_path, capsys)
    assert "holds no review" in line
    (tmp_path / "reviews").mkdir()
    os.mkfifo(tmp_path / "reviews" / "pipe.md")
    (line,) = refused(tmp_path, capsys)
    assert "not an ordinary file" in line


def test_by_the_commands_and_the_real_money(tmp_path):
    measured(tmp_path, month="11", rounds=2)
    unreadable = tmp_path / "runs" / SECOND
    unreadable.mkdir()
    (unreadable / "manifest.json").write_text("{")
    done = CliRunner().invoke(app, ["review", "new", "latest", "--name", "mine", "--results", str(tmp_path)])
    assert (done.exit_code, done.exception) == (0, None)
    done = CliRunner().invoke(app, ["review", "check", "--results", str(tmp_path)])
    assert done.exit_code == 1
    assert "1 review, 1 of them needs a person" in done.stdout
    assert "ok: every number is what the run gives" in done.stdout
