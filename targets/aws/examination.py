"""What can be done on AWS from here, looked at in seconds: credentials, region, server, account and permissions."""

import os
from collections.abc import Callable, Iterator, Mapping

from targets.aws import policy
from targets.aws.account import Account
from targets.aws.refusals import DENIED, NoAccess, Refused
from targets.aws.servers import elsewhere, origin
from targets.clock import now_ns
from targets.contract import DeploymentError, Finding

ANSWER_S, PATIENCE_S, LIMIT_S = 5.0, 2.0, 20.0
"""Of one answer; of what is throttled; of all that is asked about permissions."""
SAY_SO = (
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION"),
    *("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    "AWS_ENDPOINT_URL",
)
"""Variables whose owner means to use AWS."""
HOW = "nothing names an account: set AWS_PROFILE and AWS_REGION, or `aws configure`, to measure there"
PRINT = "`frostline policy --on aws` prints what is needed"
Listing = Callable[[Account], object]


def examine(listings: Mapping[str, Listing]) -> Iterator[Finding]:
    """The first that is not well is the last. `listings` are asked for where IAM does not say what is permitted."""
    if not is_meant():
        yield Finding("AWS", False, HOW)
        return
    try:
        account = Account(patience_s=PATIENCE_S, answer_s=ANSWER_S)
        yield Finding("AWS credentials", True, source_of(account))
        yield Finding("AWS region", True, account.region)
        yield Finding("AWS servers", True, _servers())
        account.identify()
    except DeploymentError as error:
        yield Finding("AWS", False, str(error))
        return
    yield Finding("AWS identity", True, account.where())
    yield _permissions(account, listings)


def is_meant() -> bool:
    """Whether environment or configuration name credentials or a region."""
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    if any(os.environ.get(name) for name in SAY_SO):
        return True
    try:
        return bool(Session().available_profiles)
    except BotoCoreError:  # a file that cannot be read was meant for something
        return True


def source_of(account: Account) -> str:
    """Where the credentials come from, by botocore's word for it; nothing of what they are."""
    method = account.session.get_credentials().method
    return "env (the environment)" if method == "env" else f"{method}, profile {account.session.profile_name!a}"


def _servers() -> str:
    servers = sorted({origin(url) for url in elsewhere().values()})
    return f"{', '.join(servers)} (emulated)" if servers else "AWS's own"


def _permissions(account: Account, listings: Mapping[str, Listing]) -> Finding:
    try:
        missing, looked = _simulated(account)
    except DeploymentError:
        return _by_listing(account, listings)
    if missing:
        return Finding("AWS permissions", False, f"missing: {', '.join(missing)}: {PRINT}")
    return Finding(
        "AWS permissions", True, f"all {looked} that `frostline policy --on aws` prints, by IAM's simulation"
    )


def _simulated(account: Account) -> tuple[list[str], int]:
    """What is not permitted, and of how many. DeploymentError where IAM does not say, or not in time."""
    deadline_ns, missing, looked = now_ns() + int(LIMIT_S * 1e9), set[str](), set[str]()
    principal = _principal(account)
    for statement in policy.statements():
        if now_ns() > deadline_ns:
            raise NoAccess(f"IAM did not say within {LIMIT_S:.0f} s what is permitted")
        results = account.pages(
            "iam",
            "simulate_principal_policy",
            "EvaluationResults",
            PolicySourceArn=principal,
            ActionNames=list(statement.actions),
            ResourceArns=[_example(account, statement.on[0])],
            ContextEntries=[
                {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
                for _, key, value in statement.when
            ],
        )
        looked.update(statement.actions)
        missing.update(each["EvalActionName"] for each in results if each["EvalDecision"] != "allowed")
    return sorted(missing), len(looked)


def _principal(account: Account) -> str:
    """Whose policies they are: of a session its role's. NoAccess for whoever has none, such as root."""
    *place, _, _, number, name = str(account.identify()["Arn"]).split(":", 5)
    kind, _, rest = name.partition("/")
    if kind not in ("user", "assumed-role"):
        raise NoAccess("IAM simulates what users and roles may do, and nobody else")
    owned = name if kind == "user" else f"role/{rest.partition('/')[0]}"
    return ":".join([*place, "iam", "", number, owned])


def _example(account: Account, pattern: str) -> str:
    """One thing that is called as ours are."""
    if pattern == "*":
        return pattern
    *place, region, _, name = pattern.split(":", 5)
    return ":".join([*place, account.region if region else "", account.number(), name.replace("*", "x")])


def _by_listing(account: Account, listings: Mapping[str, Listing]) -> Finding:
    """What makes and removes is not tried: it would make and remove."""
    deadline_ns, refused = now_ns() + int(LIMIT_S * 1e9), list[str]()
    for number, listing in enumerate(listings.values()):
        if now_ns() > deadline_ns:
            return Finding("AWS permissions", False, f"{number} of {len(listings)} listings took {LIMIT_S:.0f} s")
        try:
            listing(account)
        except Refused as error:
            refused.append(str(error) if error.code not in DENIED else error.permission)
        except DeploymentError as error:
            return Finding("AWS permissions", False, str(error))
    if refused:
        return Finding("AWS permissions", False, f"missing: {', '.join(refused)}: {PRINT}")
    told = f"all {len(listings)} sorts of things can be listed; nothing else was looked at, as IAM does not simulate it"
    return Finding("AWS permissions", True, f"{told} (iam:SimulatePrincipalPolicy)")
