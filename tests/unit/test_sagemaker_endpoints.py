"""What SageMaker may answer while an endpoint is made, changed and removed: it is told, and nothing is endless."""

from types import SimpleNamespace

import pytest
from botocore.stub import ANY, Stubber

from targets.aws import account as account_module
from targets.aws import endpoints, patience
from targets.aws.account import Account
from targets.aws.refusals import Refused
from targets.contract import DeploymentError, StartFailed
from tests.moto import mean

pytestmark = pytest.mark.lasting

NAME, VERSION = "frostline-12345678-echo-abcdef", "frostline-12345678-echo-abcdef-1"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/x"
ROLE = "arn:aws:iam::123456789012:role/frostline/frostline-12345678-model"
OFFER = {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 2}}
MADE = endpoints.Version(VERSION, "repo@sha256:1", ROLE, {"A": "b"}, OFFER, {"frostline:run": "r"})
TAGS = [{"Key": "frostline:run", "Value": "r"}]
GONE = f'Could not find endpoint "{ARN}".'
BUSY = f'Cannot update in-progress endpoint "{ARN}".'


@pytest.fixture
def sagemaker(monkeypatch):
    """An account, and the answers that its SageMaker gives, all of which must be asked for."""
    mean(monkeypatch, "")
    account = Account()
    clock = SimpleNamespace(now_ns=0)

    def sleep(seconds):
        clock.now_ns += int(seconds * 1e9)

    for module in (patience, account_module):
        monkeypatch.setattr(module, "sleep", sleep)
        monkeypatch.setattr(module, "now_ns", lambda: clock.now_ns)
    with Stubber(account.client("sagemaker")) as stub:
        yield SimpleNamespace(account=account, stub=stub, clock=clock)
        stub.assert_no_pending_responses()


def told(status, config=VERSION, **more):
    moments = {"CreationTime": 0, "LastModifiedTime": 0}
    answer = {"EndpointName": NAME, "EndpointArn": ARN, "EndpointConfigName": config, "EndpointStatus": status}
    return {**answer, **moments, **more}


def is_seen(sagemaker, *states):
    for state in states:
        sagemaker.stub.add_response("describe_endpoint", told(**state), {"EndpointName": NAME})


def is_refused(sagemaker, operation, code, message):
    sagemaker.stub.add_client_error(operation, code, message)


def test_an_endpoint_is_awaited_until_units_of_the_version_alone_are_asked(sagemaker):
    updating, old = {"status": "Updating", "config": "old"}, {"status": "InService", "config": "old"}
    is_seen(sagemaker, old, updating, updating, {"status": "InService"})
    endpoints.await_version(sagemaker.account, NAME, VERSION)
    assert sagemaker.clock.now_ns == 3 * endpoints.LOOK_S * 1e9


def test_units_that_never_answered_are_the_targets_fault_and_what_could_not_be_had_is_not(sagemaker):
    unhealthy = f"The primary container did not pass the ping health check. See {ARN}."
    is_seen(sagemaker, {"status": "Creating"}, {"status": "Failed", "FailureReason": unhealthy})
    with pytest.raises(StartFailed, match="did not pass the ping health check") as caught:
        endpoints.await_version(sagemaker.account, NAME, VERSION)
    assert "123456789012" not in str(caught.value)
    is_seen(sagemaker, {"status": "Failed", "FailureReason": "Unable to provision capacity"})
    with pytest.raises(DeploymentError, match="Unable to provision capacity") as caught:
        endpoints.await_version(sagemaker.account, NAME, VERSION)
    assert not isinstance(caught.value, StartFailed)
    is_seen(sagemaker, {"status": "UpdateRollbackFailed"})
    with pytest.raises(DeploymentError, match="gives no reason, and its state is UpdateRollbackFailed"):
        endpoints.await_version(sagemaker.account, NAME, VERSION)


def test_a_change_that_was_rolled_back_is_no_success(sagemaker):
    reason = "did not pass the ping health check"
    rolling = {"status": "RollingBack", "config": "old", "FailureReason": reason}
    is_seen(sagemaker, rolling, {"status": "InService", "config": "old", "FailureReason": reason})
    with pytest.raises(StartFailed, match=reason):
        endpoints.await_version(sagemaker.account, NAME, VERSION)


def test_a_waiter_that_never_ends_ends(sagemaker, monkeypatch):
    monkeypatch.setattr(endpoints, "READY_LIMIT_S", 3.0)
    is_seen(sagemaker, *[{"status": "Creating"}] * 5)
    with pytest.raises(DeploymentError, match="was not in service within 3 s"):
        endpoints.await_version(sagemaker.account, NAME, VERSION)


def test_a_quota_names_where_it_is_raised(sagemaker):
    sagemaker.stub.add_client_error("create_endpoint", "ResourceLimitExceeded", "limit of 0 for ml.m5.xlarge")
    with pytest.raises(Refused, match=r"limit of 0 for ml\.m5\.xlarge\): raise it in Service Quotas"):
        endpoints.make_endpoint(sagemaker.account, NAME, MADE)


def test_what_is_throttled_is_asked_again(sagemaker):
    for _ in range(2):
        is_refused(sagemaker, "create_endpoint", "ThrottlingException", "Rate exceeded")
    asked = {"EndpointName": NAME, "EndpointConfigName": VERSION, "Tags": TAGS}
    sagemaker.stub.add_response("create_endpoint", {"EndpointArn": ARN}, asked)
    endpoints.make_endpoint(sagemaker.account, NAME, MADE)


