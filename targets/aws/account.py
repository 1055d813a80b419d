"""The account that is meant, found as every AWS tool finds it, and asked without retries that nobody sees."""

import logging
import os
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from targets.aws import servers
from targets.aws.refusals import EXPIRED, NoAccess, NotThere, Refused, is_passing, login_problem, refusal_of, scrub
from targets.aws.servers import Surroundings, is_emulated, mixture, origin, surroundings
from targets.clock import now_ns, sleep
from targets.contract import DeploymentError

Answer = TypeVar("Answer")
NO_REGION = "no region is set: set AWS_REGION, or `region` in your AWS profile or in the experiment"
NO_CREDENTIALS = "no AWS credentials were found: set AWS_PROFILE, log in (`aws sso login`) or configure a profile"
PATIENCE_S = 60.0
"""How long an operation that is throttled is asked for again."""
CONNECT_S, ANSWER_S, INVOKED_S = 10.0, 60.0, 930.0
LOGGERS = ("botocore.credentials", "botocore.tokens")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0


class Account:
    """One region of one account, or of a server that stands in for it."""

    def __init__(self, region: str = "", patience_s: float | None = None, answer_s: float = ANSWER_S) -> None:
        """DeploymentError with the fix where no credentials or no region can be found, or only a part of AWS's services
        is emulated."""
        if why := mixture():
            raise NoAccess(why)
        self._region, self._patience_s, self._answer_s = region, patience_s, answer_s
        self.session = self._find()
        self.region: str = self.session.region_name
        self._clients: dict[tuple[str, bool], Any] = {}
        self._identity: dict[str, Any] = {}

    def _find(self) -> Any:
        import boto3  # here, because only what is done on AWS needs it
        from botocore.exceptions import BotoCoreError

        for name in LOGGERS:  # what they log of a renewal that failed may quote the program that was asked
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            # boto3 reads AWS_DEFAULT_REGION alone; every other tool of AWS's reads AWS_REGION first
            session = boto3.Session(region_name=self._region or os.environ.get("AWS_REGION"))
            found = session.get_credentials()
        except BotoCoreError as error:
            raise NoAccess(login_problem(error) or scrub(str(error))) from error
        if found is None:
            raise NoAccess(NO_CREDENTIALS)
        if not session.region_name:
            raise NoAccess(NO_REGION)
        return session

    @property
    def emulated(self) -> bool:
        """Whether something else than AWS answers."""
        return is_emulated()

    def url(self, service: str) -> str:
        """Where a service is asked."""
        return str(self.client(service).meta.endpoint_url).rstrip("/")

    def client(self, service: str, is_invocation: bool = False) -> Any:
        """A client that asks once: what it is refused is seen here; an invocation's waits for as long as one may take.
        DeploymentError where the region has none."""
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        key = (service, is_invocation)
        if key not in self._clients:
            answer_s = INVOKED_S if is_invocation else self._answer_s
            limit_s = {"connect_timeout": min(CONNECT_S, self._answer_s), "read_timeout": answer_s}
            once = Config(retries={"total_max_attempts": 1}, **limit_s)
            try:
                self._clients[key] = self.session.client(service, config=once)
            except (BotoCoreError, ValueError) as error:
                why = login_problem(error) or f"{service} cannot be reached: {scrub(str(error))}"
                raise NoAccess(why) from error
        return self._clients[key]

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

        patience_s = PATIENCE_S if self._patience_s is None else self._patience_s
        deadline_ns, pause_s, is_renewed = now_ns() + int(patience_s * 1e9), FIRST_PAUSE_S, False
        while True:
            try:
                return ask(self.client(service, operation == "invoke"))
            except ClientError as error:
                refused = refusal_of(error, service, operation, self.region)
                if refused.code in EXPIRED and not is_renewed and self._renew():
                    is_renewed = True
                    continue
                if not is_passing(refused.code, operation) or now_ns() > deadline_ns:
                    raise refused from error
            except BotoCoreError as error:
                raise self._unreached(error, service, operation) from error
            sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _renew(self) -> bool:
        """Take credentials that came since; False where there are no others. NoAccess where they are of another
        account: what is there could not be removed with them."""
        session = self._find()
        if _keys(session) in ("", _keys(self.session)):
            return False
        before = self.session, self._clients, self._identity
        self.session, self._clients, known = session, {}, self._identity.get("Account")
        try:
            if known is not None and self.identify()["Account"] != known:
                raise NoAccess("the credentials that came since are of another account: log in to that of the run")
        except DeploymentError:
            self.session, self._clients, self._identity = before
            raise
        return True

    def number(self) -> str:
        """The account's id, asked for once. Raises Refused where the credentials are none."""
        return str((self._identity or self.identify())["Account"])

    def identify(self) -> dict[str, Any]:
        """Whose the credentials are, asked anew. Raises Refused where they are none, or not any more."""
        self._identity = self.call("sts", "get_caller_identity")
        return self._identity

    def where(self) -> str:
        """Account, region and server in words that may be stored: an id is given as a digest."""
        server = f", {origin(self.url('sts'))} (emulated)" if self.emulated else ""
        return f"account {scrub(self.number())}, {self.region}{server}"

    def _unreached(self, error: Exception, service: str, operation: str) -> DeploymentError:
        from botocore.exceptions import EndpointConnectionError, ParamValidationError

        if why := login_problem(error):
            return NoAccess(why)
        if isinstance(error, ParamValidationError):
            return DeploymentError(f"{service} {operation}: {scrub(str(error))}")
        if isinstance(error, EndpointConnectionError) and not self.emulated:
            known = self.session.get_available_regions(service)
            if known and self.region not in known:
                return NotThere(f"{service} is not in {self.region}: set AWS_REGION to one of {', '.join(known)}")
        return NoAccess(f"{service} {operation} was not answered: {scrub(str(error))}")


def _keys(session: Any) -> str:
    """Tells two credentials apart; "" where they cannot be had."""
    from botocore.exceptions import BotoCoreError

    try:
        return str(session.get_credentials().get_frozen_credentials().access_key)
    except BotoCoreError:
        return ""


@cache
def _account(region: str, _: Surroundings) -> Account:
    return Account(region)


_chosen = ""


def choose_region(region: str) -> None:
    """Of the account that is meant from now on; "" is the environment's."""
    global _chosen
    _chosen = region


def chosen_region() -> str:
    """The region that counts before the environment's; "" is none."""
    return _chosen


def account(region: str = "") -> Account:
    """The one that is meant now, or its other region. DeploymentError with the fix where there is none."""
    return _account(region or _chosen, surroundings())


def forget() -> None:
    """Look everything up anew: of a process whose credentials have come since."""
    _account.cache_clear()
    servers.forget()


__all__ = ["Account", "NoAccess", "Refused", "account", "choose_region", "chosen_region", "forget", "is_emulated"]
