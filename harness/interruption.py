"""Signals that end a run: Ctrl-C, SIGTERM and SIGHUP unwind alike, so that every `finally` runs, and only once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

from harness.errors import Interrupted

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def plainly() -> Iterator[None]:
    """A signal that comes within compiled code surfaces as a SystemError: it is the KeyboardInterrupt that it was."""
    try:
        yield
    except SystemError as error:
        if not isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
            raise
        raise KeyboardInterrupt from None


@contextmanager
def interruptible() -> Iterator[None]:
    """The first signal ends the block, later ones are ignored, for they would cut the tearing down short.

    A signal that is ignored already (nohup, a shell's background job) stays so. Raises Interrupted. Processes that the
    block began and nobody ended are ended: one may have begun in the very moment before whoever began it knew of it.
    """
    earlier = set(psutil.Process().children())
    before = {number: signal.getsignal(number) for number in ENDING}
    taken = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def interrupt(*_: Any) -> None:
        for number in taken:
            signal.signal(number, lambda *_: None)  # not SIG_IGN, which every process started from now on would inherit
        raise KeyboardInterrupt

    for number in taken:
        signal.signal(number, interrupt)
    try:
        with plainly():
            yield
    except KeyboardInterrupt:
        for child in set(psutil.Process().children()) - earlier:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        raise Interrupted("interrupted: everything is torn down") from None
    finally:
        for number in taken:
            signal.signal(number, before[number])
