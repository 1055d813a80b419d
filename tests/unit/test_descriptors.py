"""The descriptor limit on kernels that do not take every number."""

import resource
import socket
import subprocess
import sys
import threading

import pytest

from targets import descriptors
from targets.descriptors import most_descriptors, raise_descriptor_limit
from targets.local.serving_process import ServingProcess

UNLIMITED = resource.RLIM_INFINITY


class Kernel:
    """Refuses a soft limit above `most`, as macOS does whatever the hard limit says."""

    RLIMIT_NOFILE, RLIM_INFINITY = resource.RLIMIT_NOFILE, UNLIMITED

    def __init__(self, soft, hard, most):
        self.limits, self.most = (soft, hard), most

    def getrlimit(self, what):
        return self.limits

    def setrlimit(self, what, limits):
        if limits != self.limits and (limits[0] == UNLIMITED or limits[0] > self.most):
            raise ValueError("current limit exceeds maximum limit")
        self.limits = limits


@pytest.mark.parametrize(
    ("soft", "hard", "most", "given"),
    [
        (256, UNLIMITED, 100_000, 65_536),
        (256, UNLIMITED, 20_000, 10_240),
        (256, UNLIMITED, 300, 256),
        (30_000, UNLIMITED, 20_000, 30_000),
        (256, 4_096, 100_000, 4_096),
        (256, 500_000, 100_000, 65_536),
        (UNLIMITED, UNLIMITED, 0, sys.maxsize),
    ],
)
def test_the_limit_is_the_most_that_the_kernel_takes_and_is_known_beforehand(monkeypatch, soft, hard, most, given):
    kernel = Kernel(soft, hard, most)
    monkeypatch.setattr(descriptors, "resource", kernel)
    assert most_descriptors() == given
    assert kernel.limits == (soft, hard), "asking changes nothing"
    assert raise_descriptor_limit() == given
    assert kernel.limits[1] == hard


def test_replicas_and_sandboxes_are_given_the_same_limit_whoever_starts_them(tmp_path):
    """A front has raised its own limit before it starts a sandbox; the run that starts a replica may not have."""
    tell = 'os.write(int(os.environ["FROSTLINE_MARKS_FD"]), str(resource.getrlimit(resource.RLIMIT_NOFILE)).encode())'
    (tmp_path / "limit.py").write_text(f"import os, resource; {tell}")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most, lines, heard = most_descriptors(), [], threading.Event()

    def hear(line):
        lines.append(line.decode().strip())
        heard.set()

    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    try:
        process = ServingProcess("limit", {"PYTHONPATH": str(tmp_path)}, socket.socket(), hear)
        assert heard.wait(20)
        process.kill()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert lines == [str((most, hard))]


def test_a_child_is_given_what_was_promised():
    code = "from targets.descriptors import raise_descriptor_limit; print(raise_descriptor_limit())"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(printed) == most_descriptors()
