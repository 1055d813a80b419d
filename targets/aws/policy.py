"""What whoever measures on AWS has to be allowed, on what is called as ours are: one entry for each file that asks.

A file that asks for one more operation gets one more line in TABLE; tests/unit/test_aws_policy.py reads the files and
says which line is missing, or is of no use any more. What IAM takes where is in AWS's service authorization reference.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from targets.aws.refusals import permission
from targets.aws.tags import PREFIX, RUN

Condition = tuple[tuple[str, str, str], ...]
"""Operator, key and value, all of which hold."""
MAKING: Condition = (("StringLike", f"aws:RequestTag/{RUN}", "*"),)
"""Nothing is made that does not carry our tag."""
OURS: Condition = (("StringLike", f"aws:ResourceTag/{RUN}", "*"),)
"""What has no name of ours is told by the tag."""
ANYTHING = ("*",)
"""Of operations that list, or that IAM limits to nothing."""

FUNCTION = (f"arn:aws:lambda:*:*:function:{PREFIX}*",)
ROLE = (f"arn:aws:iam::*:role/frostline/{PREFIX}*",)
REPOSITORY = (f"arn:aws:ecr:*:*:repository/{PREFIX}*",)
LOG = tuple(
    f"arn:aws:logs:*:*:log-group:{place}{PREFIX}*" for place in ("/aws/lambda/", "/ecs/", "/aws/sagemaker/Endpoints/")
)
CLUSTER = (f"arn:aws:ecs:*:*:cluster/{PREFIX}*",)
SERVICE = (f"arn:aws:ecs:*:*:service/{PREFIX}*",)
TASK = (f"arn:aws:ecs:*:*:task/{PREFIX}*",)
DEFINITION = (f"arn:aws:ecs:*:*:task-definition/{PREFIX}*",)
BALANCER = (f"arn:aws:elasticloadbalancing:*:*:loadbalancer/app/{PREFIX}*",)
LISTENER = (f"arn:aws:elasticloadbalancing:*:*:listener/app/{PREFIX}*",)
TARGETS = (f"arn:aws:elasticloadbalancing:*:*:targetgroup/{PREFIX}*",)
SECURITY_GROUP = ("arn:aws:ec2:*:*:security-group/*",)
VPC = ("arn:aws:ec2:*:*:vpc/*",)
ENDPOINT = (f"arn:aws:sagemaker:*:*:endpoint/{PREFIX}*",)
VERSION = tuple(f"arn:aws:sagemaker:*:*:{sort}/{PREFIX}*" for sort in ("endpoint-config", "model"))
ALARM = (f"arn:aws:cloudwatch:*:*:alarm:TargetTracking-service/{PREFIX}*",)


@dataclass(frozen=True)
class Asked:
    """Operations that a file asks for itself, in snake case."""

    service: str
    operations: str
    """Separated by blanks."""
    on: Sequence[str] = ANYTHING
    when: Condition = ()
    is_needed: bool = True
    """Without the others, a file can do with less."""

    @property
    def actions(self) -> list[str]:
        """As IAM calls them."""
        return [permission(self.service, operation) for operation in self.operations.split()]


@dataclass(frozen=True)
class Signed:
    """Requests that the load path signs and sends for a deployment of a file."""

    service: str
    """As its endpoints have it in `sender_settings`."""
    actions: Sequence[str]
    on: Sequence[str]
    when: Condition = ()


@dataclass(frozen=True)
class Implied:
    """What is asked of whoever asks for another operation, `by`: by AWS, or by the engine that pushes an image."""

    by: str
    """Service and operation."""
    actions: Sequence[str]
    on: Sequence[str]
    when: Condition = ()


def _passing(by: str, service: str) -> Implied:
    """Handing one of our roles to a service, and none of anybody else's."""
    return Implied(by, ["iam:PassRole"], ROLE, (("StringEquals", "iam:PassedToService", service),))


def _first_use(by: str, service: str) -> Implied:
    """The role that a service makes itself the first time an account uses it."""
    own = ("StringEquals", "iam:AWSServiceName", service)
    return Implied(by, ["iam:CreateServiceLinkedRole"], (f"arn:aws:iam::*:role/aws-service-role/{service}/*",), (own,))


