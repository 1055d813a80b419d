"""A user's own model is tried at the door: what can be supported is, and the rest is one line, on whatever target."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import targets
from targets.local import processes
from targets.local.own_model import model_problems, rehearse
from targets.workloads.sized.protobuf import FLOAT, INT32
from tests.fakes.onnx_models import model_folder

EMBED = targets.workload("embed-onnx")
FEW = '{"max_position_embeddings": 128}'


def vectors(folder: Path) -> list[list[float]]:
    """What the model in the folder answers to all payloads, as a process."""
    told = rehearse(processes.package(EMBED, folder, print), list(EMBED.payloads()), {})
    assert not isinstance(told, str) and told["load"] is None, told
    return [answer["answer"]["vector"] for answer in told["answers"]]


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.hypot(*one) / math.hypot(*other)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[list[float]]:
    """Of a model that is as the packaged one is."""
    folder = model_folder(tmp_path_factory.mktemp("plain"))
    assert model_problems(EMBED, folder, {}, print) == []
    return vectors(folder)


@pytest.mark.parametrize(
    "options",
    [
        {"kind": INT32},
        {"pooled": True},
        {"half": True},
        {"inputs": ("input_ids", "attention_mask")},
        {"inputs": ("input_ids",)},
        {"shape": (1, "length")},
        {"shape": (1, 256), "positions": 256},
        {"external": "model.onnx_data"},
    ],
    ids=["int32", "pooled", "half", "no-types", "ids-alone", "batch-of-1", "fixed-length", "external"],
)
def test_a_model_of_another_form_gives_the_same_vectors(
    tmp_path: Path, plain: list[list[float]], options: dict[str, Any]
) -> None:
    folder = model_folder(tmp_path / "m", **options)
    assert model_problems(EMBED, folder, {}, print) == []
    assert all(cosine(one, other) > 0.9999 for one, other in zip(vectors(folder), plain, strict=True))


@pytest.mark.parametrize("fixed", [False, True], ids=["told", "fixed"])
def test_texts_are_cut_at_the_positions_that_a_model_has(tmp_path: Path, plain: list[list[float]], fixed: bool) -> None:
    folder = model_folder(tmp_path, positions=128, **({"shape": (1, 128)} if fixed else {}))
    if not fixed:
        (folder / "config.json").write_text(FEW)
    assert model_problems(EMBED, folder, {}, print) == []
    same = [cosine(one, other) > 0.9999 for one, other in zip(vectors(folder), plain, strict=True)]
    assert same.count(False) >= 1 and same.count(True) > len(same) / 2, "only the longest texts are cut"


def no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def no_model(folder: Path) -> None:
    (folder / "model.onnx").write_text("not a model")


@pytest.mark.parametrize(
    ("options", "harm", "says"),
    [
        ({"positions": 128}, None, "if the model takes fewer, say how many in config.json"),
        ({"shape": (8, "length")}, None, "its input input_ids has a batch of 8: export it with a batch of 1"),
        ({"inputs": ("input_ids", "position_ids")}, None, "its inputs are input_ids, position_ids: export it with"),
        ({"integers_out": True}, None, "its first output is int64 of shape (1, 2, 8): export it so that"),
        ({"kind": FLOAT}, None, "correct the files in the folder, or take another model"),
        ({}, no_json, "config.json is no JSON"),
        ({}, no_tokenizer, "correct the files in the folder, or take another model"),
        ({}, no_model, "model.onnx is damaged or cut off: fetch or export it again"),
    ],
    ids=["positions", "batch", "inputs", "integers", "float", "config", "tokenizer", "model"],
)
def test_what_cannot_be_supported_is_one_line_with_the_fix(
    tmp_path: Path, options: dict[str, Any], harm: Callable[[Path], None] | None, says: str
) -> None:
    folder = model_folder(tmp_path, **options)
    if harm:
        harm(folder)
    (line,) = model_problems(EMBED, folder, {}, print)
    assert line.startswith(f"model directory {folder}: ") and says in line


@pytest.mark.parametrize("target", ["process-service", "process-lambda", "docker-service", "docker-lambda"])
def test_a_run_is_refused_before_anything_is_packaged_the_same_for_all_targets(bench, tmp_path, target):  # type: ignore[no-untyped-def]
    if why := targets.target(target).missing():
        pytest.skip(why)
    folder = model_folder(tmp_path / "m", positions=128)
    experiment = bench.experiment(
        workloads=[{"name": "embed-onnx", "model_dir": str(folder)}], targets=[target], profiles=[], cold_starts=1
    )
    finished = bench.measure(experiment)
    assert finished.code == 2, finished.out + finished.err
    (line,) = [line for line in finished.err.splitlines() if line.startswith("frostline: ")]
    assert line.startswith(f"frostline: workloads.embed-onnx.model_dir: model directory {folder}: it cannot answer ")
    assert "say how many in config.json" in line and "building image" not in finished.out
    assert not bench.folders()
