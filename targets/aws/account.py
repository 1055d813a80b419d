"""The account that is meant, found as every AWS tool finds it, and asked without retries that nobody sees."""

import os
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

from targets.aws.refusals import THROTTLED, NoAccess, Refused, refusal_of, scrub
from targets.clock import now_ns, sleep
from targets.contract import DeploymentError

Answer = TypeVar("Answer")
ENDPOINT = "AWS_ENDPOINT_URL"
NO_REGION = "no region is set: set AWS_REGION, or `region` in your AWS profile"
NO_CREDENTIALS = "no AWS credentials were found: set AWS_PROFILE, log in (`aws sso login`) or configure a profile"
PATIENCE_S = 60.0
"""How long an operation that is throttled is asked for again."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0


class Account:
    """One region of one account, or of a server that stands in for it."""

    def __init__(self, region: str = "") -> None:
        """DeploymentError with the fix where no credentials or no region can be found."""
        import boto3  # here, because only what is done on AWS needs it
        from botocore.exceptions import BotoCoreError

        try:
            # boto3 reads AWS_DEFAULT_REGION alone; every other tool of AWS's reads AWS_REGION first
            self.session = boto3.Session(region_name=region or os.environ.get("AWS_REGION"))
            found = self.session.get_credentials()
        except BotoCoreError as error:  # a profile that there is not
            raise NoAccess(f"{scrub(str(error))}: set AWS_PROFILE to one that there is") from error
        if found is None:
            raise NoAccess(NO_CREDENTIALS)
        if not self.session.region_name:
            raise NoAccess(NO_REGION)
        self.region: str = self.session.region_name
        self._clients: dict[str, Any] = {}
        self._identity: dict[str, Any] = {}

    @property
    def emulated(self) -> bool:
        """Whether something else than AWS answers."""
        return is_emulated()

    def url(self, service: str) -> str:
        """Where a service is asked."""
        return str(self.client(service).meta.endpoint_url).rstrip("/")

    def client(self, service: str) -> Any:
        """A client that asks once: what it is refused is seen here. DeploymentError where the region has none."""
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        if service not in self._clients:
            once = Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=60)
            try:
                self._clients[service] = self.session.client(service, config=once)
            except (BotoCoreError, ValueError) as error:
                raise NoAccess(f"{service} cannot be reached: {scrub(str(error))}") from error
        return self._clients[service]

    def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """What one operation (snake case) answers; asked again only while it is throttled. Raises Refused, NoAccess."""
        return self._ask(service, operation, lambda client: dict(getattr(client, operation)(**parameters)))

    def pages(self, service: str, operation: str, key: str, /, **parameters: Any) -> list[Any]:
        """All that an operation lists under `key`, of every page. Raises as `call`."""

        def ask(client: Any) -> list[Any]:
            pages = client.get_paginator(operation).paginate(**parameters)
            return [item for page in pages for item in page.get(key, [])]

        return self._ask(service, operation, ask)

    def _ask(self, service: str, operation: str, ask: Callable[[Any], Answer]) -> Answer:
        from botocore.exceptions import BotoCoreError, ClientError

        deadline_ns, pause_s = now_ns() + int(PATIENCE_S * 1e9), FIRST_PAUSE_S
        while True:
            try:
                return ask(self.client(service))
            except ClientError as error:
                refused = refusal_of(error, service, operation, self.region)
                if refused.code not in THROTTLED or now_ns() > deadline_ns:
                    raise refused from error
            except BotoCoreError as error:
                raise self._unreached(error, service, operation) from error
            sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def number(self) -> str:
        """The account's id. Raises Refused where the credentials are none."""
        self._identity = self._identity or self.call("sts", "get_caller_identity")
        return str(self._identity["Account"])

    def where(self) -> str:
        """Account, region and server in words that may be stored: an id is given as a digest."""
        server = f", {self.url('sts')} (emulated)" if self.emulated else ""
        return f"account {scrub(self.number())}, {self.region}{server}"

    def _unreached(self, error: Exception, service: str, operation: str) -> DeploymentError:
        from botocore.exceptions import EndpointConnectionError, ParamValidationError

        if isinstance(error, ParamValidationError):
            return DeploymentError(f"{service} {operation}: {scrub(str(error))}")
        if isinstance(error, EndpointConnectionError) and not self.emulated:
            known = self.session.get_available_regions(service)
            if known and self.region not in known:
                return NoAccess(f"{service} is not in {self.region}: set AWS_REGION to one of {', '.join(known)}")
        return NoAccess(f"{service} {operation} was not answered: {scrub(str(error))}")


def is_emulated() -> bool:
    """Whether the settings name a server that is not AWS's own."""
    host = urlsplit(endpoint_url()).hostname or ""
    return bool(host) and not host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def endpoint_url() -> str:
    """The server that the environment or the profile names instead of AWS's; "" for none."""
    if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return ""
    return os.environ.get(ENDPOINT) or _of_profile()


def _of_profile() -> str:
    import botocore.session
    from botocore.exceptions import BotoCoreError

    try:
        return str(botocore.session.get_session().get_scoped_config().get("endpoint_url", ""))
    except BotoCoreError:  # said where an account is asked for
        return ""


@cache
def _account(region: str, _surroundings: tuple[tuple[str, str], ...]) -> Account:
    return Account(region)


def account(region: str = "") -> Account:
    """The one that the environment means now, or its other region. DeploymentError with the fix where there is none."""
    return _account(region, tuple(sorted((key, text) for key, text in os.environ.items() if key.startswith("AWS_"))))


def forget() -> None:
    """Look everything up anew: of a process whose credentials have come since."""
    _account.cache_clear()


__all__ = ["Account", "NoAccess", "Refused", "account", "endpoint_url", "forget", "is_emulated"]
