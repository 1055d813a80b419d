"""What is raised where no whole reply came."""

CLOSED_BEFORE = "closed before the reply"
CLOSED_IN_HEAD = "closed in the midst of its head"
CLOSED_WITHIN = "closed in mid-reply"


class RequestFailed(Exception):
    """No whole reply: refused, reset, closed, or not HTTP."""
