"""A workload in one file that splits: its edge keeps every answer that it was given, its core turns words round."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from targets.workloads.contract import Ask, Infer, Payload, Phase, Wheel, in_one_unit

WORDS = ("rime", "hoar", "thaw")


class ToySplit:
    """{"word"} in; the word backwards out, so that two words never have one answer."""

    name = "toy-split"
    summary = "A toy: turns words round in its core, and keeps what its edge was told"
    requirements: tuple[str, ...] = ()
    models: tuple[Wheel, ...] = ()
    model_files: tuple[str, ...] = ()

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Both parts in one unit."""
        return self.load_edge(phase, model_dir, threads, in_one_unit(self.load_core(phase, model_dir, threads)))

    def load_edge(self, phase: Phase, model_dir: Path | None, threads: int, core: Ask) -> Infer:
        """What it keeps goes with its unit."""
        kept: dict[str, str] = {}

        def answer(request: dict[str, Any]) -> str:
            word = request["word"]
            if word not in kept:
                kept[word] = core({"word": word}).answer
            return kept[word]

        return answer

    def load_core(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """The heavy step."""
        return lambda request: request["word"][::-1]

    def payloads(self) -> Sequence[Payload]:
        """The words."""
        return [Payload(word, json.dumps({"word": word}).encode()) for word in WORDS]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when it is the word of the request, backwards."""
        if not isinstance(answer, str):
            return f"answer is {type(answer).__name__}, not a word"
        return None if answer == payload.name[::-1] else "it is not the word of the request, backwards"


WORKLOAD = ToySplit()
