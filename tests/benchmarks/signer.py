"""How long the sender aws-invoke takes to sign a request, beside the bytes that plain HTTP sends as they are.

Run with `python -m tests.benchmarks.signer`. A Lambda Invoke is signed for another second in each pass, as the first
request of a second is, and then over and over within one; medians over all passes, in µs. Ends with 1 when a bound
does not hold, with 4 when the machine was too busy to say.
"""

import itertools
import statistics
import sys
import time
from collections.abc import Callable
from unittest import mock

from harness.load.aws import signature
from harness.load.aws.signature import Keys, Scope, SignedRequest, Signer
from harness.load.senders import http
from targets.contract import Endpoint
from tests.benchmarks.calm import settled

ENDPOINT = Endpoint(
    "https://lambda.eu-central-1.amazonaws.com/2015-03-31/functions/frost%3Alive/invocations",
    headers={"X-Amz-Invocation-Type": "RequestResponse", "X-Amz-Log-Type": "Tail"},
)
BOUND_US = 20.0
PASSES, WARM = 20_000, 1_000
BEGIN_S = 1_795_675_214
BODIES = {"200 bytes": 200, "20 kB": 20_000, "1 MB": 1_000_000}
BOUND_FOR = "200 bytes"
"""A large body is copied behind its head once a second, which takes as long as copying takes."""
TOKENS = {"lasting keys": None, "a session's token of 1,000 bytes": "t" * 1_000}


def median_us(act: Callable[[], object], passes: int) -> float:
    """Of one call; the first ones warm up."""
    taken = []
    for _ in range(passes + WARM):
        begun_ns = time.perf_counter_ns()
        act()
        taken.append(time.perf_counter_ns() - begun_ns)
    return statistics.median(taken[WARM:]) / 1e3


def times_us(body: bytes, token: str | None) -> tuple[float, float, float]:
    """The first time in a second, again within it, and as plain HTTP."""
    held, now = Keys("AKIDEXAMPLE", "k" * 40, token), itertools.count(BEGIN_S)
    request = SignedRequest(Signer(Scope("lambda", "eu-central-1"), lambda: held), ENDPOINT, body)
    passes = PASSES if len(body) < 100_000 else PASSES // 10
    with mock.patch.object(signature, "unix_s", lambda: next(now)):
        first = median_us(request, passes)
    return first, median_us(request, passes), median_us(http.SENDER.request(ENDPOINT, body), passes)


def measure() -> list[str]:
    """Print a row for each size of body and kind of keys; returns the bounds that do not hold."""
    problems = []
    print(f"{'body':>10} {'keys':<34} {'first of a second µs':>21} {'again µs':>9} {'http µs':>8}")
    for size, count in BODIES.items():
        for kind, token in TOKENS.items():
            first, again, plain = times_us(b"x" * count, token)
            print(f"{size:>10} {kind:<34} {first:>21.2f} {again:>9.2f} {plain:>8.2f}")
            if size == BOUND_FOR and first > BOUND_US:
                problems.append(f"{size}, {kind}: {first:.1f} µs a request, bound {BOUND_US:g} µs")
    return problems


if __name__ == "__main__":
    sys.exit(settled(measure))
