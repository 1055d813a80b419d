"""How requests are asked. Each file that sets SENDER is one way, found by listing this folder and others like it.

An endpoint names its sender, or has the one that is called like its URL's scheme. Only that one is ever imported:
what another sender needs may be absent.
"""

import pkgutil
from functools import cache
from pathlib import Path

from harness.errors import TrialError
from harness.files.problems import not_one_of
from harness.load.senders.contract import Caller, Sender, as_shown
from targets.contract import Endpoint
from targets.names import FAULTS, NameTaken, Unreadable, files_by_name, passed_over, read

__all__ = [
    "Caller",
    "Sender",
    "SenderFailed",
    "endpoint_problems",
    "sender",
    "sender_name",
    "sender_names",
    "sender_of",
]

__path__ = pkgutil.extend_path(__path__, __name__)


class SenderFailed(TrialError):
    """A sender cannot send to an endpoint, or raised: no fault of the target. Lines like those of its problems."""


@cache
def _files() -> dict[str, Path]:
    return files_by_name("sender", "SENDER", __path__)


def sender_names() -> list[str]:
    """Names of the senders there are. NameTaken when two files give one."""
    return sorted(_files())


def no_senders() -> list[str]:
    """What lies in plug-ins' folders of senders and is none, a line each."""
    return passed_over("SENDER", __path__[1:])


def sender(name: str) -> Sender | Caller:
    """The sender of this name. SenderFailed when there is none, or when it cannot be had."""
    if name not in _files():
        raise SenderFailed(f"sender: {not_one_of(name, sender_names())}")
    try:
        found: Sender | Caller = read("sender", name, "SENDER", __name__, _files()[name])
    except Unreadable as error:
        raise SenderFailed(f"sender: {_files()[name]} cannot be read: {error.why}") from error
    return found


def sender_name(endpoint: Endpoint) -> str:
    """The sender's name that an endpoint gives, or its URL's scheme."""
    return endpoint.sender or endpoint.url.partition("://")[0].lower()


def sender_of(endpoint: Endpoint) -> Sender | Caller:
    """The sender for an endpoint. SenderFailed when there is none."""
    name = sender_name(endpoint)
    if not endpoint.sender and name not in _files():
        url = as_shown(endpoint.url)[:200]
        raise SenderFailed(f"url: {url!a} is not accepted: begin it with http:// or https://")
    return sender(name)


def endpoint_problems(endpoint: Endpoint) -> list[str]:
    """Everything that keeps requests from being sent there, one line each."""
    try:
        return sender_of(endpoint).problems(endpoint)
    except (SenderFailed, NameTaken) as error:
        return [str(error)]
    except FAULTS as error:
        return [failure_of(endpoint, error)]


def failure_of(endpoint: Endpoint, error: BaseException) -> str:
    """What is said of a sender that raised; it may have said it itself."""
    if isinstance(error, SenderFailed):
        return str(error)
    return f"sender: {sender_name(endpoint)} raised {type(error).__name__}: {error}"
