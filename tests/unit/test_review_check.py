"""`review check` wakes a person for a typed number, a changed run, age or a trigger; bad input stops only itself."""

import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

import harness.review.check
from harness.commands.app import app
from harness.cost.nouns import Span
from harness.decision.decision import Scorecard
from harness.errors import UsageError
from harness.record.estimate import Estimate
from harness.review.check import check_reviews
from harness.review.file import read_review
from tests import forecasts, synthetic
from tests.unit.test_review import EXPERIMENT, FIRST, SECOND, costing, forecast_of, measured, stated

__all__ = ["stated"]


@pytest.fixture
def review(tmp_path, stated):
    """One review of a run of November, decided by a person."""
    measured(tmp_path, month="11", rounds=2)
    return decided(stated.write(tmp_path)[0])


def decided(file):
    text = file.read_text()
    for name, value in (("Decision", "keep the function"), ("Owner", "me"), ("Date", "2026-11-25")):
        text = text.replace(f"- {name}:\n", f"- {name}: {value}\n")
    file.write_text(text)
    return file


@pytest.fixture
def check(tmp_path, stated, capsys):
    """`review check`: exit code and all that is printed."""

    def run():
        code = check_reviews(tmp_path / "reviews", stated.runs(tmp_path), stated.now)
        return code, capsys.readouterr().out

    return run


@pytest.fixture
def problems(check):
    """Why `review check` refuses, after it told of the other reviews."""

    def run():
        with pytest.raises(UsageError) as caught:
            check()
        return caught.value.problems

    return run


def test_nothing_to_do(tmp_path, review, check):
    code, said = check()
    assert code == 0
    assert "ok: every number is what the run gives" in said
    assert "not tripped: requests_per_month is 2,628,000, limit 31,536,000" in said
    # What people write, and how their editor ends lines, is theirs.
    text = review.read_text().replace("<!-- yours: hours -->", "<!-- yours: hours -->\n12 hours\n\n| so | it is |")
    review.write_bytes(text.replace("\n", "  \r\n").encode())
    assert check()[0] == 0


def test_a_decision_that_nobody_took(tmp_path, review, check):
    review.write_text(review.read_text().replace("- Owner: me", "- Owner:"))
    code, said = check()
    assert code == 1
    assert "needs a person: no decision yet, not filled in: Owner\n" in said


@pytest.fixture
def two_services(tmp_path, stated, monkeypatch):
    """A decided review of a run with two services, whose traffic lies nearest to the break-even with the second."""
    monkeypatch.setitem(synthetic.TARGETS, "process-service", synthetic.TARGETS["docker-service"])
    monkeypatch.setitem(synthetic.CASES, "process-service", synthetic.CASES["docker-service"])
    measured(tmp_path, month="11", rounds=2)
    stated.costing = costing()
    cross_at(stated, 12.0, 3.0)
    return decided(stated.write(tmp_path)[0])


def cross_at(stated, docker, process):
    (crossing,) = costing().break_evens
    stated.costing.break_evens[:] = [
        replace(
            crossing,
            service=service,
            rate=Estimate(rps, rps - 0.5, rps + 0.5, 10),
            spans=[Span(0.001, rps, "docker-lambda"), Span(rps, 1000.0, service)],
        )
        for service, rps in (("docker-service", docker), ("process-service", process))
    ]


def test_a_break_even_with_one_of_two_services_is_not_read_from_the_other(tmp_path, two_services, stated, check):
    traffic, moved, _ = read_review(two_services).record.triggers
    assert (traffic.service, moved.service) == (None, "process-service")
    measured(tmp_path, SECOND, month="12", rounds=2)
    cross_at(stated, 0.5, 4.0)
    said = check()[1]
    assert "not tripped: break_even_rps is 4.00 (" in said
    cross_at(stated, 12.0, 0.5)
    assert "needs a person: tripped: break_even_rps is 0.50" in check()[1]


