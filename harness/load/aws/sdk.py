"""What a sender needs of AWS's SDK: an operation's parameters, as its own model has them, and a client for one thread.

Imported only where such a sender is used.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from botocore.config import Config
from botocore.loaders import create_loader
from botocore.model import ServiceModel
from botocore.session import Session

from harness.load.aws.credentials import Keyring, keyring
from harness.load.aws.settings import AwsSettings
from harness.load.aws.signature import Keys, signed_host
from harness.load.native import native
from targets.contract import Endpoint

OPERATIONS = {"lambda": ("lambda", "Invoke"), "sagemaker": ("sagemaker-runtime", "InvokeEndpoint")}
"""By the service that signatures name: the SDK's client, and its operation."""
JSON = {"content-type": "application/json"}
"""As all senders say of a body where nothing else is said, if the operation takes it."""

_one_at_a_time = native("_thread", "allocate_lock")()
"""For making clients: a session is no thread's own."""


@dataclass(frozen=True)
class Operation:
    """One operation of the SDK, and where in a request each of its parameters stands."""

    client: str
    name: str
    template: str
    """Of its path."""
    body: str
    """The parameter that is the request's body; the same member of what comes back is the reply's."""
    reply_body: str
    places: Mapping[tuple[str, str], str]
    """Parameter by place (uri, querystring or header) and name there, headers in lower case."""

    def parameters(self, endpoint: Endpoint) -> tuple[dict[str, str], list[str]]:
        """What its URL and headers amount to, and what of them is no parameter, one line each."""
        found, problems = {}, []
        path = urlsplit(endpoint.url).path
        pattern = "".join(f"(?P<{name}>[^/]+)" if name else re.escape(text) for text, name in _pieces(self.template))
        if match := re.fullmatch(pattern, path):
            found = {self.places["uri", name]: unquote(value) for name, value in match.groupdict().items()}
        else:
            problems.append(f"url: its path {path!a} is not that of {self.name}: give one like {self.template}")
        for place, name, value in self._further(endpoint):
            parameter = self.places.get((place, name.lower() if place == "header" else name))
            if parameter is not None:
                found[parameter] = value
                continue
            field = "headers" if place == "header" else "url"
            problems.append(f"{field}: {name!a} is not accepted: {self.name} has no such parameter: leave it out")
        return found, problems

    def _further(self, endpoint: Endpoint) -> Iterator[tuple[str, str, str]]:
        """Place, name and value of what may be parameters, beside its path."""
        for name, value in parse_qsl(urlsplit(endpoint.url).query, keep_blank_values=True):
            yield "querystring", name, value
        given = {name.lower() for name in endpoint.headers}
        usual = {name: value for name, value in JSON.items() if ("header", name) in self.places and name not in given}
        for name, value in (usual | dict(endpoint.headers)).items():
            yield "header", name, value


@cache
def operation_of(service: str) -> Operation:
    """The one of this service, one of OPERATIONS, by the SDK's own description."""
    client, name = OPERATIONS[service]
    described = ServiceModel(create_loader().load_service_model(client, "service-2"), client).operation_model(name)
    members = {member: shape.serialization for member, shape in described.input_shape.members.items()}
    places = {
        (at["location"], at["name"].lower() if at["location"] == "header" else at["name"]): member
        for member, at in members.items()
        if "location" in at
    }
    body, reply_body = (shape.serialization["payload"] for shape in (described.input_shape, described.output_shape))
    return Operation(client, name, described.http["requestUri"], body, reply_body, places)


def client_for(endpoint: Endpoint, timeout_s: float) -> Any:
    """A client with connections of its own, which sends once, to the endpoint's host and through no proxy."""
    settings, parts = AwsSettings.of(endpoint), urlsplit(endpoint.url)
    config = Config(
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
        retries={"total_max_attempts": 1, "mode": "standard"},
        proxies={},
    )
    session = _session(settings.profile)
    with _one_at_a_time:
        return session.create_client(
            operation_of(settings.service).client,
            region_name=settings.region,
            endpoint_url=f"{parts.scheme}://{signed_host(endpoint)}",
            verify=False if endpoint.insecure else endpoint.ca_file or None,
            config=config,
        )


class Held:
    """The SDK's way to credentials, and these: what a keyring holds, so that no call waits until they are renewed."""

    method = "keyring"

    def __init__(self, keys: Keyring) -> None:
        self._keys = keys

    def load_credentials(self) -> "Held":
        """These."""
        return self

    def get_frozen_credentials(self) -> Keys:
        """The present ones. SenderFailed when they are at their end."""
        return self._keys.keys()

    def get_deferred_property(self, name: str) -> Callable[[], None]:
        """Nothing else is known of them."""
        return lambda: None


@cache
def _session(profile: str) -> Session:
    session = Session(profile=profile or None)
    session.register_component("credential_provider", Held(keyring(profile)))
    return session


def _pieces(template: str) -> list[tuple[str, str]]:
    """A path's template as (text, "") and ("", name)."""
    found = re.split(r"\{(\w+)\}", template)
    return [("", piece) if at % 2 else (piece, "") for at, piece in enumerate(found)]
