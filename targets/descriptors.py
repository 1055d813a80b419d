"""How many files and sockets a process may have open: a load generator and a front need one for each request."""

import resource
import sys


def raise_descriptor_limit() -> int:
    """Raise this process's soft limit to its hard one; returns the limit that is then in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):  # an unlimited hard limit is no number that every kernel takes
        hard = soft
    return _number(hard)


def most_descriptors() -> int:
    """What `raise_descriptor_limit` would give a process that this one starts."""
    return _number(resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def _number(limit: int) -> int:
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit
