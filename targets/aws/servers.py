"""Which servers are asked: AWS's own, or others that environment and profile name instead, for all services or for one.

The order of their words is botocore's (AWS SDKs and tools reference guide, service-specific endpoints).
"""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

VARIABLE = "AWS_ENDPOINT_URL"
SERVICES = {
    "application-autoscaling": "application_auto_scaling",
    "cloudwatch": "cloudwatch",
    "ec2": "ec2",
    "ecr": "ecr",
    "ecs": "ecs",
    "elbv2": "elastic_load_balancing_v2",
    "iam": "iam",
    "lambda": "lambda",
    "logs": "cloudwatch_logs",
    "sagemaker": "sagemaker",
    "sagemaker-runtime": "sagemaker_runtime",
    "sts": "sts",
}
"""Those that are asked for something, as clients are called and as settings of endpoints call them."""
AWS_DOMAINS = (
    *("amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "api.aws", "api.amazonwebservices.com.cn"),
    *("api.amazonwebservices.eu", "c2s.ic.gov", "api.aws.ic.gov", "sc2s.sgov.gov", "api.aws.scloud"),
    *("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
)
Surroundings = tuple[tuple[str, str], ...]


def surroundings() -> Surroundings:
    """All of the environment by which AWS's tools find anything."""
    return tuple(sorted((key, text) for key, text in os.environ.items() if key == "HOME" or key.startswith("AWS_")))


def is_emulated() -> bool:
    """Whether something else than AWS is to answer for any service that is asked."""
    return bool(elsewhere())


def elsewhere() -> Mapping[str, str]:
    """By service: the server that is named for it and is not AWS's own."""
    return _elsewhere(surroundings())


def mixture() -> str | None:
    """Why it is neither AWS nor another that answers: half of a run would be real. None where it is one of them."""
    if not (found := elsewhere()) or len(found) == len(SERVICES):
        return None
    servers, others = sorted({origin(url) for url in found.values()}), sorted(SERVICES.keys() - found.keys())
    return (
        f"{', '.join(sorted(found))} would be asked of {', '.join(servers)}, and {', '.join(others)} of AWS itself: "
        f"set {VARIABLE}, which is for all of them, or none"
    )


def origin(url: str) -> str:
    """A server's address without what else an URL may have, such as a password."""
    parts = urlsplit(url)
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


def forget() -> None:
    """Read the settings anew."""
    _elsewhere.cache_clear()


@cache
def _elsewhere(_: Surroundings) -> dict[str, str]:
    if not _are_heeded():
        return {}
    profile, services = _profile()
    named = {service: _named(setting, profile, services.get(setting)) for service, setting in SERVICES.items()}
    return {service: url for service, url in named.items() if url and not _is_of_aws(url)}


def _named(setting: str, profile: Mapping[str, Any], own: object) -> str:
    """The server that is named for a service; "" for none."""
    return str(
        os.environ.get(f"{VARIABLE}_{setting.upper()}")
        or os.environ.get(VARIABLE)
        or (own.get("endpoint_url") if isinstance(own, dict) else "")
        or profile.get("endpoint_url")
        or ""
    )


def _is_of_aws(url: str) -> bool:
    host = (urlsplit(url).hostname or "").rstrip(".")
    return any(host.endswith(f".{domain}") for domain in AWS_DOMAINS)


def _are_heeded() -> bool:
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    try:
        return not Session().get_config_variable("ignore_configured_endpoint_urls")
    except BotoCoreError:  # a profile that there is not: said where an account is asked for
        return True


def _profile() -> tuple[dict[str, Any], dict[str, Any]]:
    """The profile's own settings, and those for single services that it points to."""
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    session = Session()
    try:
        profile = session.get_scoped_config()
        return profile, session.full_config.get("services", {}).get(profile.get("services"), {})
    except BotoCoreError:
        return {}, {}
