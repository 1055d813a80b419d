"""A model of a wanted size: its files, its answers, and that it is made once."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import pytest

import targets
from targets.packaging import image
from targets.packaging.code import own_code
from targets.packaging.made_model import made_model
from targets.workloads.contract import Made
from targets.workloads.sized import Sized
from targets.workloads.sized.model_files import GRAPH, WEIGHTS, read_header, write_model
from targets.workloads.sized.reference import reference
from targets.workloads.sized.shape import Shape
from targets.workloads.sized.weights import block_bytes

SMALL = Shape(3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    write_model(SMALL, folder)
    return folder


@pytest.mark.parametrize("size_mb", [10, 50, 250, 1000, 2000])
def test_the_weights_come_near_to_what_is_wanted(size_mb):
    model = targets.workload("sized", {"size_mb": size_mb})
    assert model.shape.size == pytest.approx(size_mb * 1e6, rel=0.03)
    assert model.shape.parameters == model.shape.size // 4


def test_size_changes_no_requests_work():
    """Beside the number of experts all tensors of two sizes are alike, and a request meets one expert of each layer."""
    small, large = ([(t.name, t.dims[-2:]) for t in Shape.of(size).tensors] for size in (10, 2000))
    assert small == large


def test_the_file_holds_what_anyone_can_draw_again(folder):
    entries, begin = read_header(folder / WEIGHTS)
    data = (folder / WEIGHTS).read_bytes()
    assert len(data) == begin + SMALL.size and begin % 4096 == 0
    for tensor in SMALL.tensors:
        entry, block = entries[tensor.name], block_bytes(tensor, tensor.blocks - 1)
        end = begin + entry.begin + tensor.size
        assert entry.dims == tensor.dims and data[end - len(block) : end] == block
        numbers = struct.unpack(f"<{len(block) // 4}f", block)
        assert all(2**tensor.exponent <= abs(number) < 2 ** (tensor.exponent + 1) for number in numbers)
        assert abs(sum(numbers) / len(numbers)) < 2**tensor.exponent / 10
    assert WEIGHTS.encode() in (folder / GRAPH).read_bytes()


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d[:100], lambda d: b"", lambda d: b"{}" * 99])
def test_a_file_that_is_not_whole_is_named_with_its_fix(folder, tmp_path, damage):
    (tmp_path / WEIGHTS).write_bytes(damage((folder / WEIGHTS).read_bytes()))
    with pytest.raises(ValueError, match=r"model\.safetensors .*package the workload again"):
        read_header(tmp_path / WEIGHTS)


def test_only_the_asked_experts_answer_to_the_very_text_is_right():
    model = Sized()
    right = {}
    for payload in model.payloads():
        asked = json.loads(payload.body)
        vector = reference(model.shape, tuple(asked["tokens"]), asked["expert"])
        right[payload.name] = {"vector": [round(number, 6) for number in vector]}
        assert model.check(payload, right[payload.name], False) is None
        other = reference(model.shape, tuple(asked["tokens"]), (asked["expert"] + 1) % model.shape.experts)
        assert "off by" in model.check(payload, {"vector": other}, False)
    for payload in model.payloads():
        assert [name for name in right if model.check(payload, right[name], False) is None] == [payload.name]
    assert {json.loads(payload.body)["expert"] for payload in model.payloads()} >= {0, model.shape.experts - 1}


def test_all_that_is_wrong_with_settings_is_told():
    with pytest.raises(ValueError, match=r"(?s)size is not one of.*size_mb: '0'.*runtime: 'tf'"):
        targets.workload("sized", {"size": 1, "size_mb": 0, "runtime": "tf"})


@pytest.mark.parametrize("request_", [{}, {"tokens": [1], "expert": 99}, {"tokens": [], "expert": 0}])
def test_a_request_that_asks_for_what_is_not_there_is_refused(request_, monkeypatch):
    monkeypatch.setattr("targets.workloads.sized.RUNTIMES", {"onnx": lambda *_: lambda *_: [1.0]})
    infer = Sized().load(None, Path(), 1)
    with pytest.raises(ValueError, match="send 1 to 16 tokens"):
        infer(request_)


@dataclass
class Counted(Sized):
    """Makes a file, and counts how often."""

    recipe: str = "one"
    times: int = 0

    def write_model(self, folder):
        (folder / "weights").write_text(self.recipe)
        self.times += 1


def test_a_model_is_made_once_and_known_by_its_recipe(tmp_path, monkeypatch):
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path))
    counted, said = Counted(), []
    made, again = (made_model(counted, said.append) for _ in range(2))
    assert made == again and counted.times == len(said) == 1
    assert (made.folder / "weights").read_text() == "one"
    counted.recipe = "two"
    assert made_model(counted, said.append).sha256 != made.sha256
    assert made_model(targets.workload("echo"), said.append) is None


def test_its_code_is_a_part_of_what_it_is_known_by():
    own = own_code(Sized())
    assert isinstance(Sized(), Made)
    assert {"code/targets/workloads/sized/weights.py", "code/targets/workloads/sized/__init__.py"} <= set(own)
    assert all(name.startswith("code/targets/workloads/sized/") for name in own)
    assert list(own_code(targets.workload("echo"))) == ["code/targets/workloads/echo.py"]


def test_a_made_file_is_not_read_to_be_known(tmp_path):
    files = {"model/weights": tmp_path / "absent"}
    recipe = image.Recipe("sized", None, None, None, files, True, {"model/weights": "by its recipe"})
    assert recipe.digests == {"model/weights": "by its recipe"}
