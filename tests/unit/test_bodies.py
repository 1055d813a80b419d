"""A body read in two parts says what the whole of it says; a stream's answer is its chunks."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load.replies import Body
from harness.measure.rows.bodies import Content, read_body, read_reply, read_tail

ENVELOPE = {"unit": "0001", "invocation": 1}


def in_two(body, streamed=False):
    _, head, tail = Body.of(body).split()
    return read_reply(b"".join(head), tail, streamed)


def same(content, whole):
    return (content.answer, content.envelope, content.error) == (whole.answer, whole.envelope, whole.error)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"answer": 7, "frostline": {"unit": 1}}', Content(7, {"unit": 1}, split=True)),
        (b'{"answer":7,"frostline":{"unit":1}}\n', Content(7, {"unit": 1}, split=True)),
        (b'{"frostline": {"unit": 1}}', Content(None, {"unit": 1}, split=True)),
        (b'{"frostline": {"unit": 1}, "answer": 7}', Content(7, {"unit": 1})),
        (b'{"answer": 7}', Content(7)),
        (b'{"answer": {"frostline": {"unit": 1}}}', Content({"frostline": {"unit": 1}})),
        (b'{"frostline": {"unit": 1}, "answer": "frostline"}', Content("frostline", {"unit": 1})),
        (b'{"frostline": 1, "answer": 7, "frostline": 2}', Content(7, 2, split=True)),
        (b'{"answer": {"frostline": {"unit": 1}}', Content()),
        (b'{"answer": 7 "frostline": {"unit": 1}}', Content()),
        (b'{"answer": 7,, "frostline": {"unit": 1}}', Content()),
        (b'{, "frostline": {"unit": 1}}', Content()),
        (b'{"answer": 7}, "frostline": {"unit": 1}}', Content()),
        (b'[{"frostline": {"unit": 1}}]', Content()),
        (b'"frostline": {"unit": 1}}', Content()),
        (b"", Content()),
        (b"null", Content()),
        (b"\xff", Content()),
    ],
)
def test_bodies(body, expected):
    assert in_two(body) == expected
    assert same(read_body(body), expected)


def test_an_error_is_told_by_its_members():
    error = {"errorType": "KeyError", "errorMessage": "k"}
    assert in_two(json.dumps(error).encode()).error == error
    assert in_two(json.dumps({**error, "frostline": ENVELOPE}).encode()).error == error
    assert in_two(json.dumps({"answer": error, "frostline": ENVELOPE}).encode()).error is None


def event(data, name=""):
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n"


def stream(*chunks, end=True):
    last = event({"frostline": ENVELOPE}, "frostline") if end else ""
    return ("".join(event({"chunk": chunk}) for chunk in chunks) + last).encode()


def test_a_streams_answer_is_the_list_of_its_chunks():
    assert in_two(stream("a", {"b": 1}, None), True) == Content(["a", {"b": 1}, None], ENVELOPE, split=True)
    assert in_two(stream(), True) == Content([], ENVELOPE, split=True)
    assert in_two(stream("a").replace(b"\n", b"\r\n"), True) == Content(["a"], ENVELOPE)
    assert in_two(b'data:{\ndata: "chunk": 1}\n\n' + stream(2), True).answer == [1, 2]


def test_a_stream_that_ends_in_the_midst_has_no_envelope():
    assert in_two(stream("a", end=False), True) == Content(["a"])
    failed = stream("a", end=False) + event({"errorType": "KeyError"}, "error").encode()
    assert in_two(failed, True) == Content(["a"], None, {"errorType": "KeyError"})
    assert in_two(stream("a")[:-1], True).answer == ["a"]


@pytest.mark.parametrize(
    "body",
    [
        event({"frostline": ENVELOPE}),
        event({"chunk": {"frostline": ENVELOPE}}),
        event({"chunk": "a"}) + event({"frostline": ENVELOPE}, "frostlines"),
        f"data: {json.dumps({'frostline': ENVELOPE})}",
    ],
)
def test_no_chunk_passes_for_an_envelope(body):
    assert in_two(body.encode(), True).envelope is None


def test_an_event_that_is_neither_a_chunk_nor_known_makes_the_answer_none():
    assert in_two(event({"junk": 1}).encode() + stream("a"), True) == Content(None, ENVELOPE, split=True)
    assert in_two(b"data: {\n\n" + stream("a"), True).answer is None


def test_a_stream_told_as_json_and_json_told_as_a_stream_say_nothing():
    assert in_two(stream("a"), streamed=False).envelope is None
    assert in_two(json.dumps({"answer": 1, "frostline": ENVELOPE}).encode(), streamed=True) == Content([])


@pytest.mark.parametrize("tail", [b'"frostline": ' + b"[" * 100_000, b'"frostline": ' + b"9" * 5000 + b"}", b"\xff"])
def test_monstrous_tails_are_none(tail):
    assert read_tail(tail) is None


leaf = st.none() | st.booleans() | st.integers() | st.sampled_from(["frostline", '"frostline"', "x,", "\\", "é", "}{"])
tree = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["frostline", "answer", "errorType", "chunk", "a,"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=500)
@given(tree, st.sampled_from([None, (",", ":")]), st.integers(0, 400), st.booleans())
def test_in_two_parts_or_as_a_whole_it_says_the_same(value, separators, cut, streamed):
    whole = json.dumps(value, separators=separators).encode()
    body = whole[:cut] if cut < len(whole) - 1 and cut % 3 == 0 else whole
    if streamed:
        body = b"data: " + body + b"\n\nevent: frostline\ndata: " + body + b"\n\n"
    assert same(in_two(body, streamed), read_body(body, streamed))
