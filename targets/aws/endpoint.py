"""A deployed endpoint on AWS: asked by signed requests, made cold by another version, metered from outside."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from targets.aws import endpoints, logs, registry
from targets.aws.account import Account
from targets.aws.common import image_gb, variables_of
from targets.aws.deployment import AwsDeployment, refuse_ledger
from targets.aws.metrics import LATENCY, Figures, read_figures
from targets.aws.on_sagemaker import LONGEST_REQUEST_S
from targets.aws.patience import Overdue
from targets.aws.refusals import Refused, scrub
from targets.aws.roles import take_role
from targets.aws.sagemaker_meter import Bought, SageMakerMeter
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
from targets.local.last_words import tell_end
from targets.serving.platform import MEMORY_VARIABLE

SAGEMAKER = "sagemaker.amazonaws.com"
REQUEST_ID = "x-amzn-requestid"
FIGURES_POLL_S = 10.0
MOST_VARIABLE = 1024
"""Characters of one environment variable's value (SageMaker API, EnvironmentValue)."""


@dataclass(frozen=True)
class Wanted:
    """What of an endpoint its target decides."""

    offer: Mapping[str, Any]
    """As targets.aws.endpoints.Version has it."""
    bought: Bought
    starts_for_requests: bool
    """Its units start as requests come; else they are there, and a new version's take the place of all others."""
    variables: Mapping[str, str]
    """Of its units, beside those that the serving code reads everywhere."""
    role: str
    """Name of one that is there; "" makes one of the run's own."""
    sender: str
    facts: Mapping[str, Any]


