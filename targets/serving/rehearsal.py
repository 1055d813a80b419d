"""One start and a few answers outside of any measurement: what a user's own model does, told as JSON.

A frame comes in over an inherited socket, a JSON list of bodies in base64, and one goes back. What the model prints,
and what it leaves running, concerns neither.
"""

import base64
import json
import os
import socket
from pathlib import Path
from typing import Any

from targets import workload
from targets.serving.call import Call
from targets.serving.core import error_body, to_json
from targets.serving.failure import LoadFailed
from targets.serving.leash import hold
from targets.serving.process_loop import receive, send
from targets.serving.timeline import Timeline


def rehearse(bodies: list[bytes]) -> dict[str, Any]:
    """{"load": error or None, "answers": [{"answer": ...} or an error]}, an answer for each body.

    Of a load that failed, `errorMessage` is what a function says of it, type and place included.
    """
    timeline = Timeline()
    try:
        model = workload(os.environ["FROSTLINE_WORKLOAD"], json.loads(os.environ.get("FROSTLINE_SETTINGS", "{}")))
        infer = model.load(timeline.phase, Path(os.environ["FROSTLINE_MODEL_DIR"]), 1)
    except BaseException as error:  # sys.exit() in a model is its failure too
        words = str(LoadFailed.of(error, timeline.failed_in))
        return {"load": {"errorMessage": words, "errorType": type(error).__name__}, "answers": []}
    return {"load": None, "answers": [_answer(infer, body) for body in bodies]}


def _answer(infer: Any, body: bytes) -> dict[str, Any]:
    try:
        return {"answer": json.loads(to_json(Call(infer, json.loads(body), {}).whole()))["answer"]}
    except BaseException as error:
        return error_body(error)


def _serve(connection: socket.socket) -> None:
    bodies = [base64.b64decode(text) for text in json.loads(receive(connection))]
    send(connection, json.dumps(rehearse(bodies)).encode())


if __name__ == "__main__":
    hold(int(os.environ["FROSTLINE_LEASH_FD"]))
    _serve(socket.socket(fileno=int(os.environ["FROSTLINE_SOCKET_FD"])))
