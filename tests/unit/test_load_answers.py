"""Which answers `frostline load` takes for good: the status, a function's error, and what the JSON must hold."""

import json
from dataclasses import replace

import numpy as np
import pytest

from harness.commands.load.advice import fix_of
from harness.commands.load.answers import content_problem
from harness.commands.load.expectations import Expectations
from harness.commands.load.order import LoadOrder
from harness.commands.load.summary import summarise
from harness.load.host_times import HostTimes
from harness.load.process import Arrival, Sent
from harness.load.replies import Reply
from harness.load.wire import Fate, unheard

WORKER = {**unheard(0), "cpu_share": 0.1, "priority": "normal", "timer": "timerfd"}


def order(**fields):
    return LoadOrder("http://localhost/", "constant", 10, 1, 1, 1, None, 1, **fields)


def arrival(index, status=200, body=b"{}", error="", fate=Fate.ANSWERED, header=b"", streamed=False):
    reply = Reply(header=header, streamed=streamed) if body or header else None
    stamps = {"sent_ns": index + 1, "done_ns": index + 1_000_000}
    return Arrival(
        *(index, index, fate),
        **stamps,
        status=status if fate == Fate.ANSWERED else 0,
        error=error,
        reply=reply,
        head=body,
        reply_bytes=len(body),
    )


def told_of(*arrivals, **fields):
    sent = Sent.of(0, arrivals)
    sent.workers.append(WORKER)
    return summarise(sent, order(**fields), HostTimes.read())


def test_a_function_that_raised_has_failed_though_its_status_is_200():
    told = told_of(*(arrival(n, header=b"Unhandled") for n in range(3)), arrival(3))
    assert (told["good"], told["failed"]) == (1, 3)
    assert told["errors"] == {"x-amz-function-error: Unhandled": 3}


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_no_good_answer_unless_it_is_expected(status):
    told = told_of(arrival(0, status, error="redirect to http://x/"))
    assert (told["good"], told["failed"]) == (0, 1)
    assert f"--expect-status {status}" in told["failure"]
    assert told_of(arrival(0, status), expect_status=(str(status),))["good"] == 1
    assert told_of(arrival(0, status), expect_status=("3xx",))["good"] == 1


def test_each_failed_request_is_counted_once_the_most_frequent_reason_first():
    statuses = [401, 503, 503, 429, 503, 429, 200]
    refused = [arrival(n, fate=Fate.FAILED, body=b"", error="z refused") for n in range(7, 10)]
    late = [arrival(10, fate=Fate.TIMED_OUT, body=b"", error="no reply in time")]
    shed = [arrival(11, fate=Fate.SHED, body=b"")]
    told = told_of(*(arrival(n, status) for n, status in enumerate(statuses)), *refused, *late, *shed)
    assert list(told["errors"].items())[:3] == [
        ("status 503 Service Unavailable", 3),
        ("z refused", 3),
        ("status 429 Too Many Requests", 2),
    ]
    assert sum(told["errors"].values()) == told["scheduled"] - told["good"] == 11
    counted = ("good", "failed", "timed_out", "shed", "unfinished")
    assert sum(told[name] for name in counted) == told["scheduled"]
    assert (told["failed"], told["throttled"], told["timed_out"], told["shed"]) == (9, 2, 1, 1)
    assert told["statuses"] == {"200": 1, "401": 1, "429": 2, "503": 3}
    assert told["failure"] is None


def test_a_hundred_kinds_of_reasons_are_told_and_of_others_their_number():
    told = told_of(*(arrival(n, body=b"", fate=Fate.FAILED, error=f"reason {n}") for n in range(130)))
    assert list(told["errors"]) == [f"reason {n}" for n in range(100)]
    assert told["other_errors"] == {"kinds": 30, "requests": 30}


def test_a_429_that_is_expected_is_a_good_answer():
    told = told_of(arrival(0, 429), expect_status=("429",))
    assert (told["good"], told["throttled"], told["errors"]) == (1, 0, {})


def test_sizes_are_told_with_the_number_of_empty_ones():
    told = told_of(*(arrival(n, body=body) for n, body in enumerate([b"", b"abcd", b"ab", b"abc"])))
    assert told["reply_bytes"] == {"replies": 4, "median": 2.5, "least": 0, "most": 4, "empty": 1}
    assert told["good"] == 4
    assert "reply_bytes" not in told_of(arrival(0, fate=Fate.TIMED_OUT, error="no reply in time"))