def in_the_first_form(file):
    """The same review as it was written before evidence had a file: its rows in the front matter, no forecast."""
    evidence = file.with_suffix(".evidence.json")
    rows = [f"- {json.dumps(figure)}" for figure in json.loads(evidence.read_text())["figures"]]
    text = file.read_text().replace("frostline/review/2", "frostline/review/1").replace("forecast: null\n", "")
    text = re.sub(r"(?m)^evidence: .*$", lambda _: "\n".join(["evidence:", *rows]), text)
    file.write_text(re.sub(r', "service": "[a-z-]+"(, "function": "[a-z-]+")?', "", text))
    evidence.unlink()
    return file


def test_a_review_in_the_first_form_whose_trigger_names_no_service_still_holds(two_services, check):
    assert check()[0] == 0
    in_the_first_form(two_services)
    code, said = check()
    assert code == 0, said
    assert "ok: every number is what the run gives; its words are not derived again" in said
    assert "not tripped: break_even_rps is 3.00" in said


def test_a_changed_figure_of_a_review_in_the_first_form_is_said(review, check):
    in_the_first_form(review)
    assert check()[0] == 0
    text = review.read_text()
    review.write_text(
        re.sub(r'"field": "cold_share", "value": [0-9.]+', '"field": "cold_share", "value": 0.5', text, count=1)
    )
    code, said = check()
    assert code == 1
    assert re.search(r"changed: E[0-9]+ is 5[0-9.]+ .*where the run gives 0", said), said


def test_what_the_first_form_called_hybrid_is_split(review, check):
    in_the_first_form(review)
    review.write_text(review.read_text().replace('"serverless"', '"hybrid"'))
    record = read_review(review).record
    assert record.primary == "split"
    assert [each.recommendation for each in record.recommendations] == ["split"]
    assert "2026-Q4_quickstart.md: split, measured" in check()[1]


def test_a_review_after_one_in_the_first_form_takes_its_figures_from_it(tmp_path, review, stated, check):
    in_the_first_form(review)
    stated.now = datetime(2027, 1, 5, tzinfo=UTC)
    measured(tmp_path, SECOND, month="12", rounds=2, seed=5)
    second = decided(stated.write(tmp_path, SECOND, review)[0])
    assert "| echo, docker-service, steady: " in second.read_text() or "Within the margin" in second.read_text()
    assert check()[0] == 0


def test_a_changed_evidence_file_is_said(review, check):
    evidence = review.with_suffix(".evidence.json")
    evidence.write_text(evidence.read_text().replace('"value": 0.0', '"value": 0.01', 1))
    code, said = check()
    assert code == 1
    assert f"changed: {evidence.name} is not the evidence that the review was written with" in said
    assert "edited by hand" not in said


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (None, "No such file or directory"),
        (b"", "is no JSON"),
        (b"\xff", "is no JSON"),
        (b'{"schema": "frostline/evidence/2", "figures": 3}', "schema: "),
        (b'{"figures": [{"id": "E1", "value": NaN}]}', "NaN is no number"),
    ],
    ids=["gone", "empty", "binary", "newer", "nan"],
)
def test_evidence_that_cannot_be_read_is_refused_and_names_its_file(review, problems, data, why):
    evidence = review.with_suffix(".evidence.json")
    evidence.unlink() if data is None else evidence.write_bytes(data)
    lines = problems()
    assert all(line.startswith(str(evidence)) for line in lines)
    assert any(why in line for line in lines), lines


def test_a_review_cites_no_other_file_as_its_evidence(review, problems):
    text = review.read_text()
    review.write_text(text.replace('{"file": "2026-Q4_quickstart.evidence.json"', '{"file": "other.json"'))
    assert any("'other.json' is not accepted: 2026-Q4_quickstart.evidence.json is" in line for line in problems())


def test_two_recommendations_for_one_workload_say_their_pairs(tmp_path, stated, check, monkeypatch):
    cards = [
        Scorecard("echo", [], advice, ["it is cheap"], [], "docker-service", function)
        for function, advice in (("docker-lambda", "serverless"), ("process-lambda", "container"))
    ]
    decide = stated.decide
    monkeypatch.setattr(stated, "decide", lambda run: replace(decide(run), cards=cards))
    measured(tmp_path, month="11", rounds=2)
    review = decided(stated.write(tmp_path)[0])
    said = read_review(review).record.recommendations
    assert [(each.service, each.function, each.recommendation) for each in said] == [
        ("docker-service", "docker-lambda", "serverless"),
        ("docker-service", "process-lambda", "container"),
    ]
    assert check()[0] == 0
    whole = review.read_text()
    cards.pop()
    assert "edited by hand" in check()[1]
    # A review from before they did is read as it was written.
    review.write_text(whole)
    in_the_first_form(review)
    code, words = check()
    assert code == 0, words


