"""Faults of AWS's control plane: each is handled, or told with its fix; after each, nothing of ours is left.

The account is moto's, in this process; faults come before it, from the client's own side. No time passes: clocks are
moved on by whoever sleeps.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

import targets
from harness.measure import clean
from targets.aws import account as account_of
from targets.aws import (
    balancers,
    common,
    function,
    functions,
    network,
    patience,
    platform,
    registry,
    tasks,
    tasks_deployment,
)
from targets.aws.aws_ecs import AwsEcsSettings
from targets.aws.aws_lambda import AwsLambdaSettings
from targets.aws.refusals import NoAccess, Refused
from targets.contract import DeploymentError, Order, Package, Sizing, StartFailed

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
RUN = "2026-11-27T00-00-00Z_faults_0000"
PACKAGE = Package("echo", "frostline/echo:0", {"machine": "x86_64", "size_bytes": 200_000_000})
REPORT = "REPORT RequestId: {}\tDuration: 10.00 ms\tBilled Duration: 11 ms\tMax Memory Used: 90 MB"
KEYS = {"ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "SECRET_ACCESS_KEY": "s", "REGION": "eu-west-1"}
OTHER = "frostline-of-somebody-else"
LEAST_SLEEP_S = 5.0
"""Or a limit of ten minutes would be looked at thousands of times."""
Fault = Callable[[], Any]
PUSH = registry.push


class Clock:
    """Moves on by what is slept."""

    def __init__(self) -> None:
        self.at_ns = 10**12

    def now_ns(self) -> int:
        self.at_ns += 1_000_000
        return self.at_ns

    def sleep(self, seconds: float) -> None:
        self.at_ns += int(max(seconds, LEAST_SLEEP_S) * 1e9)


class Faults:
    """What goes wrong: by operation, what happens at its next calls instead; and how often each was called."""

    def __init__(self) -> None:
        self.coming: dict[str, list[Fault]] = defaultdict(list)
        self.always: dict[str, Fault] = {}
        self.calls: dict[str, int] = defaultdict(int)

    def refuse(self, operation: str, code: str, times: int | None = 1, message: str = "for the test") -> None:
        def fault() -> Any:
            raise ClientError({"Error": {"Code": code, "Message": message}}, operation)

        self.answer(operation, fault, times)

    def answer(self, operation: str, fault: Fault, times: int | None = 1) -> None:
        if times is None:
            self.always[operation] = fault
        else:
            self.coming[operation] += [fault] * times

    def take(self, operation: str) -> Fault | None:
        self.calls[operation] += 1
        if self.coming[operation]:
            return self.coming[operation].pop(0)
        return self.always.get(operation)


class Unpushing:
    """An engine whose registry does not answer, which it names."""

    def __getattr__(self, name: str) -> Any:
        return self

    def get(self, reference: str) -> Any:
        return self

    def remove(self, *_: Any, **__: Any) -> None:
        pass

    def tag(self, place: str, tag: str) -> None:
        raise docker.errors.APIError(f"no such host: {place}", explanation=f"no such host: {place}")

    def close(self) -> None:
        pass


class Body:
    """Of an answer to a request."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, most: int = -1) -> bytes:
        return self.data


@pytest.fixture(scope="module")
def cloud() -> Iterator[None]:
    """One account for all: clients take long to make, and each test proves that it leaves nothing."""
    with mock_aws(), pytest.MonkeyPatch.context() as patch:  # moto sets keys of its own, and takes them back last
        for name, text in KEYS.items():
            patch.setenv(f"AWS_{name}", text)
        account_of.forget()
        yield
    account_of.forget()


