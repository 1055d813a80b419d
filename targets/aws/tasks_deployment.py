"""A deployed service on Fargate: replicas behind a load balancer for traffic, and tasks alone for starts."""

import http.client
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from targets.aws import balancers, logs, network, registry, tasks
from targets.aws.account import Account
from targets.aws.common import architecture_of, variables_of
from targets.aws.deployment import AwsDeployment, refuse_ledger
from targets.aws.patience import wait_until
from targets.aws.roles import take_role
from targets.aws.scaling import track
from targets.aws.tags import new_name
from targets.aws.task_meter import Size, TaskMeter
from targets.clock import now_ns, sleep
from targets.contract import (
    GENERATION_VARIABLE,
    Consumed,
    DeploymentError,
    Endpoint,
    Order,
    Package,
    StartFailed,
    UnitUsage,
    Witnessed,
)
from targets.packaging.image import SERVICE_COMMAND
from targets.serving.platform import MEMORY_VARIABLE

if TYPE_CHECKING:
    from targets.aws.aws_ecs import AwsEcsSettings

ECS_TASKS = "ecs-tasks.amazonaws.com"
LOOK_S, EMULATED_LOOK_S = 1.0, 0.1
"""So often ECS is asked about a task that starts: it takes one request a second of everybody for long."""
STAMPS_LIMIT_S = 60.0
ASK_S = 0.02
"""So often a task that has an address is asked whether it is ready."""
ASK_LIMIT_S = 1.0


