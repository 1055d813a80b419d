"""What every workload owes the bench; a new file in targets/workloads/ is picked up with no edit here."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from targets import workload, workload_names
from targets.contract import Workload

ROOT = Path(__file__).parents[2]
NAMES = workload_names()

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
    *({key: value} for key in ("text", "label", "vector") for value in NO_CONTENT),
    {"text": None, "more": None},
    *({"label": label, "score": 0.9} for label in NO_STRINGS),
    *({"label": "png", "score": score} for score in (None, "0.9", True, -0.1, 1.1, 10**400, float("nan"), DEEP)),
    *({"vector": [entry] * 384, "dimensions": 384} for entry in (None, "0", True, 0, 10**400, float("nan"), DEEP)),
    {"vector": [float("inf"), *[0.0] * 383], "dimensions": 384},
    {"vector": [1.0, *[0.0] * 383], "dimensions": "384"},
    {"vector": [], "dimensions": 0},
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
    assert {"echo", "embed-onnx", "filetype"} <= set(NAMES)


def test_fields(model: Workload) -> None:
    assert isinstance(model, Workload)
    assert workload(model.name) is model, "the file's name and the workload's must agree"
    assert 20 <= len(model.summary) <= 120
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in model.requirements)
    assert len(set(model.requirements)) == len(model.requirements)
    assert all(Path(name).name == name for name in model.model_files)
    assert bool(model.models) == bool(model.model_files)


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
        assert len(payload.body) <= 64 * 1024


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
@settings(max_examples=60, deadline=None, database=None)
@given(answer=JSON_VALUES)
def test_check_never_raises(name: str, answer: Any) -> None:
    model = workload(name)
    assert_reason(model.check(model.payloads()[0], answer, own_model=False), answer)


@pytest.mark.parametrize("name", NAMES)
def test_import_and_payloads_need_the_standard_library_only(name: str) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from targets import workload; workload({name!r}).payloads()"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_import_loads_nothing_heavy(name: str) -> None:
    code = f"import sys; from targets import workload; workload({name!r}).payloads(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert not {"numpy", "onnxruntime", "tokenizers", "torch"} & set(done.stdout.split())