@pytest.fixture
def faults(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    found, clock = Faults(), Clock()
    for module in (account_of, patience, function, tasks_deployment):
        monkeypatch.setattr(module, "now_ns", clock.now_ns)
        monkeypatch.setattr(module, "sleep", clock.sleep)
    found.answer("Invoke", lambda: {"LogResult": "", "Payload": Body(b"{}")}, None)
    monkeypatch.setattr(registry, "push", push)
    inner = BaseClient._make_api_call

    def call(client: Any, operation: str, parameters: Any) -> Any:
        fault = found.take(operation)
        return inner(client, operation, parameters) if fault is None else fault()

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    yield found
    found.always.clear()
    found.coming.clear()
    assert swept() == []
    registry.remove_repository(account_of.account(), OTHER)


def push(account: Any, package: Package, run_id: str) -> str:
    """The repository is made; no engine is asked."""
    name = registry.repository_name(run_id, package.workload)
    registry.make_repository(account, name, run_id)
    return f"{account.number()}.dkr.ecr.{account.region}.amazonaws.com/{name}@sha256:{'0' * 64}"


def deploy(**settings: Any) -> function.FunctionDeployment:
    order = Order(RUN, Sizing.of_function(1769), AwsLambdaSettings(**settings))
    return function.FunctionDeployment(account_of.account(), PACKAGE, order, order.settings)


def swept() -> list[str]:
    """What is left of the run once its platform has removed what it finds."""
    of = targets.platform("aws")
    for remnant in of.remnants(RUN):
        of.remove(remnant)
    return [remnant.name for remnant in of.remnants()]


def bystander() -> None:
    """Called as ours are, and without our tag."""
    account_of.account().call("ecr", "create_repository", repositoryName=OTHER)


def bystanders() -> list[str]:
    found = account_of.account().call("ecr", "describe_repositories")["repositories"]
    return [each["repositoryName"] for each in found]


def test_without_a_fault_all_is_made_and_all_is_gone(faults: Faults):
    bystander()
    deployment = deploy()
    kinds = {remnant.name.partition(" ")[0] for remnant in targets.platform("aws").remnants(RUN)}
    assert kinds == {"function", "log", "repository", "role"}
    deployment.destroy()
    deployment.destroy()
    assert swept() == [] and bystanders() == [OTHER]


PASSING = [
    ("CreateFunction", "TooManyRequestsException", "rate exceeded"),
    (
        "CreateFunction",
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    ),
    ("CreateRepository", "ThrottlingException", "rate exceeded"),
    ("UpdateFunctionConfiguration", "ResourceConflictException", "an update is in progress"),
    ("Invoke", "ResourceNotReadyException", "The function is inactive"),
    ("Invoke", "CodeArtifactUserPendingException", "The image is being optimised"),
    ("DeleteFunction", "ResourceConflictException", "an update is in progress"),
]


@pytest.mark.parametrize(("operation", "code", "message"), PASSING)
def test_what_passes_is_waited_for(faults: Faults, operation: str, code: str, message: str):
    faults.refuse(operation, code, times=3, message=message)
    deploy().destroy()
    assert faults.calls[operation] >= 4
    assert swept() == []


LASTING = [
    ("CreateFunction", "TooManyRequestsException", "rate exceeded", "lambda:CreateFunction was refused"),
    ("CreateFunction", "InvalidParameterValueException", "The role cannot be assumed by Lambda.", "cannot be assumed"),
    ("CreateFunction", "AccessDeniedException", "no", "the permission lambda:CreateFunction is missing"),
    ("CreateFunction", "CodeStorageExceededException", "full", "a quota is reached"),
    ("CreateRepository", "ExpiredTokenException", "expired", "the credentials have expired: log in again"),
    ("CreateRepository", "LimitExceededException", "many", "a quota is reached"),
    ("CreateRole", "AccessDenied", "no", "the permission iam:CreateRole is missing"),
    ("CreateLogGroup", "UnrecognizedClientException", "bad", "the credentials are not valid"),
    (
        "UpdateFunctionConfiguration",
        "ResourceConflictException",
        "in progress",
        "UpdateFunctionConfiguration was refused",
    ),
    ("Invoke", "ResourceNotReadyException", "inactive", "lambda:InvokeFunction was refused"),
    ("CreateFunction", "SubscriptionRequiredException", "no", "lambda is not to be had in eu-west-1"),
]


@pytest.mark.parametrize(("operation", "code", "message", "told"), LASTING)
def test_what_lasts_is_told_and_leaves_nothing(faults: Faults, operation: str, code: str, message: str, told: str):
    bystander()
    faults.refuse(operation, code, times=None, message=message)
    with pytest.raises(DeploymentError, match=told):
        deploy()
    faults.always.pop(operation)
    assert swept() == [] and bystanders() == [OTHER]


def test_what_may_have_been_made_is_not_made_twice(faults: Faults):
    faults.refuse("CreateFunction", "ServiceException", times=1)
    with pytest.raises(Refused, match="lambda:CreateFunction was refused"):
        deploy()
    assert faults.calls["CreateFunction"] == 1
    assert swept() == []


@pytest.mark.parametrize("state", ["State", "LastUpdateStatus"])
def test_a_function_that_never_becomes_active_is_told_within_the_limit(faults: Faults, state: str):
    looking = {"State": "Active", "LastUpdateStatus": "Successful"} | {state: "Pending"}
    faults.answer("GetFunction", lambda: {"Configuration": looking}, None)
    with pytest.raises(DeploymentError, match=r"was not active within 600 s: run it again"):
        deploy()
    faults.always.pop("GetFunction")
    assert swept() == []


def test_a_function_that_fails_is_told_with_the_reason(faults: Faults):
    failed = {"State": "Failed", "StateReason": "the image is an index"}
    faults.answer("GetFunction", lambda: {"Configuration": failed}, None)
    with pytest.raises(DeploymentError, match="failed: the image is an index"):
        deploy()
    faults.always.pop("GetFunction")
    assert swept() == []


def test_a_function_that_fails_at_its_first_request_is_told_with_its_words(faults: Faults):
    body = Body(b'{"errorMessage": "no module named frost"}')
    faults.answer("Invoke", lambda: {"FunctionError": "Unhandled", "LogResult": "", "Payload": body}, None)
    with pytest.raises(DeploymentError, match="no module named frost"):
        deploy()
    assert swept() == []


def test_credentials_that_expire_in_mid_run_are_told_and_the_sweep_takes_up_later(faults: Faults):
    deployment = deploy()
    faults.refuse("UpdateFunctionConfiguration", "ExpiredTokenException", None)
    with pytest.raises(Refused, match="the credentials have expired: log in again"):
        deployment.make_cold()
    faults.refuse("DeleteFunction", "ExpiredTokenException", None)
    with pytest.raises(Refused, match="expired"):
        deployment.destroy()
    faults.always.clear()
    assert swept() == []


def test_credentials_that_expired_are_seen_before_the_next_trial_and_nothing_is_called_gone(faults: Faults):
    deployment = deploy()
    assert common.refusal() is None
    for operation in ("GetCallerIdentity", "ListFunctions"):
        faults.refuse(operation, "ExpiredToken", None)
    assert "log in again (`aws sso login`), and carry on with --resume" in (common.refusal() or "")
    with pytest.raises(Refused, match="the credentials have expired"):
        list(targets.platform("aws").remnants(RUN))
    (told,) = clean.sweep(RUN, ["aws-lambda"], cut_off=False)
    assert told.startswith(f"aws: what is left of run {RUN} is not known (the credentials have expired: log in again")
    assert told.endswith("remove it with `frostline clean --on aws`")
    faults.always = {"Invoke": faults.always["Invoke"]}
    assert common.refusal() is None, "whoever logged in again goes on"
    (told,) = clean.sweep(RUN, ["aws-lambda"], cut_off=False)
    assert told.endswith(f"nothing of run {RUN} is left")
    deployment.destroy()


def test_what_went_wrong_is_told_and_not_what_its_removal_says(faults: Faults):
    faults.refuse("CreateFunction", "AccessDeniedException", None)
    faults.refuse("DeleteFunction", "AccessDeniedException", None)
    with pytest.raises(Refused, match="the permission lambda:CreateFunction is missing"):
        deploy()


def test_a_ctrl_c_stays_one_whatever_its_removal_says(faults: Faults):
    def interrupt() -> Any:
        raise KeyboardInterrupt

    faults.answer("CreateFunction", interrupt)
    faults.refuse("DeleteFunction", "ExpiredTokenException", None)
    with pytest.raises(KeyboardInterrupt):
        deploy()


ARN = "arn:aws:iam::123456789012:role/frostline/x"
SAID = [
    ("GetFunction", {"Configuration": {"State": "Failed", "StateReason": f"{ARN} may not"}}),
    ("Invoke", {"FunctionError": "Unhandled", "LogResult": "", "Payload": Body(f"no {ARN}".encode())}),
]


@pytest.mark.parametrize(("operation", "answer"), SAID)
def test_reasons_that_aws_gives_name_no_account(faults: Faults, operation: str, answer: Any):
    faults.answer(operation, lambda: answer, None)
    with pytest.raises(DeploymentError, match=r"#[0-9a-f]{8}") as caught:
        deploy()
    assert "123456789012" not in str(caught.value)


def test_an_engine_that_cannot_push_names_no_account(faults: Faults, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry.containers, "engine", Unpushing)
    monkeypatch.setattr(registry, "push", PUSH)
    with pytest.raises(DeploymentError, match=r"pushing image .* failed") as caught:
        deploy()
    assert "123456789012" not in str(caught.value) and "#" in str(caught.value)


@pytest.mark.parametrize(
    ("operation", "code", "message"),
    [
        ("DeleteFunction", "ResourceConflictException", "in progress"),
        ("DeleteFunction", "TooManyRequestsException", "rate exceeded"),
        ("DeleteRole", "Throttling", "rate exceeded"),
        ("DeleteRepository", "ServerException", "try again"),
    ],
)
def test_a_deletion_that_needs_more_tries_gets_them(faults: Faults, operation: str, code: str, message: str):
    deploy()
    faults.refuse(operation, code, times=4, message=message)
    assert swept() == []
    assert faults.calls[operation] >= 5


def test_one_service_that_refuses_to_list_hides_none_of_the_others(faults: Faults):
    deploy()
    faults.refuse("ListRoles", "AccessDenied", None)
    of = targets.platform("aws")
    assert {remnant.name.partition(" ")[0] for remnant in of.remnants(RUN)} == {"function", "log", "repository"}
    (unseen,) = of.unseen()
    assert unseen.startswith("role (the permission iam:ListRoles is missing (")
    faults.always.clear()
    assert swept() == [] and of.unseen() == []


def test_logs_that_come_late_are_waited_for_and_those_that_never_come_are_written_off(faults: Faults):
    deployment = deploy()
    late = [{"message": REPORT.format("r-1")}]
    deployment.hear("r-1", b"")
    deployment.hear("r-2", b"")
    faults.answer("FilterLogEvents", lambda: {"events": []}, times=3)
    faults.answer("FilterLogEvents", lambda: {"events": late}, times=None)
    deployment.settle(20.0)
    assert [word.request_id for word in deployment.witnesses()] == ["r-1"]
    assert faults.calls["FilterLogEvents"] > 4, "the other is waited for as long as it may take"
    deployment.write_off(1, None)
    consumed = {(line.sku, line.source): line.quantity for line in deployment.consumed()}
    assert consumed["lambda.x86.gb-second", "witnessed"] == pytest.approx(0.011 * 1769 / 1024)
    deployment.destroy()
    assert swept() == []


def test_a_region_without_the_service_is_told_with_those_that_have_it(faults: Faults):

    def unreachable() -> Any:
        raise EndpointConnectionError(endpoint_url="https://lambda.mars-north-1.amazonaws.com")

    faults.answer("ListFunctions", unreachable, None)
    with pytest.raises(NoAccess, match=r"lambda is not in mars-north-1: set AWS_REGION to one of .*eu-west-1"):
        functions.list_functions(account_of.account("mars-north-1"))


def test_what_is_told_names_no_account_no_arn_and_no_key(faults: Faults):
    arn, key = "arn:aws:iam::123456789012:user/frost", "AKIAIOSFODNN7EXAMPLE"
    faults.refuse("CreateRole", "AccessDenied", None, f"User: {arn} with {key} of 123456789012 may not")
    with pytest.raises(DeploymentError) as caught:
        deploy()
    for secret in (arn, key, "123456789012"):
        assert secret not in str(caught.value)
    assert "#" in str(caught.value)


def test_what_describes_a_deployment_names_no_account(faults: Faults):
    deployment = deploy()
    told = json.dumps(deployment.describe())
    assert "123456789012" not in told and "arn:" not in told
    deployment.destroy()
    assert swept() == []


def test_a_group_that_is_still_in_use_is_asked_for_again(faults: Faults):
    account = account_of.account()
    place = network.find_network(account)
    network.make_group(account, "frostline-x", place, RUN, ["192.0.2.1/32"], 80)
    faults.refuse("DeleteSecurityGroup", "DependencyViolation", times=5)
    assert swept() == []


def serve(**settings: Any) -> tasks_deployment.TasksDeployment:
    order = Order(RUN, Sizing(2048, 1.0), AwsEcsSettings(reachable_from="192.0.2.1/32", address="private", **settings))
    return tasks_deployment.TasksDeployment(account_of.account(), PACKAGE, order, order.settings)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks of moto's run nothing: they are said to answer, and to be healthy."""
    monkeypatch.setattr(tasks_deployment, "is_ready", lambda url: True)
    monkeypatch.setattr(balancers, "healthy", lambda account, targets: 1)
    monkeypatch.setattr(tasks, "running", lambda account, cluster, service: 1)


@pytest.mark.usefixtures("answering")
def test_what_is_left_is_named_without_its_account(faults: Faults):
    serve()
    names = [remnant.name for remnant in targets.platform("aws").remnants(RUN)]
    assert not [name for name in names if "arn:" in name or "123456789012" in name]
    assert any(name.startswith("balancer frostline-") for name in names)


@pytest.mark.usefixtures("answering")
def test_a_service_is_made_and_all_of_it_is_gone(faults: Faults):
    deployment = serve()
    kinds = {remnant.name.partition(" ")[0] for remnant in targets.platform("aws").remnants(RUN)}
    assert kinds >= {"cluster", "definition", "balancer", "target-group", "security-group", "log", "repository", "role"}
    deployment.make_cold()
    deployment.wake()
    assert deployment.endpoints[0].url.startswith("http://")
    deployment.destroy()
    deployment.destroy()
    assert swept() == []


SERVING = [
    ("CreateService", "LimitExceededException", "a quota is reached"),
    ("RegisterTaskDefinition", "AccessDeniedException", "the permission ecs:RegisterTaskDefinition is missing"),
    ("CreateLoadBalancer", "TooManyLoadBalancers", "a quota is reached"),
    ("CreateTargetGroup", "AccessDenied", "the permission elasticloadbalancing:CreateTargetGroup is missing"),
    ("AuthorizeSecurityGroupIngress", "UnauthorizedOperation", "ec2:AuthorizeSecurityGroupIngress is missing"),
]


@pytest.mark.usefixtures("answering")
@pytest.mark.parametrize(("operation", "code", "told"), SERVING)
def test_a_service_that_is_made_half_way_leaves_nothing(faults: Faults, operation: str, code: str, told: str):
    faults.refuse(operation, code, times=None)
    with pytest.raises(DeploymentError, match=told):
        serve()
    faults.always.pop(operation)
    assert swept() == []


def test_replicas_that_never_run_are_told_within_the_limit(faults: Faults, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tasks, "running", lambda account, cluster, service: 0)
    with pytest.raises(DeploymentError, match=r"1 replicas of .* did not run within 900 s"):
        serve()
    assert swept() == []


@pytest.mark.usefixtures("answering")
def test_a_task_that_is_not_placed_or_never_answers_is_a_start_that_failed(faults: Faults, monkeypatch: Any):
    deployment = serve()
    faults.answer("RunTask", lambda: {"tasks": [], "failures": [{"reason": "Capacity is unavailable at this time."}]})
    with pytest.raises(StartFailed, match="ECS starts no task: Capacity is unavailable"):
        deployment.wake()
    details = [{"name": "privateIPv4Address", "value": "192.0.2.8"}]
    running = {"lastStatus": "RUNNING", "attachments": [{"details": details}]}
    monkeypatch.setattr(tasks, "look", lambda account, cluster, task: running)
    monkeypatch.setattr(tasks_deployment, "is_ready", lambda url: False)
    with pytest.raises(StartFailed, match="did not answer within 600 s"):
        deployment.wake()
    deployment.destroy()
    assert swept() == []


@pytest.mark.usefixtures("answering")
def test_a_cluster_that_still_has_something_is_asked_for_again(faults: Faults):
    deployment = serve()
    faults.refuse("DeleteCluster", "ClusterContainsServicesException", times=3)
    faults.refuse("DeleteTargetGroup", "ResourceInUse", times=3)
    deployment.destroy()
    assert swept() == []
    assert faults.calls["DeleteCluster"] >= 4 and faults.calls["DeleteTargetGroup"] >= 4


def test_sorts_are_removed_before_what_they_stand_on():
    names = [sort.name for sort in platform.SORTS]
    for first, then in (("function", "role"), ("cluster", "security-group"), ("balancer", "target-group")):
        assert names.index(first) < names.index(then)