class TasksDeployment(AwsDeployment):
    """One cluster of its own. What is started alone goes when it is made cold; the service stays to the end."""

    def __init__(self, account: Account, package: Package, order: Order, settings: "AwsEcsSettings") -> None:
        if order.images_absent:
            raise DeploymentError("Fargate keeps no image between tasks: each start pulls it, so leave `images` out")
        self._account, self._package, self._settings = account, package, settings
        self._run_id, self._sizing = order.run_id, order.sizing
        self.name = new_name(order.run_id, package.workload)
        self.generation = secrets.token_hex(8)
        self._variables = variables_of(package, order) | {MEMORY_VARIABLE: "1"}
        self._alone: dict[str, str] = {}
        """By unit: the ARN of its task."""
        self._units = 0
        self._started: dict[str, str] = {}
        """By unit: the ARN of each task that this trial started alone, also of those that have ended."""
        self._phases: dict[str, dict[str, int]] = {}
        self._meter = TaskMeter(Size.of(package, order, zones=balancers_zones(account)))
        self._meter.bound(max(0, settings.most_replicas - settings.replicas))
        self._made = True
        self.endpoints: tuple[Endpoint, ...] = ()
        self.begin(order)

    def make(self, order: Order) -> None:
        """All of it; returns once its units answer."""
        account, run_id = self._account, self._run_id
        role = take_role(account, run_id, ECS_TASKS, self._settings.role)
        image = registry.push(account, self._package, run_id)
        logs.make_group(account, self._log_group, run_id)
        place = network.find_network(account)
        allowed = self._settings.reachable_from or network.own_address(account)
        front = network.make_group(account, f"{self.name}-front", place, run_id, [allowed], balancers.LISTENS)
        group = network.make_group(account, self.name, place, run_id, [allowed], network.PORT)
        network.allow(account, group, network.PORT, UserIdGroupPairs=[{"GroupId": front}])
        tasks.make_cluster(account, self.name, run_id)
        self._place = tasks.Place(self.name, place, group)
        wanted = tasks.Wanted(
            name=self.name,
            image=image,
            role=role,
            command=SERVICE_COMMAND,
            cpus=self._sizing.cpus,
            memory_mb=self._sizing.memory_mb,
            architecture=architecture_of(self._package)[0],
            variables=self._variables | {GENERATION_VARIABLE: self.generation},
            log_group=self._log_group,
        )
        self._definition = tasks.define(account, wanted, run_id)
        self._meter.balance()
        self._balancer = balancers.make_balancer(account, self.name, place, front, run_id)
        for number in range(self._settings.replicas):
            self._meter.begin(f"replica {number}")
        tasks.make_service(
            account, self.name, self._place, self._definition, self._settings.replicas, self._balancer.targets, run_id
        )
        if self._settings.most_replicas:
            track(account, self.name, self.name, self._settings)
        self._await_service()

    @property
    def _log_group(self) -> str:
        return f"{logs.TASKS}{self.name}"

    @property
    def _look_s(self) -> float:
        return EMULATED_LOOK_S if self._account.emulated else LOOK_S

    def _await_service(self) -> None:
        """Every replica runs and is healthy, and the balancer answers."""
        wanted, limit_s = self._settings.replicas, tasks.STEADY_LIMIT_S
        account, poll_s = self._account, self._look_s
        all_run = lambda: tasks.running(account, self.name, self.name) >= wanted  # noqa: E731
        wait_until(all_run, f"{wanted} replicas of {self.name} did not run", limit_s, poll_s)
        are_healthy = lambda: balancers.healthy(account, self._balancer.targets) >= wanted  # noqa: E731
        wait_until(are_healthy, f"{wanted} replicas of {self.name} were not healthy", limit_s, poll_s)
        self.endpoints = (Endpoint(self._balancer.url),)
        wait_until(lambda: is_ready(self._balancer.url), "the load balancer did not answer", limit_s, poll_s)

    def wake(self) -> None:
        """Start a task alone, and wait until it answers. StartFailed when it ends first, or never does."""
        self.endpoints = (self._start_alone(),)

    def _start_alone(self) -> Endpoint:
        self._units += 1
        unit = f"alone-{self._units}-{self.generation[:4]}"
        self._meter.begin(unit)
        own = {GENERATION_VARIABLE: self.generation, "FROSTLINE_UNIT": unit}
        task = tasks.start_task(self._account, self._place, self._definition, own, self._run_id)
        self._alone[unit] = self._started[unit] = task
        return Endpoint(self._await_answer(task))

    def _await_answer(self, task: str) -> str:
        deadline_ns, looked_ns, url = now_ns() + int(tasks.START_LIMIT_S * 1e9), 0, ""
        while now_ns() < deadline_ns:
            if now_ns() - looked_ns >= self._look_s * 1e9:
                told, looked_ns = tasks.look(self._account, self.name, task), now_ns()
                url = url or self._url_of(told)
            if url and is_ready(url):
                return url
            sleep(ASK_S)
        raise StartFailed(
            f"a task did not answer within {tasks.START_LIMIT_S:.0f} s: look at its log {self._log_group}"
        )

    def _url_of(self, task: dict[str, Any]) -> str:
        """By its public address, or its private one where this machine is in the same network; "" as long as it has
        none."""
        if self._account.emulated or self._settings.address == "private":
            host = tasks.detail(task, "privateIPv4Address")
        else:
            interface = tasks.detail(task, "networkInterfaceId")
            host = network.public_address(self._account, interface) if interface else ""
        return f"http://{host}:{network.PORT}/" if host else ""

    def make_cold(self) -> str:
        """End what was started alone, and give what is started from now on another nonce."""
        self._end_alone()
        self.generation = secrets.token_hex(8)
        return self.generation

    def _end_alone(self) -> None:
        for task in self._alone.values():
            tasks.stop_task(self._account, self.name, task)
        tasks.await_stopped(self._account, self.name, list(self._alone.values()))
        for unit in self._alone:
            self._meter.end(unit)
        self._alone.clear()

    def reset(self, ledger: Path | None) -> None:
        """The service alone, every replica of which answers. DeploymentError where a ledger is asked for."""
        refuse_ledger(ledger)
        self._end_alone()
        self._started.clear()
        self._phases.clear()
        if self._settings.most_replicas:
            tasks.set_replicas(self._account, self.name, self.name, self._settings.replicas)
        self._await_service()

    def scale_out(self) -> Endpoint:
        """Start one more task beside the service, with an address of its own."""
        return self._start_alone()

    def usage(self) -> list[UnitUsage]:
        """DeploymentError always."""
        raise DeploymentError("Fargate cannot be asked for memory: each answer tells what its task has used")

    def settle(self, limit_s: float) -> None:
        """Ask ECS for the stamps of each start, which come some seconds later; an emulator's are of whole seconds."""
        deadline_ns = now_ns() + int(min(limit_s, STAMPS_LIMIT_S) * 1e9)
        while waiting := [] if self._account.emulated else [unit for unit in self._started if unit not in self._phases]:
            for unit in waiting:
                told = tasks.told_of(self._account, self.name, self._started[unit])
                parts = tasks.phases_ns(told[0]) if told else {}
                if len(parts) == len(tasks.PHASES) or now_ns() > deadline_ns:
                    self._phases[unit] = parts
            sleep(self._look_s)

    def witnesses(self) -> Iterable[Witnessed]:
        """What ECS tells of each start, of its unit: it was started because we asked, for the request that followed."""
        return [Witnessed(unit=unit, start_type="cold", phases_ns=self._phases.get(unit, {})) for unit in self._started]

    def consumed(self) -> list[Consumed]:
        """Tasks, load balancer, addresses and image, by our clock."""
        return self._meter.consumed()

    def bound(self, requests: int, in_flight_s: float) -> list[Consumed]:
        """Nothing: a request costs nothing of its own."""
        return []

    def write_off(self, requests: int, in_flight_s: float | None) -> None:
        """Nothing, likewise."""

    def describe(self) -> dict[str, Any]:
        """Limits in force. Nothing of it names the account."""
        settings = self._settings
        tracked = {"most_replicas": settings.most_replicas, "cpu_percent": settings.cpu_percent}
        return {
            "platform": "aws",
            "where": self._account.where(),
            "limits": vars(self._sizing),
            "replicas": settings.replicas,
            "target_tracking": tracked if settings.most_replicas else None,
            "starts": "tasks alone, with an address of their own: no registration with the load balancer is in them",
        }

    def destroy(self) -> None:
        """Remove service, tasks and load balancer; what is left of the run goes at its end. Safe to call twice."""
        if not self._made:
            return
        try:
            tasks.remove_cluster(self._account, self.name)
        finally:
            balancers.remove_balancer(self._account, self.name)
        self._meter.close()
        self._made = False


def balancers_zones(account: Account) -> int:
    """In how many zones a load balancer will stand."""
    return len(network.find_network(account).subnets)


def is_ready(url: str) -> bool:
    """Whether whatever listens there says that its model is loaded."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=ASK_LIMIT_S)
    try:
        connection.request("GET", f"/{path}")
        reply = connection.getresponse()
        reply.read()
        return reply.status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
