"""Why answers were not good stands where a person looks: under the trial's line, in the table, in every format."""

import io
import json

import pytest
from rich.console import Console

from harness.analysis.table import summarise
from harness.measure.watchers import closing_line
from harness.record.folder import RunFolder
from harness.record.nouns import Outcome, Reason, TrialRecord
from harness.record.reasons import reasons_of
from harness.report.console import render
from harness.report.content import content_of
from harness.report.html import as_html
from harness.report.markdown import as_markdown
from tests.synthetic import manifest, requests, samples, trial

CV2 = "ModuleNotFoundError: No module named 'cv2' in load(), phase imports"


def table_of(*errors):
    """A row per (outcome, error)."""
    outcomes, texts = zip(*errors, strict=True)
    return requests([5.0] * len(errors), outcome=list(outcomes), error=list(texts))


def told(*errors):
    return [str(reason) for reason in reasons_of(table_of(*errors))]


def test_the_most_frequent_reason_comes_first_and_right_answers_have_none():
    rows = [("ok", None), ("failed", "b"), ("failed", "a"), ("failed", "b"), ("wrong", "wrong answer: no cat")]
    assert told(*rows) == ["2 x b", "1 x a", "1 x wrong answer: no cat"]


def test_reasons_that_differ_in_ids_and_durations_alone_are_one():
    one, other = "sandbox 0001 ended after 1.25 s at 0x7f3a", "sandbox 0002 ended after 3.5 s at 0x81bb"
    request = "RequestId: 0e4d0d7c-5f37-4d40-8b57-7d1c0a9b1f{} Error: exit status 3"
    rows = [("failed", one), ("failed", other), ("failed", request.format("aa")), ("failed", request.format("bb"))]
    assert told(*rows) == [f"2 x {one}", f"2 x {request.format('aa')}"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HTTP 503", "HTTP 500"),
        ("the process ended with exit status 137", "the process ended with exit status 1"),
        ("killed by signal 9", "killed by signal 11"),
        ("OSError: [Errno 24] Too many open files", "OSError: [Errno 2] No such file"),
        ("wrong answer: class 3 instead of 7", "wrong answer: class 5 instead of 1"),
        ("[ONNXRuntimeError] : 2 : bad input", "[ONNXRuntimeError] : 6 : bad input"),
        ("expected 128 positions", "expected 512 positions"),
    ],
    ids=["status", "exit", "signal", "errno", "class", "code", "shape"],
)
def test_numbers_that_say_what_happened_are_never_one(one, other):
    assert told(("failed", other), ("failed", one), ("failed", one)) == [f"2 x {one}", f"1 x {other}"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("replica 0001 did not answer", "replica 0017 did not answer"),
        ("Sandbox 0012 died", "Sandbox 0101 died"),
        ("container 4f2a9c0d1e77 is gone", "container b81c22d90a3e is gone"),
        ("took 1,250 ms", "took 980 ms"),
        ("took 30s", "took 31.5s"),
        ("after 1 second", "after 2.5 seconds"),
        ("<Model at 0x7F3A>", "<Model at 0x81bb>"),
        ("id 0E4D0D7C-5F37-4D40-8B57-7D1C0A9B1FAA", "id 0e4d0d7c-5f37-4d40-8b57-7d1c0a9b1fbb"),
    ],
    ids=["replica", "sandbox", "container", "ms", "s", "seconds", "address", "uuid"],
)
def test_a_merged_reason_is_told_in_its_commonest_words(one, other):
    assert told(("failed", other), ("failed", one), ("failed", one)) == [f"3 x {one}"]


def test_the_same_words_under_two_outcomes_are_two_reasons():
    assert told(("failed", "late"), ("timed_out", "late")) == ["1 x late", "1 x late"]


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.OK], ids=str)
def test_a_row_without_words_of_its_own_has_a_reason_too(outcome):
    (reason,) = reasons_of(table_of((outcome.value, None)))
    assert reason.outcome is outcome and reason.reason


def test_a_strangers_message_is_one_short_harmless_line():
    text = "Traceback:\n  line\x1b[31m\u202e " + "x" * 5000
    (reason,) = reasons_of(table_of(("failed", text)))
    assert len(reason.reason) <= 300 and reason.reason.isprintable()


def test_at_most_twenty_reasons_are_kept():
    rows = [("failed", f"reason {letter}") for letter in "abcdefghijklmnopqrstuvwxyz"]
    assert len(reasons_of(table_of(*rows))) == 20


@pytest.mark.parametrize(("kinds", "words"), [(19, "2 x a"), (20, "at least 2 x a")], ids=["all", "perhaps not all"])
def test_a_count_that_may_be_short_says_at_least(tmp_path, kinds, words):
    rows = [("failed", "a"), *(("failed", "abcdefghijklmnopqrstuvwxyz"[number]) for number in range(kinds))]
    assert f"the commonest reason: {words}" in said(make_run(tmp_path, ("ok", None), *rows), "text")


