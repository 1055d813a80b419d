"""A load balancer before a service, which lets in one address, and its group of targets."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from targets.aws.account import Account
from targets.aws.network import PORT, Network
from targets.aws.patience import insist
from targets.aws.refusals import GONE, Refused
from targets.aws.tags import PREFIX, mapping, pairs, tags_of

LISTENS = 80
CHECK_S, PATIENT_S, HEALTHY = 5, 2, 2
"""So often each target is looked at, for so long (which must be less), and so many looks decide."""
IN_USE_LIMIT_S = 120.0
MOST_TAGGED = 20
"""Of things whose tags are told at once."""


@dataclass(frozen=True)
class Balancer:
    """A load balancer that is there."""

    url: str
    targets: str
    """The ARN of its group of targets."""


def make_balancer(account: Account, name: str, network: Network, group: str, run_id: str) -> Balancer:
    """Make it, with one listener. It takes some minutes until it answers."""
    tags = pairs(tags_of(run_id))
    made = account.call(
        "elbv2",
        "create_load_balancer",
        Name=name,
        Subnets=list(network.subnets),
        SecurityGroups=[group],
        Scheme="internet-facing",
        Type="application",
        Tags=tags,
    )["LoadBalancers"][0]
    targets = account.call(
        "elbv2",
        "create_target_group",
        Name=name,
        TargetType="ip",
        Protocol="HTTP",
        Port=PORT,
        VpcId=network.vpc,
        HealthCheckPath="/",
        HealthCheckIntervalSeconds=CHECK_S,
        HealthCheckTimeoutSeconds=PATIENT_S,
        HealthyThresholdCount=HEALTHY,
        UnhealthyThresholdCount=HEALTHY,
        Tags=tags,
    )["TargetGroups"][0]["TargetGroupArn"]
    at_once = [{"Key": "deregistration_delay.timeout_seconds", "Value": "0"}]  # or tasks would go on for five minutes
    account.call("elbv2", "modify_target_group_attributes", TargetGroupArn=targets, Attributes=at_once)
    account.call(
        "elbv2",
        "create_listener",
        LoadBalancerArn=made["LoadBalancerArn"],
        Protocol="HTTP",
        Port=LISTENS,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": targets}],
        Tags=tags,
    )
    # An emulator's names do not resolve: there, a path of its own server stands for the balancer.
    host = f"{urlsplit(account.url('elbv2')).netloc}/_alb/{name}" if account.emulated else made["DNSName"]
    return Balancer(f"http://{host}/", targets)


def healthy(account: Account, targets: str) -> int:
    """How many of its targets take requests."""
    told = account.call("elbv2", "describe_target_health", TargetGroupArn=targets)["TargetHealthDescriptions"]
    return sum(each["TargetHealth"]["State"] == "healthy" for each in told)


def list_balancers(account: Account) -> list[tuple[str, dict[str, str]]]:
    """Names of those that are called as ours are, with their tags."""
    return _with_tags(account, _balancers(account))


def list_groups(account: Account) -> list[tuple[str, dict[str, str]]]:
    """The same of groups of targets."""
    return _with_tags(account, _groups(account))


def remove_balancer(account: Account, name: str) -> None:
    """With its listeners; fine when it is gone."""
    if arn := _balancers(account).get(name):
        _unless_gone(account, "delete_load_balancer", LoadBalancerArn=arn)


def remove_group(account: Account, name: str) -> None:
    """Wait until its balancer has let go of it; fine when it is gone."""
    if arn := _groups(account).get(name):
        insist(
            lambda: _unless_gone(account, "delete_target_group", TargetGroupArn=arn),
            lambda refused: refused.code == "ResourceInUse",
            IN_USE_LIMIT_S,
        )


def _balancers(account: Account) -> dict[str, str]:
    """ARN by name, of those that are called as ours are."""
    found = account.pages("elbv2", "describe_load_balancers", "LoadBalancers")
    named = {each["LoadBalancerName"]: each["LoadBalancerArn"] for each in found}
    return {name: arn for name, arn in named.items() if name.startswith(PREFIX)}


def _groups(account: Account) -> dict[str, str]:
    """The same of groups of targets."""
    found = account.pages("elbv2", "describe_target_groups", "TargetGroups")
    named = {each["TargetGroupName"]: each["TargetGroupArn"] for each in found}
    return {name: arn for name, arn in named.items() if name.startswith(PREFIX)}


def _with_tags(account: Account, named: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
    listed, names, arns = [], {arn: name for name, arn in named.items()}, list(named.values())
    for at in range(0, len(arns), MOST_TAGGED):
        try:
            told = account.call("elbv2", "describe_tags", ResourceArns=arns[at : at + MOST_TAGGED])["TagDescriptions"]
        except Refused as refused:  # one of them went meanwhile: another look shows the others
            if refused.code not in GONE:
                raise
            continue
        listed += [(names[each["ResourceArn"]], mapping(each["Tags"])) for each in told]
    return listed


def _unless_gone(account: Account, operation: str, **parameters: str) -> None:
    try:
        account.call("elbv2", operation, **parameters)
    except Refused as refused:
        if refused.code not in GONE:
            raise
