"""Models of a hub: their ids, and what is fetched of them from one that answers as the real one does, on loopback."""

import hashlib
import json
import shutil
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.experiment.question import parse_experiment
from targets.contract import DeploymentError
from targets.packaging.made_model import made_model
from targets.packaging.model_folder import model_dir_problems
from targets.workloads.huggingface import WORKLOAD

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "tokenizer.json": b"{}",
    "model.safetensors": b"weights",
    "pytorch_model.bin": b"a pickle",
    "modeling_own.py": b"raise SystemExit",
    "onnx/model.safetensors": b"another export",
    "README.md": b"words",
}


class Hub(ThreadingHTTPServer):
    """One repository, owner/model, at one commit."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.files = dict(FILES)
        self.refuses: tuple[int, str] | None = None
        self.asked: list[str] = []


class Answers(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        path = self.path.partition("?")[0]
        if self.server.refuses:
            status, code = self.server.refuses
            return self.reply(status, b"{}", {"X-Error-Code": code})
        if path == f"/api/models/owner/model/tree/{COMMIT}":
            listed = [
                {"type": "file", "path": name, "size": len(content), "oid": digest(content)}
                for name, content in self.server.files.items()
            ]
            return self.reply(200, json.dumps(listed).encode())
        name = path.removeprefix(f"/owner/model/resolve/{COMMIT}/")
        if content := self.server.files.get(name):
            return self.reply(200, content, {"ETag": f'"{digest(content)}"', "X-Repo-Commit": COMMIT})
        return self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def digest(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@pytest.fixture
def hub(monkeypatch, tmp_path):
    server = Hub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    yield server
    server.shutdown()
    server.server_close()


def model(**more: str):
    return WORKLOAD.configure({"task": "fill-mask", "model": "owner/model", "revision": COMMIT, **more})


def leftovers(folder: Path) -> list[Path]:
    return list((folder / "cache" / "made").iterdir())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"model": "model", "revision": COMMIT}, "model: 'model' is no id on a hub: write owner/name, or download"),
        ({"model": "../model", "revision": COMMIT}, "is no id on a hub"),
        ({"model": "", "revision": COMMIT}, "is no id on a hub"),
        ({"model": 7, "revision": COMMIT}, "is no id on a hub"),
        ({"model": "owner/model"}, "revision: is missing: give the commit"),
        ({"model": "owner/model", "revision": "main"}, "revision: 'main' is no commit: give its 40 hex digits"),
        ({"revision": COMMIT}, "revision: belongs to `model`, which is missing"),
    ],
)
def test_what_names_no_model_is_refused_with_its_fix(settings, says):
    with pytest.raises(ValueError, match=": ") as refused:
        WORKLOAD.configure({"task": "fill-mask", **settings})
    (line,) = str(refused.value).split("\n")
    assert says in line


def test_it_is_fetched_once_without_pickles_code_and_other_exports(hub):
    said = []
    made = made_model(model(), said.append)
    assert {path.name: path.read_bytes() for path in made.folder.iterdir()} == {
        name: FILES[name] for name in ("config.json", "tokenizer.json", "model.safetensors")
    }
    assert said == [f"making the model of huggingface (owner/model at {COMMIT})…"]
    asked = len(hub.asked)
    assert made_model(model(expect="ice"), said.append) == made and len(hub.asked) == asked


def test_what_others_fetched_of_it_is_left_out_and_a_part_of_its_weights_that_lacks_is_told(hub, tmp_path):
    made_model(model(), lambda line: None)
    (snapshot,) = (tmp_path / "hub").glob("models--owner--model/snapshots/*")
    (snapshot / "pytorch_model.bin").write_bytes(b"a pickle")
    (snapshot / "modeling_own.py").write_bytes(b"raise SystemExit")
    shutil.rmtree(tmp_path / "cache")
    made = made_model(model(), lambda line: None)
    assert sorted(path.name for path in made.folder.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]
    parts = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(parts))
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(DeploymentError, match=r"lacks model-1\.safetensors, model-2\.safetensors of 2 parts"):
        made_model(model(), lambda line: None)


def test_a_commit_is_another_model_and_a_folder_beside_it_is_refused(tmp_path):
    assert model().recipe != model(revision="f" * 40).recipe
    assert model_dir_problems(model(), None) == []
    (line,) = model_dir_problems(model(), tmp_path)
    assert "takes no model of yours; leave it out" in line


def test_an_experiment_needs_no_folder_where_its_settings_name_a_model():
    settings = {"task": "fill-mask", "model": "owner/model", "revision": COMMIT}
    fields = {
        "name": "hub",
        "question": "Does it hold?",
        "targets": ["process-service"],
        "profiles": [{"constant": {"rate": 1, "seconds": 1}}],
    }
    parse_experiment({**fields, "workloads": [{"name": "huggingface", "settings": settings}]}, "hub.yaml")
    with pytest.raises(Exception, match="has no model of its own"):
        parse_experiment({**fields, "workloads": ["huggingface"]}, "hub.yaml")


@pytest.mark.parametrize(
    ("refuses", "says"),
    [
        ((401, "RepoNotFound"), "the hub has no owner/model for you: correct the id, set HF_TOKEN if it is private"),
        ((403, "GatedRepo"), "owner/model is gated: accept its terms on the hub and set HF_TOKEN"),
        ((404, "RevisionNotFound"), f"owner/model has no commit {COMMIT}: take one from its list of commits"),
        ((501, ""), "owner/model cannot be fetched"),
    ],
)
def test_what_a_hub_refuses_is_one_message_that_names_the_fix(hub, tmp_path, refuses, says):
    hub.refuses = refuses
    with pytest.raises(DeploymentError, match=r"^the model cannot be had: ") as refused:
        made_model(model(), lambda line: None)
    assert says in str(refused.value) and "give its folder by --model-dir FOLDER" in str(refused.value)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("absent", "says"),
    [("tokenizer.json", "owner/model has no tokenizer.json"), ("model.safetensors", "has no safetensors at this")],
)
def test_a_model_that_could_not_be_loaded_is_told_when_it_is_fetched(hub, tmp_path, absent, says):
    del hub.files[absent]
    with pytest.raises(DeploymentError, match="save it by transformers 5") as refused:
        made_model(model(), lambda line: None)
    assert says in str(refused.value) and leftovers(tmp_path) == []


def test_a_hub_that_cannot_be_reached_names_the_folder_instead(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DeploymentError, match="try again where a hub can be reached") as refused:
        made_model(model(), lambda line: None)
    assert "--model-dir FOLDER" in str(refused.value) and leftovers(tmp_path) == []


def test_without_the_hubs_library_its_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DeploymentError, match=r"pip install 'frostline\[hub\]', or download the model elsewhere"):
        made_model(model(), lambda line: None)
