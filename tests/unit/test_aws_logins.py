"""Whose account is meant, and which servers are asked: as every AWS tool finds them. What is lacking is told with its
fix, before anything is sent."""

import hashlib
import json
import logging
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import count

import boto3
import botocore.session
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from botocore.tokens import SSOTokenProvider

from harness.errors import UsageError
from harness.experiment.question import parse_experiment
from harness.measure.fitting import enter_region
from targets.aws import account as account_of
from targets.aws import servers
from targets.aws.account import NO_REGION, Account
from targets.aws.common import refusal
from targets.aws.policy import TABLE, Asked, Signed
from targets.aws.refusals import CHECKED, LOGINS, NoAccess, Refused
from tests.in_process import CommandLine

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI"}
SECRET = "quoted-by-a-program"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of nobody's; what is sent is kept, and goes nowhere."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", str(tmp_path / ".aws/sso/cache"))  # read at import
    sent = []

    def send(session, request):
        sent.append(request.url)
        raise OSError("nobody is asked")

    monkeypatch.setattr(URLLib3Session, "send", send)
    account_of.forget()
    yield Home(tmp_path, sent)
    account_of.forget()


class Home:
    def __init__(self, path, sent):
        self.path, self.sent = path / ".aws", sent
        self.path.mkdir()

    def write(self, name, text):
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def set_all(monkeypatch, variables):
    for name, text in variables.items():
        monkeypatch.setenv(name, text)


SSO = """
[profile s]
sso_session = us
sso_account_id = 123456789012
sso_role_name = measure
region = eu-west-1
[sso-session us]
sso_region = eu-west-1
sso_start_url = https://example.awsapps.com/start
"""
PROGRAM = (
    f"[default]\nregion = eu-west-1\ncredential_process = {sys.executable} -c \"import sys; sys.exit('{SECRET}')\"\n"
)
LOOP = "[profile a]\nregion=x-y-1\nrole_arn=arn:aws:iam::123456789012:role/r\nsource_profile=b\n"
REGION = {"AWS_REGION": "eu-west-1"}
LACKING = [
    pytest.param("", {}, "no AWS credentials were found: set AWS_PROFILE, log in", id="nothing"),
    pytest.param("", REGION, "no AWS credentials were found", id="a region alone"),
    pytest.param("", KEYS, "no region is set: set AWS_REGION", id="keys alone"),
    pytest.param("", {"AWS_PROFILE": "p"}, "profile (p) could not be found: set AWS_PROFILE to one that", id="profile"),
    pytest.param("", REGION | {"AWS_ACCESS_KEY_ID": "AKIA"}, "missing: AWS_SECRET_ACCESS_KEY: set what", id="half"),
    pytest.param("[default\n", KEYS | REGION, "Unable to parse config file", id="no configuration"),
    pytest.param("", KEYS | {"AWS_REGION": "no such"}, "set AWS_REGION to one like us-east-1", id="no region's name"),
    pytest.param(
        SSO, {"AWS_PROFILE": "s"}, "no SSO session was begun: log in again (`aws sso login`)", id="no session"
    ),
    pytest.param(PROGRAM, {}, "the program or service that the profile takes credentials from gave none", id="program"),
    pytest.param(LOOP, {"AWS_PROFILE": "a"}, "does not exist: put the profile right, or set AWS_PROFILE", id="source"),
]


@pytest.mark.parametrize(("config", "variables", "told"), LACKING)
def test_what_is_lacking_is_told_with_its_fix_and_nothing_is_sent(home, monkeypatch, config, variables, told):
    if config:
        home.write("config", config)
    set_all(monkeypatch, variables)
    why = refusal()
    assert why is not None and told in why
    assert home.sent == []
    assert not any(secret in why for secret in (SECRET, "123456789012", *KEYS.values()))


@pytest.mark.parametrize(("config", "variables", "told"), LACKING)
def test_whoever_runs_there_is_told_so_in_one_message(home, monkeypatch, capsys, tmp_path, config, variables, told):
    if config:
        home.write("config", config)
    set_all(monkeypatch, variables)
    monkeypatch.chdir(tmp_path)
    frostline = CommandLine(monkeypatch, capsys)
    for arguments in (["clean", "--on", "aws", "--dry-run"], ["run", "quickstart", "--on", "aws", "--yes"]):
        code, printed = frostline(*arguments)
        assert code == 3 and told in printed
        assert [line for line in printed.splitlines() if not line.startswith("frostline: ")] == []
    assert home.sent == [] and not (tmp_path / "results").exists()


