"""One real image on a real engine: built without network, cached by content, run locked down, asked as a function."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

import targets
from targets.contract import Package
from targets.packaging import image
from targets.packaging.base import BASE_VARIABLE

pytestmark = pytest.mark.docker

NAME = "packaging-probe"
PROBE = """
class Probe:
    name = "packaging-probe"
    summary = "answers what its model directory holds"
    requirements = ()
    models = ()
    model_files = ("weights.txt",)

    def load(self, phase, model_dir, threads):
        with phase("weights"):
            weights = (model_dir / "weights.txt").read_text()
        return lambda request: {"weights": weights, "text": request["text"]}


WORKLOAD = Probe()
"""
ASK = """
import json, time, urllib.request
url = "http://127.0.0.1:8080/2015-03-31/functions/function/invocations"
for attempt in range(3000):
    try:
        print(urllib.request.urlopen(url, json.dumps({"text": "hello"}).encode(), timeout=20).read().decode())
        break
    except OSError:
        time.sleep(0.1)
"""
LOCKED = {
    "network_mode": "none",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "tmpfs": {"/tmp": "size=16m"},
    "mem_limit": "512m",
}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    try:
        found = docker.from_env()
        found.ping()
    except docker.errors.DockerException as error:
        pytest.skip(f"no Docker engine answers: {error}")
    yield found
    found.close()


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    """A workload that exists only here, in a copy of targets/, and its model directory."""
    root = tmp_path_factory.mktemp("probe")
    shutil.copytree(targets.__path__[0], root / "targets", ignore=shutil.ignore_patterns("__pycache__", "samples"))
    (root / "targets" / "workloads" / "packaging_probe.py").write_text(PROBE)
    # The build itself proves that it has no network: its only interface is the loopback.
    dockerfile = image.DOCKERFILE.read_text().replace("USER 65534", 'RUN test "$(ls /sys/class/net)" = lo\nUSER 65534')
    (root / "Dockerfile").write_text(dockerfile)
    (root / "model").mkdir()
    (root / "model" / "weights.txt").write_text("seven")
    space: dict[str, Any] = {}
    exec(PROBE, space)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FROSTLINE_CACHE", str(root / "cache"))
        patch.delenv(BASE_VARIABLE, raising=False)
        patch.setattr(targets, "__path__", [str(root / "targets")])
        patch.setattr(image, "DOCKERFILE", root / "Dockerfile")
        yield space["WORKLOAD"], root / "model"


@pytest.fixture(scope="module")
def package(client: Any, probe: tuple[Any, Path]) -> Iterator[Package]:
    built = image.build_image(client, *probe, print)
    yield built
    for found in client.images.list(all=False, filters={"label": f"frostline.image={NAME}"}):
        client.images.remove(found.id, force=True)


def run(client: Any, package: Package, command: list[str]) -> str:
    container = client.containers.create(package.reference, command, **LOCKED)
    try:
        container.start()
        code = container.wait(timeout=600)["StatusCode"]
        told = container.logs().decode()
        assert code == 0, told
        return told
    finally:
        container.remove(force=True)


def test_an_image_is_built_without_network_and_described(client, package):
    facts, found = package.facts, client.images.get(package.reference)
    assert package.reference.startswith(f"frostline/{NAME}:") and package.workload == NAME
    assert facts["image_id"] == found.id and facts["size_bytes"] == found.attrs["Size"] > 0
    assert facts["layers"] == len(found.attrs["RootFS"]["Layers"]) and facts["cached"] is False and facts["build_s"] > 0
    assert {"awslambdaric==4.2.2", "httptools==0.9.0", "uvicorn==0.54.0"} <= set(facts["packages"])
    assert found.labels["frostline.image"] == NAME and found.attrs["Config"]["User"] == "65534:65534"
    assert not found.attrs["Config"]["Entrypoint"] and not found.attrs["Config"]["Cmd"]
    json.dumps(facts)


def test_the_same_content_is_not_built_again(client, package, probe, monkeypatch, tmp_path):
    said: list[str] = []
    monkeypatch.setattr(type(client.api), "build", lambda *_, **__: pytest.fail("must not build"))
    again = image.build_image(client, *probe, said.append)
    assert again.reference == package.reference and again.facts["image_id"] == package.facts["image_id"]
    assert again.facts["cached"] is True and "build_s" not in again.facts
    assert again.facts["packages"] == package.facts["packages"]
    assert not any("fetching" in line or "building" in line for line in said)


def test_it_runs_locked_down_and_imports_what_it_serves(client, package):
    code = "import os, targets.serving.http_app, uvicorn, httptools, awslambdaric; print(os.getuid())"
    assert run(client, package, [image.PYTHON, "-c", code]).strip() == "65534"


def test_nothing_is_compiled_at_a_cold_start(client, package):
    told = run(
        client, package, [image.PYTHON, "-v", "-c", "import targets.serving.http_app, uvicorn, asyncio, http.server"]
    )
    lines = [line for line in told.splitlines() if line.startswith("# code object from")]
    sources = [line for line in lines if not line.split()[-1].strip("'").endswith(".pyc")]
    assert len(lines) > 50 and sources == []


def test_pip_and_scripts_are_left_out(client, package):
    code = "import os, sys; from importlib.util import find_spec as f; print(f('pip'), os.listdir(sys.prefix + '/bin'))"
    spec, names = run(client, package, [image.PYTHON, "-c", code]).strip().split(" ", 1)
    assert spec == "None" and all("python" in name for name in names.split(","))


def test_the_function_answers_through_the_emulator(client, package):
    environment = {"FROSTLINE_UNIT": "one", "FROSTLINE_CPUS": "1"}
    container = client.containers.create(package.reference, image.FUNCTION_COMMAND, environment=environment, **LOCKED)
    try:
        container.start()
        told = container.exec_run([image.PYTHON, "-c", ASK]).output.decode()
        assert json.loads(told)["answer"] == {"weights": "seven", "text": "hello"}, container.logs().decode()
    finally:
        container.remove(force=True)
