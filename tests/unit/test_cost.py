"""Cost against cases worked out by hand: each figure in an assertion was computed on paper from the price book."""

import csv
import json
from decimal import Decimal

import numpy as np
import pytest

from harness.analysis.table import summarise
from harness.cost.bill import Bought, bill
from harness.cost.book import PriceBook, book_for
from harness.cost.break_even import Curves, break_even, crossing
from harness.cost.costing import costing_of, summary_with_cost
from harness.cost.nouns import BILLED, STATED, Purchase
from harness.cost.platforms import way_for
from harness.cost.platforms.aws_lambda import billed_ms, kept_seconds, meter
from harness.cost.platforms.fargate import task_seconds
from harness.cost.replicas import Carried
from harness.cost.usage import Use, read_use
from harness.errors import RecordError, UsageError
from harness.record.capacity import keep_capacities, read_capacity
from harness.record.estimate import Estimate
from harness.record.folder import RunFolder
from harness.record.nouns import MACHINE
from harness.record.stated import SECONDS_PER_MONTH, Economics, economics_of
from harness.report.cost import as_csv, as_markdown
from tests.synthetic import make_run, manifest, requests, samples, target_facts, trial, with_phases

BOOK = book_for("AWS", "us-east-1")
assert BOOK is not None
WAYS = {"service": "fargate", "function": "aws_lambda"}
USE = Use(billed_s=0.1, invoked=1.0, good=1.0, late=0.0, bad=0.0, handler_s=0.02)


def economics(**sections):
    return Economics.model_validate(sections)


def bought(kind, purchase, image_gb=None, **sections):
    return Bought(way_for(WAYS[kind]), purchase, economics(**sections), BOOK, image_gb)


def total(lines, *terms):
    return sum((line.ListCost for line in lines if not terms or line.term in terms), Decimal(0))


ONE_GB = Purchase("lambda.x86", 1024, 0.58)
TASK = Purchase("fargate.x86", 2048, 1.0)


def test_a_function_of_one_gigabyte():
    """3 million arrivals of 0.1 s: 300,000 GB-s x 0.0000166667 = 5.00001; 3 million x 0.0000002 = 0.6."""
    lines = bill(bought("function", ONE_GB), USE, 3e6, None)
    assert total(lines, "compute") == Decimal("5.00001") + Decimal("0.6")
    assert total(lines) == Decimal("5.60001")


def test_a_function_of_arm_is_priced_as_arm():
    """300,000 GB-s x 0.0000133334 = 4.00002."""
    lines = bill(bought("function", Purchase("lambda.arm", 1024, 0.58)), USE, 3e6, None)
    assert total(lines, "compute") == Decimal("4.00002") + Decimal("0.6")


def test_tiers_are_lines_of_their_own():
    """7 billion GB-s: 6 billion x 0.0000166667 = 100,000.2 and 1 billion x 0.000015 = 15,000."""
    lines = [line for line in bill(bought("function", ONE_GB), USE, 7e10, None) if line.SkuId == "lambda.x86.gb-second"]
    assert [line.ListCost for line in lines] == [Decimal("100000.2"), Decimal("15000")]


def test_provisioned_concurrency_is_paid_used_or_not():
    """2 sandboxes of 1 GB all month: 2 x 2,628,000 GB-s x 0.0000041667 = 21.9001752, of which 300,000 / 5,256,000 is in
    use; the durations at 0.0000097222 x 300,000 = 2.91666."""
    kept = {"provisioned_concurrency": 2}
    lines = bill(bought("function", ONE_GB, priced_as=kept), USE, 3e6, None)
    kept = [line for line in lines if line.SkuId == "lambda.provisioned.x86.kept.gb-second"]
    assert sum(line.ListCost for line in kept) == Decimal("21.9001752")
    assert [line.PricingQuantity for line in kept] == [Decimal(300_000), Decimal(4_956_000)]
    assert [line.term for line in kept] == ["compute", "idle"]
    used = next(line for line in lines if line.SkuId == "lambda.provisioned.x86.used.gb-second")
    assert used.ListCost == Decimal("2.91666")
    assert not [line for line in lines if line.SkuId == "lambda.x86.gb-second"]


