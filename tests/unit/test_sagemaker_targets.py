"""What can be bought as SageMaker, what a wrong setting is told, and what an endpoint consumes: nothing is asked."""

import itertools

import pytest

import targets
from harness.cost.book import book_for
from targets.aws import sagemaker_meter
from targets.aws.aws_sagemaker import TYPES, AwsSagemakerSettings
from targets.aws.aws_sagemaker_serverless import SIZES_MB, AwsSagemakerServerlessSettings
from targets.aws.sagemaker_meter import Instances, SageMakerMeter, Serverless
from targets.contract import Billed, Demand, DeploymentError, Order, Package, Sizing
from tests.moto import mean

SERVERLESS, REAL_TIME = targets.target("aws-sagemaker-serverless"), targets.target("aws-sagemaker")
PACKAGE = Package("echo", "frostline/echo:0123456789ab", {"machine": "x86_64", "size_bytes": 730_000_000})
SKUS = {row.sku for row in book_for("AWS", "us-east-1").prices}
HOUR_S = 3600.0


@pytest.fixture(autouse=True)
def nobodys_account(monkeypatch):
    mean(monkeypatch, "http://127.0.0.1:9")


def by_sku(consumed):
    return {line.sku: (line.quantity, line.source) for line in consumed}


def test_all_that_is_wrong_with_settings_is_told_at_once():
    with pytest.raises(ValueError, match="sender: ") as caught:
        AwsSagemakerServerlessSettings(
            max_concurrency=201, provisioned=-1, keep_alive_s=-1.0, sender="http", role="arn:aws:iam::1:role/x"
        )
    assert [line.split(":")[0] for line in str(caught.value).split("\n")] == [
        *("sender", "role", "max_concurrency", "provisioned", "keep_alive_s")
    ]
    with pytest.raises(ValueError, match="sender: ") as caught:
        AwsSagemakerSettings(replicas=0, instance_type="ml.p9.xlarge", sender="http", role="arn:aws:iam::1:role/x")
    assert [line.split(":")[0] for line in str(caught.value).split("\n")] == [
        *("sender", "role", "replicas", "instance_type")
    ]
    with pytest.raises(ValueError, match="give 0 to max_concurrency, 2"):
        AwsSagemakerServerlessSettings(max_concurrency=2, provisioned=3)


def test_rows_are_told_apart_by_what_is_not_as_usual():
    assert AwsSagemakerServerlessSettings().case() == {"concurrency": 20}
    assert AwsSagemakerServerlessSettings(provisioned=2).case() == {"concurrency": 20, "provisioned": 2}
    assert AwsSagemakerSettings(2, "ml.g5.xlarge").case() == {"replicas": 2, "instance_type": "ml.g5.xlarge"}
    limits = AwsSagemakerServerlessSettings(max_concurrency=5, provisioned=2, keep_alive_s=60).limits
    assert (limits.concurrency_limit, limits.provisioned, limits.keep_alive_ns) == (5, 2, 60 * 10**9)


@pytest.mark.parametrize(
    ("memory_mb", "nearest"), [(512, "1024"), (1769, "1024 or 2048"), (6143, "5120 or 6144"), (8192, "6144")]
)
def test_a_size_that_is_not_sold_is_refused_with_the_nearest_ones_before_anything_is_made(memory_mb, nearest):
    order = Order("r", Sizing.of_function(memory_mb))
    why = f"{memory_mb} cannot be bought as SageMaker Serverless Inference: give {nearest}"
    for ask in (
        lambda: SERVERLESS.deploy(PACKAGE, order),
        lambda: SERVERLESS.resources(PACKAGE, order),
        lambda: SERVERLESS.foresee(PACKAGE, order, Demand(1, 0, 1.0, 1.0)),
    ):
        with pytest.raises(DeploymentError) as caught:
            ask()
        assert str(caught.value) == f"sizing.function_memory_mb: {why}"


@pytest.mark.parametrize(
    ("unit", "named", "bought"),
    [
        (Sizing(2048, 1.0), "", "ml.m5.xlarge"),
        (Sizing(16_384, 4.0), "ml.m5.xlarge", "ml.m5.xlarge"),
        (Sizing(16_384, 4.0, 1), "ml.g6.xlarge", "ml.g6.xlarge"),
        (Sizing(20_000, 2.0, 1), "ml.g5.2xlarge", "ml.g5.2xlarge"),
    ],
)
def test_an_instance_has_at_least_the_units_size(unit, named, bought):
    order = Order("r", unit, AwsSagemakerSettings(instance_type=named))
    assert f"sagemaker.{bought}.hour" in by_sku(REAL_TIME.foresee(PACKAGE, order, Demand(1, 0, 1.0, 1.0)))


@pytest.mark.parametrize(
    ("unit", "named", "why"),
    [
        (Sizing(2048, 5.0), "", "sizing: no instance is one for a unit of 5 vCPU with 2,048 MB: give less"),
        (Sizing(2048, 1.0, 1), "", "instance_type: name the one whose GPU a unit is to have"),
        (Sizing(2048, 1.0), "ml.g5.xlarge", "instance_type: ml.g5.xlarge is not one for a unit of 1 vCPU"),
        (Sizing(20_000, 1.0, 1), "ml.g5.xlarge", "instance_type: ml.g5.xlarge is not one for a unit of 1 vCPU"),
    ],
)
def test_a_unit_that_no_instance_holds_is_refused_before_anything_is_made(unit, named, why):
    order = Order("r", unit, AwsSagemakerSettings(instance_type=named))
    for ask in (lambda: REAL_TIME.deploy(PACKAGE, order), lambda: REAL_TIME.resources(PACKAGE, order)):
        with pytest.raises(DeploymentError) as caught:
            ask()
        told = str(caught.value)
        assert told.startswith(why) and "ml.m5.xlarge has 4 vCPU with 16,384 MB" in told


