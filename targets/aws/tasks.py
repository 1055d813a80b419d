"""Tasks on Fargate: their definition, one that is started alone, a service of several, and the cluster of all."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from targets.aws.account import Account
from targets.aws.network import PORT, Network
from targets.aws.patience import insist, wait_until
from targets.aws.refusals import GONE, Refused, scrub
from targets.aws.tags import PREFIX, mapping, pairs, tags_of
from targets.contract import StartFailed

CONTAINER = "model"
UNITS_PER_VCPU = 1024
STOP_S = 2
"""A task that is told to end has so long before it is killed."""
START_LIMIT_S = 600.0
STOP_LIMIT_S = 600.0
STEADY_LIMIT_S = 900.0
PHASES = (
    ("create", "createdAt", "pullStartedAt"),
    ("image", "pullStartedAt", "pullStoppedAt"),
    ("start", "pullStoppedAt", "startedAt"),
)
"""Parts of a start, each with the stamps between which it lies."""
ROLE_LIMIT_S = 90.0
MOST_DESCRIBED = 100
NO_ROLE = "service linked role"
"""The first time an account uses ECS, the role that it makes for itself is known some seconds later."""
PASSING = frozenset({"ClusterContainsTasksException", "ClusterContainsServicesException", "UpdateInProgressException"})
"""What another moment's patience is enough for."""


@dataclass(frozen=True)
class Wanted:
    """Tasks as they are asked for."""

    name: str
    image: str
    role: str
    command: list[str]
    cpus: float
    memory_mb: int
    architecture: str
    variables: Mapping[str, str]
    log_group: str


@dataclass(frozen=True)
class Place:
    """Where tasks are started."""

    cluster: str
    network: Network
    group: str
    """The security group of the tasks."""

    def configuration(self) -> dict[str, Any]:
        """In ECS's terms: with a public address, or the image could not be pulled without a gateway."""
        place = {"subnets": list(self.network.subnets), "securityGroups": [self.group], "assignPublicIp": "ENABLED"}
        return {"awsvpcConfiguration": place}


def make_cluster(account: Account, name: str, run_id: str) -> None:
    """Make an empty one."""
    insist(lambda: account.call("ecs", "create_cluster", clusterName=name, tags=_tags(run_id)), _is_first, ROLE_LIMIT_S)


def define(account: Account, wanted: Wanted, run_id: str) -> str:
    """Register the definition of a task; returns its ARN."""
    container = {
        "name": CONTAINER,
        "image": wanted.image,
        "command": wanted.command,
        "essential": True,
        "memory": wanted.memory_mb,
        "portMappings": [{"containerPort": PORT, "protocol": "tcp"}],
        "environment": [{"name": name, "value": value} for name, value in wanted.variables.items()],
        "stopTimeout": STOP_S,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": wanted.log_group,
                "awslogs-region": account.region,
                "awslogs-stream-prefix": CONTAINER,
            },
        },
    }
    made = account.call(
        "ecs",
        "register_task_definition",
        family=wanted.name,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu=str(round(wanted.cpus * UNITS_PER_VCPU)),
        memory=str(wanted.memory_mb),
        executionRoleArn=wanted.role,
        runtimePlatform={"cpuArchitecture": wanted.architecture.upper(), "operatingSystemFamily": "LINUX"},
        containerDefinitions=[container],
        tags=_tags(run_id),
    )
    return str(made["taskDefinition"]["taskDefinitionArn"])


def start_task(account: Account, place: Place, definition: str, variables: Mapping[str, str], run_id: str) -> str:
    """Start one task alone; returns its ARN. StartFailed where ECS places none."""
    own = [{"name": name, "value": value} for name, value in variables.items()]
    answer = account.call(
        "ecs",
        "run_task",
        cluster=place.cluster,
        taskDefinition=definition,
        launchType="FARGATE",
        count=1,
        clientToken=secrets.token_hex(16),  # asked again, it is the same task
        networkConfiguration=place.configuration(),
        overrides={"containerOverrides": [{"name": CONTAINER, "environment": own}]},
        tags=_tags(run_id),
    )
    if not answer["tasks"]:
        reasons = ", ".join(str(each.get("reason")) for each in answer.get("failures", [])) or "no reason"
        raise StartFailed(f"ECS starts no task: {scrub(reasons)}")
    return str(answer["tasks"][0]["taskArn"])