def test_what_provisioned_concurrency_cannot_carry_is_on_demand():
    """30 million arrivals of 0.1 s keep 1.1416 sandboxes busy: of 3 million GB-s one sandbox carries 2,628,000."""
    lines = bill(bought("function", ONE_GB, priced_as={"provisioned_concurrency": 1}), USE, 3e7, None)
    by_sku = {line.SkuId: line.PricingQuantity for line in lines if line.term == "compute"}
    assert by_sku["lambda.provisioned.x86.used.gb-second"] == Decimal(2_628_000)
    assert by_sku["lambda.x86.gb-second"] == Decimal(372_000)


def test_two_replicas_all_month():
    """2 x (1 vCPU x 730 h x 0.04048 + 2 GB x 730 h x 0.004445) = 2 x (29.5504 + 6.4897) = 72.0802, mostly idle."""
    bare = {"load_balancer": "none", "public_ipv4": 0}
    lines = bill(bought("service", TASK, priced_as=bare), USE, SECONDS_PER_MONTH, 2)
    assert total(lines, "compute", "idle") == Decimal("72.0802")
    assert total(lines, "compute") == Decimal("0.720802"), "1 request a second, 0.02 s each, is 1 % of two"
    assert total(lines) == Decimal("72.0802")


def test_a_replica_of_arm_is_priced_as_arm():
    """730 h x (0.03238 + 2 x 0.00356) = 28.835."""
    bare = {"load_balancer": "none", "public_ipv4": 0}
    lines = bill(bought("service", Purchase("fargate.arm", 2048, 1.0), priced_as=bare), USE, SECONDS_PER_MONTH, 1)
    assert total(lines) == Decimal("28.835")


def test_provisioned_concurrency_of_arm():
    """1 sandbox of 1 GB: 2,628,000 x 0.0000033334 = 8.7601752 kept; 300,000 x 0.0000077778 = 2.33334 used."""
    kept = {"provisioned_concurrency": 1}
    lines = bill(bought("function", Purchase("lambda.arm", 1024, 0.58), priced_as=kept), USE, 3e6, None)
    by_kind = {kind: sum(x.ListCost for x in lines if f"arm.{kind}" in x.SkuId) for kind in ("kept", "used")}
    assert by_kind == {"kept": Decimal("8.7601752"), "used": Decimal("2.33334")}


def test_load_balancer_addresses_and_registry():
    """730 x 0.0225 = 16.425; 25 requests a second are 1 LCU: 730 x 0.008 = 5.84; 2 x 730 x 0.005 = 7.3; 3 images of
    0.5 GB x 0.10 = 0.15."""
    lines = bill(bought("service", TASK, image_gb=0.5), USE, 25 * SECONDS_PER_MONTH, 1)
    assert total(lines, "platform") == Decimal("16.425") + Decimal("5.84") + Decimal("7.3") + Decimal("0.15")


def test_late_and_failed_answers_and_hours():
    """1,000 arrivals: 10 late x 0.5 = 5, 20 failed x 2 = 40; 3 hours x 80 = 240 and 7 of platform."""
    stakes = {
        "late_request_usd": 0.5,
        "failed_request_usd": 2,
        "engineering_hours_per_month": {"service": 0, "function": 3},
        "engineering_usd_per_hour": 80,
        "platform_usd_per_month": {"service": 0, "function": 7},
    }
    use = Use(0.1, 1.0, 0.98, 0.01, 0.02, 0.02)
    lines = bill(bought("function", ONE_GB, stakes=stakes), use, 1000, None)
    assert total(lines, "scaling penalty") == 45
    assert total(lines, "engineering") == 240
    assert total(lines, "stated platform") == 7
    # 100 s of 1 GB: 100 x 0.0000166667, and 1,000 x 0.0000002.
    assert total(lines, *BILLED) == Decimal("0.00166667") + Decimal("0.0002"), "nothing stated is in what is billed"
    assert total(lines, *STATED) == 45 + 240 + 7


