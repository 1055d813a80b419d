"""An endpoint's whole life against a server that stands in for AWS: made, cold, told of, removed, whatever fails."""

import boto3
import pytest

import targets
from harness.load.senders import endpoint_problems
from targets.aws import endpoint as endpoint_module
from targets.aws import endpoints, logs, registry
from targets.aws.account import Account, account
from targets.aws.patience import Overdue
from targets.aws.refusals import Refused
from targets.contract import DeploymentError, Metered, Order, Package, Reported, Sizing, StartFailed
from tests.moto import mean, moto_server

pytestmark = pytest.mark.lasting

PACKAGE = Package("echo", "frostline/echo:0123456789ab", {"machine": "x86_64", "size_bytes": 200_000_000})
SIZES = {"aws-sagemaker-serverless": Sizing.of_function(2048), "aws-sagemaker": Sizing(2048, 1.0)}
GENERATION = "FROSTLINE_GENERATION"


@pytest.fixture(scope="module")
def url():
    with moto_server() as url:
        yield url


class Aws:
    """The server, as whoever tests sees it."""

    def __init__(self, patch):
        self.platform, self.run, self.image = targets.platform("aws"), "run-of-a-test", "repository@sha256:fine"
        patch.setattr(registry, "push", self.push)  # nothing here takes an image
        patch.setattr(endpoints, "LOOK_S", 0.01)

    def push(self, account, package, run_id):
        registry.make_repository(account, registry.repository_name(run_id, package.workload), run_id)
        return self.image

    def order(self, name, **changes):
        return Order(self.run, SIZES[name], **changes)

    def deploy(self, name, **changes):
        return targets.target(name).deploy(PACKAGE, self.order(name, **changes))

    def left(self):
        """Sorts of what is there of the run, in the order in which it is removed."""
        return [remnant.name.split()[0] for remnant in self.platform.remnants(self.run)]

    def version(self, deployment):
        """The model that is asked."""
        told = account().call("sagemaker", "describe_endpoint", EndpointName=deployment.name)
        return account().call("sagemaker", "describe_model", ModelName=told["EndpointConfigName"])

    def generation(self, deployment):
        return self.version(deployment)["PrimaryContainer"]["Environment"][GENERATION]

    def sweep(self):
        for remnant in list(self.platform.remnants(self.run)):
            self.platform.remove(remnant)


@pytest.fixture
def aws(url, monkeypatch):
    mean(monkeypatch, url)
    aws = Aws(monkeypatch)
    yield aws
    aws.sweep()
    assert aws.left() == []


both = pytest.mark.parametrize("name", SIZES)
WHOLE = ["endpoint", "endpoint-config", "model", "log", "repository", "role"]
OF_THE_RUN = ["repository", "role"]


@both
def test_it_is_made_with_tags_asked_by_signed_requests_and_removed(aws, name):
    deployment = aws.deploy(name)
    assert isinstance(deployment, Metered) and isinstance(deployment, Reported)
    (endpoint,) = deployment.endpoints
    assert endpoint.url.endswith(f"/endpoints/{deployment.name}/invocations")
    assert endpoint_problems(endpoint) == []
    assert endpoint.sender_settings == {"service": "sagemaker", "region": "us-east-1"}
    assert aws.left() == WHOLE, "what stands before another is removed before it"
    assert all(remnant.owner and remnant.expires_s for remnant in aws.platform.remnants(aws.run))
    assert aws.generation(deployment) == deployment.generation
    variables = aws.version(deployment)["PrimaryContainer"]["Environment"]
    assert variables["FROSTLINE_WORKLOAD"] == "echo" and aws.version(deployment)["ExecutionRoleArn"].startswith("arn")
    deployment.destroy()
    assert aws.left() == OF_THE_RUN, "those are shared by all targets of the run"
    deployment.destroy()


def test_what_is_offered_is_what_was_ordered(aws):
    serverless = targets.target("aws-sagemaker-serverless").settings
    deployment = aws.deploy("aws-sagemaker-serverless", settings=serverless(max_concurrency=7, provisioned=3))
    assert offer_of(deployment)["ServerlessConfig"] == {
        "MemorySizeInMB": 2048,
        "MaxConcurrency": 7,
        "ProvisionedConcurrency": 3,
    }
    deployment = aws.deploy("aws-sagemaker", settings=targets.target("aws-sagemaker").settings(replicas=2))
    offer = offer_of(deployment)
    assert (offer["InstanceType"], offer["InitialInstanceCount"]) == ("ml.m5.xlarge", 2)


