"""No model at all: the answer is the request. What it takes is the price of the packaging and of the path alone."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from targets.workloads.contract import Infer, Payload, Phase, Wheel

TEXTS = {
    "word": "frost",
    "sentence": "The orchard fell below zero at two in the morning, and the sprinklers were already running.",
    "scripts": "Frost, givre, Rauhreif, иней, πάχνη, 霜, صقيع \N{SNOWFLAKE} \N{SNOWMAN}",
    "escapes": 'A "quoted" word, a back\\slash,\ta tab\nand a second line.',
    "kilobyte": "rime and hoar " * 73,
    "sixteen-kilobytes": "rime and hoar " * 1170,
}


def infer(request: dict[str, Any]) -> dict[str, str]:
    """{"text": str} in, the same out. ValueError when there is no such text."""
    text = request.get("text")
    if not isinstance(text, str):
        raise ValueError(f'"text" is {type(text).__name__}: send {{"text": "..."}}')
    return {"text": text}


class Echo:
    """The workload without a model: nothing to install, nothing to load."""

    name = "echo"
    summary = "No model: answers with the text it was sent, which measures packaging and path alone"
    requirements: tuple[str, ...] = ()
    models: tuple[Wheel, ...] = ()
    model_files: tuple[str, ...] = ()

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """There is nothing to load, so no phase is entered. ValueError when a model is given all the same."""
        if model_dir is not None:
            raise ValueError(f"echo has no model, so {model_dir} cannot replace it: leave the model folder out")
        return infer

    def payloads(self) -> Sequence[Payload]:
        """Texts from 5 bytes to 16 kB, some beyond ASCII."""
        return [Payload(name, json.dumps({"text": text}, ensure_ascii=False).encode()) for name, text in TEXTS.items()]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when `answer` is the very object that was sent."""
        if not isinstance(answer, dict) or set(answer) != {"text"}:
            return f'answer is {type(answer).__name__}, not an object with just "text"'
        text = answer["text"]
        if not isinstance(text, str):
            return f'"text" is {type(text).__name__}, not a string'
        if text != json.loads(payload.body)["text"]:
            return f'"text" differs from what was sent: {len(text)} characters, {text[:40]!a:.80}'
        return None


WORKLOAD = Echo()
