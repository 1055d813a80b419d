"""SageMaker and Lambda on instances: bills worked out on paper, and what each of them sells."""

import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from harness.analysis.table import summarise
from harness.cost.bill import Bought, bill
from harness.cost.book import book_for
from harness.cost.costing import costing_of
from harness.cost.month import Month
from harness.cost.platforms import lambda_managed_instances, sagemaker, way_for
from harness.cost.platforms.sagemaker_serverless import meter
from harness.cost.usage import read_use
from harness.errors import RecordError
from harness.record.folder import RunFolder
from harness.record.forecast import write_forecast
from harness.record.stated import Economics
from tests.forecasts import forecast, row
from tests.synthetic import MS, make_run, manifest, requests, samples, target_facts, trial

BOOK = book_for("AWS", "us-east-1")
SMALL = {"memory_mb": 2048, "cpus": 1.0}


def bought(name, case=SMALL, architecture="x86", **sections):
    way = way_for(name)
    return Bought(way, way.purchase(case, architecture), Economics.model_validate(sections), BOOK, None)


def hours(replicas, arrivals=1e6, busy_hours=None):
    return Month(arrivals, arrivals, arrivals, 0.0, unit_hours=replicas * 730, busy_hours=busy_hours)


def usd(lines, *terms):
    return sum((line.ListCost for line in lines if not terms or line.term in terms), Decimal(0))


def test_a_real_time_endpoint_is_paid_by_the_hour_of_its_instances():
    """2 x 730 h x 0.23 = 335.8, of which 146 of 5,840 hours of 4 vCPU each are busy: 2.5 %, 8.395."""
    lines = bill(bought("sagemaker"), hours(2, busy_hours=146))
    assert usd(lines) == Decimal("335.8") and usd(lines, "compute") == Decimal("8.395")
    assert {line.SkuId for line in lines} == {"sagemaker.ml.m5.xlarge.hour"}
    whole = bill(bought("sagemaker"), hours(2))
    assert usd(whole) == Decimal("335.8") and {line.term for line in whole} == {"compute"}, "nobody knows what is idle"


def test_the_instance_that_was_measured_is_the_one_that_is_bought():
    """730 h x 1.408 = 1,027.84."""
    own = bought("sagemaker", {**SMALL, "accelerators": 1, "instance_type": "ml.g5.xlarge"})
    assert (own.purchase.memory_mb, own.purchase.vcpus, own.purchase.remark) == (16_384, 4, None)
    assert usd(bill(own, hours(1))) == Decimal("1027.84")


def test_lambda_on_instances_pays_three_of_them_a_fee_and_each_request():
    """3 x 730 h x 0.1008 = 220.752, 15 % of it = 33.1128, and a million requests 0.2."""
    own = bought("lambda_managed_instances")
    lines = bill(own, hours(1))
    by_sku = {line.SkuId: line.ListCost for line in lines}
    assert by_sku == {
        "ec2.m7i.large.hour": Decimal("220.752"),
        "lambda.managed.fee": Decimal("33.1128"),
        "lambda.managed.request": Decimal("0.2"),
    }
    assert usd(bill(own, hours(3))) == usd(lines), "the third is paid in any case"
    assert usd(bill(own, hours(4))) == Decimal("294.336") + Decimal("44.1504") + Decimal("0.2")


def test_the_fee_is_on_idle_hours_too_and_what_is_busy_is_of_what_is_paid():
    """438 busy hours of 3 x 730 of 2 vCPU are 10 %: 22.0752 and 198.6768, with 3.31128 and 29.80152 of fee."""
    own = bought("lambda_managed_instances")
    lines = bill(own, hours(1, busy_hours=438))
    assert usd(lines, "compute") == Decimal("22.0752") + Decimal("3.31128") + Decimal("0.2")
    assert usd(lines, "idle") == Decimal("198.6768") + Decimal("29.80152")
    assert own.paid(hours(1, busy_hours=438)).utilisation(own.purchase) == pytest.approx(0.1)


