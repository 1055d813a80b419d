"""What `frostline doctor` says of AWS: soon, without a key or an account in it, and nothing is made."""

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError

from harness.commands.doctor import examine
from targets.aws import account as account_of
from targets.aws import examination, policy
from targets.aws.platform import PLATFORM, SORTS
from tests.in_process import CommandLine

SECRETS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI"}
MEANT = SECRETS | {"AWS_REGION": "eu-west-1"}
USER, ROLE = "arn:aws:iam::123456789012:user/team/frost", "arn:aws:sts::123456789012:assumed-role/measure/frost"
ROOT = "arn:aws:iam::123456789012:root"
LISTS = ("List", "Describe", "Get")


class Answers:
    """Of an account in which `denied` is not permitted. IAM simulates unless `arn` is nobody's, or that is denied."""

    def __init__(self, monkeypatch, arn=USER, denied=()):
        self.arn, self.denied, self.asked = arn, set(denied), []
        monkeypatch.setattr(BaseClient, "_make_api_call", lambda client, *asked: self.answer(client, *asked))

    def answer(self, client, operation, parameters):
        action = f"{client.meta.service_model.signing_name}:{operation}"
        self.asked.append((action, parameters))
        if action in self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": f"User {self.arn} may not"}}, operation)
        if operation == "GetCallerIdentity":
            return {"Account": "123456789012", "Arn": self.arn}
        if operation == "SimulatePrincipalPolicy":
            told = {name: "implicitDeny" if name in self.denied else "allowed" for name in parameters["ActionNames"]}
            return {"EvaluationResults": [{"EvalActionName": name, "EvalDecision": how} for name, how in told.items()]}
        return {}

    @property
    def names(self):
        return [action.partition(":")[2] for action, _ in self.asked]


@pytest.fixture(autouse=True)
def afresh():
    account_of.forget()
    yield
    account_of.forget()


@pytest.fixture
def meant(monkeypatch):
    for name, text in MEANT.items():
        monkeypatch.setenv(name, text)


def told():
    return [(finding.what.removeprefix("AWS").strip(), finding.ok, finding.told) for finding in PLATFORM.findings()]


def test_where_nothing_names_an_account_one_line_says_how(monkeypatch):
    answers = Answers(monkeypatch)
    assert told() == [("", False, examination.HOW)]
    assert answers.asked == []


def test_all_is_well(monkeypatch, meant):
    answers = Answers(monkeypatch)
    *found, (what, ok, permitted) = told()
    assert found[:3] == [
        ("credentials", True, "env (the environment)"),
        ("region", True, "eu-west-1"),
        ("servers", True, "AWS's own"),
    ]
    assert found[3][:2] == ("identity", True) and found[3][2].startswith("account #")
    actions = {action for statement in policy.statements() for action in statement.actions}
    assert (what, ok) == ("permissions", True) and permitted.startswith(f"all {len(actions)} that `frostline policy")
    simulated = [parameters for action, parameters in answers.asked if action == "iam:SimulatePrincipalPolicy"]
    assert {each["PolicySourceArn"] for each in simulated} == {USER}
    assert {each["ResourceArns"][0] for each in simulated} >= {
        "*",
        "arn:aws:lambda:eu-west-1:123456789012:function:frostline-x",
        "arn:aws:iam::123456789012:role/frostline/frostline-x",
    }
    making = next(each for each in simulated if "lambda:CreateFunction" in each["ActionNames"])
    assert making["ContextEntries"][0]["ContextKeyName"] == "aws:RequestTag/frostline:run"


def test_a_session_s_permissions_are_its_role_s(monkeypatch, meant):
    answers = Answers(monkeypatch, arn=ROLE)
    assert told()[-1][1]
    asked = [parameters for action, parameters in answers.asked if action == "iam:SimulatePrincipalPolicy"]
    assert {each["PolicySourceArn"] for each in asked} == {"arn:aws:iam::123456789012:role/measure"}


def test_what_is_missing_is_told_by_name(monkeypatch, meant):
    Answers(monkeypatch, denied=["lambda:CreateFunction", "iam:PassRole"])
    what, ok, said = told()[-1]
    assert (what, ok) == ("permissions", False)
    assert said == "missing: iam:PassRole, lambda:CreateFunction: `frostline policy --on aws` prints what is needed"


