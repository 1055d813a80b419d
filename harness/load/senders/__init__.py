"""How requests are asked. Each file with a SENDER is one way, found by listing this folder and others like it."""

import pkgutil
from importlib import import_module

from harness.load.senders.contract import Sender
from targets.contract import Endpoint

__all__ = ["Sender", "sender", "sender_names", "sender_of"]

__path__ = pkgutil.extend_path(__path__, __name__)


def sender_names() -> list[str]:
    """Names of the senders there are."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted({name.replace("_", "-") for name in modules if name != "contract"})


def sender(name: str) -> Sender:
    """The sender of this name. ValueError when there is none."""
    if name not in sender_names():
        raise ValueError(f"sender: {name!a} is not one of: {', '.join(sender_names())}")
    sender: Sender = import_module(f"{__name__}.{name.replace('-', '_')}").SENDER
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
    except ValueError as error:
        return [str(error)]