@pytest.mark.parametrize(
    ("seconds", "billed"), [(0.2, 60), (59.2, 60), (60, 60), (60.1, 61), (SECONDS_PER_MONTH, 2_628_000)]
)
def test_a_task_is_billed_by_the_second_and_a_minute_at_least(seconds, billed):
    assert task_seconds(seconds) == billed


@pytest.mark.parametrize(("seconds", "billed"), [(1, 300), (300, 300), (301, 600)])
def test_provisioned_concurrency_is_billed_in_five_minutes(seconds, billed):
    assert kept_seconds(seconds) == billed


def test_a_duration_is_rounded_up_to_a_millisecond():
    assert billed_ms([1.0, 1.000001, 0.2, 7.0000000001]) == 1 + 2 + 1 + 7


@pytest.mark.parametrize(
    ("kind", "case", "size", "remark"),
    [
        ("service", {"memory_mb": 2048, "cpus": 1.0}, (2048, 1), False),
        ("service", {"memory_mb": 1500, "cpus": 0.3}, (2048, 0.5), True),
        ("service", {"memory_mb": 9000, "cpus": 1.0}, (9216, 2), True),
        ("service", {"memory_mb": 512, "cpus": 16}, (32_768, 16), True),
        ("function", {"memory_mb": 1769, "cpus": 1.0}, (1769, 1), False),
        ("function", {"memory_mb": 100, "cpus": 0.1}, (128, 128 / 1769), True),
    ],
)
def test_the_nearest_size_that_fits_is_bought(kind, case, size, remark):
    found = way_for(WAYS[kind]).purchase(case, "x86")
    assert (found.memory_mb, found.vcpus) == pytest.approx(size)
    assert (found.remark is not None) == remark


@pytest.mark.parametrize("case", [{"memory_mb": 200_000, "cpus": 1}, {"memory_mb": True, "cpus": 1}, {"cpus": 1}, {}])
def test_what_cannot_be_bought_is_said(case):
    with pytest.raises(RecordError):
        way_for("fargate").purchase(case, "x86")


@pytest.mark.parametrize("way", ["fargate", "aws_lambda"])
def test_gpus_that_nobody_sells_make_no_bill(way):
    case = {"memory_mb": 2048, "cpus": 1, "accelerators": 1}
    with pytest.raises(RecordError, match="accelerators: 1 GPUs a unit are not sold"):
        way_for(way).purchase(case, "x86")
    way_for(way).purchase({**case, "accelerators": 0}, "x86")


def test_replicas_are_bought_for_the_peak():
    carried = Carried(Estimate(10.0, 8.0, 12.0, 9), True, "")
    assert [carried.replicas(rps) for rps in (0.1, 10.0, 10.1, 95)] == [1, 1, 2, 10]
    assert carried.replicas(95, carried.rate.low) == 12
    assert Carried(Estimate(None, why="x"), False, "").replicas(1) is None


def test_where_a_line_meets_a_step():
    """1 USD per unit of rate against 7: they meet at 7."""
    assert crossing([1, 2, 4, 8, 16], lambda rate: rate, lambda _: 7.0) == pytest.approx(7.0, rel=1e-5)
    assert crossing([1, 2, 4], lambda rate: rate, lambda _: 7.0) is None
    assert crossing([8, 16], lambda rate: rate, lambda _: 7.0) is None, "dearer from the beginning"


