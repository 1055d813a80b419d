"""AWS credentials as botocore's own chain finds them, in the process that sends; they are renewed beside the schedule.

They are in memory only: in no plan, file, argument, error or log.
"""

import logging
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

from harness.load.aws.programs import Program
from harness.load.aws.signature import Keys
from harness.load.native import native
from harness.load.senders import SenderFailed

LOOK_S = 10.0
"""So often it is asked whether they are to be renewed; botocore does so from 15 minutes before their end on."""
FIND_S = 60.0
"""Until they must have been found."""
FIX = "log in (aws sso login), name a profile that has some, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
TOLD = frozenset(
    {
        *("ProfileNotFound", "PartialCredentialsError", "ConfigParseError"),
        *("SSOTokenLoadError", "UnauthorizedSSOTokenError"),
    }
)
"""Errors of botocore whose words are their own; others may quote what another program said."""


class Frozen(Protocol):
    """What botocore has at one time."""

    access_key: str
    secret_key: str
    token: str | None


class Found(Protocol):
    """What botocore's chain finds. What has an end has `refresh_needed(refresh_in)`, too."""

    def get_frozen_credentials(self) -> Frozen:
        """The present ones, renewed first where their end is near."""


class Keyring:
    """Credentials of one origin. A thread of the system's finds and renews them: whoever signs never waits.

    One thread does all: where gevent has patched sockets, these belong to the thread that made them.
    """

    def __init__(self, find: Callable[[], Found], whose: str = "", look_s: float = LOOK_S) -> None:
        """Wait until they are found. SenderFailed where there are none; it holds nothing of them."""
        self._find, self._whose, self._look_s = find, whose, look_s
        self._keys: Keys | None = None
        self._problem = ""
        self._is_closed = False
        self._looked = native("_thread", "allocate_lock")()
        self._looked.acquire()
        native("_thread", "start_new_thread")(self._work, ())
        if not self._looked.acquire(timeout=FIND_S):
            self._is_closed = True
            raise SenderFailed(f"sender: no AWS credentials{whose} came within {FIND_S:g} s: {FIX}")
        self.keys()

    def keys(self) -> Keys:
        """The present ones. SenderFailed when they are at their end and could not be renewed."""
        if self._problem or self._keys is None:
            raise SenderFailed(self._problem)
        return self._keys

    def close(self) -> None:
        """Renew them no more."""
        self._is_closed = True

    def _work(self) -> None:
        """In the thread: find them, then renew them for as long as they have an end."""
        try:
            found = self._find()
            self._take(found.get_frozen_credentials())
        except BaseException as error:
            self._problem = f"sender: no AWS credentials{self._whose} ({_reason(error)}): {FIX}"
            return
        finally:
            self._looked.release()
        sleep = native("time", "sleep")
        while hasattr(found, "refresh_needed") and not self._is_closed:
            sleep(self._look_s)
            self._renew(found)

    def _renew(self, found: Any) -> None:
        """Where that fails, those that still hold are kept."""
        try:
            self._take(found.get_frozen_credentials())
        except Exception as error:
            if found.refresh_needed(refresh_in=0):
                why = _reason(error)
                self._problem = f"sender: the AWS credentials{self._whose} expired and were not renewed ({why}): {FIX}"

    def _take(self, frozen: Frozen) -> None:
        given = frozen.access_key, frozen.secret_key, frozen.token or None
        if not all(part is None or (part and part.isascii() and part.isprintable()) for part in given):
            raise NotSendable
        if (keys := self._keys) is None or given != (keys.access_key, keys.secret_key, keys.token):
            self._keys = Keys(*given)
        self._problem = ""


class NotFound(Exception):
    """The chain came to its end."""


class NotSendable(Exception):
    """What was found is no printable ASCII, or empty."""


def _reason(error: BaseException) -> str:
    name = type(error).__name__
    return f"{name}: {error}" if name in TOLD else name


@cache
def keyring(profile: str) -> Keyring:
    """The credentials of this profile, "" of what the environment says; found once for each process."""
    return Keyring(lambda: find(profile), f" of profile {profile!a}" if profile else "")


def find(profile: str) -> Found:
    """By botocore's chain: environment, profiles, SSO, a container's or instance's role. Its errors, or NotFound."""
    import botocore.credentials
    from botocore.session import Session

    # What it logs of a failed renewal quotes the program that was asked.
    logging.getLogger(botocore.credentials.__name__).setLevel(logging.CRITICAL)
    botocore.credentials.ProcessProvider.__init__.__defaults__ = (Program,)
    found: Found | None = Session(profile=profile or None).get_credentials()
    if found is None:
        raise NotFound
    return found
