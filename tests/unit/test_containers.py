"""A container's port is awaited while it runs: how often the engine is asked before it tells does not matter."""

import pytest

from targets.contract import StartFailed
from targets.local import containers

BOUND = {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "4711"}]}


class Looks:
    """A container of which each look shows the next of these (status, ports); the last one stays."""

    name = "frostline-it-svc-0001"

    def __init__(self, *looks):
        self.looks, self.count = looks, 0

    def reload(self):
        self.status, self.ports = self.looks[min(self.count, len(self.looks) - 1)]
        self.count += 1

    def logs(self, tail):
        return b"Traceback\nboom\n"


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Sleeping passes time, and takes none."""
    moments = [0]
    monkeypatch.setattr(containers, "now_ns", lambda: moments[0])
    monkeypatch.setattr(containers, "sleep", lambda seconds: moments.append(moments.pop() + int(seconds * 1e9)))


@pytest.mark.parametrize("unset", [{}, {"8080/tcp": None}, {"8080/tcp": []}], ids=["none", "null", "empty"])
@pytest.mark.parametrize("late", [0, 1, 2, 50])
def test_a_port_that_is_told_late_is_awaited(late, unset):
    container = Looks(*[("running", unset)] * late, ("running", BOUND))
    assert containers.published_port(container) == 4711
    assert container.count == late + 1


@pytest.mark.parametrize("status", ["exited", "dead", "removing"])
def test_a_container_that_ended_is_told_at_once_with_its_last_lines(status):
    container = Looks(("running", {}), (status, {}))
    with pytest.raises(StartFailed, match="ended as it started: boom\n  Traceback"):
        containers.published_port(container)
    assert container.count == 2


def test_one_that_runs_and_never_gets_a_port_ends_the_wait():
    with pytest.raises(StartFailed, match="has published no port of it within 10 s"):
        containers.published_port(Looks(("running", {})))
