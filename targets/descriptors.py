"""How many files and sockets a process may have open: a load generator and a front need one for each request."""

import resource
import sys

FALLBACKS = (65_536, 10_240)
"""Tried in turn where the kernel refuses the hard limit itself, as macOS does with an unlimited one."""


def raise_descriptor_limit() -> int:
    """Raise this process's soft limit to its hard one, or as near as the kernel lets it; returns the limit in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (hard, *FALLBACKS):
        if _number(limit) > _number(hard) or _number(limit) < _number(soft):
            continue
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        except (OSError, ValueError):
            continue
        return _number(limit)
    return _number(soft)


def most_descriptors() -> int:
    """What `raise_descriptor_limit` gives a process that this one starts: raised here for a moment, to be sure."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        return raise_descriptor_limit()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _number(limit: int) -> int:
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit
