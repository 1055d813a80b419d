"""How the end of a unit is told: why on the first line, the rest below it, bounded."""

import io

import pytest

from targets.local.last_words import KEPT_BYTES, MOST_LINES, LastWords, exit_words, tell_end
from targets.serving.failure import LoadFailed

ENDED = "replica 0001 ended before it answered: exit status 1"
TRACEBACK = """\
Traceback (most recent call last):
  File "/code/ocr.py", line 12, in load
    import cv2
ModuleNotFoundError: No module named 'cv2'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
targets.serving.failure.LoadFailed: ModuleNotFoundError: No module named 'cv2' (in load(), phase imports)
"""


def test_what_load_raised_comes_first_and_how_the_unit_ended_next():
    first, second, *rest = tell_end(ENDED, TRACEBACK).split("\n")
    assert first == "ModuleNotFoundError: No module named 'cv2' (in load(), phase imports)"
    assert second == ENDED
    assert '    File "/code/ocr.py", line 12, in load' in rest
    assert rest[-1] == "      import cv2", "its traceback and not ours; and the error stands there once"


def test_what_else_it_printed_last_comes_with_how_it_ended():
    assert tell_end(ENDED, "loading\nterminate called\n\n") == f"{ENDED}: terminate called\n  loading"
    assert tell_end(ENDED, "\n \n") == f"{ENDED}: it printed nothing"


def test_megabytes_are_told_in_a_few_short_lines():
    words = LastWords(io.BytesIO(b"".join(b"%d %s\n" % (number, b"x" * 1000) for number in range(5000))))
    lines = tell_end(ENDED, words.text()).split("\n")
    assert lines[0].startswith(f"{ENDED}: 4999 xxx")
    assert 2 <= len(lines) <= MOST_LINES + 1 and max(map(len, lines)) < 400
    assert len(words.text()) <= KEPT_BYTES


@pytest.mark.parametrize(
    ("status", "words"),
    [(3, "exit status 3"), (-11, "killed by SIGSEGV"), (-9, "killed by SIGKILL"), (-200, "killed by signal 200")],
    ids=str,
)
def test_a_signal_is_called_by_its_name(status, words):
    assert exit_words(status) == words


def test_a_message_of_several_lines_is_one_line_of_bounded_length():
    told = str(LoadFailed.of(ValueError("one\n  two" + "x" * 9000), "weights"))
    assert told.startswith("ValueError: one two") and "\n" not in told and len(told) < 1100
    assert str(LoadFailed.of(MemoryError(), None)) == "MemoryError (in load())"