def test_the_interval_of_the_break_even_is_that_of_both_sides(both_rows):
    dear = Curves(lambda r: 10 * r, lambda r: 8 * r, lambda r: 12 * r, 5)
    steady = Curves(lambda _: 60.0, lambda _: 48.0, lambda _: 72.0, 9)
    found = break_even(*both_rows, dear, steady)
    assert (found.rate.value, found.rate.low, found.rate.high) == pytest.approx((6.0, 4.0, 9.0), rel=1e-4)
    assert found.rate.n == 5
    assert "below 6.0 requests per second" in found.words and "docker-lambda is cheaper" in found.words


def test_where_nothing_crosses_it_is_said_who_is_cheaper(both_rows):
    def flat(usd):
        return Curves(lambda _: usd, lambda _: usd, lambda _: usd, 5)

    assert break_even(*both_rows, flat(1.0), flat(2.0)).words.startswith("docker-lambda is cheaper at every rate")
    assert break_even(*both_rows, flat(2.0), flat(1.0)).words.startswith("docker-service is cheaper at every rate")
    stairs = Curves(*[lambda rate: 1.0 if rate < 10 else 3.0] * 3, 5)
    turned = break_even(*both_rows, flat(2.0), stairs)
    assert turned.rate.value is None
    assert "docker-service is cheaper at the lowest rates looked at and docker-lambda at the highest" in turned.words


def test_an_interval_whose_end_does_not_cross_says_so(both_rows):
    dear = Curves(lambda r: 10 * r, lambda r: 0.0, lambda r: 12 * r, 5)
    steady = Curves(lambda _: 60.0, lambda _: 48.0, lambda _: 72.0, 9)
    rate = break_even(*both_rows, dear, steady).rate
    assert (rate.value, rate.low, rate.high) == (pytest.approx(6.0, rel=1e-4), pytest.approx(4.0, rel=1e-4), None)
    assert rate.why == "at an end of what was measured the curves do not cross"


def test_an_upper_bound_of_cost_is_no_break_even(both_rows):
    dear = Curves(lambda r: 10 * r, lambda r: 10 * r, lambda r: 10 * r, 5)
    steady = Curves(lambda _: 60.0, lambda _: 60.0, lambda _: 60.0, 5, known_to=2.0)
    found = break_even(*both_rows, dear, steady)
    assert found.rate.value is None and found.words.startswith("at most 6")
    assert "frostline capacity" in found.words
    within = break_even(*both_rows, dear, Curves(lambda _: 15.0, lambda _: 15.0, lambda _: 15.0, 5, known_to=2.0))
    assert within.rate.value == pytest.approx(1.5, rel=1e-4), "one replica is enough there, and that is known"


EXPECTED = {"requests_per_month": 3_000_000, "peak_to_mean": 4}


@pytest.fixture
def run(tmp_path):
    return priced_run(tmp_path)


def priced_run(folder, **fields):
    experiment = {"name": "quickstart", "expected": EXPECTED} | fields
    return make_run(folder, rounds=3, requests_per_trial=60, experiment=experiment)


@pytest.fixture
def both_rows(run):
    rows = [row for row in summarise(run).rows if row.profile == "steady"]
    return [next(row for row in rows if row.target == target) for target in ("docker-lambda", "docker-service")]


def test_every_exported_row_multiplies(run):
    costing = costing_of(run, summarise(run))
    lines = [line for side in costing.sides for line in side.lines]
    assert {line.term for line in lines} == set(BILLED), "nobody stated anything"
    assert all(line.PricingQuantity * line.ListUnitPrice == line.ListCost for line in lines)
    for row in (row for side in costing.to_json()["sides"] for row in side["lines"]):
        assert Decimal(row["PricingQuantity"]) * Decimal(row["ListUnitPrice"]) == Decimal(row["ListCost"])


def test_terms_add_up_to_the_month(run):
    for side in costing_of(run, summarise(run)).sides:
        billed = sum(term.usd_per_month for term in side.terms if term.billed)
        assert billed == pytest.approx(side.per_month_usd.value)
        assert side.per_1k_usd.value == pytest.approx(side.per_month_usd.value / 3000)


