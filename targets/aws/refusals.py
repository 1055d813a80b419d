"""What AWS refuses, in words that name the fix and may be stored: accounts and ARNs appear as digests."""

import hashlib
import re
from typing import Any

from targets.contract import DeploymentError

SECRETS = (
    re.compile(r"arn:aws[a-z-]*:[^\s\"'<>,)]+"),
    re.compile(r"(?:AKIA|ASIA|ABIA|ACCA|AIDA|AROA|AGPA|AIPA|ANPA|APKA)[A-Z0-9]{12,}"),
    re.compile(r"(?<!\d)\d{12}(?!\d)|(?<![\d-])\d{4}-\d{4}-\d{4}(?![\d-])"),
    re.compile(r"(?<=//)(?!#[0-9a-f]{8}@)[^/\s@]+(?=@)"),
)
"""ARNs; access keys and ids of users and roles; accounts, in either form; what stands before a host."""
THROTTLED = frozenset(
    {
        *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException"),
        *("TooManyRequestsException", "RequestLimitExceeded", "PriorRequestNotComplete", "SlowDown"),
        "EC2ThrottledException",
    }
)
"""Codes of what was not done, and succeeds when it is asked again later."""
FAULTS = frozenset(
    {
        *("InternalFailure", "InternalError", "InternalServerError", "ServiceException", "ServiceUnavailable"),
        *("ServiceUnavailableException", "ServerException"),
    }
)
"""Codes after which nobody knows whether it was done: what makes nothing may be asked again."""
REPEATABLE = ("get", "list", "describe", "filter", "delete", "deregister", "put", "update", "stop")
"""Verbs of operations that come to the same when they are asked twice."""
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
INVALID = frozenset(
    {
        *("UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "AuthFailure"),
        *("SignatureDoesNotMatch", "MissingAuthenticationToken", "InvalidAccessKeyId", "IncompleteSignature"),
    }
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedException"})
QUOTA = frozenset(
    {
        *("LimitExceeded", "LimitExceededException", "ServiceQuotaExceededException", "QuotaExceeded"),
        *("CodeStorageExceededException", "ResourceLimitExceeded", "TooManyLoadBalancers", "TooManyTargetGroups"),
        *("SecurityGroupLimitExceeded", "RulesPerSecurityGroupLimitExceeded", "ENILimitReachedException"),
    }
)
GONE = frozenset(
    {
        *("ResourceNotFoundException", "RepositoryNotFoundException", "NoSuchEntity", "NoSuchEntityException"),
        *("ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException", "TargetGroupNotFound"),
        *("LoadBalancerNotFound", "InvalidGroup.NotFound", "ListenerNotFound", "NotFoundException"),
    }
)
LOG_IN = "log in again (`aws sso login`), and carry on with --resume"
LOGINS = {
    "SSOTokenLoadError": f"no SSO session was begun: {LOG_IN}",
    "NoAuthTokenError": f"no SSO session was begun: {LOG_IN}",
    "UnauthorizedSSOTokenError": f"the SSO session is over: {LOG_IN}",
    "TokenRetrievalError": f"the SSO session is over, and could not be renewed: {LOG_IN}",
    "LoginTokenLoadError": "no session of `aws login` was begun: log in (`aws login`)",
    "LoginRefreshRequired": "the session is over: log in again (`aws login`), and carry on with --resume",
    "LoginInsufficientPermissions": "signin:CreateOAuth2Token is missing: add it, or use `aws sso login`",
    "RefreshWithMFAUnsupportedError": "the credentials of the role need an MFA code that nobody is there to type: take "
    "a session of your own (`aws sts get-session-token`), and carry on with --resume",
    "CredentialRetrievalError": "the program or service that the profile takes credentials from gave none: ask it "
    "yourself (`aws sts get-caller-identity`)",
    "MetadataRetrievalError": "the credentials of this machine's role could not be had: set AWS_PROFILE",
}
"""By botocore's name for it: what to do. Its own words may quote what another program said, and are not repeated."""
CHECKED = {
    "ProfileNotFound": "set AWS_PROFILE to one that there is",
    "PartialCredentialsError": "set what is missing, or set AWS_PROFILE",
    "ConfigParseError": "put it right, or set AWS_CONFIG_FILE",
    "InvalidConfigError": "put the profile right, or set AWS_PROFILE to another",
    "InfiniteLoopConfigError": "put the profiles right, or set AWS_PROFILE to another",
    "UnknownCredentialError": "put the profile's credential_source right",
    "InvalidRegionError": "set AWS_REGION to one like us-east-1",
    "InvalidProxiesConfigError": "put the profile right",
}
"""The fix for what its own words tell well."""
IAM = {"elbv2": "elasticloadbalancing", "sagemaker-runtime": "sagemaker", "resourcegroupstaggingapi": "tag"}
"""Services whose permissions are called otherwise than their clients."""


class NoAccess(DeploymentError):
    """AWS cannot be used from here at all: the environment lacks something."""


class NotThere(NoAccess):
    """A service that the region does not have."""


class Refused(DeploymentError):
    """AWS refused one operation."""

    def __init__(self, code: str, message: str, asked: str = "") -> None:
        super().__init__(message)
        self.code, self.permission = code, asked

    @property
    def is_of_login(self) -> bool:
        """Whether everything else would be refused as well."""
        return self.code in EXPIRED | INVALID


def is_passing(code: str, operation: str) -> bool:
    """Whether an operation in snake case that was refused so may be asked again."""
    return code in THROTTLED or (code in FAULTS and operation.partition("_")[0] in REPEATABLE)


def permission(service: str, operation: str) -> str:
    """The name of the permission for an operation in snake case."""
    words = "".join(word.capitalize() for word in operation.split("_"))
    return f"{IAM.get(service, service)}:{'InvokeFunction' if words == 'Invoke' else words}"


def refusal_of(error: Any, service: str, operation: str, region: str) -> Refused:
    """A botocore ClientError in our words."""
    code, why = error.response["Error"].get("Code", ""), scrub(error.response["Error"].get("Message", ""))
    asked = permission(service, operation)
    if code in EXPIRED:
        text = f"the credentials have expired: {LOG_IN}"
    elif code in INVALID:
        text = f"the credentials are not valid ({code}): check AWS_PROFILE, the keys and the region, {region}"
    elif code in DENIED:
        text = f"the permission {asked} is missing ({why}): `frostline policy` prints what is needed"
    elif code in QUOTA:
        text = f"a quota is reached ({code}: {why}): raise it in Service Quotas, or remove what is not needed"
    elif code in ("OptInRequired", "SubscriptionRequiredException", "UnknownOperationException"):
        text = f"{service} is not to be had in {region} ({code}: {why}): set AWS_REGION to another"
    else:
        text = f"{asked} was refused ({code or 'no code'}): {why}"
    return Refused(code, text, asked)


def login_problem(error: Exception) -> str | None:
    """Why there is nothing to sign with, and the fix; None where an error of botocore's is of something else."""
    name = type(error).__name__
    if name in CHECKED:
        return f"{scrub(str(error)).rstrip('.')}: {CHECKED[name]}"
    return LOGINS.get(name)


def scrub(text: str) -> str:
    """A text that may be stored: of accounts, ARNs, keys and passwords of URLs only digests."""
    for pattern in SECRETS:
        text = pattern.sub(lambda match: digest(match[0]), text)
    return text


def digest(secret: str) -> str:
    """Tells two apart without saying either: # and 8 hex digits."""
    return "#" + hashlib.sha256(secret.encode()).hexdigest()[:8]
