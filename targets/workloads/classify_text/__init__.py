"""What kind of document is this? all-MiniLM-L6-v2 (90 MB, ONNX) reads it, a linear head names its kind.

That is how documents are sorted by kinds of one's own: an encoder that somebody else trained reads them in windows, and
a head is fitted to a few examples. Ours stands in head.json; tests/golden/make_classifier.py fitted it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from targets.serving.onnx_session import cpu_session
from targets.serving.onnx_text import first_output, fixed_length, input_types, open_tokenizer, pooled
from targets.workloads.contract import Infer, Payload, Phase
from targets.workloads.embed_onnx import EmbedOnnx, model_paths
from targets.workloads.tasks.embedding import MAX_TOKENS, text_of, told_lengths

SAMPLES = Path(__file__).parents[1] / "samples" / "classify-text"
HEAD_FILE = "head.json"
SHAPE = '{"labels": [...], "weights": [[...], ...], "biases": [...]}'
TOLERANCE = 0.02
"""How far a score may lie from the reference, which PyTorch computed with the same head."""


@dataclass(frozen=True)
class Head:
    """A kind's score is the softmax of its weights times the text's unit vector, plus its bias."""

    labels: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    biases: tuple[float, ...]

    @classmethod
    def read(cls, path: Path) -> "Head":
        """From JSON. ValueError when it is no head."""
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            labels, biases = tuple(map(str, told["labels"])), tuple(map(float, told["biases"]))
            weights = tuple(tuple(map(float, row)) for row in told["weights"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{path}: {type(error).__name__}: {error}: write {SHAPE} there, a row of weights and a bias a label"
            ) from error
        if not len(labels) == len(weights) == len(biases) > 1 or len({len(row) for row in weights}) != 1:
            raise ValueError(f"{path}: give each of at least two labels a bias and a row of weights, all of one length")
        return cls(labels, weights, biases)


@cache
def documents() -> dict[str, dict[str, str]]:
    """Our own, by name: {"label", "text"}, the label being what it was written as."""
    found: dict[str, dict[str, str]] = json.loads((SAMPLES / "documents.json").read_text(encoding="utf-8"))
    return found


@cache
def reference_scores() -> dict[str, float]:
    """The score of the right label, by document."""
    found: dict[str, float] = json.loads((SAMPLES / "reference.json").read_text(encoding="utf-8"))["scores"]
    return found


class ClassifyText:
    """all-MiniLM-L6-v2 through ONNX Runtime on windows of 256 tokens, their mean, and a softmax over six kinds."""

    name = "classify-text"
    summary = "Document classifier: all-MiniLM-L6-v2 and a linear head, 90 MB ONNX, six kinds, 23 to 305 words"
    requirements = EmbedOnnx.requirements
    models = EmbedOnnx.models
    model_files = (*EmbedOnnx.model_files, HEAD_FILE)

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Phases imports, weights and tokenizer. It answers {"label", "score"}, the score rounded to 1e-4."""
        with phase("imports"):
            import numpy as np
            import onnxruntime
            from tokenizers import Tokenizer

        with phase("weights"):
            paths = model_paths(model_dir)
            head = Head.read((model_dir or Path(__file__).parent) / HEAD_FILE)
            weights, biases = np.array(head.weights, np.float32), np.array(head.biases, np.float32)
            session = cpu_session(onnxruntime, paths["model.onnx"], threads)
            types = input_types(session.get_inputs())
            length = fixed_length(session.get_inputs())

        with phase("tokenizer"):
            most = min([MAX_TOKENS, *told_lengths(model_dir)])
            tokenizer = open_tokenizer(Tokenizer, paths["tokenizer.json"], most, length)

        def vector(encoded: Any) -> Any:
            first = first_output(np, session, types, encoded)
            mean = pooled(first, np.array(encoded.attention_mask, dtype=np.float32))
            if len(mean) != weights.shape[1]:
                raise ValueError(
                    f"{HEAD_FILE} has rows of {weights.shape[1]} weights, and the vectors {len(mean)} numbers"
                )
            return mean

        def infer(request: dict[str, Any]) -> dict[str, Any]:
            encoded = tokenizer.encode(text_of(request))
            whole = np.mean([vector(window) for window in (encoded, *encoded.overflowing)], axis=0)
            logits = weights @ (whole / np.linalg.norm(whole)) + biases
            shares = np.exp(logits - logits.max())
            best = int(shares.argmax())
            return {"label": head.labels[best], "score": round(float(shares[best] / shares.sum()), 4)}

        return infer

    def payloads(self) -> Sequence[Payload]:
        """One body per document."""
        return [Payload(name, json.dumps({"text": told["text"]}).encode()) for name, told in documents().items()]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when the label is the document's own and its score the reference's; of a user's own model any label."""
        if not isinstance(answer, dict) or set(answer) != {"label", "score"}:
            return f'answer is {type(answer).__name__}, not an object with just "label" and "score"'
        label, score = answer["label"], answer["score"]
        if not isinstance(label, str) or not label:
            return f'"label" is {type(label).__name__}, not a string that says something'
        if type(score) not in (int, float) or not 0 <= score <= 1:
            return f'"score" ({type(score).__name__}) is not a number from 0 to 1'
        if own_model:
            return None
        if payload.name not in documents():
            return f"it is not known what {payload.name[:40]!a:.80} is"
        right = documents()[payload.name]["label"]
        if label != right:
            return f"{payload.name} is of kind {right}, not {label[:40]!a:.80}"
        apart = abs(score - reference_scores()[payload.name])
        return None if apart <= TOLERANCE else f"its score is {apart:.3f} off the reference, over {TOLERANCE}"


WORKLOAD = ClassifyText()
