"""embed-onnx beside embed-torch: the same weights, so that the runtime is all that differs."""

import pytest

from targets.workloads.tasks.embedding import MIN_COSINE, cosine
from tests.models.answers import answers

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.mark.parametrize(
    "target", ["process-service", "process-lambda", pytest.param("docker-lambda", marks=pytest.mark.docker)]
)
def test_embed_onnx_and_embed_torch_agree(target: str) -> None:
    onnx, torch = answers("embed-onnx", target).first, answers("embed-torch", target).first
    assert onnx.keys() == torch.keys() and len(onnx) >= 8
    for payload in onnx:
        assert cosine(onnx[payload]["vector"], torch[payload]["vector"]) > MIN_COSINE, payload
