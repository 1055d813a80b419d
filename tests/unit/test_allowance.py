"""CPUs and memory that this process may use, from made-up control groups of both versions and from a real one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.commands.doctor import _priority
from harness.load.host_times import HostTimes
from harness.measure.machine import machine_facts, usable_cpus
from targets.local.allowance import available_cpus, available_memory_bytes, group_without_real_time

V1_CPU = Path("/sys/fs/cgroup/cpu")


@pytest.fixture(autouse=True)
def many_cpus(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


@pytest.fixture
def proc(tmp_path):
    """Makes a /proc whose process is in the group at `path` of hierarchies that are mounted with `root` at their top.

    `files` are below the mount points, which are called v1 and v2.
    """

    def make(version, files, path="/a/b", root="/"):
        folder = tmp_path / "proc/self"
        folder.mkdir(parents=True)
        point = tmp_path / version
        if version == "v1":
            folder.joinpath("cgroup").write_text(f"5:cpu,cpuacct:{path}\n4:memory:{path}\n0::/\n")
            mounts = [(point / name.replace(",", "-"), "cgroup", name) for name in ("cpu,cpuacct", "memory")]
        else:
            folder.joinpath("cgroup").write_text(f"0::{path}\n")
            mounts = [(point, "cgroup2", "nsdelegate")]
        lines = ["22 1 8:1 / / rw - ext4 /dev/vda rw"]
        lines += [f"40 22 0:40 {root} {at} rw,relatime - {kind} {kind} rw,{more}" for at, kind, more in mounts]
        folder.joinpath("mountinfo").write_text("\n".join(lines) + "\n")
        for name, text in files.items():
            (point / name).parent.mkdir(parents=True, exist_ok=True)
            (point / name).write_text(text)
        return tmp_path / "proc"

    return make


def v1(folder, quota, period=100_000):
    return {f"cpu-cpuacct/{folder}cpu.cfs_{name}_us": f"{us}\n" for name, us in (("quota", quota), ("period", period))}


QUOTAS = {
    "v2 own": ("v2", {"a/b/cpu.max": "100000 100000\n"}, 1),
    "v2 above": ("v2", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "150000 100000\n"}, 1.5),
    "v2 the least of a nest": ("v2", {"a/b/cpu.max": "300000 100000", "a/cpu.max": "25000 50000"}, 0.5),
    "v2 at the top of a container": ("v2", {"cpu.max": "200000 100000\n"}, 2),
    "v2 none": ("v2", {"a/b/cpu.max": "max 100000\n"}, 8),
    "v2 more than there are": ("v2", {"a/b/cpu.max": "6400000 100000\n"}, 8),
    "v2 nonsense": ("v2", {"a/b/cpu.max": "\n"}, 8),
    "v1 own": ("v1", v1("a/b/", 100_000), 1),
    "v1 above": ("v1", v1("a/b/", -1) | v1("a/", 50_000), 0.5),
    "v1 none": ("v1", v1("a/b/", -1), 8),
    "v1 no files": ("v1", {}, 8),
}


@pytest.mark.parametrize("case", QUOTAS)
def test_the_least_quota_of_all_groups_holds(proc, case):
    version, files, cpus = QUOTAS[case]
    assert available_cpus(proc(version, files)) == cpus


@pytest.mark.parametrize("path", ["/docker/abc", "/docker/abc/sub", "/../.."])  # the last: of another namespace
def test_a_container_sees_its_group_at_the_top_of_the_mount(proc, path):
    assert available_cpus(proc("v1", v1("", 100_000), path, root="/docker/abc")) == 1


@pytest.mark.parametrize(
    ("path", "root"), [("/docker/abcd", "/docker/abc"), ("/docker", "/docker/abc"), ("/", "/docker/abc")]
)
def test_a_mount_that_does_not_show_our_group_says_nothing_of_it(proc, path, root):
    assert available_cpus(proc("v1", v1("", 100_000), path, root=root)) == 8, "that quota is a stranger's"


@pytest.mark.parametrize("line", ["", "nonsense", "3:cpu", "::"])
@pytest.mark.parametrize("name", ["cgroup", "mountinfo"])
def test_a_line_that_cannot_be_read_spoils_no_other(proc, name, line):
    found = proc("v2", {"a/b/cpu.max": "100000 100000\n"})
    file = found / "self" / name
    file.write_text(f"{line}\n{file.read_text()}{line}\n41 22 0:41 / /x - cgroup\n42 - cgroup2 a b\n")
    assert available_cpus(found) == 1


def test_names_with_blanks_and_backslashes_are_read_as_the_kernel_writes_them(proc, tmp_path):
    found = proc("v2", {"my group\\x/cpu.max": "100000 100000\n"}, path="/slice one/my group\\x", root=r"/slice\040one")
    place = tmp_path / "a point\tof mine"
    (tmp_path / "v2").rename(place)
    file = found / "self" / "mountinfo"
    file.write_text(file.read_text().replace(str(tmp_path / "v2"), rf"{tmp_path}/a\040point\011of\040mine"))
    assert available_cpus(found) == 1


REAL_TIME = {
    "no runtime": (
        {"cpu-cpuacct/a/b/cpu.rt_runtime_us": "0\n"},
        0,
        "has no real-time runtime: write 950000 into .*/a/b/cpu.rt",
    ),
    "runtime, not root": (
        {"cpu-cpuacct/a/b/cpu.rt_runtime_us": "950000\n"},
        1000,
        "run as root, or grant CAP_SYS_NICE",
    ),
    "no such file, root": ({}, 0, r"models \(grant CAP_SYS_NICE\)"),
}


@pytest.mark.parametrize("case", REAL_TIME)
def test_the_doctor_says_why_real_time_priority_is_refused(proc, monkeypatch, case):
    files, user, says = REAL_TIME[case]
    monkeypatch.setattr("targets.local.allowance.PROC", proc("v1", files))
    monkeypatch.setattr("harness.commands.doctor.be_punctual", lambda: "normal")
    monkeypatch.setattr(os, "geteuid", lambda: user)
    finding = _priority()
    assert not finding.ok and re.search(says, finding.told), finding.told


def test_a_mount_point_that_is_no_utf8_hides_no_quota(proc):
    found = proc("v2", {"a/b/cpu.max": "100000 100000\n"})
    with (found / "self/mountinfo").open("ab") as mounts:
        mounts.write(b"50 22 8:2 / /media/\xe9t\xe9 rw - ext4 /dev/sdb1 rw\n")
    assert available_cpus(found) == 1


@pytest.mark.parametrize("first", ["v2", "v1"])
def test_real_time_priority_is_refused_by_the_first_group_that_has_the_file(tmp_path, monkeypatch, first):
    """Of the two versions side by side only one has it, whichever is mounted first."""
    folder = tmp_path / "self"
    folder.mkdir()
    folder.joinpath("cgroup").write_text("5:cpu,cpuacct:/a\n0::/a\n")
    mounts = {
        "v2": f"40 22 0:40 / {tmp_path}/v2 rw - cgroup2 cgroup2 rw",
        "v1": f"41 22 0:41 / {tmp_path}/v1 rw - cgroup cgroup rw,cpu,cpuacct",
    }
    lines = [mounts[first], *(line for name, line in mounts.items() if name != first)]
    folder.joinpath("mountinfo").write_text("\n".join(lines) + "\n")
    for name in mounts:
        (tmp_path / name / "a").mkdir(parents=True)
    (tmp_path / "v1/a/cpu.rt_runtime_us").write_text("0\n")
    (tmp_path / "v1/cpu.rt_runtime_us").write_text("950000\n")
    monkeypatch.setattr("targets.local.allowance.PROC", tmp_path)
    assert group_without_real_time() == tmp_path / "v1/a/cpu.rt_runtime_us"


def test_affinity_holds_as_well(proc, monkeypatch):
    found = proc("v2", {"a/b/cpu.max": "400000 100000\n"})
    assert available_cpus(found) == 4
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {5}, raising=False)
    assert available_cpus(found) == 1


def test_without_proc_the_machine_is_all_there_is(tmp_path):
    assert available_cpus(tmp_path) == 8
    assert available_memory_bytes(tmp_path) == psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("version", "files", "limit"),
    [
        ("v2", {"a/b/memory.max": "max\n", "a/memory.max": "268435456\n"}, 2**28),
        ("v1", {"memory/a/b/memory.limit_in_bytes": "268435456\n"}, 2**28),
        ("v1", {"memory/a/b/memory.limit_in_bytes": "9223372036854771712\n"}, None),
    ],
    ids=["v2 above", "v1 own", "v1 unlimited"],
)
def test_the_least_memory_limit_holds(proc, version, files, limit):
    assert available_memory_bytes(proc(version, files)) == limit or psutil.virtual_memory().total


@pytest.fixture
def one_cpu_group():
    """A real group of version 1 below this process's own, with one CPU; removed afterwards."""
    if os.geteuid() != 0 or not (V1_CPU / "tasks").exists():
        pytest.skip("makes a control group of version 1, which needs root and its cpu controller")
    folder = V1_CPU / f"frostline-test-{os.getpid()}"
    inner = folder / "inner"
    inner.mkdir(parents=True)
    try:
        (folder / "cpu.cfs_period_us").write_text("100000")
        (folder / "cpu.cfs_quota_us").write_text("100000")
        yield inner
    finally:
        inner.rmdir()
        folder.rmdir()


