"""A workload in one file that streams, names the phases of its start itself, and counts its words.

A request may name a file: then its second word is said only once that file lies in the ledger's folder, or not at all.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from targets.workloads.contract import Ask, Infer, Measured, Payload, Phase, Wheel

PATIENCE_S = 20
SENTENCES = ("rime on the wires", "a late frost took the blossom", "thaw")


class ToyStream:
    """Says a sentence back, a word at a time."""

    name = "toy-stream"
    summary = "A toy: says each sentence back one word at a time, backwards"
    requirements: tuple[str, ...] = ()
    models: tuple[Wheel, ...] = ()
    model_files: tuple[str, ...] = ()

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """A vocabulary, and one word to warm up; phases of no name that the bench knows."""
        with phase("vocabulary"):
            vocabulary = {word: word[::-1] for sentence in SENTENCES for word in sentence.split()}

        def infer(request: dict[str, Any]) -> Iterator[str]:
            words = request["text"].split()
            for number, word in enumerate(words):
                if number == 1 and "after" in request:
                    _await(Path(os.environ["FROSTLINE_LEDGER"]) / request["after"])
                yield vocabulary[word]
            return Measured(tokens_in=len(words), tokens_out=len(words))

        with phase("warm_up"):
            list(infer({"text": "thaw"}))
        return infer

    def load_edge(self, phase: Phase, model_dir: Path | None, threads: int, core: Ask) -> Infer:
        """Passes everything on."""
        return core

    def load_core(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """All of it."""
        return self.load(phase, model_dir, threads)

    def payloads(self) -> Sequence[Payload]:
        """The sentences."""
        return [Payload(text.split()[0], json.dumps({"text": text}).encode()) for text in SENTENCES]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when each chunk is the word of its place, backwards."""
        if not isinstance(answer, list):
            return f"answer is {type(answer).__name__}, not the list of its chunks"
        words = json.loads(payload.body)["text"].split()
        return None if answer == [word[::-1] for word in words] else f"{len(answer)} chunks, not those of the sentence"


def _await(file: Path) -> None:
    """Until it is there. TimeoutError when it does not come."""
    ended_s = time.monotonic() + PATIENCE_S
    while not file.exists():
        if time.monotonic() > ended_s:
            raise TimeoutError(f"{file.name} did not come")
        time.sleep(0.01)


WORKLOAD = ToyStream()