def look(account: Account, cluster: str, task: str) -> dict[str, Any]:
    """What ECS says of a task. StartFailed when it knows none, or it has ended."""
    told = told_of(account, cluster, task)
    if not told:
        raise StartFailed("ECS does not know the task any more")
    if told[0]["lastStatus"] == "STOPPED":
        exits = [each["exitCode"] for each in told[0].get("containers", []) if each.get("exitCode") is not None]
        code = f", exit code {exits[0]}" if exits else ""
        why = scrub(told[0].get("stoppedReason", "no reason"))
        raise StartFailed(f"the task ended as it started: {why}{code}")
    found: dict[str, Any] = told[0]
    return found


def told_of(account: Account, cluster: str, task: str) -> list[dict[str, Any]]:
    """What ECS says of a task, also one that has ended a while ago; nothing where it knows none."""
    found: list[dict[str, Any]] = account.call("ecs", "describe_tasks", cluster=cluster, tasks=[task])["tasks"]
    return found


def detail(task: Mapping[str, Any], name: str) -> str:
    """Of its network interface: networkInterfaceId or privateIPv4Address; "" as long as it has none."""
    details = [each for attachment in task.get("attachments", []) for each in attachment.get("details", [])]
    return next((str(each["value"]) for each in details if each["name"] == name), "")


def phases_ns(task: Mapping[str, Any]) -> dict[str, int]:
    """Parts of a start that only ECS sees, as durations of its clock; a part whose stamps are not there is left out."""
    parts = {}
    for phase, begin, end in PHASES:
        begun, ended = task.get(begin), task.get(end)
        if isinstance(begun, datetime) and isinstance(ended, datetime) and ended >= begun:
            parts[phase] = round((ended - begun).total_seconds() * 1e6) * 1000
    return parts


def stop_task(account: Account, cluster: str, task: str) -> None:
    """Tell it to end; fine when it has."""
    try:
        account.call("ecs", "stop_task", cluster=cluster, task=task, reason="Frostline: done")
    except Refused as refused:
        if refused.code not in GONE and refused.code != "InvalidParameterException":
            raise


def await_stopped(account: Account, cluster: str, tasks: list[str]) -> None:
    """Wait until all of them have ended. DeploymentError when one has not by then."""

    def are_over() -> bool:
        told = account.call("ecs", "describe_tasks", cluster=cluster, tasks=tasks)["tasks"]
        return all(each["lastStatus"] == "STOPPED" for each in told)

    if tasks:
        wait_until(are_over, "tasks that were told to end had not", STOP_LIMIT_S)


def make_service(
    account: Account, name: str, place: Place, definition: str, replicas: int, targets: str, run_id: str
) -> None:
    """So many tasks behind a load balancer."""
    insist(
        lambda: account.call(
            "ecs",
            "create_service",
            cluster=place.cluster,
            serviceName=name,
            taskDefinition=definition,
            desiredCount=replicas,
            launchType="FARGATE",
            networkConfiguration=place.configuration(),
            loadBalancers=[{"targetGroupArn": targets, "containerName": CONTAINER, "containerPort": PORT}],
            healthCheckGracePeriodSeconds=int(START_LIMIT_S),
            clientToken=hashlib.sha256(name.encode()).hexdigest()[:32],
            tags=_tags(run_id),
            propagateTags="SERVICE",
        ),
        _is_first,
        ROLE_LIMIT_S,
    )


def set_replicas(account: Account, cluster: str, service: str, replicas: int) -> None:
    """So many again, whatever target tracking made of them."""
    account.call("ecs", "update_service", cluster=cluster, service=service, desiredCount=replicas)


