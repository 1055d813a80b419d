"""Packaging without an engine and without a network: real pip on wheels that the test makes."""

import ast
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import docker
import psutil
import pytest

import targets
from targets.contract import DeploymentError
from targets.packaging import cache, emulator, image
from targets.packaging import obtain as obtain_module
from targets.packaging.base import Base, choose_base, parse_version
from targets.packaging.bootstrap import STAND_IN
from targets.packaging.code import code_files
from targets.packaging.context import write_context
from targets.packaging.engine import engine_errors, engine_machine
from targets.packaging.model_folder import model_dir_problems, model_paths
from targets.packaging.site import build_site, installed_packages
from targets.packaging.wheelhouse import (
    QUEUE_REQUIREMENTS,
    SERVER_REQUIREMENTS,
    HostInterpreter,
    Interpreter,
    Wheelhouse,
    download,
    wheelhouses,
)
from targets.workloads.contract import Wheel

PYTHON_312 = Interpreter("3.12", "x86_64")


class Probe:
    name = "probe"
    summary = "a workload with nothing in it"
    requirements: tuple[str, ...] = ()
    models: tuple[Wheel, ...] = ()
    model_files: tuple[str, ...] = ()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "FREE_BYTES_NEEDED", 1)
    return tmp_path / "cache"


def make_wheel(folder: Path, name: str, version: str, requires: tuple[str, ...] = (), script: bool = False) -> Path:
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{name}/__init__.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": metadata + "".join(f"Requires-Dist: {line}\n" for line in requires),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if script:
        files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{name}-tool = {name}:main\n"
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in files.items():
            archive.writestr(member, text)
    return path


