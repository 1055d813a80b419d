"""Endpoints of SageMaker, with the models and configurations they are made of: made, changed, awaited and removed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from targets.aws.account import Account
from targets.aws.patience import insist, wait_until
from targets.aws.refusals import GONE, Refused, scrub
from targets.aws.tags import PREFIX, mapping, pairs
from targets.contract import DeploymentError, StartFailed

VARIANT = "main"
"""Name of the one variant that every endpoint of ours has."""
READY_LIMIT_S = 1800.0
"""Instances are found, the image is pulled, and the model loads: minutes as a rule."""
GONE_LIMIT_S = 900.0
ROLE_LIMIT_S = 90.0
"""A role is known to every part of AWS some seconds after it was made."""
LOOK_S = 1.0
"""So exactly it is known when a replica took its place."""
CHANGING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
"""States in which an endpoint refuses to be changed and removed; each of them ends by itself."""
BROKEN = frozenset({"Failed", "UpdateRollbackFailed", "OutOfService"})
CONFLICTS = frozenset({"ValidationException", "ConflictException", "ResourceInUse"})
"""Codes of what is refused because of an endpoint's state, and of much else."""
NOT_FOUND = "Could not find"
"""How SageMaker says that something is gone: its code is that of any wrong parameter."""
NOT_ASSUMABLE = "assume role"
UNHEALTHY = "health check"
"""In the reason of an endpoint whose units did start, and never answered."""


@dataclass(frozen=True)
class Version:
    """A model and the configuration that offers it, which bear one name: what an endpoint is made of, or changed to."""

    name: str
    image: str
    role: str
    variables: Mapping[str, str]
    offer: Mapping[str, Any]
    """Of its variant all but the names: instances, or what is serverless."""
    tags: Mapping[str, str]


def make_version(account: Account, version: Version) -> None:
    """Make model and configuration. Raises DeploymentError."""
    container = {"Image": version.image, "Environment": dict(version.variables)}
    insist(
        lambda: account.call(
            "sagemaker",
            "create_model",
            ModelName=version.name,
            PrimaryContainer=container,
            ExecutionRoleArn=version.role,
            Tags=pairs(version.tags),
        ),
        lambda refused: refused.code == "ValidationException" and NOT_ASSUMABLE in str(refused),
        ROLE_LIMIT_S,
    )
    account.call(
        "sagemaker",
        "create_endpoint_config",
        EndpointConfigName=version.name,
        ProductionVariants=[{"VariantName": VARIANT, "ModelName": version.name, **version.offer}],
        Tags=pairs(version.tags),
    )


def make_endpoint(account: Account, name: str, version: Version) -> None:
    """Order it; it is ready only once `await_version` has returned."""
    account.call(
        "sagemaker", "create_endpoint", EndpointName=name, EndpointConfigName=version.name, Tags=pairs(version.tags)
    )


def change_version(account: Account, name: str, version: str) -> None:
    """Order new units of another version, which take the place of all others once each of them has answered."""
    ask = lambda: account.call("sagemaker", "update_endpoint", EndpointName=name, EndpointConfigName=version)  # noqa: E731
    _once_settled(account, name, ask)


def await_version(account: Account, name: str, version: str) -> None:
    """Wait until units of this version alone are asked. StartFailed when they never answered SageMaker, another
    DeploymentError when they could not be had; both with its reason."""

    def is_ready() -> bool:
        told = account.call("sagemaker", "describe_endpoint", EndpointName=name)
        status, why = told["EndpointStatus"], scrub(told.get("FailureReason", ""))
        is_in_service = status == "InService"
        if status in BROKEN or (is_in_service and why and told["EndpointConfigName"] != version):
            failed = StartFailed if UNHEALTHY in why else DeploymentError
            raise failed(f"endpoint {name} failed: {why or f'SageMaker gives no reason, and its state is {status}'}")
        return is_in_service and bool(told["EndpointConfigName"] == version)

    wait_until(is_ready, f"endpoint {name} was not in service", READY_LIMIT_S, LOOK_S)


def remove_endpoint(account: Account, name: str) -> None:
    """And wait until it is gone; one that is being made or changed is removed as soon as that is over. Fine when it is
    gone."""
    _once_settled(account, name, lambda: _unless_gone(account, "delete_endpoint", EndpointName=name))
    wait_until(lambda: _status(account, name) is None, f"endpoint {name} was not gone", GONE_LIMIT_S, LOOK_S)


def remove_config(account: Account, name: str) -> None:
    """Fine when it is gone. No endpoint may use it any more."""
    _unless_gone(account, "delete_endpoint_config", EndpointConfigName=name)


def remove_model(account: Account, name: str) -> None:
    """Fine when it is gone."""
    _unless_gone(account, "delete_model", ModelName=name)


def list_endpoints(account: Account) -> list[tuple[str, dict[str, str]]]:
    """Names of those that are called as ours are, with their tags."""
    return _list(account, "list_endpoints", "Endpoint")


def list_configs(account: Account) -> list[tuple[str, dict[str, str]]]:
    """The same of configurations."""
    return _list(account, "list_endpoint_configs", "EndpointConfig")


def list_models(account: Account) -> list[tuple[str, dict[str, str]]]:
    """The same of models."""
    return _list(account, "list_models", "Model")


def _list(account: Account, operation: str, kind: str) -> list[tuple[str, dict[str, str]]]:
    found = account.pages("sagemaker", operation, f"{kind}s", NameContains=PREFIX)
    ours = [each for each in found if each[f"{kind}Name"].startswith(PREFIX)]
    return [(each[f"{kind}Name"], _tags(account, each[f"{kind}Arn"])) for each in ours]


def _tags(account: Account, arn: str) -> dict[str, str]:
    try:
        return mapping(account.pages("sagemaker", "list_tags", "Tags", ResourceArn=arn))
    except Refused as refused:  # somebody removed it meanwhile
        if _is_gone(refused):
            return {}
        raise


def _status(account: Account, name: str) -> str | None:
    """None of an endpoint that there is not."""
    try:
        return str(account.call("sagemaker", "describe_endpoint", EndpointName=name)["EndpointStatus"])
    except Refused as refused:
        if _is_gone(refused):
            return None
        raise


def _once_settled(account: Account, name: str, ask: Callable[[], object]) -> None:
    """Ask, and where that is refused once more when no change of the endpoint goes on: that may have been why."""
    try:
        ask()
    except Refused as refused:
        if refused.code not in CONFLICTS:
            raise
        what = f"a change of endpoint {name} was not over"
        wait_until(lambda: _status(account, name) not in CHANGING, what, READY_LIMIT_S, LOOK_S)
        ask()


def _unless_gone(account: Account, operation: str, **parameters: Any) -> None:
    try:
        account.call("sagemaker", operation, **parameters)
    except Refused as refused:
        if not _is_gone(refused):
            raise


def _is_gone(refused: Refused) -> bool:
    return refused.code in GONE or (refused.code == "ValidationException" and NOT_FOUND in str(refused))
