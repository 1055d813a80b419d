"""The tasks of transformers' pipelines that take a text and answer in JSON: their models, parameters, and answers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_NUMBER = 1e30
"""Above it is none that a model gives; NaN and infinity are not below it either."""
Form = Callable[[Any], str | None]
"""Why an answer is none of the task; None when it may be one."""


@dataclass(frozen=True)
class Task:
    """One pipeline."""

    kind: str
    """The class of transformers that loads its models."""
    form: Form
    parameters: tuple[str, ...]
    """What a request may set. Nothing else is passed on: some of what pipelines take names code to run."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    needed: str | None = None
    """The one parameter without which there is no answer."""
    unused: tuple[str, ...] = ()
    """Beginnings of parameters that its models may lack."""


def objects(least: int, *texts: str) -> Form:
    """A list of at least so many objects, each with these texts; with a score, unless it is text that was made."""

    def form(answer: Any) -> str | None:
        if not isinstance(answer, list) or len(answer) < least:
            return f"answer is {type(answer).__name__}, not a list of at least {least} objects"
        for at, item in enumerate(_flat(answer)):
            if not isinstance(item, dict):
                return f"item {at} is {type(item).__name__}, not an object"
            if not any(isinstance(item.get(text), str) and item[text] for text in texts):
                return f"item {at} has no text as {' or '.join(texts)}"
            if "generated_text" not in texts and not is_number(item.get("score")):
                return f"item {at} has no number as score"
        return None

    return form


def _flat(answer: list[Any]) -> Iterator[Any]:
    """Items, and those of lists in it: of a text with several masks each has a list of its own."""
    for item in answer:
        yield from item if isinstance(item, list) and item else [item]


def features(answer: Any) -> str | None:
    """One list for the text, in it a list of numbers for each token, all of one length."""
    rows = answer[0] if isinstance(answer, list) and len(answer) == 1 else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) and row for row in rows):
        return f"answer is {type(answer).__name__}, not a list of one list with a list of numbers for each token"
    if len({len(row) for row in rows}) != 1 or not all(is_number(value) for row in rows for value in row):
        return "its tokens do not all have the same count of numbers"
    return None


def labels(answer: Any) -> str | None:
    """Labels with a score each, from the highest down."""
    names, scores = (answer.get(key) for key in ("labels", "scores")) if isinstance(answer, dict) else (None, None)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        return f'answer is {type(answer).__name__}, not an object with "labels" and "scores"'
    if not isinstance(scores, list) or len(scores) != len(names) or not all(map(is_number, scores)):
        return '"scores" is no list with a number for each label'
    return None if scores == sorted(scores, reverse=True) else '"scores" do not go down'


def is_number(value: Any) -> bool:
    """Whether it is a finite number."""
    return type(value) in (int, float) and -MOST_NUMBER < value < MOST_NUMBER


TASKS = {
    "feature-extraction": Task("AutoModel", features, ("truncation",), {"truncation": True}, unused=("pooler.",)),
    "fill-mask": Task("AutoModelForMaskedLM", objects(1, "token_str"), ("top_k", "targets")),
    "text-classification": Task(
        "AutoModelForSequenceClassification",
        objects(1, "label"),
        ("top_k", "function_to_apply", "truncation"),
        {"truncation": True},
    ),
    "text-generation": Task(
        "AutoModelForCausalLM",
        objects(1, "generated_text"),
        ("max_new_tokens", "do_sample", "temperature", "top_k", "top_p", "repetition_penalty", "return_full_text"),
        {"max_new_tokens": 16, "do_sample": False},
    ),
    "token-classification": Task(
        "AutoModelForTokenClassification", objects(0, "entity", "entity_group"), ("aggregation_strategy",)
    ),
    "zero-shot-classification": Task(
        "AutoModelForSequenceClassification",
        labels,
        ("candidate_labels", "hypothesis_template", "multi_label"),
        needed="candidate_labels",
    ),
}
REMOVED = ("question-answering", "summarization", "text2text-generation", "translation")
"""Pipelines of earlier versions of transformers."""


def parameter_problems(task: Task, given: Any) -> list[str]:
    """Why these are no parameters of the task, each with the fix."""
    if not isinstance(given, dict):
        return [f"parameters: {str(given)[:80]!a} is not accepted: give names with values"]
    known = ", ".join(task.parameters)
    problems = [
        f"parameters: {str(name)[:80]!a} is not one of: {known}" for name in given if name not in task.parameters
    ]
    if task.needed and not given.get(task.needed):
        problems.append(f"parameters: {task.needed} is missing: give a list of texts")
    return problems


def plain(value: Any) -> Any:
    """What a pipeline answers, fit for JSON: numpy's numbers made Python's, and rounded to 1e-6."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    return round(value, 6) if isinstance(value, float) else value
