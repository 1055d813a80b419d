"""The policy allows what the files under targets/aws ask for, and nothing else: their code is read, and not run."""

import ast
import json
import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

import targets
from targets.aws import policy
from targets.aws.policy import COMMON, TABLE, Asked, Implied, Signed
from targets.aws.roles import PATH
from targets.aws.tags import PREFIX, new_name, run_name
from tests.in_process import CommandLine

FOLDER = Path(targets.__file__).parent / "aws"
MANAGED = 6144
"""Characters of a managed policy, blanks not counted (IAM quotas)."""


class Asking:
    """What modules ask an account for: of each call of `call` or `pages`, service and operation, as far as either is
    written in the code: as it stands, through a helper's parameter, or in a loop over what stands there."""

    def __init__(self, texts):
        self.trees = {name: ast.parse(text) for name, text in texts.items()}
        self.found, self.unread = {name: set() for name in texts}, []
        for name, tree in self.trees.items():
            for node, above in _walk(tree, ()):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    self._look(name, node, above)

    def _look(self, name, node, above):
        if node.func.attr == "client" and name != "account":
            self.unread.append(f"{name}.py:{node.lineno} takes a client of its own: ask by account.call or .pages")
        if node.func.attr not in ("call", "pages") or (len(node.args) < 2 and name == "account"):
            return
        told = [self._texts(name, argument, above) for argument in node.args[:2]]
        if len(told) < 2 or None in told:
            self.unread.append(f"{name}.py:{node.lineno}: which operation is asked for cannot be read")
            return
        for where, service in told[0]:
            for other, operation in told[1]:
                self.found[other if other != name else where].add(f"{service} {operation}")

    def _texts(self, name, node, above):
        """(file, text) of everything that an expression may be; None where that is not written."""
        if isinstance(node, ast.Constant):
            return [(name, node.value)]
        if isinstance(node, ast.IfExp):
            told = [self._texts(name, each, above) for each in (node.body, node.orelse)]
            return None if None in told else told[0] + told[1]
        if not isinstance(node, ast.Name):
            return None
        for scope in reversed(above):
            if isinstance(scope, ast.For) and (at := _place(scope.target, node.id)) is not None:
                return self._of_loop(name, scope, at, above)
            if isinstance(scope, ast.FunctionDef) and node.id in [each.arg for each in scope.args.args]:
                return self._of_callers(name, scope, node.id)
        return None

    def _of_loop(self, name, loop, at, above):
        if not isinstance(loop.iter, ast.Tuple | ast.List):
            return None
        items = [each.elts[at[0]] if at else each for each in loop.iter.elts]
        told = [self._texts(name, item, above) for item in items]
        return None if None in told else [each for part in told for each in part]

    def _of_callers(self, own, helper, parameter):
        """What is private is called in its own file alone: others may have one of the same name."""
        at = [each.arg for each in helper.args.args].index(parameter)
        told, private = [], helper.name.startswith("_")
        for name, tree in {own: self.trees[own]}.items() if private else self.trees.items():
            for node, above in _walk(tree, ()):
                if isinstance(node, ast.Call) and _called(node) == helper.name and helper not in above:
                    named = [each.value for each in node.keywords if each.arg == parameter]
                    given = named or node.args[at : at + 1]
                    told.append(self._texts(name, given[0], above) if given else None)
        return None if not told or None in told else [each for part in told for each in part]


def _walk(node, above):
    yield node, above
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, (*above, node))


def _place(target, name):
    """Where a loop's variable stands in each of its items: () for all of it."""
    if isinstance(target, ast.Name):
        return () if target.id == name else None
    names = [getattr(each, "id", None) for each in target.elts]
    return (names.index(name),) if name in names else None


def _called(node):
    return getattr(node.func, "attr", getattr(node.func, "id", None))


def signed_in(tree):
    """Services that a file's endpoints name for the sender to sign for."""
    keywords = [each for node in ast.walk(tree) if isinstance(node, ast.Call) for each in node.keywords]
    settings = [each.value for each in keywords if each.arg == "sender_settings" and isinstance(each.value, ast.Dict)]
    pairs = [pair for each in settings for pair in zip(each.keys, each.values, strict=True)]
    return {value.value for key, value in pairs if key.value == "service"}


@cache
def asking():
    return Asking({path.stem: path.read_text() for path in FOLDER.glob("*.py")})


def by_file():
    return {file: entries for group in TABLE.values() for file, entries in group.items()}


def entries(kind):
    return [entry for group in by_file().values() for entry in group if isinstance(entry, kind)]


