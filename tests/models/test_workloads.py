"""What every workload with a model owes: one answer on both packagings, and the right one. `-k NAME` takes one of them.

A new file in targets/workloads/ is picked up with no edit here. `make test-models` runs this, and the gate does not.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import targets
from targets.contract import DeploymentError
from targets.packaging.cache import CACHE_VARIABLE, cache_root
from targets.packaging.wheelhouse import download
from tests.contract.subject import deploy
from tests.models.answers import answers, as_bytes

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
"""The Docker client leaves sockets to the collector."""

MODELS = [
    name
    for name in targets.workload_names()
    for model in [targets.workload(name)]
    if model.requirements and (model.models or not model.model_files)
]
"""But for what has no model other than a user's own."""
PACKAGINGS = [
    pytest.param(("process-service", "process-lambda"), id="process"),
    pytest.param(("docker-service", "docker-lambda"), id="docker", marks=pytest.mark.docker),
]
UNREACHABLE = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",  # nothing listens on the discard port
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_FIND_LINKS": "",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_RETRIES": "1",
}

of_every_model = pytest.mark.parametrize("name", MODELS)
on_both = pytest.mark.parametrize("packaging", PACKAGINGS)


def test_there_are_models() -> None:
    assert {"embed-onnx", "embed-torch", "filetype"} <= set(MODELS)


@of_every_model
def test_payloads_are_of_several_sizes(name: str) -> None:
    assert len({len(payload.body) for payload in targets.workload(name).payloads()}) >= 3


@of_every_model
@on_both
def test_a_service_and_a_function_give_the_same_right_answers(name: str, packaging: tuple[str, str]) -> None:
    """To the byte, where the model gives one answer to one request; else by the workload's own check alone."""
    model = targets.workload(name)
    service, function = (answers(name, target) for target in packaging)
    for found in (service.first, service.second, function.first, function.second):
        assert {p.name: model.check(p, found[p.name], False) for p in model.payloads()} == {
            p.name: None for p in model.payloads()
        }
    for payload, answer in service.first.items():
        if as_bytes(answer) == as_bytes(service.second[payload]):
            assert as_bytes(function.first[payload]) == as_bytes(answer), f"{payload} is answered otherwise"


@of_every_model
@on_both
def test_a_start_tells_its_phases(name: str, packaging: tuple[str, str]) -> None:
    for target in packaging:
        phases = answers(name, target).phases_ns
        assert phases["imports"] > 0 and phases["weights"] > 0, phases


@of_every_model
def test_a_tampered_answer_is_caught(name: str) -> None:
    """Another payload's answer, and one of which a part is missing; each payload has some other that differs."""
    model = targets.workload(name)
    found = answers(name, "process-service").first
    for payload in model.payloads():
        others = [answer for other, answer in found.items() if other != payload.name]
        assert any(model.check(payload, other, False) for other in others), f"{payload.name} takes every answer"
        for cut in parts_missing(found[payload.name]):
            assert model.check(payload, cut, False), f"{payload.name} takes {str(cut)[:200]}"


def parts_missing(answer: Any) -> Iterator[Any]:
    """The answer without one of its members, or without its last item."""
    if isinstance(answer, dict):
        for left_out in answer:
            yield {key: value for key, value in answer.items() if key != left_out}
    elif isinstance(answer, list | str):
        yield answer[:-1]


@of_every_model
def test_once_its_wheels_are_here_it_is_made_ready_and_answers_without_an_index(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(name, "process-service")  # whatever is to be fetched has been
    wheels = cache_root() / "wheels"
    (tmp_path / "wheels").symlink_to(wheels)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    for variable, value in UNREACHABLE.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(DeploymentError, match="no package index could be reached"):
        download(tmp_path, name, ["frostline-has-no-such-wheel==1.0"], ["frostline-has-no-such-wheel==1.0"])
    with deploy(targets.target("process-service"), name) as subject:
        subject.ask()
    assert (tmp_path / "sites").is_dir(), "made anew, and not taken from an earlier time"


@of_every_model
@pytest.mark.docker
def test_an_image_that_is_here_needs_no_index(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = targets.target("docker-service")
    answers(name, target.name)
    for variable, value in UNREACHABLE.items():
        monkeypatch.setenv(variable, value)
    said: list[str] = []
    assert target.package(targets.workload(name), None, said.append).facts["cached"] is True
    assert not any("fetching" in line for line in said)