@pytest.fixture
def index(tmp_path, monkeypatch):
    """The user's own pip configuration: a folder of wheels instead of an index."""
    folder = tmp_path / "index"
    make_wheel(folder, "uvicorn", "0.54.0", ("h11",), script=True)
    make_wheel(folder, "h11", "0.16.0")
    make_wheel(folder, "httptools", "0.9.0")
    make_wheel(folder, "redis", "8.1.0")
    make_wheel(folder, "async_timeout", "5.0.1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def leftovers(root: Path) -> list[str]:
    return [path.name for path in root.rglob(".*")]


def test_cache_root_follows_the_variable_and_else_the_home_folder(monkeypatch, tmp_path):
    assert cache.cache_root() == tmp_path / "cache"
    monkeypatch.delenv("FROSTLINE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "somebody"))
    assert cache.cache_root() == tmp_path / "somebody" / ".cache" / "frostline"


def test_a_cache_entry_is_complete_or_absent(own_cache):
    entry = own_cache / "things" / "one"
    with pytest.raises(ZeroDivisionError), cache.assemble(entry) as draft:
        (draft / "half").write_text("half")
        raise ZeroDivisionError
    assert not entry.exists() and not leftovers(own_cache)
    with cache.assemble(entry) as draft:
        (draft / "whole").write_text("whole")
        assert not entry.exists()
    assert (entry / "whole").read_text() == "whole" and not leftovers(own_cache)


def test_the_first_of_two_processes_that_make_one_entry_wins(own_cache):
    entry = own_cache / "one"
    with cache.assemble(entry) as slow:
        (slow / "file").write_text("slow")
        with cache.assemble(entry) as fast:
            (fast / "file").write_text("fast")
    assert (entry / "file").read_text() == "fast" and not leftovers(own_cache)


def test_a_full_disk_names_the_folder_and_the_fix(own_cache, monkeypatch):
    monkeypatch.setattr(cache, "FREE_BYTES_NEEDED", 1 << 62)
    with pytest.raises(DeploymentError, match="FROSTLINE_CACHE") as raised, cache.assemble(own_cache / "sites" / "x"):
        pytest.fail("the block must not run")
    assert str(own_cache / "sites") in str(raised.value) and "GiB free" in str(raised.value)


def test_a_cache_that_cannot_be_written_names_the_folder_and_the_fix(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(DeploymentError, match="set FROSTLINE_CACHE"), cache.assemble(tmp_path / "file" / "x"):
        pytest.fail("the block must not run")


def test_platforms_run_from_debian_12_down_to_manylinux1():
    names = PYTHON_312.platforms
    assert names[0] == "manylinux_2_36_x86_64" and "manylinux_2_17_x86_64" in names and "manylinux1_x86_64" in names
    assert "manylinux_2_37_x86_64" not in names
    arm = Interpreter("3.11", "aarch64")
    assert "manylinux2014_aarch64" in arm.platforms and "manylinux1_aarch64" not in arm.platforms
    options = arm.pip_arguments
    assert options[:4] == ["--python-version", "3.11", "--implementation", "cp"]
    assert [options[at + 1] for at, word in enumerate(options) if word == "--abi"] == ["cp311", "abi3", "none"]


def test_the_key_of_a_wheelhouse_is_its_content():
    one = Wheelhouse(("a==1", "b==2"), PYTHON_312)
    assert one.key == Wheelhouse(("b==2", "a==1"), PYTHON_312).key
    others = [
        Wheelhouse(("a==1", "b==3"), PYTHON_312),
        Wheelhouse(("a==1", "b==2"), Interpreter("3.11", "x86_64")),
        Wheelhouse(("a==1", "b==2"), Interpreter("3.12", "aarch64")),
        Wheelhouse(("a==1", "b==2"), HostInterpreter()),
        Wheelhouse(("a==1", "b==2"), PYTHON_312, pinned=True),
    ]
    assert len({one.key, *(other.key for other in others)}) == 6


def test_wheels_are_fetched_once_with_dependencies_and_listed(index):
    house, said = Wheelhouse(("uvicorn==0.54.0",), PYTHON_312), []
    house.fetch("probe", said.append)
    assert said == ["fetching wheels for probe (Python 3.12)…"]
    assert house.packages() == ["h11==0.16.0", "uvicorn==0.54.0"]
    for path in index.glob("*.whl"):
        path.unlink()
    house.fetch("probe", said.append)
    assert len(said) == 1


def test_a_failed_fetch_leaves_nothing_and_tells_what_pip_said(index, own_cache):
    house = Wheelhouse(("uvicorn==0.54.0", "nothing-of-the-kind==9"), PYTHON_312)
    with pytest.raises(DeploymentError, match="No matching distribution") as raised:
        house.fetch("probe", lambda line: None)
    assert "wheels of probe" in str(raised.value) and "nothing-of-the-kind==9" in str(raised.value)
    assert not house.folder.exists() and not leftovers(own_cache)


def arguments(child):
    """Of a process that runs; none of one that has ended, collected or not."""
    try:
        return child.cmdline()
    except psutil.Error:
        return []


def test_a_signal_as_the_patience_with_pip_begins_leaves_nothing_that_waits(monkeypatch, tmp_path):
    """A thread that went on would keep an interrupted run alive until pip's time is over."""

    class Struck(threading.Timer):
        def start(self):
            super().start()
            raise KeyboardInterrupt

    monkeypatch.setattr(threading, "Timer", Struck)
    with pytest.raises(KeyboardInterrupt):
        download(tmp_path, "probe", ["nothing-of-the-kind==9"], ())
    struck = [thread for thread in threading.enumerate() if isinstance(thread, Struck)]
    assert all(thread.daemon for thread in struck)
    for thread in struck:
        thread.join(60)
        assert not thread.is_alive(), "it was told that nobody waits"
    assert not any("nothing-of-the-kind==9" in arguments(child) for child in psutil.Process().children())


def test_model_packages_come_without_dependencies_and_only_with_their_hash(index, own_cache):
    wheel = make_wheel(index, "weights", "1.0", ("torch",))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    probe = Probe()
    probe.models = (Wheel("weights", "1.0", ("0" * 64, digest)),)
    _, good = wheelhouses(probe, (), PYTHON_312)
    good.fetch("probe", lambda line: None)
    assert good.packages() == ["weights==1.0"]
    probe.models = (Wheel("weights", "1.0", ("0" * 64,)),)
    _, bad = wheelhouses(probe, (), PYTHON_312)
    with pytest.raises(DeploymentError, match=r"wheel of weights==1\.0 .* sha256 is pinned"):
        bad.fetch("probe", lambda line: None)
    assert not bad.folder.exists() and not leftovers(own_cache)


def test_an_empty_set_is_fetched_without_pip_and_without_a_word(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    house, said = Wheelhouse((), PYTHON_312, pinned=True), []
    house.fetch("echo", said.append)
    assert said == [] and house.packages() == [] and (house.folder / "requirements.txt").read_text() == ""


def test_a_site_holds_compiled_packages_and_no_scripts(index):
    said: list[str] = []
    site = build_site(Probe(), said.append)
    assert installed_packages(site) == [
        *("async_timeout==5.0.1", "h11==0.16.0", "httptools==0.9.0", "redis==8.1.0", "uvicorn==0.54.0")
    ]
    assert not (site / "bin").exists() and list((site / "uvicorn" / "__pycache__").glob("*.pyc"))
    command = [sys.executable, "-S", "-c", "import uvicorn; print(uvicorn.__file__)"]
    found = subprocess.run(command, env={"PYTHONPATH": str(site)}, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(site / "uvicorn" / "__init__.py")
    assert len(said) == 2 and build_site(Probe(), said.append) == site and len(said) == 2


def test_a_broken_wheel_leaves_no_site(index, own_cache):
    runtime, _ = wheelhouses(Probe(), [*SERVER_REQUIREMENTS, *QUEUE_REQUIREMENTS], HostInterpreter())
    runtime.fetch("probe", lambda line: None)
    runtime.wheels()[0].write_bytes(b"no wheel")
    with pytest.raises(DeploymentError, match=f"remove {runtime.folder}"):
        build_site(Probe(), lambda line: None)
    assert not list((own_cache / "sites").iterdir())


def test_the_emulator_is_the_pinned_binary_or_an_error(tmp_path):
    wheel = tmp_path / "aws_sam_cli-1.170.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("samcli/local/rapid/aws-lambda-rie-x86_64", b"binary")
    pins = {"x86_64": hashlib.sha256(b"binary").hexdigest(), "aarch64": "0" * 64}
    assert emulator.extract(wheel, "x86_64", pins) == b"binary"
    with pytest.raises(DeploymentError, match="has sha256"):
        emulator.extract(wheel, "x86_64")
    with pytest.raises(DeploymentError, match="no Lambda emulator for aarch64"):
        emulator.extract(wheel, "aarch64", pins)


def test_an_emulator_that_was_changed_in_the_cache_is_refused(own_cache):
    kept = own_cache / "emulator" / emulator.EMULATOR_SHA256["x86_64"]
    kept.mkdir(parents=True)
    (kept / "aws-lambda-rie").write_bytes(b"something else")
    with pytest.raises(DeploymentError, match="was changed"):
        emulator.fetch_emulator(PYTHON_312, lambda line: None)


class Classifier(Probe):
    models = (Wheel("classifier-model", "1.0", ("0" * 64,)),)
    model_files = ("model.onnx", "config.json")


def test_a_good_model_directory_has_no_problems(tmp_path):
    (tmp_path / "m" / "onnx").mkdir(parents=True)
    for name in ("model.onnx", "config.json", "onnx/data.bin"):
        (tmp_path / "m" / name).write_text("x")
    (tmp_path / "m" / "linked.txt").symlink_to(tmp_path / "m" / "config.json")
    assert model_dir_problems(Classifier(), tmp_path / "m") == [] and model_dir_problems(Classifier(), None) == []
    assert list(model_paths(tmp_path / "m")) == ["config.json", "linked.txt", "model.onnx", "onnx/data.bin"]


def test_all_problems_of_a_model_directory_are_told_at_once(tmp_path):
    folder = tmp_path / "m"
    (folder / "sub").mkdir(parents=True)
    (folder / "model.onnx").mkdir()
    (folder / "elsewhere").symlink_to(folder / "sub")
    (folder / "dangling").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe")
    problems = "\n".join(model_dir_problems(Classifier(), folder))
    for name in (
        "model.onnx is not a regular",
        "config.json is missing",
        f"dangling leads to {folder / 'nowhere'}, which is not there",
        "pipe is",
    ):
        assert name in problems
    assert len(problems.splitlines()) == 4, "a link to a folder is followed"


def test_a_model_directory_that_is_none_or_not_wanted_is_named(tmp_path):
    (absent,) = model_dir_problems(Classifier(), tmp_path / "absent")
    assert "does not exist" in absent and "model.onnx, config.json" in absent
    (tmp_path / "file").write_text("")
    assert "is not a folder" in model_dir_problems(Classifier(), tmp_path / "file")[0]
    assert "leave it out" in model_dir_problems(Probe(), tmp_path)[0]


def test_the_same_files_give_the_same_context(tmp_path):
    for name, at in (("a", 1), ("b", 2)):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (at, at))
    files = {"x/a": tmp_path / "a", "run": tmp_path / "b"}
    first, second = io.BytesIO(), io.BytesIO()
    write_context(first, files, folders=["model"], programs=["run"])
    os.utime(tmp_path / "a", (99, 99))
    write_context(second, dict(reversed(files.items())), folders=["model"], programs=["run"])
    assert first.getvalue() == second.getvalue()
    with tarfile.open(fileobj=first) as archive:
        modes = {entry.name: entry.mode for entry in archive}
    assert modes == {"model": 0o755, "run": 0o755, "x/a": 0o644}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A targets folder of the test's own."""
    root = tmp_path / "targets"
    for name in (
        "__init__",
        "contract",
        "clock",
        "workloads/__init__",
        "workloads/probe",
        "workloads/other",
        "serving/core",
    ):
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("from targets.clock import now_ns\n" if name == "serving/core" else f"# {name}\n")
    (root / "workloads" / "samples" / "probe").mkdir(parents=True)
    (root / "workloads" / "samples" / "probe" / "big.bin").write_text("big")
    monkeypatch.setattr(targets, "__path__", [str(root)])
    return root


def test_only_what_runs_inside_is_copied(tree):
    names = set(code_files(Probe()))
    assert {"code/targets/workloads/probe.py", "code/targets/serving/core.py", "code/targets/clock.py"} <= names
    assert not any("other" in name or "samples" in name for name in names)


@pytest.mark.parametrize("name", targets.workload_names())
def test_whatever_of_ours_a_workload_imports_is_shipped_with_it(name):
    files = code_files(targets.workload(name))
    tree = ast.parse(targets.workload_file(name).read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    ours = {module for module in modules if module.startswith("targets.")}
    for module in ours:
        place = f"code/{module.replace('.', '/')}"
        assert {f"{place}.py", f"{place}/__init__.py"} & files.keys(), module


def test_a_plug_in_is_taken_from_where_it_lies_with_what_it_shares(tmp_path, tree, monkeypatch):
    plug_in = tmp_path / "plug-in" / "targets"
    shared = plug_in / "workloads" / "parts"
    shared.mkdir(parents=True)
    (plug_in / "workloads" / "probe.py").write_text("from targets.workloads.parts.words import WORDS\n")
    (shared / "words.py").write_text("import json\nimport targets.workloads.parts.letters\n")
    (shared / "letters.py").write_text("def load():\n    from targets.workloads.parts import late\n")
    (shared / "late.py").write_text("# imported while loading\n")
    (shared / "unused.py").write_text("# by nobody\n")
    (tree / "workloads" / "probe.py").unlink()
    monkeypatch.setattr(targets, "__path__", [str(tree), str(plug_in)])
    files = code_files(Probe())
    assert {name: path for name, path in files.items() if path.is_relative_to(plug_in)} == {
        "code/targets/workloads/probe.py": plug_in / "workloads" / "probe.py",
        "code/targets/workloads/parts/words.py": shared / "words.py",
        "code/targets/workloads/parts/letters.py": shared / "letters.py",
        "code/targets/workloads/parts/late.py": shared / "late.py",
    }
    (shared / "letters.py").unlink()
    with pytest.raises(
        DeploymentError, match=r"probe needs the file targets/workloads/parts/letters\.py: put it there"
    ):
        code_files(Probe())


SHIPPED = """
import sys
sys.path.insert(0, sys.argv[1])
import targets
print(targets.workload("probe").summary)
"""
HEAD = "class Probe:\n    name = 'probe'\n    summary = WORD\n\nWORKLOAD = Probe()\n"


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ("from targets.workloads.shared import WORD", {"shared/__init__.py": "WORD = 'hello'"}),
        ("from targets.workloads import shared; WORD = shared.WORD", {"shared/__init__.py": "WORD = 'hello'"}),
        ("from targets.workloads.shared import *", {"shared/__init__.py": "from .words import WORD"}),
        ("from targets.workloads.shared.words import WORD", {"shared/__init__.py": "FIRST = 'hello'"}),
        ("from targets.workloads import ns; import targets.workloads.ns.words; WORD = ns.words.WORD", {}),
        ("import targets.workloads.ns, targets.workloads.ns.words as words; WORD = words.WORD", {}),
        ("from targets.workloads.ns import deep; from targets.workloads.ns.deep import word; WORD = word.WORD", {}),
        ("from .ns.words import WORD", {}),
        ("from . import ns; from .ns import words; WORD = words.WORD", {}),
        ("from ..workloads.ns import words; WORD = words.WORD", {}),
        ("def late():\n    from .ns.words import WORD\n    return WORD\nWORD = late()", {}),
        ("from .ns.deep.word import WORD", {"ns/deep/word.py": "from ..words import WORD"}),
    ],
)
def test_what_is_shipped_runs_where_nothing_else_is(tmp_path, monkeypatch, line, files):
    workloads = tmp_path / "plug-in" / "targets" / "workloads"
    ours = {"ns/words.py": "WORD = 'hello'", "ns/deep/word.py": "WORD = 'hello'"}
    if "shared" in line:
        ours["shared/words.py"] = "WORD = 'hello'"
    for name, text in (ours | files | {"probe.py": f"{line}\n{HEAD}"}).items():
        path = workloads / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    monkeypatch.setattr(targets, "__path__", [*targets.__path__, str(workloads.parent)])
    for name, path in code_files(Probe()).items():
        copied = tmp_path / "image" / name
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copied)
    command = [sys.executable, "-I", "-S", "-c", SHIPPED, str(tmp_path / "image" / "code")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout == "hello\n", done.stderr


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("from .letters import A", r"workloads/letters\.py"),
        ("from targets.workloads.parts import absent", r"workloads/parts/absent\.py"),
        ("import targets.workloads.parts.absent", r"workloads/parts/absent\.py"),
    ],
)
def test_what_is_imported_and_missing_is_named(tree, line, missing):
    (tree / "workloads" / "parts").mkdir()
    (tree / "workloads" / "probe.py").write_text(f"{line}\n")
    with pytest.raises(DeploymentError, match=missing):
        code_files(Probe())


def test_missing_code_is_named(tree):
    (tree / "workloads" / "probe.py").unlink()
    with pytest.raises(DeploymentError, match=r"workloads/probe\.py"):
        code_files(Probe())


def test_an_images_tag_changes_with_each_thing_it_is_made_of(tree):
    def tag(base_id="sha256:b", requirement="a==1", machine="x86_64", own_model=False) -> str:
        interpreter = Interpreter("3.12", machine)
        base = Base(base_id, "python:3.12-slim", "python:3.12-slim", interpreter)
        houses = Wheelhouse((requirement,), interpreter), Wheelhouse((), interpreter, pinned=True)
        return image.Recipe("probe", base, *houses, code_files(Probe()), own_model).tag

    tags = [tag(), tag(base_id="sha256:c"), tag(requirement="a==2"), tag(machine="aarch64"), tag(own_model=True)]
    assert tag() == tags[0] and tags[0].startswith("frostline/probe:") and len(tags[0].split(":")[1]) == 12
    (tree / "workloads" / "probe.py").write_text("# changed\n")
    tags.append(tag())
    (tree / "serving" / "core.py").rename(tree / "serving" / "heart.py")
    tags.append(tag())
    (tree / "workloads" / "other.py").write_text("# changed\n")
    assert len(set(tags)) == 7 and tag() == tags[-1]


def test_bad_model_directories_stop_before_the_engine_is_asked(tmp_path):
    with pytest.raises(DeploymentError, match="does not exist"):
        image.build_image(None, Classifier(), tmp_path / "absent", lambda line: None)


def test_the_interpreter_of_a_base_is_read_from_what_it_says():
    assert parse_version("Python 3.12.4\n", "x") == "3.12"
    for told in ("Python 3.9.2", "Python 2.7", "sh: 1: python3: not found", ""):
        with pytest.raises(DeploymentError, match=r"Python 3\.11 or newer"):
            parse_version(told, "old:1")


class Engine:
    """The few calls of a Docker client that choosing a base makes; registries refuse unless `pullable`."""

    def __init__(self, local: tuple[str, ...], pullable: tuple[str, ...] = ()) -> None:
        self.local, self.pullable, self.pulls, self.asked_versions = list(local), pullable, 0, 0
        self.images = self.containers = self
        self.api = SimpleNamespace(timeout=60, pull=self._pull)

    def version(self) -> dict[str, str]:
        return {"Arch": "amd64"}

    def get(self, reference: str) -> SimpleNamespace:
        if reference not in self.local:
            raise docker.errors.ImageNotFound(reference)
        return SimpleNamespace(id=f"sha256:{hashlib.sha256(reference.encode()).hexdigest()}")

    def _pull(self, reference: str, **options: bool) -> list[dict[str, str]]:
        self.pulls += 1
        if reference not in self.pullable:
            return [{"error": "no such host"}]
        self.local.append(reference)
        return [{"status": "done"}]

    def create(self, *arguments: object, **options: object) -> SimpleNamespace:
        self.asked_versions += 1
        nothing = dict.fromkeys(["start", "wait", "remove"], lambda **options: None)
        return SimpleNamespace(logs=lambda: b"Python 3.12.4\n", **nothing)


@pytest.fixture
def said(monkeypatch):
    monkeypatch.delenv("FROSTLINE_BASE_IMAGE", raising=False)
    return []


def test_a_local_base_is_used_without_a_registry(said):
    engine = Engine(("python:3.12-slim",))
    found = choose_base(engine, said.append)
    assert (found.reference, found.interpreter, found.note) == ("python:3.12-slim", PYTHON_312, None)
    assert engine.pulls == 0 and said == []
    choose_base(engine, said.append)
    assert engine.asked_versions == 1


def test_a_base_that_is_not_local_is_pulled(said, monkeypatch):
    monkeypatch.setenv("FROSTLINE_BASE_IMAGE", "mirror:5000/python")
    engine = Engine((), ("mirror:5000/python:latest",))
    engine.get = lambda reference, get=engine.get: get(f"{reference}:latest")
    assert choose_base(engine, said.append).facts["base"] == "mirror:5000/python"
    assert said == ["pulling image mirror:5000/python…"] and engine.api.timeout == 60


def test_a_stand_in_is_said_aloud_and_the_registry_is_asked_once_a_day(said, own_cache):
    engine = Engine((STAND_IN,))
    first = choose_base(engine, said.append)
    assert first.reference == STAND_IN and first.asked == "python:3.12-slim"
    assert first.note and "no such host" in first.note and str(own_cache) not in first.note
    assert any(STAND_IN in line for line in said)
    assert choose_base(engine, said.append) == first and engine.pulls == 1
    (kept,) = (own_cache / "refusals").iterdir()
    two_days_ago = time.time() - 2 * 86400
    os.utime(kept, (two_days_ago, two_days_ago))
    choose_base(engine, said.append)
    choose_base(engine, said.append)
    assert engine.pulls == 2


def test_no_base_at_all_names_every_way_out(said, monkeypatch):
    monkeypatch.setattr(obtain_module, "bootstrap_missing", lambda: "mmdebstrap is not on the PATH")
    with pytest.raises(DeploymentError, match="FROSTLINE_BASE_IMAGE") as raised:
        choose_base(Engine(()), said.append)
    assert "mmdebstrap is not on the PATH" in str(raised.value) and "python:3.12-slim" in str(raised.value)


def test_an_engine_of_a_strange_machine_is_refused():
    with pytest.raises(DeploymentError, match="s390x"):
        engine_machine(SimpleNamespace(version=lambda: {"Arch": "s390x"}))


def test_engine_failures_become_deployment_errors_with_a_fix():
    with pytest.raises(DeploymentError, match="docker system prune"), engine_errors("building"):
        raise docker.errors.APIError("no space left on device")
    with pytest.raises(DeploymentError, match="docker info"), engine_errors("building"):
        raise ConnectionRefusedError("refused")