def test_an_empty_body_has_failed_where_json_is_expected():
    told = told_of(
        arrival(0, body=b'{"answer": 1}'), arrival(1, body=b""), arrival(2, body=b" "), expect_json=("answer",)
    )
    assert (told["good"], told["errors"]) == (1, {"the reply's body is empty": 2})


@pytest.mark.parametrize(
    ("body", "path", "good"),
    [
        (b'{"choices": [{"message": {"content": "hi"}}]}', "choices[0].message.content", True),
        (b'{"error": {"message": "overloaded"}}', "choices[0].message.content", False),
        (b'{"error": {"message": "overloaded"}}', "!error", False),
        (b'{"error": null, "answer": 0}', "!error", True),
        (b'{"answer": 0}', "answer", True),
        (b'{"answer": ""}', "answer", False),
        (b'{"answer": false}', "answer", False),
        (b'{"answer": {}}', "answer", False),
        (b'{"answer": null}', "answer", False),
        (b'{"status": "ok"}', "status == 'ok'", True),
        (b'{"status": "no"}', "status == 'ok'", False),
        (b'{"n": 1}', "length(n)", False),
        (b"[1]", "[0]", True),
        (b'\xef\xbb\xbf{"a": 1}', "a", True),
        (b"<html>", "a", False),
        (b"\xff\xfe", "a", False),
        (b"[" * 100_000, "a", False),
        (b'{"done": false}\n{"done": true}\n', "done", True),
        (b'{"done": true}\n{"done": false}\n', "done", False),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_json_must_hold_what_is_expected(body, path, good):
    assert (content_problem(body, False, (path,)) == "") == good


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        ('data: {}\n\ndata: {"answer": 1}\n\ndata: [DONE]\n\n', ""),
        ('data: {}\r\n\r\ndata: {"answer":\r\ndata: 1}\r\n\r\n: end\r\n\r\n', ""),
        ('data: {"answer": 1}\n\nevent: frostline\ndata: {}\n\n', ""),
        ('data: {"answer": 1}\n\nevent: error\ndata: {}\n\n', "the stream ended in an error event"),
        ('data: {"answer": 1}\n\nevent: error\n\n', "the stream ended in an error event"),
        ('data: {"answer": 1}\n\ndata: {"answer": 1, "error": {}}\n\n', ""),
        ('data: {"answer": 1, "error": {"code": 5}}\n\ndata: [DONE]\n\n', "the stream's last event holds an error"),
        ('data: {"answer": 1}\n\ndata: {"ans', "the reply is not JSON"),
        ("data: {}\n\n", "its JSON does not hold answer"),
        ("data: [DONE]\n\n", "the stream holds no event with data"),
        (": nothing\n\n", "the stream holds no event with data"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_of_a_stream_the_last_event_is_asked(stream, said):
    assert content_problem(stream.encode(), True, ("answer",)) == said


@pytest.mark.parametrize(
    ("given", "good", "bad"),
    [
        ((), (200, 204, 299), (199, 300, 404)),
        (("200,302",), (200, 302), (201, 301)),
        (("200-204", "404"), (200, 203, 204, 404), (205, 403)),
        (("4xx", " 2XX"), (400, 499, 200), (500, 302)),
    ],
)
def test_statuses_are_given_one_by_one_or_in_ranges(given, good, bad):
    expectations, problems = Expectations.read(given, ())
    assert problems == []
    assert expectations.suit(np.array(good)).all()
    assert not expectations.suit(np.array(bad)).any()


@pytest.mark.parametrize("given", ["", "20", "2000", "abc", "600", "099", "204-200", "200-", "200;302", "6xx", "2x"])
def test_a_status_that_is_none_is_refused_with_its_value(given):
    _, (problem,) = Expectations.read((given,), ())
    assert problem.startswith(f"--expect-status: {given!r} is not accepted: give statuses like ")


@pytest.mark.parametrize("path", ["", "$.answer", "a[", "a b", "nosuch(a", "choices.[0]x", "\u2744"])
def test_an_expression_that_cannot_be_read_is_refused_with_an_example(path):
    _, (problem,) = Expectations.read((), (path,))
    assert problem.startswith("--expect-json: ")
    assert "choices[0].message.content" in problem
    assert "\n" not in problem


def test_what_the_server_said_is_told_with_its_reason_and_without_secrets():
    bodies = [b'{"detail": "bad key abcdef"}\n', b"second"]
    told = told_of(
        *(arrival(n, 403, body) for n, body in enumerate(bodies)),
        headers=("x-api-key: abcdef",),
        expect_json=("a",),
    )
    assert told["examples"] == {"status 403 Forbidden": '{"detail": "bad key ***"}'}
    assert "abcdef" not in json.dumps(told)


def test_alike_bodies_are_judged_once(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "harness.commands.load.answers.content_problem", lambda body, *_: asked.append(body) or "its JSON is bad"
    )
    told = told_of(*(arrival(n, body=b'{"a": %d}' % (n % 2)) for n in range(10)), expect_json=("a",))
    assert told["errors"] == {"its JSON is bad": 10}
    assert len(asked) == 2


def test_figures_of_few_requests_are_withheld_with_the_number_that_they_need():
    told = told_of(*(arrival(n) for n in range(5)))
    assert set(told["latency_ms"].values()) == {None}
    assert {name: what["need"] for name, what in told["withheld"]["latency_ms"].items()} == {
        "p50": 6,
        "p95": 72,
        "p99": 368,
        "max": 6,
    }
    told = told_of(*(arrival(n) for n in range(72)))
    assert told["latency_ms"]["p95"] is not None
    assert list(told["withheld"]["latency_ms"]) == ["p99"]


def test_every_status_has_a_fix():
    assert fix_of("status 401 Unauthorized").startswith("give what it asks for")
    assert fix_of("status 204 No Content") == "correct --expect-status where that is a good answer"
    assert fix_of("not HTTP/1.1: it speaks TLS") == "give https://"
    assert fix_of("not HTTP/1.1: its first line is 'HTTP/1.1 099 X'") == "see what the server says of it"
    assert fix_of("status 599") == "see what the server says of it"


@pytest.mark.parametrize("streamed", [True, False], ids=["events", "lines"])
def test_a_stream_that_ends_in_an_error_fails_however_it_is_written(streamed):
    parts = ['{"answer": 1}', '{"error": "x", "answer": 1}']
    body = "".join(f"data: {part}\n\n" if streamed else f"{part}\n" for part in parts).encode()
    assert content_problem(body, streamed, ("answer",)).startswith("the stream's last ")
    whole = b'{"error": "x", "answer": 1}'
    assert content_problem(whole, False, ("answer",)) == "", "of one answer only what was asked for counts"


def test_what_to_do_about_redirects_to_many_places():
    assert "--expect-status 302" in fix_of("status 302 Found (redirects, to more than 20 different places)")


def test_an_answer_whose_reply_could_not_be_kept_is_no_fault_of_the_server_and_keeps_its_status():
    told = told_of(*(arrival(n, fate=Fate.UNFINISHED) for n in range(3)))
    assert (told["good"], told["failed"], told["unfinished"], told["statuses"]) == (0, 0, 3, {})
    assert "the generator is to blame" in told["failure"]
    unkept = [replace(arrival(n, fate=Fate.UNFINISHED), status=200) for n in range(3)]
    told = told_of(*unkept)
    assert (told["unfinished"], told["statuses"], told["reply_bytes"]["median"]) == (3, {"200": 3}, 2)
    assert told["errors"] == {"answered, but its reply could not be kept": 3}
    assert "the generator is to blame" in told["failure"]


@pytest.mark.parametrize("error", [MemoryError, ImportError], ids=["memory", "import"])
def test_without_memory_for_an_interval_what_was_measured_is_told_all_the_same(monkeypatch, error):
    def without_memory(*arguments, **named):
        raise error

    monkeypatch.setattr("scipy.special.bdtrik", without_memory)
    told = told_of(*(arrival(n) for n in range(20)))
    assert told["good"] == 20
    assert told["latency_ms"]["p50"] is not None
    assert "p50" not in told["intervals"]["latency_ms"]


def test_a_reply_too_long_to_be_kept_is_not_blamed_on_the_server():
    why = "the reply is too long to be kept: more than 64 MB"
    told = told_of(*(arrival(n, fate=Fate.EXHAUSTED, error=why, status=200) for n in range(3)))
    assert (told["failed"], told["shed"]) == (0, 3)
    (problem,) = [problem for problem in told["problems"] if why in problem]
    assert "leave out --expect-json" in problem and "the generator is to blame" in fix_of(why)


def test_a_worker_without_any_answer_beside_one_that_had_some_is_told():
    """Such a server keeps the connection of one worker, and blames would fall on its host."""
    arrivals = [arrival(n, fate=Fate.TIMED_OUT if n % 2 else Fate.ANSWERED, body=b"") for n in range(6)]
    sent = Sent.of(0, arrivals)
    sent.workers.extend([WORKER, WORKER])
    (note,) = summarise(sent, order(), HostTimes.read())["notes"]
    assert "1 of 2 workers had no answer" in note and "--workers 1" in note
    assert told_of(*arrivals)["notes"] == []