def test_lambda_on_instances_of_arm():
    """3 x 730 h x 0.0816 = 178.704, and 15 % of it."""
    lines = bill(bought("lambda_managed_instances", architecture="arm"), replace(hours(1), invoked=0.0))
    assert usd(lines) == Decimal("178.704") + Decimal("26.8056")


@pytest.mark.parametrize(
    ("memory_mb", "sku", "cost"),
    [
        (512, "1gb", "6"),
        (1024, "1gb", "6"),
        (1025, "2gb", "12"),
        (3072, "3gb", "18"),
        (5000, "5gb", "30"),
        (6144, "6gb", "36"),
    ],
)
def test_a_serverless_endpoint_is_paid_by_the_second_at_the_price_of_its_memory(memory_mb, sku, cost):
    """3 million arrivals of 0.1 s: 300,000 s x 0.00002 for each GB, which is sold whole."""
    own = bought("sagemaker_serverless", {"memory_mb": memory_mb, "cpus": 1.0})
    lines = bill(own, Month(3e6, 3e6, 3e6, 0.0, billed_s=3e5))
    assert [(line.SkuId, line.ListCost) for line in lines] == [(f"sagemaker.serverless.{sku}.second", Decimal(cost))]
    assert "is not published" in own.purchase.remark
    assert ("cannot be bought" in own.purchase.remark) == bool(memory_mb % 1024)


def test_of_a_serverless_endpoint_inference_is_billed_and_no_initialisation(tmp_path):
    """2.5 ms -> 3 twice, cold or not; 9 ms by the platform's own word; 7.02 ms -> 8 from sent to done; 0 throttled."""
    rows = requests(
        [5.0, 900.0, 5.0, 7.04, 1.0],
        outcome=["ok", "ok", "ok", "failed", "throttled"],
        start_class=["warm", "cold", "warm", None, None],
        handler_ns=[2_500_000, 2_500_000, 2_500_000, None, None],
        phase_boot_ns=[None, 800 * MS, None, None, None],
        phase_unaccounted_ns=[None, 100 * MS, None, None, None],
        billed_ns=[None, None, 9 * MS, None, None],
    )
    run = RunFolder.create(tmp_path, manifest(trials=1, rounds=1))
    run.save_trial(trial(rows), rows, samples())
    found = read_use(run, run.trials()[0], 0.0, meter)
    assert found.billed.seconds == found.billed.warm_seconds == pytest.approx((3 + 3 + 9 + 8) / 1000)
    assert np.isfinite(found.billed.seconds)


def test_what_is_kept_warm_has_no_price_and_that_is_said():
    own = bought("sagemaker_serverless", priced_as={"provisioned_concurrency": 2})
    month = Month(3e6, 3e6, 3e6, 0.0, billed_s=3e5, overflow_s=1.0)
    assert usd(bill(own, month)) == 12
    assert own.way.basis(own, month, "idle", "") == (
        "2 sandboxes kept warm have no price here: all is priced as on demand"
    )


