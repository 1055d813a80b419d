"""What an embedder of texts is asked, and when its vectors are right, whichever runtime makes them.

All-MiniLM-L6-v2 in two runtimes is held against one reference, so that the runtime is all that differs.
"""

import json
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from targets.workloads.contract import Payload

SAMPLES = Path(__file__).parents[1] / "samples" / "embedding"
DIMENSIONS = 384
MAX_TOKENS = 256
"""What the model was trained for; longer texts are cut."""
LENGTHS = (
    ("config.json", "max_position_embeddings"),
    ("config.json", "n_positions"),
    ("sentence_bert_config.json", "max_seq_length"),
    ("tokenizer_config.json", "model_max_length"),
)
"""Where a user's own model may say how many tokens it takes."""
OFFSET_MODELS = ("roberta", "xlm-roberta", "camembert", "mpnet")
"""Their first positions, up to the padding token's, are none of the text's."""
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


class Embedding:
    """The task of every workload that embeds: {"text"} in, {"vector", "dimensions"} out."""

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
        found = cosine(answer["vector"], reference)
        return None if found > MIN_COSINE else f"cosine to the reference is {found:.6f}, not above {MIN_COSINE}"


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Of the angle between two vectors of one length, neither of them 0."""
    return sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))


def text_of(request: dict[str, Any]) -> str:
    """The text that a request carries. ValueError when there is none."""
    text = request.get("text")
    if not isinstance(text, str):
        raise ValueError(f'"text" is {type(text).__name__}: send {{"text": "..."}}')
    return text


def answer_of(unit: Sequence[float]) -> dict[str, Any]:
    """The answer that this unit vector is, rounded to 1e-6."""
    return {"vector": [round(value, 6) for value in unit], "dimensions": len(unit)}


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