def asked_of(entry):
    return {f"{entry.service} {operation}" for operation in entry.operations.split()}


def differences(found, table):
    """What of an entry is missing, or is of no use."""
    told = []
    for file in sorted(found.keys() | table.keys()):
        listed = set().union(*(asked_of(each) for each in table.get(file, ()) if isinstance(each, Asked)))
        asked = found.get(file, set())
        told += [f"targets/aws/{file}.py asks for {each}: add it to {file!r} in TABLE" for each in asked - listed]
        told += [f"TABLE[...][{file!r}] has {each}, and the file asks for no such thing" for each in listed - asked]
    return sorted(told)


CODE = """
def f(account):
    account.call("lambda", "get_function", FunctionName="x")
    insist(lambda: helper(account, "delete_function"), g)
    for operation, parameters in (("delete_role_policy", {}), ("delete_role", {})):
        account.call("iam", operation, **parameters)
    account.pages("ecs", "list_tasks" if g else "list_services", "k")
def helper(account, operation, **parameters):
    account.call("lambda", operation, **parameters)
"""


def test_operations_are_read_as_they_stand_through_helpers_and_in_loops():
    read = Asking({"one": CODE, "two": "def g(account):\n    one.helper(account, operation='invoke')\n"})
    assert read.unread == []
    lambdas, roles = {"lambda get_function", "lambda delete_function"}, {"iam delete_role_policy", "iam delete_role"}
    assert read.found == {
        "one": lambdas | roles | {"ecs list_tasks", "ecs list_services"},
        "two": {"lambda invoke"},
    }