def test_a_review_of_three_forms_states_the_answer_over_all_of_them(tmp_path, stated, check, monkeypatch):
    pairs = [("lambda", "service", "lambda"), ("hybrid", "service", None), ("lambda", "hybrid", "lambda")]
    cards = [
        Scorecard(
            "echo", [], "serverless" if chosen else "cannot decide yet", [], [], service, function, ["it is cheap"]
        )
        for function, service, chosen in pairs
    ]
    cards = [
        replace(card, chosen=chosen, has_hybrid="hybrid" in card.pair)
        for card, (_, _, chosen) in zip(cards, pairs, strict=True)
    ]
    decide = stated.decide
    monkeypatch.setattr(stated, "decide", lambda run: replace(decide(run), cards=cards))
    measured(tmp_path, month="11", rounds=2)
    file, text, written = stated.write(tmp_path)
    assert written.record.primary == "serverless"
    assert "- echo, hybrid, lambda or service: serverless (lambda)\n- against service: it is cheap; against" in text
    decided(file)
    assert check()[0] == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rounds: 2", "rounds: 20"),
        ("**serverless**", "**container**"),
        ("## Scorecard", "The cost of 1,000 good answers is 3 USD.\n\n## Scorecard"),
        ('primary: "serverless"', 'primary: "container"'),
        ("- Status: proposed\n<!-- end -->", "- Status: proposed\n<!-- end -->\nMore of mine."),
        ("<!-- yours: hours -->\n<!-- end -->\n", ""),
    ],
)
def test_an_edited_line_is_said(tmp_path, review, old, new, check):
    text = review.read_text()
    assert old in text
    changed = text.replace(old, new, 1)
    review.write_text(changed)
    number = next(n for n, (a, b) in enumerate(zip(text.split("\n"), changed.split("\n"), strict=False), 1) if a != b)
    code, said = check()
    assert code == 1
    assert f"edited by hand: line {number}: " in said
    assert "ok: every number" not in said


def test_nobody_is_accused_of_what_another_version_of_frostline_derives(tmp_path, review, check, monkeypatch):
    monkeypatch.setattr(harness.review.check, "__version__", "9.0")
    assert check()[0] == 0
    text = review.read_text()
    review.write_text(text.replace("**serverless**", "**container**"))
    code, said = check()
    assert code == 1
    assert "edited by hand" not in said
    assert "other text is derived now (written by 0.2.0.dev0, this is 9.0), so an edit by hand could not" in said
    assert "ok: every number" not in said


def test_a_changed_run_is_said(tmp_path, review, check):
    run = tmp_path / "runs" / FIRST
    data = next((run / "requests").iterdir())
    whole = data.read_bytes()
    data.write_bytes(whole[:-1])
    code, said = check()
    assert code == 1
    assert f"changed: run {FIRST}: requests/{data.name}" in said
    data.write_bytes(whole)
    lines = run / "trials.jsonl"
    lines.write_text(lines.read_text().replace('"host_cpus":4.0', '"host_cpus":5.0', 1))
    code, said = check()
    assert code == 1
    assert f"changed: run {FIRST} is not the one that was measured" in said


def test_a_forecast_that_was_made_anew_is_said_and_nobody_is_accused(tmp_path, stated, check):
    run = measured(tmp_path, month="11", rounds=2)
    forecast_of(run)
    decided(stated.write(tmp_path)[0])
    assert check()[0] == 0
    forecast_of(run, latency_p50_ms=forecasts.figure(1.0))
    code, said = check()
    assert code == 1
    assert "changed: the run was forecast anew since: forecast.json is not the one that the review cites" in said
    assert "edited by hand:" not in said
    (run.path / "forecast.json").unlink()
    assert "changed: the run has no forecast any more" in check()[1]