@pytest.fixture
def one_trial(tmp_path):
    """A run of a single function trial with these rows."""

    def make(rows, **experiment):
        fields = {"name": "q", "expected": EXPECTED} | experiment
        run = RunFolder.create(tmp_path, manifest(trials=1, rounds=1, experiment=fields))
        run.save_trial(trial(rows, seconds=2.0, init_timeout_s=10), rows, samples())
        return run

    return make


def test_a_start_that_costs_is_told_as_unknown_where_nobody_stated_its_price(one_trial):
    rows = requests([5.0] * 9 + [900.0], start_class=["warm"] * 9 + ["cold"])
    run = one_trial(rows)
    (side,) = costing_of(run, summarise(run)).sides
    penalty = next(term for term in side.terms if term.name == "scaling penalty")
    assert penalty.usd_per_month is None
    assert "10.0 % late after a start, no cost stated" in penalty.basis
    assert any("1 start of unknown parts" in note for note in side.notes)


def test_what_a_trial_is_billed_for(one_trial):
    """Warm: 2.5 ms -> 3. Cold: 5 phases of initialisation of 90 ms each and 2.5 ms -> 453. Re-initialised: 10 s more.
    Failed without a handler time: 7 ms from sent to done. Throttled: nothing, not even the invocation."""
    cold = np.array([False, True, True, False, False])
    rows = requests(
        [5.0, 900.0, 900.0, 7.02, 1.0],
        outcome=["ok", "ok", "ok", "failed", "throttled"],
        start_class=["warm", "cold", "cold_reinit", None, None],
        handler_ns=[2_500_000, 2_500_000, 2_500_000, None, None],
    )
    run = one_trial(with_phases(rows, cold, np.array([0, 900_000_000, 900_000_000, 0, 0])))
    found = read_use(run, run.trials()[0], 0.0, meter)
    assert found.billed.seconds == pytest.approx((3 + 453 + 10_453 + 7) / 1000)
    assert (found.arrivals, found.invoked, found.good, found.bad, found.late) == (5, 4, 3, 2, 2)
    assert (found.assumed, found.uninitialised) == (1, 0)
    assert read_use(run, run.trials()[0], 1000.0, meter).late == 0, "a start within the objective is not late"


def test_only_trials_that_enter_the_table_enter_the_cost(one_trial):
    """Rows that do not add up make a trial INVALID for the table, so its requests are billed to nobody."""
    run = one_trial(requests([5.0] * 9))
    broken = requests([5000.0] * 9, index=[0, 0, *range(2, 9)], handler_ns=[4_000_000_000] * 9)
    run.save_trial(trial(broken, "r02.docker-lambda", round=2, order=1, seconds=2.0), broken, samples())
    summary = summarise(run)
    assert any("conservation" in problem for problem in summary.problems)
    (side,) = costing_of(run, summary).sides
    assert side.per_month_usd.n == 1
    assert "1.00 ms billed per arrival" in side.terms[0].basis


STAKES = {
    "late_request_usd": 0.001,
    "engineering_hours_per_month": {"service": 8, "function": 4},
    "engineering_usd_per_hour": 50,
}


def test_what_is_stated_stands_beside_the_cost_and_never_in_it(tmp_path):
    bare, stated = (
        costing_of(run, summarise(run))
        for run in (priced_run(tmp_path / "bare"), priced_run(tmp_path / "stated", stakes=STAKES))
    )
    for side, other in zip(bare.sides, stated.sides, strict=True):
        assert (side.per_month_usd, side.per_1k_usd) == (other.per_month_usd, other.per_1k_usd)
        assert side.per_month_with_stated_usd is None
        hours = 400 if side.kind == "service" else 200
        late = sum(term.usd_per_month for term in other.terms if term.name == "scaling penalty")
        assert other.per_month_with_stated_usd.value == pytest.approx(side.per_month_usd.value + hours + late)
        assert other.per_1k_with_stated_usd.value == pytest.approx(other.per_month_with_stated_usd.value / 3000)
    (one,), (other,) = bare.break_evens, stated.break_evens
    assert (one.rate, one.function_usd_per_month) == (other.rate, other.function_usd_per_month)
    assert one.rate_with_stated is None and other.rate_with_stated is not None
    assert "with what you stated:" in other.words