@pytest.mark.parametrize(
    "line",
    [
        "account.call('lambda', f'{verb}_function')",
        "account.call(service, 'get_function')",
        "account.call('lambda', OPERATION)",
        "account.client('lambda').get_function()",
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(line):
    (told,) = Asking({"one": f"def f(account):\n    {line}\n"}).unread
    assert told.startswith("one.py:2")


def test_what_is_missing_and_what_is_of_no_use_is_told():
    table = {"one": [Asked("lambda", "get_function list_tags")]}
    assert differences({"one": {"lambda get_function", "lambda invoke"}}, table) == [
        "TABLE[...]['one'] has lambda list_tags, and the file asks for no such thing",
        "targets/aws/one.py asks for lambda invoke: add it to 'one' in TABLE",
    ]


def test_the_table_has_what_the_files_ask_for_and_nothing_else():
    assert asking().unread == []
    assert differences(asking().found, by_file()) == []


def test_each_service_that_requests_are_signed_for_is_in_its_file_s_entry():
    found = {name: signed for name, tree in asking().trees.items() if (signed := signed_in(tree))}
    listed = {
        file: {each.service for each in group if isinstance(each, Signed)}
        for file, group in by_file().items()
        if any(isinstance(each, Signed) for each in group)
    }
    assert found == listed, "each needs Signed(...) with what the sender's requests need"
    assert "lambda" in found["function"]


def test_what_is_implied_is_implied_by_something_that_is_asked_for_in_the_same_file():
    for file, group in by_file().items():
        asked = set().union(*(asked_of(each) for each in group if isinstance(each, Asked)))
        assert [each.by for each in group if isinstance(each, Implied) and each.by not in asked] == [], file


def test_every_operation_is_one_of_botocore_s():
    session, known = botocore.session.get_session(), {}
    for entry in entries(Asked):
        service = entry.service
        if service not in known:
            known[service] = {xform_name(name) for name in session.get_service_model(service).operation_names}
        assert set(entry.operations.split()) <= known[service]


def test_every_target_of_ours_there_is_one_of_the_table():
    assert TABLE.keys() - {COMMON} == {name for name in targets.target_names() if targets.platform_of(name) == "aws"}


def statements(*names):
    document = json.loads(policy.policy(names))
    assert document["Version"] == "2012-10-17"
    return document["Statement"]


def many(one_or_more):
    return [one_or_more] if isinstance(one_or_more, str) else one_or_more


def allowing(action, *names):
    return [each for each in statements(*names) if action in many(each["Action"])]


@pytest.mark.parametrize("name", sorted(TABLE.keys() - {COMMON}))
def test_what_one_target_needs_fits_into_one_managed_policy(name):
    assert len(re.sub(r"\s", "", policy.policy([name]))) <= MANAGED
    assert allowing("ecr:CreateRepository", name) and len(statements(name)) < len(statements())


def test_nothing_is_allowed_by_a_wildcard_and_what_changes_something_is_limited_to_ours():
    listing = re.compile(r"\w[\w-]*:(List|Describe|Get)\w+")
    for statement in statements():
        assert statement["Effect"] == "Allow"
        assert not [action for action in many(statement["Action"]) if "*" in action]
        if statement["Resource"] == "*":
            changing = [action for action in many(statement["Action"]) if not listing.fullmatch(action)]
            assert "Condition" in statement or changing == ["ecs:DeregisterTaskDefinition"]
        for resource in many(statement["Resource"]):
            ours = PREFIX in resource or resource == "*" or ":role/aws-service-role/" in resource
            assert ours or "Condition" in statement or resource.endswith(":vpc/*"), resource


def test_everything_that_is_made_carries_our_tag():
    making = {action for each in statements() for action in many(each["Action"]) if ":Create" in action}
    free = {"iam:CreateServiceLinkedRole", "lambda:CreateFunctionUrlConfig"}  # a URL is its function's
    for action in making - free - {"ec2:CreateTags", "ec2:CreateSecurityGroup"}:
        conditions = [each.get("Condition") for each in allowing(action)]
        assert conditions == [{"StringLike": {"aws:RequestTag/frostline:run": "*"}}], action
    tagged, network = allowing("ec2:CreateSecurityGroup")
    assert tagged["Condition"] == {"StringLike": {"aws:RequestTag/frostline:run": "*"}}
    assert network["Resource"].endswith(":vpc/*")


def test_only_our_roles_are_passed_and_to_whom_they_are_made_for():
    passed = allowing("iam:PassRole")
    assert {each["Resource"] for each in passed} == {f"arn:aws:iam::*:role{PATH}{PREFIX}*"}
    services = [each["Condition"]["StringEquals"]["iam:PassedToService"] for each in passed]
    assert services == ["lambda.amazonaws.com", "ecs-tasks.amazonaws.com", "sagemaker.amazonaws.com"]


@pytest.mark.parametrize(
    ("action", "arn"),
    [
        ("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:123456789012:function:{name}:7"),
        ("lambda:InvokeFunctionUrl", "arn:aws:lambda:us-east-1:123456789012:function:{name}"),
        ("iam:PutRolePolicy", "arn:aws:iam::123456789012:role{path}{run}-fn"),
        ("ecr:PutImage", "arn:aws:ecr:us-east-1:123456789012:repository/{run}/embed"),
        ("logs:FilterLogEvents", "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/{name}:*"),
        ("logs:DeleteLogGroup", "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/{name}"),
        ("ecs:StopTask", "arn:aws:ecs:us-east-1:123456789012:task/{name}/0123"),
        ("ecs:DeleteService", "arn:aws:ecs:us-east-1:123456789012:service/{name}/{name}"),
        ("ecs:RunTask", "arn:aws:ecs:us-east-1:123456789012:task-definition/{name}:1"),
        (
            "elasticloadbalancing:DeleteTargetGroup",
            "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/{name}/5",
        ),
    ],
)
def test_names_that_are_given_are_among_those_that_are_allowed(action, arn):
    run = "2026-11-27T00-00-00Z_x_0000"
    arn = arn.format(name=new_name(run, "embed"), run=run_name(run), path=PATH)

    def allowed(what):
        return any(fnmatchcase(what, each) for statement in allowing(action) for each in many(statement["Resource"]))

    assert allowed(arn)
    assert not allowed(arn.replace("frostline", "somebody")), "and nothing of somebody else's"


def test_log_groups_are_those_that_are_made():
    from targets.aws.logs import ENDPOINTS, FUNCTIONS, TASKS

    assert {each.rpartition("log-group:")[2].removesuffix(f"{PREFIX}*") for each in policy.LOG} == {
        FUNCTIONS,
        TASKS,
        ENDPOINTS,
    }


@pytest.fixture
def frostline(monkeypatch, capsys):
    return CommandLine(monkeypatch, capsys)


def test_the_command_prints_the_policy_and_nothing_else(frostline):
    assert frostline("policy", "--on", "aws") == (0, policy.policy() + "\n")
    code, printed = frostline("policy", "--on", "aws", "--target", "aws-lambda")
    assert code == 0 and json.loads(printed)["Statement"] == statements("aws-lambda")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--on", "azure"], "policy: --on: 'azure' is not one of: aws"),
        (["--on", "aws", "--target", "docker-lambda"], "policy: --target: 'docker-lambda' is not one of: aws-ecs"),
        ([], "Missing option '--on'"),
    ],
)
def test_a_platform_or_target_that_there_is_not_is_2(frostline, arguments, said):
    code, printed = frostline("policy", *arguments)
    assert code == 2 and said in printed
