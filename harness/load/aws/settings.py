"""What an endpoint tells a sender to AWS."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from harness.files.problems import not_one_of
from harness.load.route import is_loopback
from harness.load.senders.contract import origin
from targets.contract import Endpoint

SERVICES = ("lambda", "sagemaker")
"""Whose requests are sent: whoever makes the plan says what is signed with our credentials, and no more than these."""
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
    if WORD.fullmatch(given.get("service", "")) and given["service"] not in SERVICES:
        yield f"sender_settings: service {not_one_of(given['service'], SERVICES)}"
    if endpoint.url.lower().startswith("http:") and not is_loopback(origin(endpoint)[0]):
        yield "url: a signature and a session's token would leave in clear: give https://, or an emulator on loopback"
    profile = given.get("profile", "")
    if not (profile.isascii() and profile.isprintable()):
        yield f"sender_settings: profile {profile!a} is not accepted: give the name of one of your AWS configuration"