def test_whoever_adds_up_the_billed_lines_of_the_csv_gets_the_cost(tmp_path):
    run = priced_run(tmp_path, stakes=STAKES)
    run.manifest.capacities = {}
    costing = costing_of(run, summarise(run))
    rows = list(csv.DictReader(as_csv(costing).splitlines()))
    for side in costing.sides:
        key = (side.target, side.profile, side.case)
        own = [row for row in rows if (row["target"], row["profile"], json.loads(row["case"])) == key]
        billed = sum(Decimal(row["ListCost"]) for row in own if row["billed"] == "true")
        assert float(billed) == pytest.approx(side.per_month_usd.value)
        stated = {row["term"] for row in own if row["billed"] == "false"}
        assert stated == {"scaling penalty", "engineering"}


def test_nothing_unstated_is_called_stated(run):
    costing = costing_of(run, summarise(run))
    terms = [term for side in costing.sides for term in side.terms]
    assert all(term.usd_per_month is None for term in terms if not term.billed)
    assert not any(term.basis.endswith(", stated") for term in terms)
    assert "stated in the experiment" not in as_csv(costing)
    (notice,) = [text for text in costing.notices if text.endswith("not stated, so left out")]
    assert "engineering_hours_per_month" in notice and "engineering_usd_per_hour" in notice


@pytest.mark.parametrize(
    ("given", "absent"),
    [
        ({"engineering_hours_per_month": {"service": 1, "function": 1}}, "engineering_usd_per_hour"),
        ({"engineering_usd_per_hour": 90}, "engineering_hours_per_month"),
    ],
)
def test_hours_without_a_rate_are_one_error(given, absent):
    with pytest.raises(ValueError, match=f"{next(iter(given))} is stated and {absent} is not: state both, or neither"):
        economics(stakes=given)


OLD_DEFAULTS = {
    "late_request_usd": None,
    "failed_request_usd": None,
    "platform_usd_per_month": {"service": 0.0, "function": 0.0},
    "engineering_hours_per_month": {"service": 4.0, "function": 2.0},
    "engineering_usd_per_hour": 100.0,
}


def test_the_defaults_that_an_old_run_was_stored_with_are_not_stated(tmp_path):
    def stakes(capacities, **changes):
        fields = {"name": "q", "stakes": OLD_DEFAULTS | changes}
        return economics_of(manifest(experiment=fields, capacities=capacities)).stakes

    assert stakes(None).engineering("service") is None and stakes(None).platform_usd("service") is None
    assert stakes(None, late_request_usd=1.0).late_request_usd == 1.0
    own = {"service": 8, "function": 1}
    for half in ({"engineering_usd_per_hour": 120}, {"engineering_hours_per_month": own}):
        assert stakes(None, **half).engineering("service") is None, "the other half is a default, which nobody stated"
    assert stakes(None, engineering_usd_per_hour=120, engineering_hours_per_month=own).engineering("function") == (
        1,
        120,
    )
    both = stakes(None, platform_usd_per_month={"service": 70, "function": 0})
    assert both.platform_usd("service") == 70 and both.engineering("service") is None, "each field for itself"
    assert stakes({}).engineering("function") == (2, 100), "a run of today keeps only what was stated"