@pytest.mark.parametrize("refreshed", [{}, {"refreshToken": "r", "clientId": "c", "clientSecret": "s"}])
def test_an_sso_session_that_is_over_is_told_as_log_in_again(home, monkeypatch, refreshed):
    past = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    token = {"accessToken": SECRET, "expiresAt": past, "region": "eu-west-1", "startUrl": "x"} | refreshed
    token |= {"registrationExpiresAt": past} if refreshed else {}
    home.write("config", SSO)
    home.write(f"sso/cache/{hashlib.sha1(b'us').hexdigest()}.json", json.dumps(token))
    monkeypatch.setenv("AWS_PROFILE", "s")
    why = refusal()
    assert why is not None and why.startswith("the SSO session is over")
    assert "log in again (`aws sso login`)" in why and SECRET not in why
    assert home.sent == []


def test_every_error_that_is_explained_is_one_of_botocore_s():
    import botocore.exceptions

    assert [name for name in (*LOGINS, *CHECKED) if not hasattr(botocore.exceptions, name)] == []


FOUND = [
    ("[default]\nregion = eu-west-1\n", KEYS, "env", "eu-west-1"),
    ("[default]\nregion = eu-west-1\n", KEYS | {"AWS_REGION": "eu-north-1"}, "env", "eu-north-1"),
    ("[default]\nregion = eu-west-1\n", KEYS | {"AWS_DEFAULT_REGION": "eu-west-3"}, "env", "eu-west-3"),
    (
        "[profile p]\nregion = us-west-2\naws_access_key_id = AKIAI44QH8DHBEXAMPLE\naws_secret_access_key = k\n",
        {"AWS_PROFILE": "p"},
        "config-file",
        "us-west-2",
    ),
]


@pytest.mark.parametrize(("config", "variables", "method", "region"), FOUND)
def test_credentials_and_region_are_found_as_every_aws_tool_finds_them(
    home, monkeypatch, config, variables, method, region
):
    home.write("config", config)
    set_all(monkeypatch, variables)
    found = Account()
    assert (found.session.get_credentials().method, found.region) == (method, region)
    assert Account("eu-central-1").region == "eu-central-1", "what is stated counts before"


ON_AWS = {"name": "there", "question": "?", "workloads": ["echo"], "targets": ["aws-lambda"], "profiles": []}


def test_an_experiment_s_region_counts_before_the_environment_s_and_is_of_that_experiment_alone(home, monkeypatch):
    set_all(monkeypatch, KEYS | {"AWS_REGION": "eu-north-1"})
    for stated, meant in (({"region": "eu-west-3"}, "eu-west-3"), ({}, "eu-north-1")):
        enter_region(parse_experiment(ON_AWS | stated, "test"))
        assert account_of.account().region == meant


def test_keys_and_an_experiment_s_region_are_enough(home, monkeypatch):
    set_all(monkeypatch, KEYS)
    try:
        enter_region(parse_experiment(ON_AWS | {"region": "eu-west-3"}, "test"))
        assert account_of.account().region == "eu-west-3"
    finally:
        enter_region(parse_experiment(ON_AWS, "test"))
    assert NO_REGION in str(refusal())


@pytest.mark.parametrize("region", ["EU West", "", "arn:aws:x", "a" * 41])
def test_what_is_no_region_s_name_is_refused(region):
    with pytest.raises(UsageError, match="region"):
        parse_experiment(ON_AWS | {"region": region}, "test")


def test_a_region_to_be_cleaned_is_a_platform_s(capsys, monkeypatch):
    code, printed = CommandLine(monkeypatch, capsys)("clean", "--region", "eu-west-1")
    assert code == 2 and "--region is a platform's: give --on" in printed


def test_what_is_asked_is_known_to_the_settings_of_servers():
    entries = [entry for group in TABLE.values() for part in group.values() for entry in part]
    signed = {"lambda": "lambda", "sagemaker": "sagemaker-runtime"}
    asked = {entry.service for entry in entries if isinstance(entry, Asked)}
    asked |= {signed[entry.service] for entry in entries if isinstance(entry, Signed)}
    assert set(servers.SERVICES) == asked, "SERVICES in targets/aws/servers.py has what is asked for, and no more"