def offer_of(deployment):
    name = account().call("sagemaker", "describe_endpoint", EndpointName=deployment.name)["EndpointConfigName"]
    return account().call("sagemaker", "describe_endpoint_config", EndpointConfigName=name)["ProductionVariants"][0]


@both
def test_cold_is_another_version_and_the_old_one_is_removed(aws, name):
    deployment = aws.deploy(name)
    first = deployment.generation
    generation = deployment.make_cold()
    deployment.wake()
    assert generation == deployment.generation == aws.generation(deployment) != first
    assert aws.left() == WHOLE
    deployment.reset(None)
    assert aws.generation(deployment) == deployment.generation != generation
    assert deployment.describe()["renewed"] == 2 and aws.left() == WHOLE


def test_a_start_of_an_instance_is_waited_for_by_whoever_wakes_it(aws):
    """So that the clock of a forced start begins when its replica is asked for, and not once it is there."""
    deployment = aws.deploy("aws-sagemaker")
    earlier = aws.generation(deployment)
    deployment.make_cold()
    assert aws.left().count("model") == 2 and aws.generation(deployment) == earlier
    deployment.make_cold()  # again, before it was waked: that waits for the first
    deployment.wake()
    assert aws.left().count("model") == 1 and aws.generation(deployment) == deployment.generation


@both
@pytest.mark.parametrize(("image", "failure"), [("unhealthy", StartFailed), ("scarce", DeploymentError)])
def test_an_endpoint_that_fails_says_why_and_leaves_nothing(aws, name, image, failure):
    aws.image = f"repository@sha256:{image}"
    with pytest.raises(DeploymentError, match=r"health check|capacity") as caught:
        aws.deploy(name)
    assert type(caught.value) is failure and "123456789012" not in str(caught.value)
    assert aws.left() == OF_THE_RUN


def test_what_units_that_did_not_start_printed_is_told(aws, monkeypatch):
    aws.image = "repository@sha256:unhealthy"
    make = endpoints.make_endpoint

    def make_and_print(account, name, version):
        make(account, name, version)
        group, stream = f"{logs.ENDPOINTS}{name}", "main/i-0"
        account.call("logs", "create_log_stream", logGroupName=group, logStreamName=stream)
        events = [{"timestamp": int(endpoint_module.wall_time() * 1000), "message": "no weights.bin"}]
        account.call("logs", "put_log_events", logGroupName=group, logStreamName=stream, logEvents=events)

    monkeypatch.setattr(endpoints, "make_endpoint", make_and_print)
    with pytest.raises(StartFailed, match=r"health check.*: no weights\.bin"):
        aws.deploy("aws-sagemaker")


@both
def test_after_a_new_version_that_fails_another_one_can_be_tried_and_nothing_is_left(aws, name):
    deployment = aws.deploy(name)
    deployment._image = "repository@sha256:unhealthy"
    with pytest.raises(StartFailed, match="ping health check"):
        deployment.make_cold()
        deployment.wake()
    assert aws.left().count("model") == 2 and aws.generation(deployment) != deployment.generation
    deployment._image = aws.image
    deployment.make_cold()
    deployment.wake()
    assert aws.left().count("model") == 1 and aws.generation(deployment) == deployment.generation
    deployment.destroy()
    assert aws.left() == OF_THE_RUN


class Faulty:
    """An account that refuses one operation, or is interrupted before it or after it was done."""

    def __init__(self, patch, operation, fault, done=False):
        call, self.met = Account.call, 0

        def faulty(account, service, asked, **parameters):
            if asked != operation:
                return call(account, service, asked, **parameters)
            self.met += 1
            if done:
                call(account, service, asked, **parameters)
            raise fault

        patch.setattr(Account, "call", faulty)