@pytest.mark.parametrize(("arn", "denied"), [(USER, ["iam:SimulatePrincipalPolicy"]), (ROOT, [])])
def test_where_iam_does_not_say_all_that_lists_is_tried(monkeypatch, meant, arn, denied):
    answers = Answers(monkeypatch, arn, denied)
    what, ok, said = told()[-1]
    assert (what, ok) == ("permissions", True)
    assert said.startswith(f"all {len(SORTS)} sorts of things can be listed; nothing else was looked at")
    answers = Answers(monkeypatch, arn, [*denied, "ecs:ListClusters", "lambda:ListFunctions"])
    what, ok, said = told()[-1]
    assert not ok and said.startswith("missing: lambda:ListFunctions, ecs:ListClusters: `frostline policy")
    assert [name for name in answers.names if not name.startswith((*LISTS, "Simulate"))] == [], "nothing is made"


def test_one_look_makes_nothing_whatever_is_permitted(monkeypatch, meant):
    answers = Answers(monkeypatch)
    told()
    assert set(answers.names) == {"GetCallerIdentity", "SimulatePrincipalPolicy"}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ExpiredToken", "the credentials have expired: log in again (`aws sso login`)"),
        ("InvalidClientTokenId", "the credentials are not valid (InvalidClientTokenId): check AWS_PROFILE"),
    ],
)
def test_who_is_nobody_is_told_and_nothing_more_is_asked(monkeypatch, meant, code, said):
    def refuse(client, operation, parameters):
        asked.append(operation)
        raise ClientError({"Error": {"Code": code, "Message": f"{ROLE} and {SECRETS['AWS_ACCESS_KEY_ID']}"}}, operation)

    asked = []
    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    *_, (what, ok, why) = told()
    assert (what, ok) == ("", False) and said in why
    assert asked == ["GetCallerIdentity"]


def test_a_server_that_is_not_there_is_waited_for_once(monkeypatch, meant):
    def silent(client, operation, parameters):
        asked.append(operation)
        raise EndpointConnectionError(endpoint_url=client.meta.endpoint_url)

    asked = []
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:hidden@127.0.0.1:1")
    monkeypatch.setattr(BaseClient, "_make_api_call", silent)
    found = told()
    assert ("servers", True, "http://127.0.0.1:1 (emulated)") in found
    assert "was not answered" in found[-1][2] and asked == ["GetCallerIdentity"]
    assert not any("hidden" in said for _, _, said in found)


def test_clients_wait_for_no_answer_longer_than_some_seconds(monkeypatch, meant):
    limits = []

    def remember(client, operation, parameters):
        limits.append((client.meta.config.connect_timeout, client.meta.config.read_timeout))
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, operation)

    monkeypatch.setattr(BaseClient, "_make_api_call", remember)
    monkeypatch.setattr(examination, "PATIENCE_S", 0.0)
    assert "was refused (ThrottlingException)" in told()[-1][2]
    assert set(limits) == {(5.0, 5.0)}


def test_iam_that_takes_too_long_is_not_waited_for(monkeypatch, meant):
    Answers(monkeypatch)
    monkeypatch.setattr(examination, "LIMIT_S", -1.0)
    assert told()[-1][2] == f"0 of {len(SORTS)} listings took -1 s"


def test_the_command_says_it_and_a_machine_without_aws_lacks_nothing(monkeypatch, capsys, meant):
    Answers(monkeypatch, denied=["lambda:CreateFunction"])
    code, printed = CommandLine(monkeypatch, capsys)("doctor")
    assert code == 0
    assert "ok    AWS region: eu-west-1\n" in printed
    assert "note  AWS permissions: missing: lambda:CreateFunction: " in printed
    assert not any(secret in printed for secret in (*SECRETS.values(), "123456789012", "arn:"))
    for name in MEANT:
        monkeypatch.delenv(name)
    (finding,) = [each for each in examine() if each.what.startswith("AWS")]
    assert not finding.needed and finding.told == examination.HOW
