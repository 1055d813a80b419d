"""The pipeline of a task over a local folder: nothing is fetched, and no code of the folder's runs."""

import copy
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from targets.serving.torch_model import pretrained, use_threads
from targets.workloads.contract import Phase
from targets.workloads.huggingface.tasks import TASKS, Task, parameter_problems, plain

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
MASK = "[MASK]"
"""How a request writes the gap, whatever the model's own word for it is."""


@dataclass(frozen=True)
class Pipes:
    """As many pipelines as there are threads, over one model: a tokenizer is one thread's at a time."""

    task: Task
    mask: str | None
    free: SimpleQueue[Any]

    def answer(self, request: dict[str, Any]) -> Any:
        """What the pipeline answers to "inputs" with "parameters". ValueError with all that is wrong."""
        text, parameters = request.get("inputs"), request.get("parameters", {})
        problems = parameter_problems(self.task, parameters)
        if not isinstance(text, str) or not text:
            problems.append(f'"inputs" is {type(text).__name__}: send {{"inputs": "...", "parameters": {{}}}}')
        if problems:
            raise ValueError("; ".join(problems))
        text = str(text).replace(MASK, self.mask) if self.mask else text
        pipe = self.free.get()
        try:
            return plain(pipe(text, **parameters))
        finally:
            self.free.put(pipe)


def load_pipes(phase: Phase, name: str, folder: Path, threads: int) -> Pipes:
    """Phases imports, weights, tokenizer and pipeline. ValueError when the folder is none for the task."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # before the import, which reads it
    task, config = TASKS[name], read_config(folder)
    with phase("imports"):
        import torch
        import transformers
        from transformers import AutoTokenizer, pipeline

        kind = getattr(transformers, task.kind)
        for own in config.get("architectures") or ():  # else the model's class is imported while weights are read
            getattr(transformers, str(own), None)
    transformers.logging.set_verbosity_error()
    with phase("weights"):
        use_threads(torch, threads)
        model = load_model(kind, name, folder)
        check_head(type(model).__name__, config)
    with phase("tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if name == "fill-mask" and not tokenizer.mask_token:
        raise ValueError("its tokenizer has no mask_token: take a model that was trained for fill-mask")
    free: SimpleQueue[Any] = SimpleQueue()
    with phase("pipeline"):
        for _ in range(threads):
            free.put(pipeline(name, model=model, tokenizer=copy.deepcopy(tokenizer), device="cpu"))
    return Pipes(task, tokenizer.mask_token if name == "fill-mask" else None, free)


def read_config(folder: Path) -> Mapping[str, Any]:
    """The model's config.json. ValueError when it is none, or when there are no weights that may be read."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"config.json cannot be read ({str(error)[:100]}): fetch it again") from error
    if not isinstance(config, dict):
        raise ValueError(f"config.json is a {type(config).__name__} and not an object: fetch it again")
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise ValueError(
            f"there is no {' or '.join(WEIGHTS)}, and weights of another kind, a pickle's, are not read: save the "
            "model by save_pretrained() of transformers 5, where you trust the file"
        )
    return config


def load_model(kind: Any, name: str, folder: Path) -> Any:
    """The model of this task. ValueError when its kind is another's, or one that brings its own code."""
    try:
        return pretrained(kind, folder, TASKS[name].unused)
    except ValueError as error:
        told = str(error)
        if "trust_remote_code" in told:
            raise ValueError(
                "it is made by code of its own, and none of that runs here: take a model of a kind that transformers "
                "knows"
            ) from None
        if "nrecognized configuration class" in told:
            raise ValueError(f"its kind of model has no {name}: name the task that it was made for") from None
        raise


def check_head(kind: str, config: Mapping[str, Any]) -> None:
    """ValueError for a classifier of texts that is to tell of tokens, or the reverse: their weights have one name."""
    saved = config.get("architectures") or [kind]
    if kind.endswith("Classification") and kind not in saved:
        raise ValueError(f"it was saved as {str(saved[0])[:60]} and is no {kind}: name the task that it was made for")
