"""What is a service's own failure to start, and what is left when a replica or the engine is not there any more."""

from contextlib import closing
from types import SimpleNamespace

import docker.errors
import pytest

from targets.contract import DeploymentError, Order, Package, Sizing, StartFailed
from targets.events import EventLog
from targets.local import service_deployment
from targets.local.docker_service import DockerReplica
from targets.local.service_deployment import Replica

CLOSED_PORT = 1
ORDER = Order("run", Sizing(512, 1.0))


class Container:
    """A container of the engine's client: `state` is how it ended; None while it runs, "gone" when it was deleted."""

    id = name = "c"

    def __init__(self, state=None):
        self.state = state
        self.ports = {}

    @property
    def attrs(self):
        return {"State": {"ExitCode": self.state, "OOMKilled": False, "Pid": 0}}

    @property
    def status(self):
        return "running" if self.state is None else "exited"

    def reload(self):
        if self.state == "gone":
            raise docker.errors.NotFound("no such container")

    def attach(self, **_):
        return iter(())

    def start(self):
        pass

    def logs(self, tail):
        return b"no such module"

    def remove(self, **_):
        self.reload()


def engine(create):
    """An engine whose `create` is as given."""
    return SimpleNamespace(containers=SimpleNamespace(create=create))


@pytest.fixture
def log(tmp_path):
    with closing(EventLog(tmp_path / "events.jsonl")) as opened:
        yield opened


def docker_replica(log, create):
    return DockerReplica("0001", log, engine(create), Package("echo", "frostline/echo:x"), ORDER)


def test_a_container_that_ended_as_it_started_is_the_targets_failure(log):
    with pytest.raises(StartFailed, match="ended as it started: no such module"):
        docker_replica(log, lambda *_, **__: Container(1)).start()


def test_an_engine_that_refuses_is_not(log):
    def refuse(*_, **__):
        raise docker.errors.ImageNotFound("frostline/echo:x")

    with pytest.raises(DeploymentError, match="the engine refused") as raised:
        docker_replica(log, refuse).start()
    assert not isinstance(raised.value, StartFailed)


@pytest.mark.parametrize(("why", "words"), [("exit status 1", "ended before it answered"), (None, "did not answer")])
def test_a_replica_that_ended_or_stays_silent_is_the_targets_failure(log, monkeypatch, why, words):
    monkeypatch.setattr(service_deployment, "READY_LIMIT_S", 0.05)
    with pytest.raises(StartFailed, match=words):
        Played("0001", log, why).wait_until_ready(CLOSED_PORT)


class Played(Replica):
    """A replica that plays how it ends."""

    def __init__(self, name, log, why=None):
        super().__init__(name, log)
        self.why = why

    def start(self):
        return CLOSED_PORT

    def end_reason(self):
        return self.why

    def usage(self):
        return service_deployment.Usage()

    def remove(self):
        pass

    def is_gone(self):
        return True
