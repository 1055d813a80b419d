"""A benchmark's exit code: a bound that fails says something only on a machine that was free."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from harness.selftest.others import Usage, foreign_cpu_s
from tests.benchmarks import __main__ as driver
from tests.benchmarks import calm


@pytest.mark.parametrize(
    ("found", "busy", "code", "runs"),
    [
        ([[]], [False], 0, 1),
        ([[]], [True], 0, 1),
        ([["slow"]], [False], 1, 1),
        ([["slow"], []], [True, False], 0, 2),
        ([["slow"], ["slow"]], [True, False], 1, 2),
        ([["slow"]] * 3, [True] * 3, 4, 3),
    ],
)
def test_only_a_bound_that_fails_on_a_free_machine_fails(monkeypatch, capsys, found, busy, code, runs):
    tried = []
    monkeypatch.setattr(calm, "Others", lambda: SimpleNamespace(share=lambda: 0.0))
    monkeypatch.setattr(calm, "disturbances", lambda *_: ["others"] if busy[len(tried) - 1] else [])

    def measure():
        tried.append(1)
        return found[len(tried) - 1]

    assert calm.settled(measure) == code and len(tried) == runs
    assert ("nothing is said" in capsys.readouterr().out) is (code == 4)


def test_what_disturbed_is_named():
    assert calm.disturbances(0.4, 0.2) == ["40 % of it was used by others", "20 % of its time was stolen"]
    assert calm.disturbances(0.05, 0.02) == calm.disturbances(0.05, None) == []


@pytest.mark.parametrize(
    ("codes", "worst"), [([0, 0], 0), ([4, 0], 4), ([4, 1, 0], 1), ([0, 1, 4], 1), ([4, -9], -9), ([], 0)]
)
def test_the_driver_runs_every_benchmark_and_ends_with_the_worst_code(monkeypatch, codes, worst):
    started = []

    def run(command):
        started.append(command[-1])
        return SimpleNamespace(returncode=codes[len(started) - 1])

    monkeypatch.setattr(driver, "BENCHMARKS", [f"b{number}" for number in range(len(codes))])
    monkeypatch.setattr(driver.subprocess, "run", run)
    assert driver.main() == worst and len(started) == len(codes)


def test_others_are_what_is_neither_ours_nor_the_engines_nor_the_kernels():
    earlier = {
        (1, 0.0): Usage(0, "init", 5),
        (2, 0.0): Usage(0, "kthreadd", 0),
        (3, 0.0): Usage(2, "kworker", 1),
        (10, 0.0): Usage(1, "shell", 100),
        (11, 0.0): Usage(10, "ours", 1),
        (12, 0.0): Usage(11, "our child", 1),
        (20, 0.0): Usage(1, "dockerd", 1),
        (21, 0.0): Usage(1, "containerd-shim", 1),
        (22, 0.0): Usage(21, "unit", 1),
        (30, 0.0): Usage(1, "make", 1),
        (31, 0.0): Usage(30, "cc", 40),
        (40, 0.0): Usage(1, "orphan", 1000),
    }
    later = {process: Usage(usage.parent, usage.name, usage.cpu_s + 50) for process, usage in earlier.items()}
    for quiet in ((1, 0.0), (10, 0.0)):
        later[quiet] = earlier[quiet]
    del later[31, 0.0], later[40, 0.0]
    later[30, 0.0] = Usage(1, "make", 48)
    assert foreign_cpu_s(earlier, later, 11) == 48 - 1 - 40, "cc used 6 s more and make 1: the orphan's are nobody's"
    later[31, 9.0] = Usage(30, "cc", 2)
    assert foreign_cpu_s(earlier, later, 11) == 9, "its number was used again"


SEEN = """
import os, subprocess, sys, time
import psutil
from harness.selftest.others import Others
spin = "import time\\nwhile time.process_time() < 1: pass\\ntime.sleep(600)"
begun, others = time.monotonic(), Others()
command = ["sh", "-c", '"$0" -c "$1" >/dev/null 2>&1 & echo $!', sys.executable, spin]
stranger = psutil.Process(int(subprocess.run(command, capture_output=True, check=True).stdout))
try:
    while sum(stranger.cpu_times()[:2]) < 0.6:
        time.sleep(0.02)
    print(others.share() * (time.monotonic() - begun) * os.cpu_count())
finally:
    stranger.kill()
"""


def test_the_cpu_time_of_a_stranger_is_seen():
    """Its parent has ended, so it is no child of ours: asked in a process that adopts nobody, as one that has started
    units does."""
    done = subprocess.run([sys.executable, "-c", SEEN], capture_output=True, text=True, check=True, timeout=60)
    assert float(done.stdout) >= 0.5
