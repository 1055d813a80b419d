"""A deployed function on AWS: asked by signed requests, made cold by another nonce, and believed by its own log."""

import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import targets
from targets.aws import functions, logs, registry
from targets.aws.account import Account
from targets.aws.common import architecture_of, variables_of
from targets.aws.deployment import AwsDeployment, refuse_ledger
from targets.aws.lambda_meter import LambdaMeter, Size
from targets.aws.patience import insist
from targets.aws.refusals import scrub
from targets.aws.report import Report, read_log, read_tail
from targets.aws.roles import take_role
from targets.aws.tags import new_name, tags_of
from targets.clock import now_ns, sleep, wall_time
from targets.contract import (
    GENERATION_VARIABLE,
    Consumed,
    DeploymentError,
    Endpoint,
    Order,
    Package,
    UnitUsage,
    Witnessed,
)
from targets.packaging.image import FUNCTION_COMMAND, PYTHON

if TYPE_CHECKING:
    from targets.aws.aws_lambda import AwsLambdaSettings

LAMBDA = "lambda.amazonaws.com"
COMMAND = [PYTHON, "-m", "awslambdaric", "targets.serving.function.handler"]
LOG_RESULT, REQUEST_ID = "x-amz-log-result", "x-amzn-requestid"
INIT_LIMIT_S = 10.0
CLOCKS_S = 60.0
PATTERNS = {
    "text": "?REPORT ?INIT_REPORT",
    "json": '{ ($.type = "platform.report") || ($.type = "platform.initReport") }',
}
LOG_POLL_S, LOG_LIMIT_S, EMULATED_LIMIT_S = 1.0, 30.0, 2.0
AWAKE_LIMIT_S = 600.0


