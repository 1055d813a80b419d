"""One function of the account: made, changed, awaited and removed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from targets.aws.account import Account
from targets.aws.patience import insist, wait_until
from targets.aws.refusals import GONE, Refused, scrub
from targets.aws.tags import PREFIX
from targets.contract import DeploymentError

ACTIVE_LIMIT_S = 600.0
"""The first time, an image is made ready for starting fast, which takes minutes for a large one."""
ROLE_LIMIT_S = 90.0
"""A role is known to every part of AWS some seconds after it was made."""
PROVISION_LIMIT_S = 900.0
MOST_VARIABLES = 4096
"""Bytes of all environment variables together (AWS Lambda quotas)."""
NOT_ASSUMABLE = "cannot be assumed"
CHANGING = frozenset({"ResourceConflictException"})
"""An earlier change is still going on."""
ASLEEP = frozenset(
    {"ResourceNotReadyException", "CodeArtifactUserPendingException", "SnapStartNotReadyException", *CHANGING}
)
"""A function that was idle for weeks is made ready anew, and refuses what it is asked meanwhile."""


@dataclass(frozen=True)
class Wanted:
    """A function as it is asked for."""

    name: str
    image: str
    role: str
    command: list[str]
    memory_mb: int
    timeout_s: int
    tmp_mb: int
    architecture: str
    variables: Mapping[str, str]
    tags: Mapping[str, str]
    log_format: str


def check_variables(variables: Mapping[str, str]) -> None:
    """DeploymentError where they are more than Lambda takes."""
    size = len(json.dumps(dict(variables), separators=(",", ":")).encode())
    if size > MOST_VARIABLES:
        raise DeploymentError(
            f"the function's environment has {size:,} bytes and may have {MOST_VARIABLES:,}: give its workload fewer "
            "settings"
        )


def make_function(account: Account, wanted: Wanted) -> None:
    """Make it, and wait until it takes requests. Raises DeploymentError."""
    first, *others = wanted.command
    insist(
        lambda: account.call(
            "lambda",
            "create_function",
            FunctionName=wanted.name,
            Role=wanted.role,
            PackageType="Image",
            Code={"ImageUri": wanted.image},
            ImageConfig={"EntryPoint": [first], "Command": others},
            MemorySize=wanted.memory_mb,
            Timeout=wanted.timeout_s,
            EphemeralStorage={"Size": wanted.tmp_mb},
            Architectures=[wanted.architecture],
            Environment={"Variables": dict(wanted.variables)},
            LoggingConfig={"LogFormat": wanted.log_format},
            Tags=dict(wanted.tags),
            Publish=False,
        ),
        lambda refused: refused.code == "InvalidParameterValueException" and NOT_ASSUMABLE in str(refused),
        ROLE_LIMIT_S,
    )
    await_active(account, wanted.name)


def await_active(account: Account, name: str, qualifier: str = "") -> None:
    """Wait until it is Active and its last change is done. DeploymentError when it failed, or never is."""

    def is_ready() -> bool:
        told = _look(account, name, qualifier)
        for state, reason in (("State", "StateReason"), ("LastUpdateStatus", "LastUpdateStatusReason")):
            if told.get(state) == "Failed":
                raise DeploymentError(f"function {name} failed: {scrub(told.get(reason, 'Lambda gives no reason'))}")
        return told.get("State") == "Active" and told.get("LastUpdateStatus", "Successful") == "Successful"

    wait_until(is_ready, f"function {name} was not active", ACTIVE_LIMIT_S)


def change_variables(account: Account, name: str, variables: Mapping[str, str]) -> None:
    """Give it other variables: every idle unit is dropped, and each that starts from now on has them."""
    check_variables(variables)
    insist(
        lambda: account.call(
            "lambda",
            "update_function_configuration",
            FunctionName=name,
            Environment={"Variables": dict(variables)},
        ),
        lambda refused: refused.code in CHANGING,
        ACTIVE_LIMIT_S,
    )
    await_active(account, name)


def provision(account: Account, name: str, units: int) -> str:
    """Publish what the function is now, with so many units always ready; returns the version's number."""
    version = str(account.call("lambda", "publish_version", FunctionName=name)["Version"])
    await_active(account, name, version)
    where = {"FunctionName": name, "Qualifier": version}
    account.call("lambda", "put_provisioned_concurrency_config", **where, ProvisionedConcurrentExecutions=units)

    def is_ready() -> bool:
        told = account.call("lambda", "get_provisioned_concurrency_config", **where)
        if told["Status"] == "FAILED":
            why = scrub(told.get("StatusReason", "no reason"))
            raise DeploymentError(f"{units} units could not be provisioned: {why}")
        return bool(told["Status"] == "READY")

    wait_until(is_ready, f"{units} provisioned units of {name} were not ready", PROVISION_LIMIT_S)
    return version


def release(account: Account, name: str, version: str) -> None:
    """Let the provisioned units of a version go; fine when there are none."""
    _unless_gone(account, "delete_provisioned_concurrency_config", FunctionName=name, Qualifier=version)


def open_url(account: Account, name: str) -> str:
    """A URL that takes signed requests only; returns it."""
    made = account.call("lambda", "create_function_url_config", FunctionName=name, AuthType="AWS_IAM")
    return str(made["FunctionUrl"])


def reserve(account: Account, name: str, units: int) -> None:
    """Let it have so many units at once, and no more."""
    account.call("lambda", "put_function_concurrency", FunctionName=name, ReservedConcurrentExecutions=units)


def list_functions(account: Account) -> list[tuple[str, dict[str, str]]]:
    """Names of those that are called as ours are, with their tags."""
    found = account.pages("lambda", "list_functions", "Functions")
    ours = [each for each in found if each["FunctionName"].startswith(PREFIX)]
    return [(each["FunctionName"], _tags(account, each["FunctionArn"])) for each in ours]


def remove_function(account: Account, name: str) -> None:
    """With its versions, URL and provisioned units; fine when it is gone."""
    insist(
        lambda: _unless_gone(account, "delete_function", FunctionName=name),
        lambda refused: refused.code in CHANGING,
        ACTIVE_LIMIT_S,
    )


def _look(account: Account, name: str, qualifier: str) -> dict[str, Any]:
    which = {"Qualifier": qualifier} if qualifier else {}
    told: dict[str, Any] = account.call("lambda", "get_function", FunctionName=name, **which)["Configuration"]
    return told


def _unless_gone(account: Account, operation: str, **parameters: Any) -> None:
    try:
        account.call("lambda", operation, **parameters)
    except Refused as refused:
        if refused.code not in {*GONE, "ProvisionedConcurrencyConfigNotFoundException"}:
            raise


def _tags(account: Account, arn: str) -> dict[str, str]:
    try:
        return dict(account.call("lambda", "list_tags", Resource=arn).get("Tags", {}))
    except Refused as refused:
        if refused.code in GONE:
            return {}
        raise
