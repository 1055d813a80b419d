"""A search with a real store: embed a query, look up its 16 nearest passages in PostgreSQL, rerank them (124 MB, ONNX).

Both models are those of embed-onnx and rerank-onnx; the store is filled with a handbook of 240 passages.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

from targets.workloads.contract import Infer, Payload, Phase, Wheel
from targets.workloads.embed_onnx import WORKLOAD as EMBED
from targets.workloads.rerank_onnx import MAX_SCORE
from targets.workloads.rerank_onnx import WORKLOAD as RERANK
from targets.workloads.search.handbook import QUESTIONS, handbook
from targets.workloads.search.store import POSTGRES, fill_store, open_store

NEAREST = 16
"""Passages that the store gives, of which the reranker chooses."""
BEST = 3
"""Passages in an answer."""
MOST_QUERY = 2000
"""Characters."""
FIELDS = {"id", "text", "score"}


class Search:
    """{"query"} in; {"results": [{"id", "text", "score"}, ...]} out, the best three passages, the best first."""

    name = "search"
    summary = "Semantic search: MiniLM embedder, 16 nearest in PostgreSQL with pgvector, MiniLM reranker; 124 MB ONNX"
    requirements = (
        *EMBED.requirements,
        "psycopg==3.3.9",
        "psycopg-binary==3.3.9",
        "psycopg-pool==3.3.3",
        "typing-extensions==4.16.0",
    )
    models: tuple[Wheel, ...] = (*EMBED.models, *RERANK.models)
    model_files = EMBED.model_files
    backing = POSTGRES

    def __init__(self, pooling: bool = True) -> None:
        self._pooling = pooling

    def configure(self, settings: Mapping[str, Any]) -> "Search":
        """`pooling`: whether connections to the store are kept. ValueError with every problem, one a line."""
        problems = [f"{name} is not one of: pooling" for name in settings if name != "pooling"]
        pooling = settings.get("pooling", True)
        if not isinstance(pooling, bool):
            problems.append(f"pooling: {str(pooling)[:80]!a} is neither true (connections are kept) nor false")
        if problems:
            raise ValueError("\n".join(problems))
        return Search(pooling)

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Phases imports, weights, tokenizer and, where connections are kept, store_connection. A folder is another
        embedder's, with which the store is filled as well."""
        embed, rerank = EMBED.load(phase, model_dir, threads), RERANK.load(phase, None, threads)
        store = open_store(phase, self._pooling)

        def infer(request: dict[str, Any]) -> dict[str, Any]:
            query = query_of(request)
            found = store.nearest(embed({"text": query})["vector"], NEAREST)
            told = rerank({"query": query, "passages": [text for _, text in found]})
            best = [(*found[place], told["scores"][place]) for place in told["order"][:BEST]]
            return {"results": [{"id": name, "text": text, "score": score} for name, text, score in best]}

        return infer

    def fill(self, model_dir: Path | None, threads: int) -> Mapping[str, Any]:
        """Every passage with its vector, by the model that embeds queries too."""
        embed = EMBED.load(lambda name: nullcontext(), model_dir, threads)
        return fill_store((name, text, embed({"text": text})["vector"]) for name, text in handbook().items())

    def payloads(self) -> Sequence[Payload]:
        """Questions of 3 to 65 words."""
        return [Payload(name, json.dumps({"query": query}).encode()) for name, (query, _) in QUESTIONS.items()]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when all passages are the handbook's, and the first is the one that the question was written for; which
        one another embedder finds is not known."""
        if payload.name not in QUESTIONS:
            return f"there is no question {payload.name[:40]!a:.80}"
        if (fault := form_problem(answer)) or own_model:
            return fault
        first, right = answer["results"][0]["id"], QUESTIONS[payload.name][1]
        return None if first == right else f"{first} came first, not {right}"


def query_of(request: dict[str, Any]) -> str:
    """The query that a request carries. ValueError when there is none."""
    query = request.get("query")
    if not isinstance(query, str) or not 0 < len(query) <= MOST_QUERY:
        raise ValueError(f'"query" is no text of 1 to {MOST_QUERY} characters: send {{"query": "..."}}')
    return query


def form_problem(answer: Any) -> str | None:
    """Why `answer` is not BEST different passages of the handbook with falling scores; None when it is."""
    if not isinstance(answer, dict) or set(answer) != {"results"}:
        return f'answer is {type(answer).__name__}, not an object with just "results"'
    results = answer["results"]
    if not isinstance(results, list) or len(results) != BEST:
        return f'"results" is {type(results).__name__}, not a list of {BEST}'
    if not all(isinstance(each, dict) and set(each) == FIELDS for each in results):
        return f'"results" has entries without just {", ".join(sorted(FIELDS))}'
    if not all(isinstance(each["id"], str) and handbook().get(each["id"]) == each["text"] for each in results):
        return "a passage is not the handbook's: its id and its text do not belong together"
    if len({each["id"] for each in results}) < BEST:
        return "a passage is there twice"
    scores = [each["score"] for each in results]
    if not all(type(score) in (int, float) and -MAX_SCORE <= score <= MAX_SCORE for score in scores):
        return f"a score is no number from {-MAX_SCORE:g} to {MAX_SCORE:g}"
    return None if all(a >= b for a, b in pairwise(scores)) else "the best passage does not come first"


WORKLOAD = Search()
