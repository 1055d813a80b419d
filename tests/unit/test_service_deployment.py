"""What is a service's own failure to start, and what is left when a replica or the engine is not there any more."""

from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import docker.errors
import pytest

from targets.backing.contract import Backing
from targets.clock import now_ns
from targets.contract import DeploymentError, Order, Package, Sizing, StartFailed
from targets.events import EventLog
from targets.local import service_deployment
from targets.local.docker_service import DockerReplica
from targets.local.gpus import Gpus
from targets.local.service_deployment import Replica, ServiceDeployment
from targets.serving import marks
from targets.settings import ServiceSettings

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
        self.reload()  # which raises where it is gone


def engine(create):
    """An engine whose `create` is as given."""
    return SimpleNamespace(containers=SimpleNamespace(create=create))


@pytest.fixture
def log(tmp_path):
    with closing(EventLog(tmp_path / "events.jsonl")) as opened:
        yield opened


def docker_replica(log, create):
    return DockerReplica("0001", log, engine(create), Package("echo", "frostline/echo:x"), ORDER, Gpus(0))


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


@pytest.mark.parametrize(
    ("heard", "place"),
    [([], "its code has not begun"), (["init_begin"], "it is still in load()"), (["init_begin", "init_end"], "")],
    ids=["nothing", "begun", "loaded"],
)
def test_a_replica_that_does_not_answer_in_time_is_told_with_how_far_it_came(log, monkeypatch, heard, place):
    monkeypatch.setattr(service_deployment, "READY_LIMIT_S", 0.05)
    replica = Played("0001", log)
    for kind in heard:
        replica.hear(marks.mark(kind, "0001", now_ns()).encode())
    with pytest.raises(StartFailed) as raised:
        replica.wait_until_ready(CLOSED_PORT)
    assert str(raised.value).split("\n")[0] == f"replica 0001 did not answer within 0 s{place and ': ' + place}"


def test_a_container_that_something_else_removed_has_ended_and_can_be_removed(log):
    replica = docker_replica(log, None)
    replica.container = Container("gone")
    assert replica.end_reason() == "its container is gone: something else removed it"
    replica.remove()


class Archive:
    """Remembers what was asked of it."""

    def __init__(self):
        self.calls = []

    def load(self):
        self.calls.append("load")

    def restore(self):
        self.calls.append("restore")


def test_what_cannot_be_removed_keeps_nothing_else_from_being_removed(monkeypatch):
    monkeypatch.setattr(Replica, "wait_until_ready", lambda self, port: None)
    replicas, archive, closed = [], Archive(), []

    def new(name, log, order):
        replicas.append(Played(name, log))
        return replicas[-1]

    resources = ExitStack()
    resources.callback(closed.append, True)
    deployment = ServiceDeployment(new, Backing(replace(ORDER, settings=ServiceSettings(3))), {}, archive, resources)
    replicas[2].stuck = True
    with pytest.raises(DeploymentError, match="0003 cannot be removed"):
        deployment.destroy()
    assert [replica.removed for replica in replicas] == [True, True, False]
    assert archive.calls[-1] == "restore"
    assert not Path(deployment._folder).exists()
    assert closed == [True]
    replicas[2].stuck = False
    deployment.destroy()
    assert replicas[2].removed


class Played(Replica):
    """A replica that plays how it ends."""

    def __init__(self, name, log, why=None):
        super().__init__(name, log)
        self.why = why
        self.stuck = self.removed = False

    def start(self):
        return CLOSED_PORT

    def end_reason(self):
        return self.why

    def usage(self):
        return service_deployment.Usage()

    def remove(self):
        if self.stuck:
            raise DeploymentError(f"replica {self.name} cannot be removed")
        self.removed = True

    def is_gone(self):
        return self.removed