def test_what_is_throttled_for_ever_is_told(sagemaker, monkeypatch):
    monkeypatch.setattr(account_module, "PATIENCE_S", 1.0)
    for _ in range(4):
        is_refused(sagemaker, "create_endpoint", "ThrottlingException", "Rate exceeded")
    with pytest.raises(Refused, match="Rate exceeded"):
        endpoints.make_endpoint(sagemaker.account, NAME, MADE)


def test_a_new_role_is_waited_for_and_another_refusal_is_not(sagemaker):
    is_refused(sagemaker, "create_model", "ValidationException", f"Could not assume role {ROLE}.")
    sagemaker.stub.add_response("create_model", {"ModelArn": ARN + "/long-enough"})
    asked = {"ProductionVariants": [{"VariantName": "main", "ModelName": VERSION, **OFFER}], "Tags": TAGS}
    sagemaker.stub.add_response(
        "create_endpoint_config", {"EndpointConfigArn": ARN}, {"EndpointConfigName": VERSION, **asked}
    )
    endpoints.make_version(sagemaker.account, MADE)
    is_refused(sagemaker, "create_model", "ValidationException", "Requested image is not there")
    with pytest.raises(Refused, match="Requested image is not there"):
        endpoints.make_version(sagemaker.account, MADE)


def test_an_endpoint_that_is_being_made_is_removed_once_it_is_there(sagemaker):
    is_refused(sagemaker, "delete_endpoint", "ValidationException", BUSY)
    is_seen(sagemaker, *[{"status": "Creating"}] * 3, {"status": "InService"})
    sagemaker.stub.add_response("delete_endpoint", {}, {"EndpointName": NAME})
    is_seen(sagemaker, {"status": "Deleting"})
    is_refused(sagemaker, "describe_endpoint", "ValidationException", GONE)
    endpoints.remove_endpoint(sagemaker.account, NAME)


def test_a_change_that_ends_between_a_refusal_and_a_look_is_no_reason_to_leave_it(sagemaker):
    is_refused(sagemaker, "update_endpoint", "ValidationException", BUSY)
    is_seen(sagemaker, {"status": "InService"})
    asked = {"EndpointName": NAME, "EndpointConfigName": VERSION}
    sagemaker.stub.add_response("update_endpoint", {"EndpointArn": ARN}, asked)
    endpoints.change_version(sagemaker.account, NAME, VERSION)


def test_what_is_refused_whatever_the_state_is_told(sagemaker):
    is_refused(sagemaker, "delete_endpoint", "ValidationException", "no such parameter")
    is_seen(sagemaker, {"status": "InService"})
    is_refused(sagemaker, "delete_endpoint", "ValidationException", "no such parameter")
    with pytest.raises(Refused, match="no such parameter"):
        endpoints.remove_endpoint(sagemaker.account, NAME)


def test_an_endpoint_that_is_made_for_ever_is_not_waited_for_so_long(sagemaker, monkeypatch):
    monkeypatch.setattr(endpoints, "READY_LIMIT_S", 1.0)
    is_refused(sagemaker, "delete_endpoint", "ValidationException", BUSY)
    is_seen(sagemaker, *[{"status": "Creating"}] * 3)
    with pytest.raises(DeploymentError, match="was not over within 1 s"):
        endpoints.remove_endpoint(sagemaker.account, NAME)


def test_an_endpoint_that_is_removed_for_ever_is_not_waited_for_so_long(sagemaker, monkeypatch):
    monkeypatch.setattr(endpoints, "GONE_LIMIT_S", 1.0)
    sagemaker.stub.add_response("delete_endpoint", {}, {"EndpointName": NAME})
    is_seen(sagemaker, *[{"status": "Deleting"}] * 3)
    with pytest.raises(DeploymentError, match="was not gone within 1 s"):
        endpoints.remove_endpoint(sagemaker.account, NAME)


def test_removing_what_is_gone_is_fine(sagemaker):
    is_refused(sagemaker, "delete_endpoint", "ValidationException", GONE)
    is_refused(sagemaker, "describe_endpoint", "ValidationException", GONE)
    endpoints.remove_endpoint(sagemaker.account, NAME)
    is_refused(sagemaker, "delete_endpoint_config", "ValidationException", "Could not find endpoint configuration")
    endpoints.remove_config(sagemaker.account, VERSION)
    is_refused(sagemaker, "delete_model", "ValidationException", "Could not find model")
    endpoints.remove_model(sagemaker.account, VERSION)


def test_what_may_not_be_looked_at_is_not_taken_for_gone(sagemaker):
    is_refused(sagemaker, "delete_endpoint", "AccessDeniedException", "no")
    with pytest.raises(Refused, match=r"the permission sagemaker:DeleteEndpoint is missing"):
        endpoints.remove_endpoint(sagemaker.account, NAME)


def test_only_what_is_called_as_ours_is_looked_at_and_what_vanishes_has_no_tags(sagemaker):
    moments = {"CreationTime": 0, "LastModifiedTime": 0, "EndpointStatus": "InService"}
    names = [NAME, "theirs-frostline-x", "frostline-87654321-a-b"]
    found = [{"EndpointName": name, "EndpointArn": f"{ARN}-{name}", **moments} for name in names]
    sagemaker.stub.add_response("list_endpoints", {"Endpoints": found}, {"NameContains": "frostline-"})
    sagemaker.stub.add_response("list_tags", {"Tags": TAGS}, {"ResourceArn": ANY})
    is_refused(sagemaker, "list_tags", "ValidationException", GONE)
    assert endpoints.list_endpoints(sagemaker.account) == [(names[0], {"frostline:run": "r"}), (names[2], {})]
