"""A model as transformers saves it, with the pipeline of a task: your own folder, or a hub's at one commit."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from targets.serving.torch_model import TRANSFORMERS
from targets.workloads.command import read_payloads
from targets.workloads.contract import Infer, Payload, Phase, Wheel
from targets.workloads.huggingface.hub import FOLDER, fetch, hub_problems
from targets.workloads.huggingface.pipes import load_pipes
from targets.workloads.huggingface.tasks import REMOVED, TASKS, parameter_problems

KNOWN = ("task", "model", "revision", "inputs", "parameters", "expect")
TEXTS = (
    "Frost came early.",
    "The pass was closed for two days, and the mail went round by the valley.",
    "Ice on the lake carries a child at five centimetres, a horse at twelve and a loaded cart at twenty, the old men "
    "of the village say, and none of them has ever walked out to measure it before the others had come back.",
)
MASKED = (
    "Frost is [MASK].",
    "In winter the lake is covered with [MASK].",
    "The [MASK] went round by the valley in snow.",
)


class HuggingFace:
    """Any model of transformers for the tasks that take a text, on the CPU."""

    name = "huggingface"
    summary = "A folder of transformers, or a hub's model, with a pipeline: settings name the task, inputs and a check"
    requirements = TRANSFORMERS
    models: tuple[Wheel, ...] = ()
    model_files: tuple[str, ...] = ("config.json", "tokenizer.json")

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self._settings = settings or {}

    def configure(self, settings: Mapping[str, Any]) -> "HuggingFace":
        """The same with these settings. ValueError with every problem, one a line."""
        if problems := setting_problems(settings):
            raise ValueError("\n".join(problems))
        return HubModel(settings) if settings.get("model") else HuggingFace(settings)

    @property
    def is_untold(self) -> bool:
        """Whether `expect` is not set."""
        return "expect" not in self._settings

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Phases imports, weights, tokenizer and pipeline. It answers what the pipeline does, rounded to 1e-6."""
        name = self._settings.get("task")
        if name is None:
            raise ValueError(f"no task is named: give settings with a `task`, one of: {', '.join(TASKS)}")
        if model_dir is None:
            raise ValueError(f"huggingface has no model of its own: name one of a hub as `model`, or give {FOLDER}")
        return load_pipes(phase, name, model_dir, threads).answer

    def payloads(self) -> Sequence[Payload]:
        """{"inputs", "parameters"} for each input of the settings, else for texts of our own."""
        return self._payloads

    @cached_property
    def _payloads(self) -> list[Payload]:
        name = self._settings.get("task")
        given = self._settings.get("inputs", MASKED if name == "fill-mask" else TEXTS)
        listed = [(p.name, json.loads(p.body)) for p in read_payloads(given)] if isinstance(given, str) else None
        defaults = dict(TASKS[name].defaults) if name else {}
        parameters = defaults | self._settings.get("parameters", {})
        return [
            Payload(key, _body(key, item, parameters))
            for key, item in listed or [(f"{at:04d}", item) for at, item in enumerate(given, 1)]
        ]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when the answer has the form of the task's, and `expect` is found in its JSON where it is set."""
        name = self._settings.get("task")
        if name is None:
            return "no task is named, so no answer is right: give settings with a `task`"
        expect = self._settings.get("expect")
        if (fault := TASKS[name].form(answer)) or expect is None:
            return fault
        try:
            text = json.dumps(answer, ensure_ascii=False)
        except (ValueError, RecursionError) as error:
            return f"its answer is no JSON: {type(error).__name__}"
        return None if re.search(expect, text) else f"{text[:60]!a:.100} does not match {expect[:60]!a:.80}"


class HubModel(HuggingFace):
    """One whose `model` and `revision` are a hub's: it is fetched on the host, and units have its files with them."""

    model_files: tuple[str, ...] = ()

    @property
    def recipe(self) -> str:
        """What its files are: those of one commit, which never change."""
        return f"{self._settings['model']} at {self._settings['revision']}"

    def write_model(self, folder: Path) -> None:
        """Fetch the files. ValueError when they cannot be had."""
        fetch(self._settings["model"], self._settings["revision"], folder)


def setting_problems(settings: Mapping[str, Any]) -> list[str]:
    """What is wrong with them, each with its fix."""
    problems = [f"{name} is not one of: {', '.join(KNOWN)}" for name in settings if name not in KNOWN]
    name = settings.get("task")
    task = TASKS.get(name) if isinstance(name, str) else None
    if name is None:
        problems.append(f"task: is missing: name one of: {', '.join(TASKS)}")
    elif name in REMOVED:
        problems.append(f"task: {name} is no pipeline of transformers 5 any more: take text-generation")
    elif task is None:
        problems.append(f"task: {str(name)[:80]!a} is not one of: {', '.join(TASKS)}")
    problems += hub_problems(settings.get("model"), settings.get("revision"))
    if task:
        problems += parameter_problems(task, settings.get("parameters", {}))
    return [*problems, *_input_problems(settings.get("inputs", TEXTS)), *_expect_problems(settings.get("expect", ""))]


def _input_problems(given: Any) -> list[str]:
    """A file is read where requests are made, and not in a unit, which has none."""
    if isinstance(given, str) and given:
        return []
    if isinstance(given, list | tuple) and given and all(isinstance(item, str) and item for item in given):
        return []
    return [f"inputs: {str(given)[:80]!a} is not accepted: give a list of texts, or name a JSON file with one"]


def _expect_problems(given: Any) -> list[str]:
    try:
        re.compile(given)
    except (re.error, RecursionError, TypeError) as error:
        return [f"expect: {str(given)[:60]!a} is no regular expression ({error}): correct it"]
    return []


def _body(name: str, item: Any, parameters: Mapping[str, Any]) -> bytes:
    if not isinstance(item, str) or not item:
        raise ValueError(f"inputs: {name[:40]!a} is {type(item).__name__}, not a text: give texts only")
    return json.dumps({"inputs": item, "parameters": parameters}, ensure_ascii=False).encode()


WORKLOAD = HuggingFace()
