"""The kernel's figures from made-up control groups of both versions; what cannot be read is None."""

import os
import subprocess
import sys

import pytest

from targets.local.resources import Cgroup, Usage
from targets.local.tree_meter import TreeMeter

PID = 77


@pytest.fixture
def tree(tmp_path):
    """(root, proc) with the given files: a control group of the container's own, as the kernel lays it out."""

    def make(lines, files):
        root, proc = tmp_path / "cgroup", tmp_path / "proc"
        (proc / str(PID)).mkdir(parents=True)
        (proc / str(PID) / "cgroup").write_text("".join(f"{line}\n" for line in lines))
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        root.mkdir(exist_ok=True)
        return {"root": root, "proc": proc}

    return make


V2 = {
    "docker/abc/memory.current": "1000\n",
    "docker/abc/memory.peak": "9000\n",
    "docker/abc/memory.stat": "anon 300\nfile 600\nshmem 40\n",
    "docker/abc/cpu.stat": "usage_usec 1234\nuser_usec 1000\nnr_throttled 3\nthrottled_usec 56\n",
    "docker/abc/memory.events": "low 0\noom 1\noom_kill 0\n",
}
V1_LINES = ["12:memory:/docker/abc", "4:cpu,cpuacct:/docker/abc", "1:name=systemd:/docker/abc"]
V1 = {
    "memory/docker/abc/memory.usage_in_bytes": "1000\n",
    "memory/docker/abc/memory.max_usage_in_bytes": "9000\n",
    "memory/docker/abc/memory.stat": "rss 1\ntotal_rss 300\ntotal_shmem 40\ntotal_cache 600\n",
    "memory/docker/abc/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
    "cpuacct/docker/abc/cpuacct.usage": "1234000\n",
    "cpu/docker/abc/cpu.stat": "nr_periods 9\nnr_throttled 3\nthrottled_time 56000\n",
}
READ = Usage(1000, 9000, 340, 1_234_000, 56_000, False)


def test_version_2(tree):
    assert Cgroup(PID, **tree(["0::/docker/abc"], V2)).usage() == READ


def test_version_1(tree):
    assert Cgroup(PID, **tree(V1_LINES, V1)).usage() == READ


def test_version_1_beside_an_empty_version_2(tree):
    assert Cgroup(PID, **tree([*V1_LINES, "0::/docker/abc"], V1)).usage() == READ


@pytest.mark.parametrize(
    ("lines", "files", "name", "text"),
    [
        (["0::/docker/abc"], V2, "docker/abc/memory.events", "oom_kill 2\n"),
        (V1_LINES, V1, "memory/docker/abc/memory.oom_control", "oom_kill 1\n"),
    ],
)
def test_a_kill_for_memory_is_seen(tree, lines, files, name, text):
    assert Cgroup(PID, **tree(lines, {**files, name: text})).usage().oom_killed is True


@pytest.mark.parametrize(("lines", "files"), [(["0::/docker/abc"], V2), (V1_LINES, V1)])
def test_every_missing_file_is_none(tree, lines, files):
    assert Cgroup(PID, **tree(lines, {})).usage() == Usage()
    assert set(vars(Usage()).values()) == {None, False}


def test_one_missing_file_leaves_the_others(tree):
    usage = Cgroup(PID, **tree(["0::/docker/abc"], {k: v for k, v in V2.items() if "peak" not in k})).usage()
    assert usage.memory_peak_bytes is None
    assert usage.memory_bytes == 1000


@pytest.mark.parametrize("text", ["max\n", "", "12 apples\n"])
def test_a_file_that_holds_no_number_is_none(tree, text):
    usage = Cgroup(PID, **tree(["0::/docker/abc"], {**V2, "docker/abc/memory.peak": text})).usage()
    assert usage.memory_peak_bytes is None


def test_a_table_without_the_row_is_none(tree):
    files = {**V2, "docker/abc/memory.stat": "anon 300\n", "docker/abc/cpu.stat": "usage_usec max\n\n"}
    usage = Cgroup(PID, **tree(["0::/docker/abc"], files)).usage()
    assert usage.own_memory_bytes is usage.cpu_ns is usage.throttled_ns is None


@pytest.mark.parametrize("lines", [["0::/"], ["12:memory:/", "4:cpu,cpuacct:/"]])
def test_the_root_group_is_refused(tree, lines):
    with pytest.raises(FileNotFoundError, match="no control group of its own"):
        Cgroup(PID, **tree(lines, {}))


def test_an_ended_process_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        Cgroup(PID, root=tmp_path, proc=tmp_path)


def test_without_a_memory_controller_everything_else_is_read(tree):
    found = Cgroup(PID, **tree(V1_LINES[1:], {k: v for k, v in V1.items() if k.startswith("cpu")})).usage()
    assert (found.memory_bytes, found.cpu_ns, found.throttled_ns) == (None, 1_234_000, 56_000)


def test_no_line_at_all_is_no_figure(tree):
    assert Cgroup(PID, **tree([], {})).usage() == Usage()


def test_this_process_uses_memory_and_cpu_time():
    usage = TreeMeter(os.getpid()).usage()
    assert usage.memory_bytes > 2**20
    assert usage.memory_peak_bytes >= usage.own_memory_bytes > 2**20
    assert usage.cpu_ns > 0
    assert usage.throttled_ns is None


def test_an_ended_process_has_no_figures():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert TreeMeter(child.pid).usage() == Usage()


def test_a_restarted_unit_keeps_what_was_counted_before():
    earlier = Usage(1000, 9000, 340, 1_000, 50, True)
    later = Usage(500, 7000, 400, 200, 6, False)
    assert later.after(earlier) == Usage(500, 9000, 400, 1_200, 56, True)
    assert Usage().after(earlier) == Usage(None, 9000, 340, 1_000, 50, True)
    assert later.after(Usage()) == later


def test_a_line_that_cannot_be_read_spoils_no_other(tree):
    assert Cgroup(PID, **tree(["", "nonsense", "3:cpu", "0::/docker/abc", "::"], V2)).usage() == READ
