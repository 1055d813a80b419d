"""What is raised where no whole reply came."""

NO_REPLY = "no reply in time"
CLOSED_BEFORE = "closed before the reply"
CLOSED_IN_HEAD = "closed in the midst of its head"
CLOSED_WITHIN = "closed in mid-reply"


class RequestFailed(Exception):
    """No whole reply: refused, reset, closed, or not HTTP."""


class TimedOut(Exception):
    """No whole reply within the time limit."""

    def __init__(self) -> None:
        super().__init__(NO_REPLY)


class TooLong(RequestFailed):
    """A reply that was to be kept is longer than can be: a limit of the generator, no fault of the server."""