@pytest.mark.parametrize(
    ("capacities", "peak", "stated"), [({}, None, None), ({}, 3, 3), (None, 3, None), (None, 4, 4)]
)
def test_a_peak_that_nobody_stated_is_taken_as_3_and_said(tmp_path, capacities, peak, stated):
    expected = {"requests_per_month": 3e6} | ({} if peak is None else {"peak_to_mean": peak})
    run = priced_run(tmp_path, expected=expected)
    run.manifest.capacities = capacities
    assert economics_of(run.manifest).expected.peak_to_mean == stated
    assert economics_of(run.manifest).expected.peak == (stated or 3)
    costing, summary = costing_of(run, summarise(run)), summary_with_cost(run)
    said = [text for text in (*costing.notices, *summary.notices) if "peak is taken to be 3 times the mean" in text]
    assert len(said) == (0 if stated else 2), "where costs stand, in the table as well as in the costing"


def test_a_summary_learns_its_cost_and_the_one_before_stays_as_it_was(run):
    before = summarise(run)
    after = summary_with_cost(run)
    assert all(row.cost_per_1k_usd is None for row in before.rows)
    costs = {side.target: side.per_1k_usd for side in costing_of(run, before).sides}
    steady = [row for row in after.rows if row.profile == "steady"]
    assert {row.target: row.cost_per_1k_usd for row in steady} == costs
    assert not any(note.code == "blunt_cost" for row in after.rows for note in row.notes)


def test_a_target_that_is_bought_in_no_known_way_is_named_and_the_others_are_priced(tmp_path):
    run = priced_run(tmp_path)
    run.manifest.targets["docker-lambda"] = target_facts("function", "queue\x1b[31m")
    costing = costing_of(run, summarise(run))
    assert [side.target for side in costing.sides] == ["docker-service"]
    (told,) = [text for text in costing.notices if "is not priced" in text]
    assert "is no way of buying that is known here: aws_lambda, fargate are" in told and "\x1b" not in told


def test_hostile_names_are_shown_and_never_rendered(one_trial):
    run = one_trial(requests([5.0] * 9), name="<script>|\x1b[31m`x`")
    costing = costing_of(run, summarise(run))
    for written in (as_markdown(costing), as_csv(costing), json.dumps(costing.to_json())):
        assert "\x1b" not in written
    assert "<script>" not in as_markdown(costing)


def test_a_book_in_another_currency_is_refused(run):
    euro = PriceBook.model_validate(BOOK.to_json() | {"currency": "EUR"})
    with pytest.raises(UsageError, match="prices are in EUR, but the experiment's stakes are in USD"):
        costing_of(run, summarise(run), euro)


def test_a_region_without_prices_is_named(tmp_path):
    run = priced_run(tmp_path, priced_as={"region": "mars-1\x1b[31m"})
    with pytest.raises(UsageError, match="no prices for 'AWS' 'mars-1"):
        costing_of(run, summarise(run))


def test_a_provider_without_prices_is_refused_by_name_in_an_experiment_and_in_a_stored_run(tmp_path):
    with pytest.raises(ValueError, match="'Azure' is not accepted: only AWS has prices here; leave it out"):
        economics(priced_as={"provider": "Azure"})
    run = priced_run(tmp_path, priced_as={"provider": "Azure"})
    with pytest.raises(RecordError, match=r"priced_as\.provider: 'Azure' is not accepted"):
        costing_of(run, summarise(run))


def test_that_provisioned_concurrency_is_priced_on_a_mean_is_said(tmp_path):
    def about(name, **fields):
        (tmp_path / name).mkdir()
        run = priced_run(tmp_path / name, **fields)
        return [text for text in costing_of(run, summarise(run)).notices if "busy on average" in text]

    assert len(about("kept", priced_as={"provisioned_concurrency": 1})) == 1
    assert not about("none")


def test_a_run_keeps_its_prices(tmp_path):
    run = priced_run(tmp_path)
    before = costing_of(run, summarise(run))
    assert any("the run keeps none" in notice for notice in before.notices)
    kept = BOOK.to_json()
    for price in kept["prices"]:
        price["tiers"] = [{"from": "0", "price": "1"}]
    run.manifest.prices = kept
    after = costing_of(run, summarise(run))
    assert all(
        line.ListUnitPrice == 1 for side in after.sides for line in side.lines if not line.SkuId.startswith("stated")
    )
    assert "as the run keeps them" in after.prices


