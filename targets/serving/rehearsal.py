"""One start and a few answers outside of any measurement: what a user's own model does, told as JSON.

Bodies come in on standard input, a JSON list of texts. What the model prints goes to standard error.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from targets import workload
from targets.serving.call import Call
from targets.serving.core import error_body, to_json
from targets.serving.timeline import Timeline


def rehearse(bodies: list[str]) -> dict[str, Any]:
    """{"load": error or None, "answers": [{"answer": ...} or an error]}, an answer for each body."""
    try:
        model = workload(os.environ["FROSTLINE_WORKLOAD"], json.loads(os.environ.get("FROSTLINE_SETTINGS", "{}")))
        infer = model.load(Timeline().phase, Path(os.environ["FROSTLINE_MODEL_DIR"]), 1)
    except BaseException as error:  # sys.exit() in a model is its failure too
        return {"load": error_body(error), "answers": []}
    return {"load": None, "answers": [_answer(infer, json.loads(body)) for body in bodies]}


def _answer(infer: Any, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"answer": json.loads(to_json(Call(infer, request, {}).whole()))["answer"]}
    except BaseException as error:
        return error_body(error)


if __name__ == "__main__":
    told = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(told, "w") as out:
        json.dump(rehearse(json.load(sys.stdin)), out)
