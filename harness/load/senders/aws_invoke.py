"""Requests to AWS that are signed (Signature Version 4) when they leave: Lambda Invoke, a Function URL, SageMaker ...

Over HTTP, to an emulator on this machine, or HTTPS. Whose requests they are this process finds out by itself.
"""

import ssl
from functools import cache

from harness.load.aws.credentials import Keyring, keyring
from harness.load.aws.settings import AwsSettings, settings_problems
from harness.load.aws.signature import DATE, TOKEN, Scope, SignedRequest, Signer
from harness.load.senders import http, https
from harness.load.senders.contract import Request
from targets.contract import Endpoint

OURS = frozenset({"authorization", "date", DATE.lower(), TOKEN.lower(), "x-amz-content-sha256"})
"""Headers that make the signature, or would make another one."""


class AwsInvoke:
    """Signs each request by its own; the endpoint's headers are sent and signed as they are."""

    name = "aws-invoke"

    def problems(self, endpoint: Endpoint) -> list[str]:
        """What of the endpoint and of its settings cannot be sent or signed."""
        taken = [name for name in endpoint.headers if name.lower() in OURS]
        return [
            *_transport(endpoint).problems(endpoint),
            *(f"headers: {name!a} is not accepted: the signature is written here: leave it out" for name in taken),
            *settings_problems(endpoint),
        ]

    def tls(self, endpoint: Endpoint) -> ssl.SSLContext | None:
        """As for any HTTPS; None for http://."""
        return _transport(endpoint).tls(endpoint)

    def request(self, endpoint: Endpoint, body: bytes) -> Request:
        """One request. SenderFailed where there are no credentials, and when it is called after these expired."""
        settings = AwsSettings.of(endpoint)
        keys = keyring(settings.profile)
        keys.keys()  # found long ago they may have expired
        return SignedRequest(_signer(Scope(settings.service, settings.region), keys), endpoint, body)


def _transport(endpoint: Endpoint) -> http.Http:
    return https.SENDER if endpoint.url.lower().startswith("https:") else http.SENDER


@cache
def _signer(scope: Scope, keys: Keyring) -> Signer:
    return Signer(scope, keys.keys)


SENDER = AwsInvoke()
