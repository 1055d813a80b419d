"""The model under PyTorch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from targets.serving.torch_model import use_threads
from targets.workloads.contract import Phase
from targets.workloads.sized.model_files import read_weights
from targets.workloads.sized.shape import HEADS, LAYERS, WIDTH


@dataclass(frozen=True)
class TorchEncoder:
    """The loaded model."""

    torch: Any
    weights: Mapping[str, Any]

    def __call__(self, tokens: list[int], expert: int) -> list[float]:
        """The vector of norm 1."""
        functional, weights = self.torch.nn.functional, self.weights
        with self.torch.inference_mode():
            hidden = weights["embeddings"][tokens] + weights["positions"][: len(tokens)]
            for layer in range(LAYERS):
                hidden = self._normal(hidden + self._attention(hidden, f"layers.{layer}"))
                wide = functional.relu(hidden @ weights[f"layers.{layer}.inner"][expert])
                hidden = self._normal(hidden + wide @ weights[f"layers.{layer}.outer"][expert])
            vector: list[float] = functional.normalize(hidden.mean(dim=0), dim=0).tolist()
        return vector

    def _attention(self, hidden: Any, layer: str) -> Any:
        query, key, value = (
            (hidden @ self.weights[f"{layer}.{name}"]).view(len(hidden), HEADS, -1).transpose(0, 1)
            for name in ("query", "key", "value")
        )
        seen = self.torch.nn.functional.scaled_dot_product_attention(query, key, value)
        return seen.transpose(0, 1).reshape(len(hidden), WIDTH) @ self.weights[f"{layer}.output"]

    def _normal(self, hidden: Any) -> Any:
        return self.torch.nn.functional.layer_norm(hidden, (WIDTH,))


def load(phase: Phase, folder: Path, threads: int) -> TorchEncoder:
    """Phases imports and weights. ValueError when the file is not whole."""
    with phase("imports"):
        import numpy
        import torch

    with phase("weights"):
        use_threads(torch, threads)
        weights = {name: torch.from_numpy(values) for name, values in read_weights(numpy, folder)}
    return TorchEncoder(torch, weights)
