"""What every workload owes the bench; a new file in targets/workloads/ is picked up with no edit here."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

import targets
from targets import roots, workload, workload_names
from targets.serving.call import Call
from targets.serving.timeline import Timeline
from targets.workloads.contract import Workload, carries_envelope
from tests.fakes.plug_ins import put, python_path

ROOT = Path(__file__).parents[2]
HEAVY = {"numpy", "onnxruntime", "tokenizers", "torch", "transformers", "PIL", "cv2", "ctranslate2", "xllamacpp"}
NAMES = workload_names()
LIGHT = [name for name in NAMES if not workload(name).requirements and carries_envelope(workload(name))]
"""Those that need nothing but Python: they are loaded and asked here, the models in tests of their own."""

DEEP: Any = []
for _ in range(5000):
    DEEP = [DEEP]

NO_STRINGS: list[Any] = [None, True, "", [], DEEP]
NO_CONTENT: list[Any] = [None, 7, [], {}, DEEP, "\U0001f600" * 999]

HOSTILE: list[Any] = [
    None,
    True,
    0,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "frost",
    "\ud800" * 1000,
    [],
    {},
    [None] * 384,
    DEEP,
    {"": ""},
    *({key: value} for key in ("text", "label", "vector", "lines", "scores") for value in NO_CONTENT),
    {"text": None, "more": None},
    *({"label": label, "score": 0.9} for label in NO_STRINGS),
    *({"label": "png", "score": score} for score in (None, "0.9", True, -0.1, 1.1, 10**400, float("nan"), DEEP)),
    *({"vector": [entry] * 384, "dimensions": 384} for entry in (None, "0", True, 0, 10**400, float("nan"), DEEP)),
    {"vector": [float("inf"), *[0.0] * 383], "dimensions": 384},
    {"vector": [1.0, *[0.0] * 383], "dimensions": "384"},
    {"vector": [], "dimensions": 0},
    *({"top": top} for top in (None, "", [], {}, [{}] * 5, [None], DEEP)),
    *({"top": [{"class": number, "probability": 0.9}]} for number in (None, True, "0", -1, 10**400, 0.5, DEEP)),
    *({"top": [{"class": 1, "probability": share}]} for share in (None, True, "1", -0.1, 1.1, 10**400, float("nan"))),
    {"vector": {"0": 1.0}, "dimensions": 1},
]

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["text", "label", "score", "vector", "?"]), inner),
    max_leaves=12,
)


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest) -> Workload:
    return workload(request.param)


def test_there_are_workloads() -> None:
    assert {
        "classify-text",
        "echo",
        "embed-onnx",
        "embed-torch",
        "filetype",
        "ocr",
        "rerank-onnx",
        "transcribe",
    } <= set(NAMES)


def test_fields(model: Workload) -> None:
    assert isinstance(model, Workload)
    assert workload(model.name) is model, "the file's name and the workload's must agree"
    assert 20 <= len(model.summary) <= 120
    for line in model.requirements:
        (pin,) = Requirement(line).specifier
        assert pin.operator == "==" and "*" not in pin.version, f"{line}: pin one version, as name==1.2.3"
    assert len(set(model.requirements)) == len(model.requirements)
    assert all(Path(name).name == name for name in model.model_files)
    assert model.model_files or not model.models, "files without a package are a user's own alone, and not the reverse"


def test_models_are_pinned_by_hash(model: Workload) -> None:
    for wheel in model.models:
        assert wheel.sha256
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in wheel.sha256)
        assert len(set(wheel.sha256)) == len(wheel.sha256)
        assert wheel.requirement.startswith(f"{wheel.name}=={wheel.version} --hash=sha256:")


def test_payloads(model: Workload) -> None:
    payloads = model.payloads()
    assert payloads
    assert list(payloads) == list(model.payloads())
    assert len({payload.name for payload in payloads}) == len(payloads)
    assert len({payload.body for payload in payloads}) == len(payloads)
    for payload in payloads:
        assert isinstance(json.loads(payload.body), dict)


def test_payloads_are_taken_somewhere(model: Workload) -> None:
    """By targets of this machine: 6,291,456 bytes by a function as on Lambda, 268,435,456 by a service."""
    takes = [targets.target(name).capabilities.most_request_bytes for name in ("process-lambda", "process-service")]
    most = max(filter(None, takes))
    for payload in model.payloads():
        assert len(payload.body) <= most, (
            f"payload {payload.name} of {model.name} is {len(payload.body):,} bytes, and no target of this machine "
            f"takes more than {most:,}: make it smaller, for any run with it is refused"
        )


@pytest.mark.parametrize("own_model", [False, True])
def test_check_rejects_what_is_no_answer(model: Workload, own_model: bool) -> None:
    for payload in model.payloads():
        for at, answer in enumerate(HOSTILE):
            assert_reason(model.check(payload, answer, own_model), at)


def assert_reason(reason: str | None, at: object) -> None:
    assert isinstance(reason, str), at
    assert 1 <= len(reason) <= 200, at
    reason.encode()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, database=None)
@given(answer=JSON_VALUES)
def test_check_never_raises(name: str, answer: Any) -> None:
    model = workload(name)
    assert_reason(model.check(model.payloads()[0], answer, own_model=False), answer)


@pytest.mark.parametrize("name", LIGHT)
def test_a_start_has_phases_of_names_that_may_be_chosen(name: str) -> None:
    timeline = Timeline()
    workload(name).load(timeline.phase, None, 1)
    assert all(spent_ns >= 0 for spent_ns in timeline.phases_ns.values())


@pytest.mark.parametrize("name", NAMES)
def test_phases_that_are_written_in_its_file_have_names_that_may_be_chosen(name: str) -> None:
    place = sys.modules[type(workload(name)).__module__].__file__
    calls = [node for node in ast.walk(ast.parse(Path(str(place)).read_text())) if isinstance(node, ast.Call)]
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id == "phase" and isinstance(call.args[0], ast.Constant):
            Timeline().phase(call.args[0].value)


@pytest.mark.parametrize("name", LIGHT)
def test_check_takes_what_the_model_answers(name: str) -> None:
    """As it reaches the check: after JSON, out of what was measured, and of a stream the list of its chunks."""
    model = workload(name)
    infer = model.load(Timeline().phase, None, 1)
    for payload in model.payloads()[:20]:
        reply = json.loads(json.dumps(Call(infer, json.loads(payload.body), {}).whole()))
        assert model.check(payload, reply["answer"], False) is None


def test_a_plug_in_owes_the_same(tmp_path: Path) -> None:
    """This very file passes for the toys, which are found on the path: one streams, one is measured on a device."""
    if "toy-stream" in NAMES:
        pytest.skip("this is that run")
    environment = os.environ | {"PYTHONPATH": python_path(put(tmp_path), ROOT)}
    command = [sys.executable, "-m", "pytest", __file__, "-k", "toy", "-vv", "-n0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stdout
    for name in ("toy-stream", "toy-device"):
        assert f"test_check_takes_what_the_model_answers[{name}] PASSED" in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_import_and_payloads_need_the_standard_library_only(name: str) -> None:
    path = [str(root) for root in roots()]
    code = f"import sys; sys.path[:0] = {path}; from targets import workload; workload({name!r}).payloads()"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_import_loads_nothing_heavy(name: str) -> None:
    code = f"import sys; from targets import workload; workload({name!r}).payloads(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert not HEAVY & set(done.stdout.split())
