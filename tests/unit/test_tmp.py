"""What a unit has of /tmp: a folder of its own, on disk, empty at first, kept through restarts, gone with the unit."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.errors import UsageError
from harness.experiment.question import parse_experiment
from harness.record.definition import definition_sha256
from targets.contract import Order, Package, Sizing
from targets.events import EventLog
from targets.lambda_front import process_sandbox
from targets.local import containers, process_service
from targets.local.gpus import Gpus
from targets.local.processes import CODE
from targets.local.resources import Usage

FIELDS = {"name": "tmp", "question": "?", "workloads": ["echo"], "targets": ["process-lambda"]}


@pytest.fixture
def environments(monkeypatch):
    """Environments of the serving processes that are started meanwhile: none is."""
    seen = []

    def serving(module, environment, connection, hear):
        connection.close()
        seen.append(environment)
        return SimpleNamespace(pid=1, mark="m", status=0, usage=Usage, kill=lambda: None)

    for module in (process_service, process_sandbox):
        monkeypatch.setattr(module, "ServingProcess", serving)
    return seen


@pytest.fixture
def log(tmp_path):
    with closing(EventLog(tmp_path / "events.jsonl")) as opened:
        yield opened


def test_a_sandbox_of_a_process_keeps_its_folder_through_a_restart_and_no_other_has_it(environments, log, tmp_path):
    async def life():
        makers = process_sandbox.ProcessSandboxes({"TMPDIR": "/elsewhere"}, log, Sizing(512, 1.0))
        first, second = makers.new("1", ""), makers.new("2", "")
        for made in (first, second):
            await made.create()
            await made.start()
        own, other = (Path(environment["TMPDIR"]) for environment in environments)
        assert own != other and list(own.iterdir()) == list(other.iterdir()) == []
        (own / "cache").write_bytes(b"x")
        await first.kill()
        await first.start()
        assert Path(environments[-1]["TMPDIR"]) == own and (own / "cache").exists()
        await first.remove()
        assert not own.exists() and other.exists()
        await second.remove()

    asyncio.run(life())
    assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl"]


def test_a_replica_of_a_process_has_a_folder_of_its_own_as_well(environments, log, tmp_path):
    order, package = Order("run", Sizing(512, 1.0)), Package("echo", "site")
    replicas = [process_service.ProcessReplica(name, log, package, order, Gpus(0)) for name in "12"]
    for replica in replicas:
        replica.start()
    assert len({environment["TMPDIR"] for environment in environments}) == 2
    for replica in replicas:
        replica.remove()
        replica.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl"]


@pytest.mark.parametrize("tmp_mb", [None, 512, 10_240])
def test_tmp_of_a_container_is_a_volume_that_goes_with_it_and_no_memory(tmp_mb):
    asked = {}
    client = SimpleNamespace(containers=SimpleNamespace(create=lambda *_, **given: asked.update(given)))
    containers.create(client, "image", [], "name", Sizing(512, 1.0), {}, {}, tmp_mb=tmp_mb)
    (mount,) = asked["mounts"]
    assert (mount["Target"], mount["Source"], mount["Type"]) == ("/tmp", None, "volume")
    assert not asked.get("tmpfs") and asked["read_only"]
    limits = [(limit["Name"], limit["Soft"], limit["Hard"]) for limit in asked["ulimits"] or []]
    assert limits == ([("fsize", tmp_mb * 2**20, tmp_mb * 2**20)] if tmp_mb else [])


@pytest.mark.parametrize("tmp_mb", [0, 511, 10_241, 1.5, "big"])
def test_a_size_that_lambda_does_not_sell_is_refused(tmp_mb):
    with pytest.raises(UsageError, match="tmp_mb"):
        parse_experiment({**FIELDS, "function": {"tmp_mb": tmp_mb}}, "test")


def test_the_default_begins_no_new_history():
    def identity(function):
        return definition_sha256(json.loads(parse_experiment({**FIELDS, **function}, "test").model_dump_json()))

    assert identity({}) == identity({"function": {"tmp_mb": 512}}) != identity({"function": {"tmp_mb": 1024}})
    earlier = json.loads(parse_experiment(FIELDS, "test").model_dump_json())
    del earlier["function"]["tmp_mb"]
    assert definition_sha256(earlier) == identity({})


LARGE_WORKLOAD = """
import os, subprocess, sys, threading

class Large:
    name, summary = "large", "Has others write a large file"
    requirements, models, model_files = (), (), ()

    def load(self, phase, model_dir, threads):
        return infer

    def payloads(self):
        return []

def infer(request):
    path = os.path.join(os.environ["PLACE"], "large")
    commands = {
        "program": ["dd", "if=/dev/zero", "bs=64k", "count=40", f"of={path}"],
        "python": [sys.executable, "-c", f"open({path!r}, 'wb').write(bytes(3000000))"],
    }
    answer = {}
    def write(name, command):
        done = subprocess.run(command, capture_output=True, text=True)
        answer[name] = done.returncode, done.stderr
    for name, command in commands.items():
        write(name, command)
    thread = threading.Thread(target=write, args=("from a thread", commands["program"]))
    thread.start()
    thread.join()
    return answer

WORKLOAD = Large()
"""


def test_a_file_that_is_too_large_is_an_error_to_every_program_and_kills_none(tmp_path):
    """A container's limit is RLIMIT_FSIZE, for which the kernel sends SIGXFSZ."""
    (tmp_path / "targets" / "workloads").mkdir(parents=True)
    (tmp_path / "targets" / "workloads" / "large.py").write_text(LARGE_WORKLOAD)
    code = (
        "import json, resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20));"
        "from targets.serving.function import handler; print(json.dumps(handler({}, None)['answer']))"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(CODE), str(tmp_path)]),
        "FROSTLINE_WORKLOAD": "large",
        "PLACE": str(tmp_path),
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert set(answer) == {"program", "python", "from a thread"}
    for name, (status, said) in answer.items():
        assert status > 0 and "File too large" in said, (name, status, said)