def test_the_doctor_says_one_cpu_under_a_real_quota_of_one(one_cpu_group):
    code = "from harness.commands.doctor import _cpus; from harness.measure.machine import *; "
    code += "print(_cpus().told.split()[0], usable_cpus(), machine_facts()['cpus'])"
    enter = f'echo $$ > {one_cpu_group}/tasks && exec {sys.executable} -c "{code}"'
    told = subprocess.run(["sh", "-c", enter], capture_output=True, text=True, timeout=60, check=True).stdout
    assert told.split() == ["1", "1", "1"]


def test_facts_of_the_machine_and_the_host_bound_check_follow_the_quota(monkeypatch):
    monkeypatch.setattr("harness.measure.machine.available_cpus", lambda: 1.0)
    monkeypatch.setattr("harness.measure.machine.available_memory_bytes", lambda: 2**28)
    facts = machine_facts()
    assert (facts["cpus"], facts["memory_mb"], usable_cpus()) == (1, 256, 1)
    assert str(facts["cpus"]) == "1", "a whole number is written as one, as earlier runs have it"


def test_throttling_of_any_group_above_is_ours(proc, monkeypatch):
    found = proc("v2", {"a/b/cpu.stat": "usage_usec 5\nnr_throttled 0\n", "a/cpu.stat": "nr_throttled 2\n"})
    monkeypatch.setattr("targets.local.allowance.PROC", found)
    earlier, later = HostTimes(None, None, 1), HostTimes.read(found)
    assert later.was_throttled_since(earlier)
