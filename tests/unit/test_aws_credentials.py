"""Credentials are found by botocore's chain and renewed beside whoever signs, who never waits; nothing shows them."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.credentials import Credentials, RefreshableCredentials

from harness.load.aws import credentials
from harness.load.aws.credentials import Keyring
from harness.load.senders import SenderFailed
from tests.http_server import HttpServer

LOOK_S = 0.01
PATIENCE = 2000
SECRETS = ("AKID", "s3cret", "t0ken")


def metadata(number, seconds):
    """As a platform tells them: those of this number, which end after so long."""
    end = datetime.now(UTC) + timedelta(seconds=seconds)
    kinds = zip(("access_key", "secret_key", "token"), SECRETS, strict=True)
    return {kind: f"{secret}{number}" for kind, secret in kinds} | {"expiry_time": end.isoformat()}


def source(first_s, renew):
    """What botocore holds of credentials that end after `first_s`, and are renewed by this function."""
    return RefreshableCredentials.create_from_metadata(metadata(0, first_s), renew, "fake")


def until(condition):
    for _ in range(PATIENCE):
        if condition():
            return
        time.sleep(LOOK_S)
    raise AssertionError("it never came")


@pytest.fixture
def keyring_of():
    made = []

    def make(find, whose=""):
        made.append(Keyring(find, whose, LOOK_S))
        return made[-1]

    yield make
    for keyring in made:
        keyring.close()


def test_those_that_end_soon_are_renewed_well_before_and_swapped_as_one(keyring_of):
    numbers = iter(range(1, 100))

    def renew():
        number = next(numbers)
        return metadata(number, 600 if number < 3 else 36_000)

    keyring = keyring_of(lambda: source(600, renew))
    first = keyring.keys()
    until(lambda: keyring.keys().access_key == "AKID3")
    keys = keyring.keys()
    assert (keys.access_key, keys.secret_key, keys.token) == ("AKID3", "s3cret3", "t0ken3")
    assert first.access_key in ("AKID0", "AKID1"), "what was taken stays as it was"
    time.sleep(5 * LOOK_S)
    assert keyring.keys() is keys, "nothing changes while they hold"


def test_while_old_ones_hold_a_renewal_that_fails_is_not_heard_of_and_later_it_is_said_once_and_for_all(keyring_of):
    tries, answers = [], [None]

    def renew():
        tries.append(1)
        if answers[0] is None:
            raise OSError("s3cret0 was refused")
        return answers[0]

    keyring = keyring_of(lambda: source(800, renew))  # not yet where botocore insists
    until(lambda: len(tries) > 2)
    assert keyring.keys().access_key == "AKID0"

    ending = keyring_of(lambda: source_that_ends(renew), " of profile 'frost'")
    assert ending.keys().access_key == "AKID0"
    until(lambda: ending._problem)
    with pytest.raises(SenderFailed) as failed:
        ending.keys()
    assert str(failed.value).startswith("sender: the AWS credentials of profile 'frost' expired and were not renewed")
    assert "(OSError): log in" in str(failed.value) and "s3cret" not in str(failed.value)
    answers[0] = metadata(7, 36_000)
    until(lambda: not ending._problem)
    assert ending.keys().access_key == "AKID7", "who logs in meanwhile is heard"


def source_that_ends(renew):
    """Found while it held; in the last minutes botocore insists on a renewal, and raises what comes of it."""
    found = source(1000, renew)
    clock = iter([0] * 4 + [995] * 40)
    found._time_fetcher = lambda: datetime.now(UTC) + timedelta(seconds=next(clock, 1001))
    return found


def test_lasting_ones_are_taken_once_and_leave_no_thread(keyring_of):
    asked = []

    def find():
        asked.append(1)
        return Credentials("AKID", "s3cret")

    keyring = keyring_of(find)
    assert (keyring.keys().access_key, keyring.keys().token) == ("AKID", None)
    assert asked == [1]


def raises(error):
    def find():
        raise error

    return find


@pytest.mark.parametrize(
    ("find", "said"),
    [
        (raises(OSError("s3cret")), "sender: no AWS credentials (OSError): log in (aws sso login), "),
        (raises(SystemExit("s3cret")), "sender: no AWS credentials (SystemExit): log in"),
        (lambda: Credentials("AKID", "s3cret\r\nX-More: 1"), "sender: no AWS credentials (NotSendable): log in"),
        (lambda: Credentials("AKID", "s3cret", "\u2744"), "sender: no AWS credentials (NotSendable): log in"),
        (lambda: Credentials("", "s3cret"), "sender: no AWS credentials (NotSendable): log in"),
    ],
)
def test_where_there_are_none_that_can_be_used_this_is_said_without_them(find, said):
    with pytest.raises(SenderFailed) as failed:
        Keyring(find)
    assert str(failed.value).startswith(said)
    assert "s3cret" not in str(failed.value) and failed.value.__cause__ is failed.value.__context__ is None


def test_who_never_answers_is_not_waited_for_without_end(monkeypatch):
    monkeypatch.setattr(credentials, "FIND_S", 0.05)
    with pytest.raises(SenderFailed, match=r"^sender: no AWS credentials of profile 'x' came within 0\.05 s: log in"):
        Keyring(lambda: time.sleep(0.5), " of profile 'x'")


PATCHED = """
from gevent import monkey
monkey.patch_all()
import gevent
import locust
from harness.load.aws.credentials import Keyring, find
keyring = Keyring(lambda: find(PROFILE), look_s=0.01)
seen, ticks = [], 0
while len(seen) < WANTED and ticks < 20_000:
    if keyring.keys().access_key not in seen:
        seen.append(keyring.keys().access_key)
    gevent.sleep(0.001)
    ticks += 1