@pytest.mark.parametrize(
    "section", [{"expected": {"requests_per_month": -1}}, {"stakes": "much"}, {"priced_as": {"architecture": "mips"}}]
)
def test_malformed_inputs_of_a_stored_run(tmp_path, section):
    run = priced_run(tmp_path, **section)
    with pytest.raises(RecordError, match=f"experiment: {next(iter(section))}"):
        costing_of(run, summarise(run))


def capacity_file(folder, run, rate=41.0, **changes):
    """A search of what the run's service is, unless `changes` say else."""
    own = run.manifest.packages["echo/docker-service"]
    given = {
        "schema": "frostline/capacity/2", "workload": "echo", "target": "docker-service", "kind": "service",
        "objective": {"percentile": 95, "latency_ms": 300}, "sizing": {"memory_mb": 2048, "cpus": 1.0},
        "concurrency_limit": None, "package": own["image_id"], "settings": {}, "model": None,
        "machine": {name: run.manifest.facts["machine"].get(name) for name in MACHINE if name != "system"},
        "emulated": False, "isolated": True, "started_at": "2026-11-03T10:12:05+00:00", "finished_at": None,
        "ended": "answered", "most_rate": 200, "step_s": 6, "warm_up_s": 1, "repeats": 3, "seed": 1, "steps": [],
        "rate": {"value": rate, "low": rate, "high": rate, "n": 24, "need": None, "why": None, "method": "b"},
        "warnings": [],
    }  # fmt: skip
    file = folder / f"{rate:g}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(given | changes))
    return file


@pytest.fixture
def own_run(tmp_path):
    run = priced_run(tmp_path)
    run.manifest.packages = {"echo/docker-service": {"image_id": "sha256:1"}}
    run.manifest.facts = {"machine": {"cpu": "a", "cpus": 2, "memory_mb": 4096}}
    return run


def test_a_later_search_reprices_no_run(own_run, tmp_path):
    """3 million requests a month are 1.14 a second, 4.6 at the peak: at 41 a second one replica, at 1 five."""
    folder = tmp_path / "capacity"
    capacity_file(folder, own_run)
    sizes = {("echo", "docker-service"): (2048, 1.0)}
    own_run.manifest.capacities, told = keep_capacities(folder, own_run.manifest, sizes)
    assert told == []
    before = costing_of(own_run, summarise(own_run))
    capacity_file(folder, own_run, rate=1.0, started_at="2026-11-20T00:00:00+00:00")
    (folder / "bad.json").write_text("{")
    after = costing_of(own_run, summarise(own_run))
    assert after == before
    (service,) = [side for side in before.sides if side.kind == "service"]
    assert service.replicas == 1 and "n = 24 steps, 41.json" in service.terms[0].basis


def test_another_capacity_is_named_explicitly_and_said(own_run, tmp_path):
    given = read_capacity(capacity_file(tmp_path / "capacity", own_run, rate=1.0))
    costing = costing_of(own_run, summarise(own_run), capacity=given)
    (service,) = [side for side in costing.sides if side.kind == "service"]
    assert service.replicas == 5
    assert any("not what the run keeps, but 1.json" in notice for notice in costing.notices)


def test_a_capacity_of_something_else_is_refused_with_all_reasons(own_run, tmp_path):
    foreign = {"package": "sha256:2", "sizing": {"memory_mb": 1024, "cpus": 1.0}}
    given = read_capacity(capacity_file(tmp_path / "capacity", own_run, **foreign))
    with pytest.raises(UsageError) as refused:
        costing_of(own_run, summarise(own_run), capacity=given)
    told = "\n".join(refused.value.problems)
    assert "another package: 'sha256:2', not 'sha256:1'" in told and "another memory_mb: 1024, not 2048" in told
