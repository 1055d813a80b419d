"""What an endpoint tells a sender to AWS."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from harness.files.problems import not_one_of
from targets.contract import Endpoint

NAMES = ("service", "region", "profile")
NEEDED = {"service": "such as lambda or sagemaker", "region": "such as eu-central-1"}
WORD = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class AwsSettings(NamedTuple):
    """For whom requests are, and whose they are."""

    service: str
    """As signatures name it."""
    region: str
    profile: str = ""
    """Of the AWS configuration; empty takes what the environment says."""

    @classmethod
    def of(cls, endpoint: Endpoint) -> "AwsSettings":
        """Those of an endpoint without problems."""
        return cls(**endpoint.sender_settings)


def settings_problems(endpoint: Endpoint) -> Iterable[str]:
    """What of an endpoint's settings is missing or not understood, one line each."""
    given = endpoint.sender_settings
    for name in sorted(given.keys() - set(NAMES)):
        yield f"sender_settings: {not_one_of(name, NAMES)}"
    for name, example in NEEDED.items():
        if not given.get(name):
            yield f"sender_settings: {name} is missing: give one, {example}"
        elif not WORD.fullmatch(given[name]):
            yield f"sender_settings: {name} {given[name]!a} is not accepted: give one, {example}"
    profile = given.get("profile", "")
    if not (profile.isascii() and profile.isprintable()):
        yield f"sender_settings: profile {profile!a} is not accepted: give the name of one of your AWS configuration"