print(*seen, ticks > WANTED)
"""


def under_gevent(profile, wanted, **environment):
    """The access keys that a process sees, one after the other, whose sockets and processes gevent has patched."""
    code = PATCHED.replace("PROFILE", repr(profile)).replace("WANTED", str(wanted))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    given = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent", **environment}
    done = subprocess.run([sys.executable, "-c", code], env=kept | given, capture_output=True, text=True, timeout=100)
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS[1:])
    return done.stdout.split(), done.stderr.strip().split("\n")[-1]


class Platform(HttpServer):
    """Gives a container its role's credentials: others each time, which end soon."""

    async def role(self, body, writer):
        number, end = len(self.requests), datetime.now(UTC) + timedelta(seconds=300)
        keys = {"AccessKeyId": f"AKID{number}", "SecretAccessKey": "s3cret", "Token": "t0ken"}
        said = json.dumps(keys | {"Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))


def test_under_gevent_a_role_is_renewed_by_a_thread_while_the_hub_goes_on():
    platform = Platform()
    try:
        url = f"http://127.0.0.1:{platform.port}/role"
        seen, _ = under_gevent("", 3, AWS_CONTAINER_CREDENTIALS_FULL_URI=url)
    finally:
        platform.close()
    assert len(seen) == 4 and seen[-1] == "True" and len(set(seen)) == 4


def test_under_gevent_a_profile_may_name_a_program(tmp_path):
    keys = {"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "s3cret", "SessionToken": "t0ken"}
    script, config = tmp_path / "ask.py", tmp_path / "config"
    script.write_text(f"print('''{json.dumps(keys | {'Expiration': '2099-01-01T00:00:00Z'})}''')")
    config.write_text(f"[profile frost]\ncredential_process = {sys.executable} {script}\n")
    assert under_gevent("frost", 1, AWS_CONFIG_FILE=str(config))[0][0] == "AKID"
    script.write_text("import sys; sys.exit('t0ken is s3cret')")
    seen, error = under_gevent("frost", 1, AWS_CONFIG_FILE=str(config))
    assert seen == [] and error.endswith("no AWS credentials (CredentialRetrievalError): " + credentials.FIX)


def test_what_is_missing_is_said_with_its_fix():
    for profile, said in (("", "(NotFound)"), ("frost", "(ProfileNotFound: The config profile (frost) could not be")):
        seen, error = under_gevent(profile, 1)
        assert seen == [] and f"sender: no AWS credentials {said}" in error and error.endswith(credentials.FIX)
    seen, error = under_gevent("", 1, AWS_ACCESS_KEY_ID="AKID")
    assert "PartialCredentialsError: Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY" in error
