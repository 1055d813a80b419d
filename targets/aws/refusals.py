"""What AWS refuses, in words that name the fix and may be stored: accounts and ARNs appear as digests."""

import hashlib
import re
from typing import Any

from targets.contract import DeploymentError

ARN = re.compile(r"arn:aws[a-z-]*:[^\s\"'<>,)]+")
ACCOUNT = re.compile(r"\b\d{12}\b")
KEY = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}\b")
THROTTLED = frozenset(
    {
        *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException"),
        *("TooManyRequestsException", "RequestLimitExceeded", "PriorRequestNotComplete", "SlowDown"),
        *("InternalFailure", "InternalError", "InternalServerError", "ServiceException", "ServiceUnavailable"),
        *("ServiceUnavailableException", "ServerException", "EC2ThrottledException"),
    }
)
"""Codes of what succeeds when it is asked again later."""
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
IAM = {"elbv2": "elasticloadbalancing", "sagemaker-runtime": "sagemaker", "resourcegroupstaggingapi": "tag"}
"""Services whose permissions are called otherwise than their clients."""


class NoAccess(DeploymentError):
    """AWS cannot be used from here at all: the environment lacks something."""


class Refused(DeploymentError):
    """AWS refused one operation."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def permission(service: str, operation: str) -> str:
    """The name of the permission for an operation in snake case."""
    words = "".join(word.capitalize() for word in operation.split("_"))
    return f"{IAM.get(service, service)}:{'InvokeFunction' if words == 'Invoke' else words}"


def refusal_of(error: Any, service: str, operation: str, region: str) -> Refused:
    """A botocore ClientError in our words."""
    code, why = error.response["Error"].get("Code", ""), scrub(error.response["Error"].get("Message", ""))
    asked = permission(service, operation)
    if code in EXPIRED:
        text = "the credentials have expired: log in again (`aws sso login`), and carry on with --resume"
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
    return Refused(code, text)


def scrub(text: str) -> str:
    """A text that may be stored: of accounts, ARNs and access keys only digests."""
    for pattern in (ARN, KEY, ACCOUNT):
        text = pattern.sub(lambda match: digest(match[0]), text)
    return text


def digest(secret: str) -> str:
    """Tells two apart without saying either: # and 8 hex digits."""
    return "#" + hashlib.sha256(secret.encode()).hexdigest()[:8]
