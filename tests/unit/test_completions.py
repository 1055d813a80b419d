"""Ends of accepted requests wait on file, whatever their bodies hold."""

import tracemalloc
from contextlib import closing

import pytest

from harness.measure.rows.completions import KeptCompletions
from targets.contract import Completion


def test_what_is_kept_comes_back_as_it_was_and_as_often_as_it_is_read():
    ends = [
        Completion("a\nb\u2028", 2**59, 200, b"\n{}\n\x00\xff"),
        Completion("c", 7, 500, b'["a", 1, 2, 3]\n'),
    ]
    with closing(KeptCompletions(ends)) as kept:
        assert list(kept) == ends
        assert list(kept) == ends


@pytest.mark.parametrize(
    "end",
    [
        Completion("", 1, 200, b""),
        Completion("half \ud800", 1, 200, b""),
        Completion("a", 2**60, 200, b""),
        Completion("a", -1, 200, b""),
        Completion("a", None, 200, b""),  # type: ignore[arg-type]
        Completion("a", 1, 10**20, b""),
        Completion("a", 1, 200, None),  # type: ignore[arg-type]
    ],
)
def test_what_has_not_the_form_of_an_end_is_dropped_and_counted(end):
    good = Completion("b", 1, 200, b"{}")
    with closing(KeptCompletions([end, good])) as kept:
        assert (list(kept), kept.dropped) == ([good], 1)


def test_none_is_none():
    with closing(KeptCompletions()) as kept:
        assert list(kept) == []
    kept.close()


def test_no_body_is_held():
    size = 1_000_000
    tracemalloc.start()
    try:
        with closing(KeptCompletions(Completion(str(at), at, 200, bytes(size)) for at in range(20))) as kept:
            assert sum(len(end.body) for end in kept) == 20 * size
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * size
