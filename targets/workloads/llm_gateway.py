"""A gateway before a small language model: it assembles the prompt, refuses what its rules forbid, and keeps answers.

The edge is light (no model, standard library alone), the core is generate-gguf. In one unit it is the same pipeline.
"""

import json
import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from targets.workloads.contract import Ask, Infer, Measured, Payload, Phase, Wheel, in_one_unit
from targets.workloads.generate_gguf import WORKLOAD as GENERATE
from targets.workloads.tasks.generation import words_problem

SYSTEM = "You are the help desk of a cold store. You answer in one short sentence."
TEMPLATE = "{question}\nAnswer briefly."
MOST_TOKENS = 24
MOST_QUESTION = 2000
"""Characters."""
MOST_KEPT = 256
"""Answers that one edge keeps, those least lately asked for going first; they go with their unit."""
FORBIDDEN: dict[str, re.Pattern[str]] = {
    "a password or a key": re.compile(r"\b(password|passphrase|api[ _-]?key|secret key)\b", re.IGNORECASE),
    "the number of a card": re.compile(r"\b(?:\d[ -]?){13,16}\b"),
    "another's instructions": re.compile(r"\bignore (all |the )?(previous|above) instructions\b", re.IGNORECASE),
}
"""What a question may not hold, by what the refusal calls it."""
QUESTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "france": ("What is the capital of France?", ("Paris",)),
    "italy": ("Rome is the capital of Italy. What is the capital of Italy?", ("Rome",)),
    "opposite": ("What is the opposite of hot?", ("cold",)),
}
"""By name a question, and the words that its answer must have, in this order."""
ASKED = ("france", "italy", "opposite", "france fresh", "italy", "italy fresh", "refused", "opposite fresh")
"""One after the other. Those that want a fresh answer always reach the model, the others once for each edge."""
REFUSED = "What is the api key of the door?"


class LlmGateway:
    """{"question", "user", "fresh"} in; {"text", "from": model, cache or rules} out."""

    name = "llm-gateway"
    summary = "An LLM gateway: prompt, safety rules and a cache of answers before SmolLM2-135M (llama.cpp); it splits"
    requirements: tuple[str, ...] = GENERATE.requirements
    models: tuple[Wheel, ...] = GENERATE.models
    model_files: tuple[str, ...] = GENERATE.model_files

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Both parts in one unit."""
        core = in_one_unit(self.load_core(phase, model_dir, threads))
        return self.load_edge(phase, model_dir, threads, core)

    def load_edge(self, phase: Phase, model_dir: Path | None, threads: int, core: Ask) -> Infer:
        """Nothing to load: rules and an empty cache."""
        return Gateway(core).answer

    def load_core(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """The writer, which answers {"prompt", "max_tokens", "system"} with a stream of tokens."""
        return GENERATE.load(phase, model_dir, threads)

    def payloads(self) -> Sequence[Payload]:
        """Questions of several users in turn, most of them asked before, and one that the rules forbid."""
        return [
            Payload(f"{user}-{asked.replace(' ', '-')}", json.dumps(_body(user, *asked.split())).encode())
            for user, asked in enumerate(ASKED)
        ]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when the rules refused what they must, and every other answer has its words."""
        if not isinstance(answer, dict) or set(answer) != {"text", "from"} or not isinstance(answer["text"], str):
            return f'answer is {type(answer).__name__}, not {{"text", "from"}} with a text'
        text, source = answer["text"], answer["from"]
        if source not in ("model", "cache", "rules"):
            return f"it comes from {source!r:.40}, not from model, cache or rules"
        name = payload.name.split("-")[1]
        if (name == "refused") is not (source == "rules"):
            return f"it comes from {source}: the rules refuse what is forbidden, and nothing else"
        if name == "refused":
            return None if text.startswith("I cannot help") else "it is no refusal"
        if own_model or name not in QUESTIONS:
            return None if text.strip() else "its text is empty"
        return words_problem(text, QUESTIONS[name][1])


def _body(user: int, name: str, fresh: str = "") -> dict[str, Any]:
    question = REFUSED if name == "refused" else QUESTIONS[name][0]
    return {"question": question, "user": f"user-{user}", "fresh": bool(fresh)}


class Gateway:
    """One edge, with what it keeps."""

    def __init__(self, core: Ask) -> None:
        self._core = core
        self._kept: OrderedDict[str, str] = OrderedDict()

    def answer(self, request: dict[str, Any]) -> Any:
        """Refuse, answer again, or ask the core. ValueError for what is no question."""
        question = request.get("question")
        if not isinstance(question, str) or not 0 < len(question) <= MOST_QUESTION:
            raise ValueError(f'"question" is no text of 1 to {MOST_QUESTION} characters: send {{"question": "..."}}')
        if found := next((what for what, rule in FORBIDDEN.items() if rule.search(question)), None):
            return {"text": f"I cannot help with {found}.", "from": "rules"}
        key = " ".join(question.lower().split())
        if (text := self._kept.get(key)) is not None and request.get("fresh") is not True:
            self._kept.move_to_end(key)
            return {"text": text, "from": "cache"}
        prompt = TEMPLATE.replace("{question}", question)
        told = self._core({"prompt": prompt, "max_tokens": MOST_TOKENS, "system": SYSTEM})
        text = "".join(piece["text"] for piece in told.answer).strip()
        self._kept[key] = text
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return Measured({"text": text, "from": "model"}, told.gpu_ns, told.tokens_in, told.tokens_out)


WORKLOAD = LlmGateway()
