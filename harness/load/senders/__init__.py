"""How requests are asked. Each file with a SENDER is one way, found by listing this folder and others like it."""

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path

from harness.errors import UsageError
from harness.load.senders.contract import Sender
from targets.contract import Endpoint

__all__ = ["Sender", "sender", "sender_names", "sender_of"]

__path__ = pkgutil.extend_path(__path__, __name__)


@cache
def _files() -> dict[str, Path]:
    """File by sender name. UsageError when two files have one name."""
    named: dict[str, Path] = {}
    for path in (Path(entry, f"{module.name}.py") for entry in __path__ for module in pkgutil.iter_modules([entry])):
        name = path.stem.replace("_", "-")
        if (other := named.setdefault(name, path)) != path:
            raise UsageError([f"sender {name} is in {other} and in {path}: rename one of the two files"])
    return {name: path for name, path in named.items() if name != "contract"}


def sender_names() -> list[str]:
    """Names of the senders there are."""
    return sorted(_files())


def sender(name: str) -> Sender:
    """The sender of this name. ValueError when there is none."""
    if name not in _files():
        raise ValueError(f"sender: {name!a} is not one of: {', '.join(sender_names())}")
    sender: Sender = import_module(f"{__name__}.{_files()[name].stem}").SENDER
    return sender


def sender_of(endpoint: Endpoint) -> Sender:
    """The sender that an endpoint names, or that serves its URL's scheme. ValueError unless there is exactly one."""
    if endpoint.sender:
        return sender(endpoint.sender)
    scheme = endpoint.url.partition("://")[0].lower()
    serving = {name: found for name in sender_names() if scheme in (found := sender(name)).schemes}
    if len(serving) == 1:
        return next(iter(serving.values()))
    if serving:
        raise ValueError(f"sender: {', '.join(serving)} all serve {scheme}: name one of them")
    served = sorted({f"{each}://" for name in sender_names() for each in sender(name).schemes})
    raise ValueError(f"url: {endpoint.url!a} is not accepted: begin it with {' or '.join(served)}")


def endpoint_problems(endpoint: Endpoint) -> list[str]:
    """Everything that keeps requests from being sent there, one line each."""
    try:
        return sender_of(endpoint).problems(endpoint)
    except (ValueError, UsageError) as error:
        return [str(error)]