def test_other_prices_are_no_forgery(tmp_path, review, stated, check):
    stated.costing = costing(rate=13.0)
    code, said = check()
    assert code == 1
    assert "changed: the costing gives other figures now (another version of Frostline" in said
    assert "capacity" not in said


def test_age_and_triggers_are_of_the_newest_run(tmp_path, review, stated, check):
    stated.now = datetime(2027, 2, 20, tzinfo=UTC)
    busier = {**EXPERIMENT, "expected": {"requests_per_month": 60_000_000}}
    measured(tmp_path, SECOND, month="12", rounds=1, experiment=busier)
    code, said = check()
    assert code == 1
    assert "stale: measured 108 days ago" in said
    assert "tripped: requests_per_month is 60,000,000, limit 31,536,000" in said
    assert f"frostline review new {SECOND} --previous" in said


def test_two_reviews_that_point_the_same_way(tmp_path, review, stated, check):
    review.write_text(review.read_text().replace("keep the function", ""))
    stated.now = datetime(2027, 1, 5, tzinfo=UTC)
    measured(tmp_path, SECOND, month="12", rounds=2, seed=5)
    second = stated.write(tmp_path, SECOND, review)[0]
    code, said = check()
    assert code == 1
    assert "enough signal to migrate: serverless in 2026-Q4 and in 2027-Q1" in said
    assert said.count("no decision yet") == 1  # the first is superseded
    decided(second)
    assert check()[0] == 0
    review.write_text(review.read_text().replace("**serverless**", "**hybrid**", 1))
    code, said = check()
    assert code == 1
    assert "enough signal" not in said
    assert "changed: the previous review" in said


def test_bad_input_is_refused_with_every_problem(tmp_path, review, problems):
    text = review.read_text()
    bad = review.with_name("2026-Q3_bad.md")
    bad.write_text(text.replace('primary: "serverless"', "primary: mine").replace("rounds: 2", "rounds: two"))
    review.with_name("2026-Q3_worse.md").write_text("# no front matter")
    review.with_name("2026-Q3_alias.md").write_text(text.replace("previous: null", "previous: &a [*a]"))
    lines = problems()
    assert len(lines) == 4
    assert any("primary: 'mine' is not accepted" in line for line in lines)
    assert any("rounds: 'two' is not accepted" in line for line in lines)
    assert any("an alias is not accepted" in line for line in lines)


def test_a_missing_run_and_a_renamed_file(tmp_path, review, problems):
    renamed = review.rename(review.with_name("2026-Q4_other.md"))
    (line,) = problems()
    assert "give the file its name back" in line
    renamed.rename(review)
    (tmp_path / "runs" / FIRST).rename(tmp_path / "gone")
    (line,) = problems()
    assert f"run {FIRST} is not in" in line


def test_a_folder_without_reviews(tmp_path, problems):
    (line,) = problems()
    assert "holds no review" in line
    (tmp_path / "reviews").mkdir()
    os.mkfifo(tmp_path / "reviews" / "pipe.md")
    (line,) = problems()
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


def test_a_run_and_a_measurement_of_the_future_are_told_and_hold_nothing_up(tmp_path, review, stated, check):
    measured(tmp_path, SECOND, month="12", rounds=1)
    said = check()[1]
    assert "not considered: run " + SECOND in said and "lies in the future" in said
    assert "measured again since" not in said
    stated.now = datetime(2026, 10, 1, tzinfo=UTC)
    assert "lies in the future: set this machine's clock" in check()[1]


def test_an_odd_file_spoils_no_other_review(tmp_path, review, check, capsys):
    odd = {"binary.md": b"\x00\xff", "empty.md": b"", "bom.md": b"\xef\xbb\xbf---\r\n---\r\n"}
    for name, text in odd.items():
        (review.parent / name).write_bytes(text)
    (review.parent / "folder.md").mkdir()
    os.mkfifo(review.parent / "fifo.md")
    with pytest.raises(UsageError) as told:
        check()
    assert "ok: every number is what the run gives" in capsys.readouterr().out
    assert {Path(problem.split(": ")[0]).name for problem in told.value.problems} == {*odd, "folder.md", "fifo.md"}