def test_the_commonest_reason_over_trials_is_counted_over_more_than_five_kinds_of_each(tmp_path):
    """In each trial others come first, but over both this one does."""
    run = RunFolder.create(tmp_path, manifest(rounds=2, trials=2))
    for number, letters in ((1, "abcdef"), (2, "ghijkl")):
        rows = [("failed", letter) for letter in letters for _ in range(5)] + [("failed", "common")] * 4
        table = table_of(("ok", None), *rows)
        run.save_trial(trial(table, f"r0{number}.x", round=number, reasons=reasons_of(table)), table, samples())
    assert str(summarise(run).rows[0].reasons[0]) == "8 x common"


def test_a_stored_trial_without_reasons_has_those_of_its_rows(tmp_path):
    run = RunFolder.create(tmp_path, manifest(rounds=1, trials=1))
    table = table_of(("failed", CV2), ("failed", CV2))
    run.save_trial(trial(table), table, samples())
    summary = summarise(run)
    assert summary.problems == [f"trial r01.docker-lambda: no good answer to any of 2 requests: 2 x {CV2}"]
    assert [str(reason) for reason in summary.rows[0].reasons] == [f"2 x {CV2}"]
    assert f"the commonest reason: 2 x {CV2}" in said(run, "text")


def test_a_trial_without_a_good_answer_is_not_called_valid_in_the_order_of_the_run(tmp_path):
    text = as_markdown(content_of(make_run(tmp_path, ("failed", CV2), ("failed", CV2))))
    (line,) = [line for line in text.splitlines() if "r01.docker-lambda" in line and line.startswith("|")]
    assert "no good answer" in line and "valid" not in line


def test_a_record_of_before_has_no_reasons_and_is_read():
    stored = trial(requests([5.0])).model_dump(mode="json")
    del stored["reasons"]
    assert TrialRecord.model_validate(stored).reasons == []


def make_run(results, *errors, **changes):
    run = RunFolder.create(results, manifest(rounds=1, trials=1))
    table = table_of(*errors)
    run.save_trial(trial(table, reasons=reasons_of(table), **changes), table, samples())
    return run


def said(run, form):
    stream = io.StringIO()
    render(summarise(run), form, Console(file=stream, width=220, force_terminal=False))
    return stream.getvalue()


def test_the_line_of_a_partly_failed_trial_says_why():
    table = table_of(("ok", None), ("failed", CV2))
    assert closing_line(trial(table, reasons=reasons_of(table))).split("\n")[1] == f"    1 x {CV2}"


def test_the_table_says_why_in_every_format(tmp_path):
    run = make_run(tmp_path, ("ok", None), ("failed", CV2), ("failed", CV2))
    assert f"the commonest reason: 2 x {CV2}" in said(run, "text")
    assert "2 x ModuleNotFoundError" in said(run, "md")
    assert f"2 x {CV2}" in said(run, "csv")
    (row,) = json.loads(said(run, "json"))["rows"]
    assert row["reasons"] == [{"reason": CV2, "count": 2, "outcome": "failed"}]
    assert json.loads(said(run, "json"))["valid"]


def test_a_trial_without_any_good_answer_is_a_problem_that_says_why(tmp_path):
    run = make_run(tmp_path, ("failed", CV2), ("failed", CV2))
    assert summarise(run).problems == [
        f"trial r01.docker-lambda: no good answer to any of 2 requests: 2 x {CV2}",
    ]
    assert summarise(run).rows[0].valid, "its rows are true: it is the model that fails"


def test_wrong_answers_alone_are_a_problem_too(tmp_path):
    run = make_run(tmp_path, ("wrong", "wrong answer: a dog"), ("wrong", "wrong answer: a dog"))
    assert summarise(run).problems[0].endswith("2 requests: 2 x wrong answer: a dog")


def test_nothing_asked_is_nothing_unanswered():
    record = trial(requests([]))
    assert record.scheduled == 0 and record.fruitless is None


def test_a_reason_is_escaped_in_the_report(tmp_path):
    run = make_run(tmp_path, ("ok", None), ("failed", "<script>alert(1)</script>"))
    page = as_html(content_of(run))
    assert "<script>alert(1)" not in page and "&lt;script&gt;alert(1)" in page
    assert "<script>" not in as_markdown(content_of(run))


def test_reasons_of_several_trials_are_added_up(tmp_path):
    run = RunFolder.create(tmp_path, manifest(rounds=2, trials=2))
    for number in (1, 2):
        table = table_of(("ok", None), ("failed", CV2))
        run.save_trial(trial(table, f"r0{number}.x", round=number, reasons=reasons_of(table)), table, samples())
    assert summarise(run).rows[0].reasons == [Reason(reason=CV2, count=2, outcome=Outcome.FAILED)]
