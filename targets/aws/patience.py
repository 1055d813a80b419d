"""Waiting for what AWS does in its own time: never without an end, and no longer than needed."""

from collections.abc import Callable
from typing import TypeVar

from targets.aws.refusals import Refused
from targets.clock import now_ns, sleep
from targets.contract import DeploymentError

Answer = TypeVar("Answer")
POLL_S = 0.25


class Overdue(DeploymentError):
    """What was waited for may still come."""


def wait_until(done: Callable[[], bool], what: str, limit_s: float, poll_s: float = POLL_S) -> None:
    """Look again and again until it is so. Overdue when it is not within the limit."""
    deadline_ns = now_ns() + int(limit_s * 1e9)
    while not done():
        if now_ns() > deadline_ns:
            raise Overdue(f"{what} within {limit_s:.0f} s: run it again, or look at it in the console")
        sleep(poll_s)


def insist(
    ask: Callable[[], Answer], is_passing: Callable[[Refused], bool], limit_s: float, poll_s: float = 1.0
) -> Answer:
    """Ask again while it is refused for a reason that passes. Raises the last refusal when it has not by then."""
    deadline_ns = now_ns() + int(limit_s * 1e9)
    while True:
        try:
            return ask()
        except Refused as refused:
            if not is_passing(refused) or now_ns() > deadline_ns:
                raise
        sleep(poll_s)
