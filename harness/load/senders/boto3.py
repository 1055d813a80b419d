"""Requests as whoever uses AWS's SDK sends them: what it does before and after the wire takes its time, too.

Lambda Invoke and SageMaker InvokeEndpoint, by the client that boto3 gives out. One attempt each, no proxy.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from threading import local
from typing import Any

import urllib3
from botocore import exceptions, xform_name
from botocore.parsers import ResponseParserError
from urllib3.exceptions import InsecureRequestWarning

from harness.load.aws.credentials import keyring
from harness.load.aws.sdk import OPERATIONS, Operation, client_for, operation_of
from harness.load.aws.settings import AwsSettings, settings_problems
from harness.load.failed import RequestFailed, TimedOut
from harness.load.senders import http, https
from harness.load.senders.contract import Call, Response
from harness.load.wire import EXHAUSTED
from targets.contract import Endpoint

TIMED_OUT = (exceptions.ReadTimeoutError, exceptions.ConnectTimeoutError)
FAILED = (exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.IncompleteReadError, ResponseParserError)
MOST_CAUSES = 10


class Boto3:
    """Calls the SDK with what the endpoint's URL and headers say."""

    name = "boto3"

    def problems(self, endpoint: Endpoint) -> list[str]:
        """What of the endpoint and of its settings the SDK could not do."""
        transport = https.SENDER if endpoint.url.lower().startswith("https:") else http.SENDER
        problems = [*transport.problems(endpoint), *settings_problems(endpoint)]
        if endpoint.method != "POST":
            problems.append(f"method: {endpoint.method!a} is not accepted: the SDK sends a POST")
        service = endpoint.sender_settings.get("service")
        if service in OPERATIONS:
            problems += operation_of(service).parameters(endpoint)[1]
        return problems

    @contextmanager
    def calls(self, endpoint: Endpoint, bodies: list[bytes], timeout_s: float) -> Iterator[list[Call]]:
        """One for each body, by a client of their own. SenderFailed where there are no credentials."""
        settings = AwsSettings.of(endpoint)
        keyring(settings.profile).keys()
        if endpoint.insecure:
            urllib3.disable_warnings(InsecureRequestWarning)  # said once by whoever asked for it
        operation = operation_of(settings.service)
        parameters, _ = operation.parameters(endpoint)
        with closing(client_for(endpoint, timeout_s)) as client:
            call = Calling(operation, client).call
            yield [partial(call, parameters | {operation.body: body}) for body in bodies]


class Calling:
    """A client of the SDK, and by thread the latest reply that it took for an error: its body is told nobody else."""

    def __init__(self, operation: Operation, client: Any) -> None:
        self._operation, self._latest = operation, local()
        self._invoke = getattr(client, xform_name(operation.name))
        client.meta.events.register("response-received", self._keep_refusal)

    def call(self, parameters: dict[str, Any]) -> Response:
        """One request. As every Call raises."""
        self._latest.refusal = b""
        try:
            came = self._invoke(**parameters)
            body = came[self._operation.reply_body].read()
        except exceptions.ClientError as error:
            came, body = error.response, self._latest.refusal
        except TIMED_OUT as error:
            raise TimedOut from error
        except FAILED as error:
            raise _failure(error) from error
        told = came["ResponseMetadata"]
        return Response(told["HTTPStatusCode"], told["HTTPHeaders"], body)

    def _keep_refusal(self, response_dict: dict[str, Any] | None, **_: Any) -> None:
        body = (response_dict or {}).get("body")
        if isinstance(body, bytes):
            self._latest.refusal = body


def _failure(error: BaseException) -> Exception:
    """What the row says: this machine's own lack, if it was one, else the SDK's words."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in EXHAUSTED:
            return cause
    return RequestFailed(f"{type(error).__name__}: {error}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    for _ in range(MOST_CAUSES):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


SENDER = Boto3()