def running(account: Account, cluster: str, service: str) -> int:
    """How many of its tasks run. StartFailed where ECS gave the service up."""
    told = account.call("ecs", "describe_services", cluster=cluster, services=[service])["services"][0]
    failed = [each for each in told.get("deployments", []) if each.get("rolloutState") == "FAILED"]
    if failed:
        why = scrub(failed[0].get("rolloutStateReason", "no reason"))
        raise StartFailed(f"ECS gave the service up: {why}")
    return int(told["runningCount"])


def remove_service(account: Account, cluster: str, service: str) -> None:
    """With its tasks; fine when it is gone."""
    try:
        account.call("ecs", "delete_service", cluster=cluster, service=service, force=True)
    except Refused as refused:
        if refused.code not in GONE:
            raise


def list_clusters(account: Account) -> list[tuple[str, dict[str, str]]]:
    """Names of those that are called as ours are, with their tags. One that is inactive is gone."""
    arns = [arn for arn in account.pages("ecs", "list_clusters", "clusterArns") if f"/{PREFIX}" in arn]
    listed = []
    for at in range(0, len(arns), MOST_DESCRIBED):
        told = account.call("ecs", "describe_clusters", clusters=arns[at : at + MOST_DESCRIBED], include=["TAGS"])
        there = [each for each in told["clusters"] if each["status"] != "INACTIVE"]
        listed += [(each["clusterName"], mapping(each.get("tags", []))) for each in there]
    return listed


def remove_cluster(account: Account, name: str) -> None:
    """With its services and tasks, which are waited for; fine when it is gone."""
    try:
        for service in account.pages("ecs", "list_services", "serviceArns", cluster=name):
            remove_service(account, name, service)
        tasks = account.pages("ecs", "list_tasks", "taskArns", cluster=name)
        for task in tasks:
            stop_task(account, name, task)
        for at in range(0, len(tasks), MOST_DESCRIBED):
            await_stopped(account, name, tasks[at : at + MOST_DESCRIBED])
        insist(
            lambda: account.call("ecs", "delete_cluster", cluster=name),
            lambda refused: refused.code in PASSING,
            STOP_LIMIT_S,
        )
    except Refused as refused:
        if refused.code not in GONE:
            raise


def list_definitions(account: Account) -> list[tuple[str, dict[str, str]]]:
    """Definitions that are called as ours are, as family:revision, with their tags; those that are deleted are gone."""
    families = account.pages("ecs", "list_task_definition_families", "families", familyPrefix=PREFIX, status="ALL")
    arns = [
        arn
        for family in families
        for status in ("ACTIVE", "INACTIVE")
        for arn in account.pages(
            "ecs", "list_task_definitions", "taskDefinitionArns", familyPrefix=family, status=status
        )
    ]
    return [(arn.rpartition("/")[2], _definition_tags(account, arn)) for arn in arns]


def remove_definition(account: Account, name: str) -> None:
    """Retire it, then delete it; fine when either is done."""
    for operation, parameters in (
        ("deregister_task_definition", {"taskDefinition": name}),
        ("delete_task_definitions", {"taskDefinitions": [name]}),
    ):
        try:
            account.call("ecs", operation, **parameters)
        except Refused as refused:
            if refused.code not in {*GONE, "ClientException", "InvalidParameterException"}:
                raise


def _definition_tags(account: Account, arn: str) -> dict[str, str]:
    try:
        told = account.call("ecs", "describe_task_definition", taskDefinition=arn, include=["TAGS"])
    except Refused as refused:
        if refused.code in {*GONE, "ClientException"}:
            return {}
        raise
    return mapping(told.get("tags", []))


def _is_first(refused: Refused) -> bool:
    return NO_ROLE in str(refused).lower()


def _tags(run_id: str) -> list[dict[str, str]]:
    return pairs(tags_of(run_id), "key", "value")
