"""What a payload may be: JSON of a certain size, there and back."""

import json

from targets.contract import LAMBDA_REQUEST_BYTES
from targets.lambda_front.refusal import Refused
from targets.serving.quota import MAX_REPLY_BYTES
from targets.strict_json import json_fault

MAX_EVENT_BYTES = 1024 * 1024
"""Of an asynchronous invocation."""
REPLY_TOO_LARGE = json.dumps(
    {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": f"Response payload size exceeded maximum allowed payload size ({MAX_REPLY_BYTES} bytes).",
    }
).encode()


def check_size(size: int, is_event: bool) -> None:
    """Refused when a request's body has more bytes than its kind may have."""
    most = MAX_EVENT_BYTES if is_event else LAMBDA_REQUEST_BYTES
    if size > most:
        message = f"Request must be smaller than {most} bytes for the InvokeFunction operation"
        raise Refused(413, "RequestTooLargeException", message)


def check_json(body: bytes) -> None:
    """Refused when the body is no JSON in UTF-8."""
    if (why := json_fault(body)) is not None:
        raise Refused(400, "InvalidRequestContentException", f"Could not parse request body into json: {why}")
