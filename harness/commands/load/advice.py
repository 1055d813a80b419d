"""What to do where nothing was answered well, by what stands in the commonest reason."""

import errno
import os

from harness.commands.load.answers import NO_JSON, NOTHING
from harness.commands.load.expectations import FUNCTION_ERROR_HEADER
from harness.commands.load.order import LoadOrder
from harness.commands.load.reasons import UNKEPT, UNSEEN, Reasons
from harness.load.failed import NO_REPLY
from harness.load.tls import NO_TLS, NOT_VERIFIED

EXPECTED = "see what the server said, or correct --expect-json"
INVALID = "the generator is to blame: do what is said of its problem"
FIXES = {
    os.strerror(errno.ECONNREFUSED): "start a server there, or correct the port in the URL",
    NOT_VERIFIED: "give its authority's certificate with --ca-file, or --insecure where it may be anyone",
    NO_TLS: "give http:// where the server speaks no TLS",
    "it speaks TLS": "give https://",
    "too long to be kept": INVALID,
    NO_REPLY: "see whether the host can be reached, or raise --timeout-s",
    FUNCTION_ERROR_HEADER: "the function raised: see its log",
    NOTHING: EXPECTED,
    NO_JSON: EXPECTED,
    "its JSON does not hold": EXPECTED,
    "the stream": EXPECTED,
    UNSEEN: INVALID,
    UNKEPT: INVALID,
    "status 401": "give what it asks for: http://NAME:PASSWORD@..., or --header 'Authorization: ...'",
    "status 403": "give what it asks for with --header",
    "status 404": "correct the path in the URL",
    "status 405": "give another --method",
    "status 413": "send a shorter --body",
    "status 415": "name the body's kind with --header 'Content-Type: ...'",
    "status 429": "lower --rate, or raise the server's limit",
}
"""By what stands in a reason; the first that fits."""
OTHERWISE = "see what the server says of it"


def failure_of(reasons: Reasons, order: LoadOrder) -> str:
    """Why nothing was answered well, by what came of most requests, and the fix."""
    count = len(reasons.numbers)
    if not count:
        return (
            f"nothing was sent: {order.profile} drew no arrival within {order.seconds:g} s at {order.rate:g} per "
            "second: raise --rate or --seconds"
        )
    text, most = next(iter(reasons.counts().items()))
    return f"none of {count} requests had a good answer: {most} x {text}: {fix_of(text)}"


def fix_of(reason: str) -> str:
    """What to do about it."""
    if reason.startswith("status 3"):
        status = reason.split()[1]
        where = "give that URL" if "redirect to" in reason else "give the URL that it points to"
        return f"{where}, or --expect-status {status} where that is a good answer"
    if reason.startswith("status 2"):
        return "correct --expect-status where that is a good answer"
    return next((fix for sign, fix in FIXES.items() if sign in reason), OTHERWISE)
