"""The file over which a container's start is followed."""

import threading

from targets.local.mark_file import LIMIT_BYTES, MarkFile
from targets.serving.marks import mark, parse

BEGIN, END = (mark(kind, "0001", at_ns).encode() for kind, at_ns in (("init_begin", 1), ("init_end", 2)))


def test_each_line_is_handed_over_once_and_a_half_one_later(tmp_path):
    marks, heard = MarkFile(tmp_path, "0001"), []
    with marks.path.open("ab", buffering=0) as told:
        told.write(BEGIN + b"\n" + END[:9])
        assert not marks.look(lambda line: heard.append(line) or False)
        told.write(END[9:] + b"\n")
        assert marks.look(lambda line: heard.append(line) or True)
        assert not marks.look(lambda line: heard.append(line) or True)
    assert [parse(line) for line in heard] == [("init_begin", 1), ("init_end", 2)]


def test_what_a_container_writes_without_end_is_not_read_without_end(tmp_path):
    marks, heard = MarkFile(tmp_path, "0001"), []
    marks.path.write_bytes(BEGIN + b"\n" + b"x" * (3 * LIMIT_BYTES) + b"\n")
    for _ in range(3):
        marks.look(lambda line: heard.append(line) or False)
    assert heard == [BEGIN]


def test_it_is_followed_until_told_that_nothing_comes_and_anew_after_a_restart(tmp_path):
    marks, ended = MarkFile(tmp_path, "0001"), threading.Event()

    def hear(line):
        if parse(line)[0] == "init_end":
            ended.set()
        return ended.is_set()

    for _ in range(2):
        ended.clear()
        marks.follow(hear)
        with marks.path.open("ab") as told:
            told.write(BEGIN + b"\n" + END + b"\n")
        assert ended.wait(20)


def test_a_file_that_is_gone_with_its_run_ends_nobody(tmp_path):
    marks = MarkFile(tmp_path, "0001")
    marks.path.unlink()
    assert not marks.look(lambda line: True)