@pytest.mark.parametrize(
    ("name", "case", "architecture", "words"),
    [
        ("sagemaker", {"memory_mb": 2048, "cpus": 8}, "x86", "no x86 instance without a GPU whose price is known here"),
        ("sagemaker", SMALL, "arm", "no arm instance without a GPU"),
        ("sagemaker", {**SMALL, "accelerators": 1}, "x86", "1 GPUs a unit, and case.instance_type does not say"),
        (
            "sagemaker",
            {**SMALL, "instance_type": "ml.p9.huge\x1b"},
            "x86",
            "has no price here, these have: ml.m5.xlarge",
        ),
        ("sagemaker", {}, "x86", "case.memory_mb: None is not a size"),
        ("lambda_managed_instances", {"memory_mb": 99_999, "cpus": 1}, "x86", "has at least 99999 and 1"),
        ("lambda_managed_instances", {**SMALL, "instance_type": "g5.xlarge"}, "x86", "'g5.xlarge' has no price here"),
        (
            "sagemaker_serverless",
            {"memory_mb": 6145, "cpus": 1},
            "x86",
            "more than a serverless endpoint can have, 6144",
        ),
        ("sagemaker_serverless", {**SMALL, "accelerators": 1}, "x86", "1 GPUs a unit are not sold by SageMaker Serv"),
        ("sagemaker_serverless", SMALL, "arm", "'arm' has no price here, x86 has"),
    ],
)
def test_what_cannot_be_bought_is_refused_with_its_reason(name, case, architecture, words):
    with pytest.raises(RecordError) as refused:
        way_for(name).purchase(case, architecture)
    assert words in str(refused.value) and "\x1b" not in str(refused.value)


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ({"memory_mb": 8192, "cpus": 2}, "m7i.large"),
        ({"memory_mb": 8193, "cpus": 2}, "m7i.xlarge"),
        ({"memory_mb": 512, "cpus": 4.1}, "m7i.2xlarge"),
        ({"memory_mb": 32_768, "cpus": 16}, "m7i.4xlarge"),
    ],
)
def test_the_smallest_instance_that_has_enough_is_bought(case, name):
    own = way_for("lambda_managed_instances").purchase(case, "x86")
    assert own.sku == f"ec2.{name}"
    assert (own.remark is None) == (name == "m7i.large")


def test_every_instance_that_is_sold_has_its_price_in_the_book():
    skus = [f"sagemaker.{each.name}.hour" for each in sagemaker.SOLD]
    skus += [f"ec2.{each.name}.hour" for each in lambda_managed_instances.SOLD]
    assert all(BOOK.price(sku).cost(Decimal(1)) > 0 for sku in skus)


def test_a_run_is_costed_by_them_and_its_unverified_prices_are_named(tmp_path):
    experiment = {"name": "q", "expected": {"requests_per_month": 3_000_000, "peak_to_mean": 4}}
    run = make_run(tmp_path, rounds=3, requests_per_trial=60, experiment=experiment)
    run.manifest.targets["docker-lambda"] = target_facts("function", "sagemaker_serverless")
    run.manifest.targets["docker-service"] = target_facts("service", "sagemaker")
    costing = costing_of(run, summarise(run), BOOK)
    by_target = {side.target: side for side in costing.sides}
    assert by_target["docker-service"].per_month_usd.value == pytest.approx(730 * 0.23)
    assert by_target["docker-lambda"].purchase.sku == "sagemaker.serverless.2gb"
    assert "unverified prices, to look up before they are quoted: sagemaker.serverless.2gb.second" in costing.notices
    assert len(costing.break_evens) == 1
    json.dumps(costing.to_json(), allow_nan=False)


def test_of_lambda_on_instances_the_replicas_that_are_needed_and_all_that_is_paid_are_told(tmp_path):
    experiment = {"name": "q", "expected": {"requests_per_month": 3_000_000, "peak_to_mean": 4}}
    run = make_run(tmp_path, rounds=3, requests_per_trial=60, experiment=experiment)
    run.manifest.targets["docker-lambda"] = target_facts("function", "lambda_managed_instances")
    costing = costing_of(run, summarise(run), BOOK)
    (side,) = [each for each in costing.sides if each.target == "docker-lambda"]
    assert side.replicas == 1 and "3 instances at least, and the fee on them" in side.terms[0].basis
    assert side.per_month_usd.value == pytest.approx(220.752 * 1.15 + 0.6)
    assert not [notice for notice in costing.notices if "is not priced" in notice]
    write_forecast(run, forecast(run, [row("function")]))
    told = [notice for notice in costing_of(run, summarise(run), BOOK).notices if "is not priced" in notice]
    assert told == [
        "echo, docker-lambda, steady is not priced: the forecast has no quantities of what it is bought as"
    ], "a pool of sandboxes that are billed by the second says nothing of instances"
