"""What functions, tasks and endpoints may do: roles of a run's own, which may write logs and pull its image."""

import json
from typing import Any

from targets.aws.account import Account
from targets.aws.refusals import GONE, Refused
from targets.aws.tags import PREFIX, mapping, pairs, run_name, tags_of

PATH = "/frostline/"
"""Under which all of ours are listed."""
POLICY = "frostline"
LOGS = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
"""No group: ours is made beforehand, and one that late lines brought back would carry no tag of ours."""
METRICS = {"sagemaker.amazonaws.com": ["cloudwatch:PutMetricData"]}
"""What a service does as its role beside that: an endpoint's memory is told so (SageMaker, execution roles)."""
PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
SHORT = {"lambda.amazonaws.com": "fn", "ecs-tasks.amazonaws.com": "task", "sagemaker.amazonaws.com": "model"}


def take_role(account: Account, run_id: str, service: str, named: str = "") -> str:
    """The ARN of the role for a service: the one that is named, or one of the run's own. Raises Refused."""
    if named:
        return str(account.call("iam", "get_role", RoleName=named)["Role"]["Arn"])
    name = f"{run_name(run_id)}-{SHORT[service]}"
    trust = _document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})
    try:
        made = account.call(
            "iam",
            "create_role",
            RoleName=name,
            Path=PATH,
            AssumeRolePolicyDocument=trust,
            Tags=pairs(tags_of(run_id)),
        )
    except Refused as refused:
        if refused.code != "EntityAlreadyExists":
            raise
        made = account.call("iam", "get_role", RoleName=name)
    rights = _rights(account, run_id, service)
    account.call("iam", "put_role_policy", RoleName=name, PolicyName=POLICY, PolicyDocument=rights)
    return str(made["Role"]["Arn"])


def _rights(account: Account, run_id: str, service: str) -> str:
    """Logs of the run's names, images of its repositories, and metrics, which have no names."""
    owned = f"{account.region}:{account.number()}"
    groups = [f"arn:aws:logs:{owned}:log-group:*{run_name(run_id)}*"]
    images = [f"arn:aws:ecr:{owned}:repository/{run_name(run_id)}/*"]
    return _document(
        {"Effect": "Allow", "Action": LOGS, "Resource": groups},
        {"Effect": "Allow", "Action": PULL, "Resource": images},
        {"Effect": "Allow", "Action": ["ecr:GetAuthorizationToken", *METRICS.get(service, ())], "Resource": ["*"]},
    )


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def list_roles(account: Account) -> list[tuple[str, dict[str, str]]]:
    """Names of those under our path, with their tags."""
    names = [each["RoleName"] for each in account.pages("iam", "list_roles", "Roles", PathPrefix=PATH)]
    return [(name, _tags(account, name)) for name in names if name.startswith(PREFIX)]


def remove_role(account: Account, name: str) -> None:
    """Its policy first; fine when either is gone."""
    for operation, parameters in (("delete_role_policy", {"PolicyName": POLICY}), ("delete_role", {})):
        try:
            account.call("iam", operation, RoleName=name, **parameters)
        except Refused as refused:
            if refused.code not in GONE:
                raise


def _tags(account: Account, name: str) -> dict[str, str]:
    try:
        return mapping(account.call("iam", "list_role_tags", RoleName=name)["Tags"])
    except Refused as refused:
        if refused.code in GONE:
            return {}
        raise
