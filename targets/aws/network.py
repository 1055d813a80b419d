"""Where tasks stand: the default network of the account, behind groups that let in one address and nobody else."""

import ipaddress
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

from targets.aws.account import Account
from targets.aws.patience import insist
from targets.aws.refusals import GONE, Refused
from targets.aws.tags import RUN, mapping, pairs, tags_of
from targets.contract import DeploymentError

PORT = 8080
"""Where the serving code listens."""
WHOAMI = "https://checkip.amazonaws.com"
WHOAMI_LIMIT_S = 10.0
LEAST_BITS = 24
"""A range that is wider than this is no longer only ours."""
IN_USE_LIMIT_S = 300.0
"""A network interface outlives what had it for some minutes."""
WITHOUT_FARGATE = frozenset({"use1-az3"})
"""Zones in which no task is placed (Amazon ECS developer guide, Fargate availability)."""
LEAST_ZONES = 2
"""A load balancer stands in at least so many."""


@dataclass(frozen=True)
class Network:
    """Subnets of one network."""

    vpc: str
    subnets: tuple[str, ...]


def find_network(account: Account) -> Network:
    """The default one. DeploymentError where there is none, or it has one zone only."""
    vpcs = account.pages("ec2", "describe_vpcs", "Vpcs", Filters=_filters({"is-default": ["true"]}))
    if not vpcs:
        raise DeploymentError(f"there is no default VPC in {account.region}: make one (aws ec2 create-default-vpc)")
    vpc = vpcs[0]["VpcId"]
    wanted = _filters({"vpc-id": [vpc], "default-for-az": ["true"]})
    found = account.pages("ec2", "describe_subnets", "Subnets", Filters=wanted)
    usable = [each for each in found if each.get("AvailabilityZoneId") not in WITHOUT_FARGATE]
    by_zone = {each["AvailabilityZone"]: each["SubnetId"] for each in usable}
    if len(by_zone) < LEAST_ZONES:
        raise DeploymentError(f"the default VPC of {account.region} has subnets in one zone: add one in another")
    return Network(vpc, tuple(by_zone[zone] for zone in sorted(by_zone)))


def own_address(account: Account) -> str:
    """This machine's public address as AWS sees it, as a range of one. DeploymentError where it does not say."""
    if account.emulated:
        return "127.0.0.1/32"
    try:
        with urllib.request.urlopen(WHOAMI, timeout=WHOAMI_LIMIT_S) as reply:
            return f"{ipaddress.ip_address(reply.read(64).decode().strip())}/32"
    except (OSError, ValueError) as error:
        raise DeploymentError(f"{WHOAMI} does not say what address this machine has: state reachable_from") from error


def range_problem(text: str) -> str | None:
    """Why a range of addresses is not accepted; None where it is one, and narrow."""
    try:
        given = ipaddress.ip_network(text)
    except ValueError as error:
        return f"{error}: give one like 192.0.2.7/32"
    if given.version != 4 or given.prefixlen < LEAST_BITS:
        return f"it lets in {given.num_addresses:,} addresses: give a range of /{LEAST_BITS} or narrower, IPv4"
    return None


def make_group(account: Account, name: str, network: Network, run_id: str, ranges: Sequence[str], port: int) -> str:
    """A security group that lets these ranges reach one port; returns its id."""
    tags = [{"ResourceType": "security-group", "Tags": pairs(tags_of(run_id))}]
    made = account.call(
        "ec2",
        "create_security_group",
        GroupName=name,
        Description="Made by Frostline for one run",
        VpcId=network.vpc,
        TagSpecifications=tags,
    )
    allow(account, made["GroupId"], port, IpRanges=[{"CidrIp": each} for each in ranges])
    return str(made["GroupId"])


def allow(account: Account, group: str, port: int, **whom: object) -> None:
    """Let somebody in, in EC2's own terms: IpRanges, or UserIdGroupPairs."""
    rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **whom}
    account.call("ec2", "authorize_security_group_ingress", GroupId=group, IpPermissions=[rule])


def public_address(account: Account, interface: str) -> str:
    """Of a network interface; "" as long as it has none."""
    found = account.call("ec2", "describe_network_interfaces", NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    return str(found[0].get("Association", {}).get("PublicIp", "")) if found else ""


def list_groups(account: Account) -> list[tuple[str, dict[str, str]]]:
    """Ids of those that carry our tag, with their tags; whoever lets another in comes after it."""
    found = account.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=_filters({"tag-key": [RUN]}))
    found.sort(key=lambda each: not any(rule.get("UserIdGroupPairs") for rule in each.get("IpPermissions", [])))
    return [(each["GroupId"], mapping(each.get("Tags", []))) for each in found]


def remove_group(account: Account, group: str) -> None:
    """Wait until nobody has it any more; fine when it is gone."""

    def remove() -> None:
        try:
            account.call("ec2", "delete_security_group", GroupId=group)
        except Refused as refused:
            if refused.code not in GONE:
                raise

    insist(remove, lambda refused: refused.code == "DependencyViolation", IN_USE_LIMIT_S, poll_s=2.0)


def _filters(wanted: dict[str, list[str]]) -> list[dict[str, object]]:
    return [{"Name": name, "Values": values} for name, values in wanted.items()]