class FunctionDeployment(AwsDeployment):
    """One function. Its first start is made while it is deployed: it alone waits for the image to be made ready."""

    def __init__(self, account: Account, package: Package, order: Order, settings: "AwsLambdaSettings") -> None:
        if order.images_absent:
            raise DeploymentError("Lambda keeps its own images: leave `images: absent` out")
        self._account, self._package, self._settings = account, package, settings
        self._memory_mb, self._timeout_s = order.sizing.memory_mb, settings.timeout_s
        self.name = new_name(order.run_id, package.workload)
        self.generation = secrets.token_hex(8)
        self._variables = variables_of(package, order) | self._own_variables()
        self._reports: dict[str, Report] = {}
        self._earlier: set[str] = set()
        """Requests of earlier trials that were told of."""
        self._ids: set[str] = set()
        self._replies = 0
        """Whose reports are awaited: those of this trial, of whom some may have no name."""
        self._owed, self._heard = False, 0
        """Whether nothing was told yet of the very first request; how many replies there were in all."""
        self._first_start: dict[str, Any] = {}
        self._colds, self._version, self._url = 0, "", ""
        self.endpoints: tuple[Endpoint, ...] = ()
        self._made, self._since_ms = False, _now_ms()
        self._made_ms = self._since_ms
        functions.check_variables(self._variables)
        self._meter = LambdaMeter(Size.of(package, order, settings.provisioned, settings.tmp_mb))
        self.begin(order)

    def _own_variables(self) -> dict[str, str]:
        """How late an invocation begins can be told where the time limit is known; an emulator starts units within."""
        limit = {} if self._account.emulated else {"FROSTLINE_TIMEOUT_S": str(self._whole_timeout_s)}
        return {GENERATION_VARIABLE: self.generation, **limit}

    @property
    def _whole_timeout_s(self) -> int:
        return -int(-self._timeout_s // 1)

    def make(self, order: Order) -> None:
        """All of it, and its first start."""
        account, settings = self._account, self._settings
        role = take_role(account, order.run_id, LAMBDA, settings.role)
        image = registry.push(account, self._package, order.run_id)
        logs.make_group(account, self._log_group, order.run_id)
        self._made = True
        functions.make_function(
            account,
            functions.Wanted(
                name=self.name,
                image=image,
                role=role,
                command=FUNCTION_COMMAND if account.emulated else COMMAND,
                memory_mb=self._memory_mb,
                timeout_s=self._whole_timeout_s,
                tmp_mb=settings.tmp_mb,
                architecture=architecture_of(self._package)[0],
                variables=self._variables,
                tags=tags_of(order.run_id),
                log_format={"text": "Text", "json": "JSON"}[settings.log_format],
            ),
        )
        if settings.reserved:
            functions.reserve(account, self.name, settings.reserved)
        if settings.way_in == "url":
            self._url = functions.open_url(account, self.name)
        self._start_once(order)
        self.reset(None)

    def _start_once(self, order: Order) -> None:
        """Ask it until it is awake: how long the first start after a new image takes is told apart from all others."""
        workload = targets.workload(
            self._package.workload, json.loads(order.environment.get("FROSTLINE_SETTINGS", "{}"))
        )
        body = next(iter(workload.payloads())).body
        begun_ns = now_ns()
        answer = insist(
            lambda: self._account.call("lambda", "invoke", FunctionName=self.name, LogType="Tail", Payload=body),
            lambda refused: refused.code in functions.ASLEEP,
            AWAKE_LIMIT_S,
        )
        took_ms = (now_ns() - begun_ns) / 1e6
        self.hear("", answer.get("LogResult", "").encode())
        self.settle(LOG_LIMIT_S)
        reports = list(self._reports.values())
        self._owed = not reports
        if "FunctionError" in answer:
            said = answer["Payload"].read(2000).decode("utf-8", "replace")
            raise DeploymentError(f"the function fails at its first request: {scrub(said)}")
        told = reports[-1].init_ms if reports and not self._account.emulated else None
        self._first_start = {"client_ms": round(took_ms, 3)} | ({} if told is None else {"init_ms": told})

    @property
    def _log_group(self) -> str:
        return f"{logs.FUNCTIONS}{self.name}"

    @property
    def _longest_s(self) -> float:
        """So long one request can be billed for at most: a start that is cut off and made again, and its whole time."""
        return INIT_LIMIT_S + self._timeout_s

    def _endpoint(self) -> Endpoint:
        """The one way in that was asked for; with provisioned units, to the version that has them."""
        account = self._account
        qualifier = f":{self._version}" if self._version else ""
        path = f"/2015-03-31/functions/{quote(self.name + qualifier, safe='')}/invocations"
        by_url = bool(self._url)
        return Endpoint(
            self._url or account.url("lambda") + path,
            headers={} if by_url else {"X-Amz-Log-Type": "Tail"},
            sender=self._settings.sender,
            sender_settings={"service": "lambda", "region": account.region},
            kept_header=REQUEST_ID if by_url else LOG_RESULT,
            request_id_header="" if account.emulated else REQUEST_ID,  # there the function knows it by another one
        )

    def wake(self) -> None:
        """Do nothing: a request starts what it needs."""

    def make_cold(self) -> str:
        """Give units another nonce, for which every idle one is dropped; provisioned ones are let go, too."""
        if self._version:
            functions.release(self._account, self.name, self._version)
            self._meter.release()
            self._version = ""
        self.generation = secrets.token_hex(8)
        self._variables[GENERATION_VARIABLE] = self.generation
        functions.change_variables(self._account, self.name, self._variables)
        self._colds += 1
        self.endpoints = (self._endpoint(),)
        return self.generation

    def reset(self, ledger: Path | None) -> None:
        """No unit but those that are provisioned. DeploymentError where a ledger is asked for: no folder is shared."""
        refuse_ledger(ledger)
        self._earlier.update(self._reports)
        self._reports.clear()
        self._ids.clear()
        self._replies, self._since_ms = 0, _now_ms()
        self.make_cold()
        if self._settings.provisioned:
            self._meter.provision()
            self._version = functions.provision(self._account, self.name, self._settings.provisioned)
            self.endpoints = (self._endpoint(),)

    def scale_out(self) -> Endpoint:
        """DeploymentError always."""
        raise DeploymentError("a function scales out by itself, request by request: send more at once")

    def usage(self) -> list[UnitUsage]:
        """DeploymentError always."""
        raise DeploymentError("Lambda tells memory with each request, and cannot be asked for it")

    def hear(self, request_id: str, header: bytes) -> None:
        """Take in the report that a reply carries; of one that carries none, the log is asked later."""
        self._replies += 1
        self._heard += 1
        self._ids.update({request_id} - {""})
        self._take([] if self._url else read_tail(header))

    def settle(self, limit_s: float) -> None:
        """Read the log until it has a report for every reply, at most so long; an emulator logs at once or never."""
        deadline_ns = now_ns() + int((min(limit_s, EMULATED_LIMIT_S) if self._account.emulated else limit_s) * 1e9)
        while not self._are_told() or self._owed:
            since_ms = self._made_ms if self._owed else self._since_ms
            streams = logs.read_streams(self._account, self._log_group, since_ms, self._pattern)
            self._take(report for lines in streams.values() for report in read_log(lines))
            self._owed = self._owed and self._meter.told < self._heard
            if now_ns() > deadline_ns or self._are_told():
                return
            sleep(LOG_POLL_S)

    def _are_told(self) -> bool:
        return self._ids <= self._reports.keys() and len(self._reports) >= self._replies

    @property
    def _pattern(self) -> str:
        return "" if self._account.emulated else PATTERNS[self._settings.log_format]  # an emulator may know no pattern

    def _take(self, reports: Iterable[Report]) -> None:
        told = list(reports)
        self._meter.hear(told)
        new = (report for report in told if report.request_id not in self._earlier)
        self._reports.update((report.request_id, report) for report in new)

    def witnesses(self) -> Iterable[Witnessed]:
        """What Lambda told of each request. An emulator measures no initialisation and no memory: it tells only that a
        unit began, and the bill."""
        for report in self._reports.values():
            told = report.witnessed()
            if self._account.emulated:
                yield Witnessed(told.request_id, start_type=told.start_type, billed_ns=told.billed_ns)
            else:
                yield told

    def consumed(self) -> list[Consumed]:
        """What was told, what is there, and what nobody told at most."""
        return [*self._meter.consumed(), *(self._meter.bound(1, self._longest_s) if self._owed else ())]

    def bound(self, requests: int, in_flight_s: float) -> list[Consumed]:
        """Whoever waits for a unit is billed for no longer than it waits."""
        return self._meter.bound(requests, in_flight_s)

    def write_off(self, requests: int, in_flight_s: float | None) -> None:
        """Each may have gone on when nobody waited any more."""
        self._meter.write_off(requests, requests * self._longest_s if in_flight_s is None else in_flight_s)

    def describe(self) -> dict[str, Any]:
        """Limits in force, and what is not told by rows. Nothing of it names the account."""
        settings = self._settings
        return {
            "platform": "aws",
            "where": self._account.where(),
            "init_timeout_s": INIT_LIMIT_S,
            "limits": {"memory_mb": self._memory_mb, "timeout_s": self._whole_timeout_s, "tmp_mb": settings.tmp_mb},
            "way_in": settings.way_in,
            "sender": settings.sender,
            "provisioned": settings.provisioned,
            "first_start_after_a_new_image": self._first_start,
            "renewed": self._colds,
        }

    def destroy(self) -> None:
        """Remove function and log; the role and the image are the run's, and go at its end. Safe to call twice."""
        if self._made:
            functions.remove_function(self._account, self.name)
            logs.remove_group(self._account, self._log_group)
            self._made = False
        self._meter.end()


def _now_ms() -> int:
    """When the log begins to be of interest, for clocks that may differ by this much."""
    return int((wall_time() - CLOCKS_S) * 1000)