Entry = Asked | Signed | Implied
COMMON = ""
ON_SAGEMAKER: Mapping[str, Sequence[Entry]] = {
    "endpoints": [
        Asked("sagemaker", "create_endpoint", (*ENDPOINT, *VERSION), MAKING),
        Asked("sagemaker", "create_endpoint_config create_model", VERSION, MAKING),
        Implied("sagemaker create_endpoint", ["sagemaker:AddTags"], (*ENDPOINT, *VERSION)),
        _passing("sagemaker create_model", "sagemaker.amazonaws.com"),
        Asked("sagemaker", "update_endpoint", (*ENDPOINT, *VERSION)),
        Asked("sagemaker", "describe_endpoint delete_endpoint", ENDPOINT),
        Asked("sagemaker", "delete_endpoint_config delete_model", VERSION),
        Asked("sagemaker", "list_endpoints list_endpoint_configs list_models"),
        Asked("sagemaker", "list_tags", (*ENDPOINT, *VERSION)),
    ],
    "endpoint": [Signed("sagemaker", ["sagemaker:InvokeEndpoint"], ENDPOINT)],
    "metrics": [Asked("cloudwatch", "get_metric_statistics")],
}
"""Both of its targets ask for the same."""
TABLE: Mapping[str, Mapping[str, Sequence[Entry]]] = {
    COMMON: {
        "account": [Asked("sts", "get_caller_identity")],
        "examination": [Asked("iam", "simulate_principal_policy", is_needed=False)],
        "roles": [
            Asked("iam", "create_role", ROLE, MAKING),
            Implied("iam create_role", ["iam:TagRole"], ROLE, MAKING),
            Asked("iam", "get_role put_role_policy list_role_tags delete_role_policy delete_role", ROLE),
            Asked("iam", "list_roles"),
        ],
        "registry": [
            Asked("ecr", "create_repository", REPOSITORY, MAKING),
            Implied("ecr create_repository", ["ecr:TagResource"], REPOSITORY, MAKING),
            Asked("ecr", "delete_repository list_tags_for_resource", REPOSITORY),
            Asked("ecr", "describe_repositories get_authorization_token"),
            Implied(
                "ecr get_authorization_token",
                [
                    *("ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"),
                    *("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
                ],
                REPOSITORY,
            ),
        ],
        "logs": [
            Asked("logs", "create_log_group", LOG, MAKING),
            Implied("logs create_log_group", ["logs:TagResource"], LOG, MAKING),
            Asked("logs", "put_retention_policy filter_log_events delete_log_group list_tags_for_resource", LOG),
            Asked("logs", "describe_log_groups"),
        ],
    },
    "aws-lambda": {
        "functions": [
            Asked("lambda", "create_function", FUNCTION, MAKING),
            Implied("lambda create_function", ["lambda:TagResource"], FUNCTION, MAKING),
            Implied("lambda create_function", ["ecr:GetRepositoryPolicy", "ecr:SetRepositoryPolicy"], REPOSITORY),
            _passing("lambda create_function", "lambda.amazonaws.com"),
            Asked("lambda", "get_function update_function_configuration delete_function list_tags", FUNCTION),
            Asked("lambda", "publish_version create_function_url_config put_function_concurrency", FUNCTION),
            Asked("lambda", "put_provisioned_concurrency_config get_provisioned_concurrency_config", FUNCTION),
            Asked("lambda", "delete_provisioned_concurrency_config", FUNCTION),
            Asked("lambda", "list_functions"),
        ],
        "function": [
            Asked("lambda", "invoke", FUNCTION),
            Signed("lambda", ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl"], FUNCTION),
        ],
    },
    "aws-ecs": {
        "tasks": [
            Asked("ecs", "create_cluster register_task_definition", ANYTHING, MAKING),
            Asked("ecs", "create_service", SERVICE, MAKING),
            Asked("ecs", "run_task", DEFINITION, MAKING),
            Implied("ecs create_cluster", ["ecs:TagResource"], (*CLUSTER, *SERVICE, *TASK, *DEFINITION), MAKING),
            _passing("ecs register_task_definition", "ecs-tasks.amazonaws.com"),
            _first_use("ecs create_cluster", "ecs.amazonaws.com"),
            Asked("ecs", "describe_clusters delete_cluster", CLUSTER),
            Asked("ecs", "describe_services delete_service update_service", SERVICE),
            Asked("ecs", "describe_tasks stop_task", TASK),
            Asked("ecs", "delete_task_definitions", DEFINITION),
            Asked("ecs", "list_clusters list_services list_tasks list_task_definitions list_task_definition_families"),
            Asked("ecs", "describe_task_definition deregister_task_definition"),
        ],
        "balancers": [
            Asked("elbv2", "create_load_balancer create_listener", BALANCER, MAKING),
            Asked("elbv2", "create_target_group", TARGETS, MAKING),
            Asked("elbv2", "modify_target_group_attributes", TARGETS),
            Implied(
                "elbv2 create_load_balancer",
                ["elasticloadbalancing:AddTags"],
                (*BALANCER, *LISTENER, *TARGETS),
                MAKING,
            ),
            _first_use("elbv2 create_load_balancer", "elasticloadbalancing.amazonaws.com"),
            Asked("elbv2", "delete_load_balancer", BALANCER),
            Asked("elbv2", "delete_target_group", TARGETS),
            Asked("elbv2", "describe_load_balancers describe_target_groups describe_target_health describe_tags"),
        ],
        "network": [
            Asked("ec2", "create_security_group", SECURITY_GROUP, MAKING),
            Asked("ec2", "create_security_group", VPC),
            Implied(
                "ec2 create_security_group",
                ["ec2:CreateTags"],
                SECURITY_GROUP,
                (("StringEquals", "ec2:CreateAction", "CreateSecurityGroup"),),
            ),
            Asked("ec2", "authorize_security_group_ingress delete_security_group", SECURITY_GROUP, OURS),
            Asked("ec2", "describe_vpcs describe_subnets describe_security_groups describe_network_interfaces"),
        ],
        "scaling": [
            Asked(
                "application-autoscaling",
                "register_scalable_target put_scaling_policy",
                ANYTHING,
                (("StringEquals", "application-autoscaling:service-namespace", "ecs"),),
            ),
            Implied(
                "application-autoscaling put_scaling_policy", ["ecs:DescribeServices", "ecs:UpdateService"], SERVICE
            ),
            Implied(
                "application-autoscaling put_scaling_policy",
                ["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms"],
                ALARM,
            ),
            _first_use("application-autoscaling register_scalable_target", "ecs.application-autoscaling.amazonaws.com"),
        ],
    },
    "aws-sagemaker": ON_SAGEMAKER,
    "aws-sagemaker-serverless": ON_SAGEMAKER,
}
"""By target, or COMMON to all of them; then by the file that asks."""


@dataclass(frozen=True)
class Statement:
    """All that is allowed on the same things, on the same condition."""

    actions: Sequence[str]
    on: Sequence[str]
    when: Condition

    def to_json(self) -> dict[str, Any]:
        """As IAM takes it."""
        told: dict[str, Any] = {"Effect": "Allow", "Action": _short(self.actions), "Resource": _short(self.on)}
        if self.when:
            told["Condition"] = {operator: {key: value} for operator, key, value in self.when}
        return told


def statements(names: Sequence[str] = ()) -> Iterator[Statement]:
    """What these targets need, or all: each set of things once, its actions in the order of their names."""
    kept: dict[tuple[tuple[str, ...], Condition], set[str]] = {}
    for name in (COMMON, *(names or [name for name in TABLE if name != COMMON])):
        needed = (each for each in chain.from_iterable(TABLE[name].values()) if getattr(each, "is_needed", True))
        for entry in needed:
            kept.setdefault((tuple(entry.on), entry.when), set()).update(entry.actions)
    for (on, when), actions in kept.items():
        yield Statement(sorted(actions), on, when)


def merged(parts: Iterable[Statement]) -> Iterator[Statement]:
    """The same in fewer: an action takes things of its own sort only, so those of one service may stand together."""
    kept: dict[tuple[str, Condition], tuple[dict[str, None], dict[str, None]]] = {}
    for part in parts:
        for service in dict.fromkeys(action.partition(":")[0] for action in part.actions):
            key = "*" if tuple(part.on) == ANYTHING else service
            actions, on = kept.setdefault((key, part.when), ({}, {}))
            actions.update(dict.fromkeys(action for action in part.actions if action.startswith(f"{service}:")))
            on.update(dict.fromkeys(part.on))
    for (_, when), (actions, on) in kept.items():
        yield Statement(sorted(actions), sorted(on), when)


def policy(names: Sequence[str] = ()) -> str:
    """An IAM policy for whoever measures on these targets, or on all."""
    parts = [statement.to_json() for statement in merged(statements(names))]
    return json.dumps({"Version": "2012-10-17", "Statement": parts}, indent=2)


def _short(items: Sequence[str]) -> str | list[str]:
    """Policies have few characters: one is written without its brackets."""
    return items[0] if len(items) == 1 else list(items)