@both
@pytest.mark.parametrize(
    "operation",
    ["create_role", "create_log_group", "create_model", "create_endpoint_config", "create_endpoint"],
)
@pytest.mark.parametrize(
    ("fault", "done"),
    [(Refused("ResourceLimitExceeded", "a quota is reached"), False), (KeyboardInterrupt(), True)],
    ids=["refused", "interrupted"],
)
def test_nothing_of_a_deployment_that_did_not_come_about_is_left(aws, name, operation, done, fault, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(type(fault)):
        faulty = Faulty(patch, operation, fault, done)
        aws.deploy(name)
    assert faulty.met == 1
    assert set(aws.left()) <= set(OF_THE_RUN)


@both
@pytest.mark.parametrize("fault", [KeyboardInterrupt(), Refused("AccessDenied", "no"), Overdue("was not in service")])
def test_what_ends_the_wait_for_it_leaves_nothing_once_it_is_there(aws, name, fault, monkeypatch):
    def end(*_):
        raise fault

    monkeypatch.setattr(endpoints, "await_version", end)
    with pytest.raises(type(fault)):
        aws.deploy(name)
    assert aws.left() == OF_THE_RUN


@both
def test_what_a_killed_run_left_is_found_and_removed_in_an_order_that_can_be(aws, name):
    deployment = aws.deploy(name)
    deployment.make_cold()
    assert "endpoint" in aws.left()
    aws.sweep()
    assert aws.left() == []
    deployment.destroy()


def test_no_run_sees_what_another_one_has(aws):
    aws.deploy("aws-sagemaker-serverless")
    assert [remnant.run for remnant in aws.platform.remnants("another")] == []


@both
def test_a_push_that_fails_leaves_nothing_of_the_endpoint(aws, name, monkeypatch):
    def fail(*_):
        raise DeploymentError("the image could not be pushed to the registry: denied")

    monkeypatch.setattr(registry, "push", fail)
    with pytest.raises(DeploymentError, match="could not be pushed"):
        aws.deploy(name)
    assert aws.left() == ["role"]


def test_what_cloudwatch_tells_is_a_fact_of_the_trial_and_of_no_request(aws, url):
    deployment = aws.deploy("aws-sagemaker-serverless")
    deployment.settle(60.0)
    assert "cloudwatch" not in deployment.describe(), "without replies there is nothing to wait for"
    named = {"EndpointName": deployment.name, "VariantName": "main"}
    dimensions = [{"Name": name, "Value": value} for name, value in named.items()]
    client = boto3.client("cloudwatch", "us-east-1", endpoint_url=url)
    for value in (1000.0, 3000.0):
        metric = {"MetricName": "ModelLatency", "Dimensions": dimensions, "Value": value, "Unit": "Microseconds"}
        client.put_metric_data(Namespace="AWS/SageMaker", MetricData=[metric])
        deployment.hear("", b"")
    deployment.settle(60.0)
    told = {"count": 2, "sum": 4000.0, "max": 3000.0, "unit": "Microseconds"}
    assert deployment.describe()["cloudwatch"] == {"ModelLatency": told}, "what was not told is not there"
    assert list(deployment.witnesses()) == []


def test_figures_that_never_come_are_not_waited_for_for_ever_and_are_absent(aws, monkeypatch):
    monkeypatch.setattr(endpoint_module, "FIGURES_POLL_S", 0.01)
    deployment = aws.deploy("aws-sagemaker-serverless")
    deployment.hear("", b"")
    deployment.settle(0.1)
    assert "cloudwatch" not in deployment.describe()


def test_its_facts_name_no_account(aws):
    deployment = aws.deploy("aws-sagemaker")
    assert "123456789012" not in str(deployment.describe())
    assert deployment.describe()["limits"]["instance_type"] == "ml.m5.xlarge"


@both
def test_what_cannot_be_is_refused_with_a_sentence(aws, name, tmp_path):
    deployment = aws.deploy(name)
    for refused in (
        deployment.usage,
        deployment.scale_out,
        lambda: deployment.completions(0),
        lambda: deployment.reset(tmp_path),
    ):
        with pytest.raises(DeploymentError):
            refused()
    assert deployment.events() == []
    with pytest.raises(DeploymentError, match="images: absent"):
        aws.deploy(name, images_absent=True)
    with pytest.raises(DeploymentError, match="more than 1,024 characters in LONG: give its workload fewer"):
        aws.deploy(name, environment={"LONG": "x" * 1025})