@pytest.mark.parametrize("service", sorted(servers.SERVICES))
def test_each_service_has_a_variable_of_its_own_that_botocore_obeys(home, monkeypatch, service):
    url = "http://127.0.0.1:4566"
    set_all(monkeypatch, KEYS | REGION)
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{servers.SERVICES[service].upper()}", url)
    assert boto3.Session(region_name="eu-west-1").client(service).meta.endpoint_url == url
    assert servers.elsewhere() == {service: url}


LOCAL, OTHER = "http://127.0.0.1:4566", "http://127.0.0.1:5000"
PROFILE = f"[default]\nendpoint_url = {LOCAL}\n"
BY_SERVICE = f"[default]\nservices = here\n[services here]\nlambda =\n  endpoint_url = {LOCAL}\n"
IGNORED = {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
EVERY = dict.fromkeys(servers.SERVICES, LOCAL)
SERVERS = [
    pytest.param("", {}, {}, id="none"),
    pytest.param("", {"AWS_ENDPOINT_URL": LOCAL}, EVERY, id="variable"),
    pytest.param("", {"AWS_ENDPOINT_URL": LOCAL} | IGNORED, {}, id="ignored variable"),
    pytest.param("", {"AWS_ENDPOINT_URL_LAMBDA": LOCAL}, {"lambda": LOCAL}, id="one service"),
    pytest.param("", {"AWS_ENDPOINT_URL_LAMBDA": LOCAL} | IGNORED, {}, id="one service, ignored"),
    pytest.param("", {"AWS_ENDPOINT_URL_S3": LOCAL}, {}, id="a service that is not asked"),
    pytest.param(PROFILE, {}, EVERY, id="profile"),
    pytest.param(PROFILE, IGNORED, {}, id="ignored profile"),
    pytest.param(PROFILE + "ignore_configured_endpoint_urls = true\n", {}, {}, id="ignored by the profile"),
    pytest.param(
        PROFILE, {"AWS_ENDPOINT_URL": OTHER}, dict.fromkeys(EVERY, OTHER), id="the variable before the profile"
    ),
    pytest.param(BY_SERVICE, {}, {"lambda": LOCAL}, id="one service by profile"),
    pytest.param(BY_SERVICE, {"AWS_ENDPOINT_URL": OTHER}, dict.fromkeys(EVERY, OTHER), id="any variable before that"),
    pytest.param(
        "", {"AWS_ENDPOINT_URL": LOCAL, "AWS_ENDPOINT_URL_ECR": OTHER}, EVERY | {"ecr": OTHER}, id="one of its own"
    ),
    pytest.param("", {"AWS_ENDPOINT_URL_LAMBDA": "https://vpce-1.lambda.eu-west-1.vpce.amazonaws.com"}, {}, id="AWS's"),
]


@pytest.mark.parametrize(("config", "variables", "expected"), SERVERS)
def test_whether_something_else_than_aws_answers_is_botocore_s_own_finding(
    home, monkeypatch, config, variables, expected
):
    home.write("config", config or "\n")
    set_all(monkeypatch, KEYS | REGION | variables)
    assert servers.elsewhere() == expected
    assert servers.is_emulated() == bool(expected)
    client = boto3.Session(region_name="eu-west-1").client("lambda")
    asked = client.meta.endpoint_url
    assert asked == expected.get("lambda", asked) and (".amazonaws.com" in asked) == ("lambda" not in expected)


@pytest.mark.parametrize(
    ("url", "is_aws"),
    [
        ("https://lambda.eu-west-1.amazonaws.com", True),
        ("https://LAMBDA.EU-WEST-1.AMAZONAWS.COM.", True),
        ("https://lambda.eu-west-1.api.aws", True),
        ("https://lambda.cn-north-1.amazonaws.com.cn", True),
        ("https://amazonaws.com.example.com", False),
        ("https://notamazonaws.com", False),
        ("https://user:pw@localhost/x.amazonaws.com", False),
        ("http://[::1]:4566", False),
        ("localhost:4566", False),
    ],
)
def test_a_name_that_only_looks_like_one_of_aws_s_is_none(home, monkeypatch, url, is_aws):
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    assert servers.is_emulated() is not is_aws


def test_the_domains_are_those_of_botocore_s_partitions():
    partitions = botocore.session.get_session().get_component("data_loader").load_data("partitions")["partitions"]
    told = {part["outputs"][name] for part in partitions for name in ("dnsSuffix", "dualStackDnsSuffix")}
    assert told == set(servers.AWS_DOMAINS)


def test_half_of_aws_is_nobody_s_account(home, monkeypatch):
    set_all(monkeypatch, KEYS | REGION | {"AWS_ENDPOINT_URL_LAMBDA": "http://user:secret@127.0.0.1:4566/x"})
    with pytest.raises(NoAccess) as refused:
        Account()
    told = str(refused.value)
    assert told.startswith("lambda would be asked of http://127.0.0.1:4566, and application-autoscaling, cloudwatch, ")
    assert told.endswith("of AWS itself: set AWS_ENDPOINT_URL, which is for all of them, or none")


class Expired:
    """An account whose first keys have expired; `numbers` are whose each key is."""

    def __init__(self, monkeypatch, numbers):
        self.numbers, self.asked = numbers, []
        monkeypatch.setattr(BaseClient, "_make_api_call", lambda client, *asked: self.answer(client, *asked))

    def answer(self, client, operation, parameters):
        key = client._request_signer._credentials.access_key
        self.asked.append((operation, key))
        if operation == "GetCallerIdentity":
            return {"Account": self.numbers[key], "Arn": "arn:aws:iam::1:user/u"}
        if key == "AKIAFIRST":
            raise ClientError({"Error": {"Code": "ExpiredTokenException", "Message": "it expired"}}, operation)
        return {"done": key}


def keys(monkeypatch, name):
    set_all(monkeypatch, KEYS | REGION | {"AWS_ACCESS_KEY_ID": name})


def test_credentials_that_came_since_are_taken_up(home, monkeypatch):
    expired = Expired(monkeypatch, {"AKIAFIRST": "123456789012", "AKIASECOND": "123456789012"})
    keys(monkeypatch, "AKIAFIRST")
    account = Account()
    account.number()
    with pytest.raises(Refused, match=r"the credentials have expired: log in again \(`aws sso login`\)"):
        account.call("lambda", "get_function", FunctionName="f")
    keys(monkeypatch, "AKIASECOND")
    assert account.call("lambda", "get_function", FunctionName="f") == {"done": "AKIASECOND"}
    assert [key for operation, key in expired.asked if operation == "GetFunction"] == ["AKIAFIRST"] * 2 + ["AKIASECOND"]


def test_those_of_another_account_are_not(home, monkeypatch):
    expired = Expired(monkeypatch, {"AKIAFIRST": "123456789012", "AKIASECOND": "210987654321"})
    keys(monkeypatch, "AKIAFIRST")
    account = Account()
    account.number()
    keys(monkeypatch, "AKIASECOND")
    with pytest.raises(NoAccess, match="the credentials that came since are of another account: log in to that of"):
        account.call("lambda", "delete_function", FunctionName="f")
    assert ("DeleteFunction", "AKIASECOND") not in expired.asked
    with pytest.raises((NoAccess, Refused)):
        account.call("lambda", "delete_function", FunctionName="f")
    assert ("DeleteFunction", "AKIASECOND") not in expired.asked, "nor the second time"


def test_a_source_that_gives_ever_new_ones_which_have_expired_is_asked_once(home, monkeypatch):
    Expired(monkeypatch, defaultdict(lambda: "123456789012"))
    numbers = count()
    keys(monkeypatch, "AKIAFIRST")
    account = Account()
    monkeypatch.setattr(account_of, "_keys", lambda session: str(next(numbers)))
    with pytest.raises(Refused, match="the credentials have expired"):
        account.call("lambda", "get_function", FunctionName="f")


def test_what_botocore_logs_of_a_renewal_is_not_printed(home, monkeypatch):
    keys(monkeypatch, "AKIAFIRST")
    Account()
    loggers = [logging.getLogger(name) for name in ("botocore.credentials", "botocore.tokens")]
    assert [logger.isEnabledFor(logging.WARNING) for logger in loggers] == [False, False]