class EndpointDeployment(AwsDeployment):
    """One endpoint, and the version of it that is asked. Each version is a model and a configuration of its own."""

    def __init__(self, account: Account, package: Package, order: Order, wanted: Wanted) -> None:
        if order.images_absent:
            raise DeploymentError("SageMaker keeps its own images: leave `images: absent` out")
        self._account, self._package, self._wanted, self._run_id = account, package, wanted, order.run_id
        self.name = new_name(order.run_id, package.workload)
        self.generation = secrets.token_hex(8)
        self._variables = variables_of(package, order) | {MEMORY_VARIABLE: "1"} | dict(wanted.variables)
        check_variables(self._variables)
        self._versions: list[str] = []
        """Names of those that are there, the latest last."""
        self._renewed, self._image, self._role = 0, "", ""
        self._is_pending, self._made = False, False
        self._made_ms = int(wall_time() * 1000)
        self._since_s, self._heard, self._figures = wall_time(), 0, Figures()
        self._meter = SageMakerMeter(wanted.bought, image_gb(package))
        self.endpoints: tuple[Endpoint, ...] = ()
        self.begin(order)

    def make(self, order: Order) -> None:
        """All of it; returns once its units answer."""
        account, run_id = self._account, self._run_id
        self._role = take_role(account, run_id, SAGEMAKER, self._wanted.role)
        self._image = registry.push(account, self._package, run_id)
        self._made = True
        logs.make_group(account, self._log_group, run_id)
        version = self._make_version()
        endpoints.make_endpoint(account, self.name, version)
        self._follow()
        self._await_units()
        self.endpoints = (self._endpoint(),)
        self._begin_window()

    def _make_version(self) -> endpoints.Version:
        """The next one, of the present generation."""
        version = endpoints.Version(
            name=f"{self.name}-{self._renewed}",
            image=self._image,
            role=self._role,
            variables=self._variables | {GENERATION_VARIABLE: self.generation},
            offer=self._wanted.offer,
            tags=tags_of(self._run_id),
        )
        self._versions.append(version.name)  # before it is there: half of one is removed as well
        endpoints.make_version(self._account, version)
        return version

    def _follow(self) -> None:
        """Units of the latest version were ordered."""
        self._meter.add_fleet()
        self._is_pending = True

    def _await_units(self) -> None:
        """Until those of the latest version alone are asked; what was before it is removed. Where they fail, those that
        were there stay, and another version can be tried."""
        if not self._is_pending:
            return
        try:
            endpoints.await_version(self._account, self.name, self._versions[-1])
        except (Overdue, Refused):  # they may be there all the same
            raise
        except DeploymentError as failed:
            self._is_pending = False
            self._meter.drop_last_fleet()
            raise type(failed)(self._with_last_words(str(failed))) from failed
        self._is_pending = False
        self._meter.keep_last_fleet()
        while len(self._versions) > 1:
            self._remove_version()

    def _with_last_words(self, why: str) -> str:
        """What the units printed is gone with their log; it comes late, so that there may be nothing of it yet."""
        streams = logs.read_streams(self._account, self._log_group, self._made_ms, "")
        printed = [line for lines in streams.values() for line in lines]
        return tell_end(why, scrub("\n".join(printed))) if printed else why

    def _remove_version(self) -> None:
        """The oldest: its configuration first, which names its model."""
        endpoints.remove_config(self._account, self._versions[0])
        endpoints.remove_model(self._account, self._versions[0])
        del self._versions[0]

    def _begin_window(self) -> None:
        """What CloudWatch tells is of a span of time: that of one trial."""
        self._since_s, self._heard, self._figures = wall_time(), 0, Figures()

    @property
    def _log_group(self) -> str:
        return f"{logs.ENDPOINTS}{self.name}"

    def _endpoint(self) -> Endpoint:
        account = self._account
        return Endpoint(
            f"{account.url('sagemaker-runtime')}/endpoints/{self.name}/invocations",
            sender=self._wanted.sender,
            sender_settings={"service": "sagemaker", "region": account.region},
            kept_header="",
            request_id_header=REQUEST_ID,
        )

    def wake(self) -> None:
        """Wait until the units that make_cold ordered are asked; where requests start them, nothing is left to do."""
        self._await_units()

    def make_cold(self) -> str:
        """Order units of another nonce, and where requests start them wait until no other one is asked. Where units are
        there by themselves this begins their start, and `wake` waits for its end: until then older ones may answer."""
        self._await_units()
        self.generation = secrets.token_hex(8)
        self._renewed += 1
        version = self._make_version()
        endpoints.change_version(self._account, self.name, version.name)
        self._follow()
        if self._wanted.starts_for_requests:
            self._await_units()
        return self.generation

    def reset(self, ledger: Path | None) -> None:
        """Units of another nonce. DeploymentError where a ledger is asked for: no folder is shared."""
        refuse_ledger(ledger)
        self.make_cold()
        self.wake()
        self._begin_window()

    def scale_out(self) -> Endpoint:
        """DeploymentError always."""
        raise DeploymentError("an endpoint's units are started by SageMaker, and each of them is asked by its one URL")

    def usage(self) -> list[UnitUsage]:
        """DeploymentError always."""
        raise DeploymentError("SageMaker cannot be asked for memory: each answer tells what its unit has used")

    def hear(self, request_id: str, header: bytes) -> None:
        """Count a reply: so many values CloudWatch is to have."""
        self._heard += 1

    def settle(self, limit_s: float) -> None:
        """Look into CloudWatch until it has as many latencies as there were replies, at most so long."""
        deadline_ns = now_ns() + int(limit_s * 1e9)
        while self._heard:
            args = (self._account, self.name, endpoints.VARIANT, self._since_s, wall_time())
            self._figures = read_figures(*args)
            if self._figures.get(LATENCY, {}).get("count", 0) >= self._heard or now_ns() > deadline_ns:
                return
            sleep(min(FIGURES_POLL_S, max(0.0, (deadline_ns - now_ns()) / 1e9)))

    def witnesses(self) -> Iterable[Witnessed]:
        """None: what CloudWatch has is of no single request and of no single unit."""
        return ()

    def consumed(self) -> list[Consumed]:
        """What is there by our clock, and what requests of which nobody told anything held at most."""
        return self._meter.consumed()

    def bound(self, requests: int, in_flight_s: float) -> list[Consumed]:
        """No request holds a unit for longer than it is under way."""
        return self._meter.bound(requests, in_flight_s)

    def write_off(self, requests: int, in_flight_s: float | None) -> None:
        """As they were under way; of how long nobody knows, as long as SageMaker waits for a container."""
        self._meter.write_off(requests, requests * LONGEST_REQUEST_S if in_flight_s is None else in_flight_s)

    def describe(self) -> dict[str, Any]:
        """Limits in force, and what CloudWatch has told by now of the time since the last reset, in its own units.
        Nothing of it names the account."""
        told = {"cloudwatch": self._figures} if self._figures else {}
        facts = {"platform": "aws", "where": self._account.where(), "sender": self._wanted.sender}
        return {**facts, **self._wanted.facts, "renewed": self._renewed, **told}

    def destroy(self) -> None:
        """Remove endpoint, versions and log; the role and the image are the run's, and go at its end. Safe to call
        twice."""
        if not self._made:
            return
        endpoints.remove_endpoint(self._account, self.name)
        self._meter.end()
        while self._versions:
            self._remove_version()
        logs.remove_group(self._account, self._log_group)
        self._made = False


def check_variables(variables: Mapping[str, str]) -> None:
    """DeploymentError where one is longer than SageMaker takes it."""
    if long := [name for name, value in variables.items() if len(value) > MOST_VARIABLE]:
        raise DeploymentError(
            f"the endpoint's environment has more than {MOST_VARIABLE:,} characters in {', '.join(long)}: give its "
            "workload fewer settings"
        )