@pytest.mark.parametrize(("target", "unit"), [(SERVERLESS, Sizing.of_function(2048)), (REAL_TIME, Sizing(2048, 1.0))])
def test_an_image_for_another_machine_is_refused(target, unit):
    arm = Package("echo", "frostline/echo:0123456789ab", {"machine": "aarch64", "size_bytes": 1})
    with pytest.raises(DeploymentError, match=r"is for arm64, and aws-sagemaker.* has x86_64 alone: build"):
        target.deploy(arm, Order("r", unit))


def test_all_that_is_metered_has_a_price():
    for target in (SERVERLESS, REAL_TIME):
        assert isinstance(target, Billed) and target.capabilities.billed
    for size in SIZES_MB:
        assert by_sku(Serverless(size, 1, 10).use(1, 1.0)).keys() | by_sku(Serverless(size, 1, 10).kept(1.0)) <= SKUS
    for name in TYPES:
        assert by_sku(Instances(name, 1).kept(1.0)).keys() <= SKUS
    assert sagemaker_meter.image_kept(1.0, 1.0).sku in SKUS


def test_what_is_foreseen_of_serverless_is_what_requests_hold_and_an_image():
    order = Order("r", Sizing.of_function(3072), AwsSagemakerServerlessSettings(provisioned=2))
    demand = Demand(requests=1000, starts=5, seconds=730 * HOUR_S, request_s=0.5)
    seconds, data, kept, image = SERVERLESS.foresee(PACKAGE, order, demand)
    assert (seconds.sku, seconds.quantity) == ("sagemaker.serverless.3gb.second", 1000 * 0.5 + 5 * 60)
    largest = max(len(payload.body) for payload in targets.workload("echo").payloads())
    assert (data.sku, data.quantity) == ("sagemaker.serverless.data-gb", 1000 * largest / 1e9)
    assert (kept.sku, kept.quantity, kept.of) == (seconds.sku, 2 * demand.seconds, "provisioned units")
    assert (image.sku, image.quantity) == ("ecr.gb-month", pytest.approx(0.73))
    assert {line.source for line in (seconds, data, kept)} == {"bound"}


def test_what_is_foreseen_of_instances_is_twice_as_many_while_they_are_renewed():
    order = Order("r", Sizing(2048, 1.0), AwsSagemakerSettings(replicas=2))
    hours, _ = REAL_TIME.foresee(PACKAGE, order, Demand(10, starts=6, seconds=HOUR_S, request_s=1.0))
    assert (hours.sku, hours.quantity, hours.source) == ("sagemaker.ml.m5.xlarge.hour", 2 * (1 + 1), "clock")


@pytest.fixture
def clock(monkeypatch):
    """Hours since the begin, to be set."""

    class Clock:
        hours = 0.0

    monkeypatch.setattr(sagemaker_meter, "now_ns", lambda: int(Clock.hours * HOUR_S * 1e9))
    return Clock


def test_both_fleets_are_paid_while_an_endpoint_is_renewed(clock):
    meter = SageMakerMeter(Instances("ml.m5.xlarge", 2), 0.0)
    hours = lambda: by_sku(meter.consumed())["sagemaker.ml.m5.xlarge.hour"]  # noqa: E731
    assert hours() == (0.0, "clock")
    clock.hours = 1.0
    meter.add_fleet()
    clock.hours = 2.0
    meter.keep_last_fleet()
    assert hours() == (2.0, "clock")
    meter.add_fleet()
    clock.hours = 2.5
    assert hours() == (4.0, "clock")
    meter.keep_last_fleet()
    meter.add_fleet()
    clock.hours = 2.75
    meter.drop_last_fleet()
    assert hours() == (5.0, "clock"), "what failed was there for a quarter of an hour, beside the others"
    clock.hours = 3.0
    meter.end()
    clock.hours = 9.0
    meter.end()
    assert hours() == (5.5, "clock"), "what is gone costs no more"


def test_requests_that_nobody_tells_of_are_taken_to_hold_a_unit_as_long_as_they_were_under_way(clock):
    meter = SageMakerMeter(Serverless(2048, 0, 1000), 0.0)
    second = "sagemaker.serverless.2gb.second"
    assert second not in by_sku(meter.consumed())
    assert by_sku(meter.bound(3, 1.5)) == {second: (1.5, "bound"), "sagemaker.serverless.data-gb": (3e-6, "bound")}
    meter.write_off(3, 1.5)
    meter.write_off(1, 0.5)
    assert by_sku(meter.consumed())[second] == (2.0, "bound")


def test_nothing_that_was_consumed_is_ever_less(clock):
    meter, seen = SageMakerMeter(Serverless(1024, 3, 10), 2.0), [{}]
    steps = [meter.add_fleet, meter.keep_last_fleet, lambda: meter.write_off(2, 1.0), meter.add_fleet]
    steps += [meter.drop_last_fleet, meter.end]
    for step in steps:
        clock.hours += 1.0
        step()
        seen.append({(line.sku, line.of): line.quantity for line in meter.consumed()})
    for before, after in itertools.pairwise(seen):
        assert all(after[key] >= quantity for key, quantity in before.items())
