"""Cost against cases worked out by hand: each figure in an assertion was computed on paper from the price book."""

import csv
import json
import math
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest

from harness.analysis.table import summarise
from harness.cost.bill import Bought, bill
from harness.cost.book import PriceBook, book_for
from harness.cost.break_even import Names, break_even
from harness.cost.buying import server_beside
from harness.cost.costing import costing_of, summary_with_cost
from harness.cost.curves import GRID, Curve, Curves, crossings
from harness.cost.month import Month
from harness.cost.nouns import BILLED, STATED, Purchase
from harness.cost.platforms import way_for
from harness.cost.platforms.aws_lambda import billed_ms, kept_seconds, meter
from harness.cost.replicas import Carried, carried_rate
from harness.cost.usage import read_use
from harness.cost.words import notes_of
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


def month(arrivals, billed_s=0.1, overflow_s=None, replicas=None, handler_s=0.02, **shares):
    """Of arrivals that are all alike: each is billed so long, and a service's replicas run all month."""
    good, late = (arrivals * shares.get(name, default) for name, default in (("good", 1.0), ("late", 0.0)))
    if replicas is not None:
        hours = {"unit_hours": replicas * 730, "busy_hours": arrivals * handler_s / 3600}
        return Month(arrivals, arrivals, good, late, **hours)
    return Month(arrivals, arrivals, good, late, billed_s=arrivals * billed_s, overflow_s=overflow_s)


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
    lines = bill(bought("function", ONE_GB), month(3e6))
    assert total(lines, "compute") == Decimal("5.00001") + Decimal("0.6")
    assert total(lines) == Decimal("5.60001")


def test_a_function_of_arm_is_priced_as_arm():
    """300,000 GB-s x 0.0000133334 = 4.00002."""
    lines = bill(bought("function", Purchase("lambda.arm", 1024, 0.58)), month(3e6))
    assert total(lines, "compute") == Decimal("4.00002") + Decimal("0.6")


def test_tiers_are_lines_of_their_own():
    """7 billion GB-s: 6 billion x 0.0000166667 = 100,000.2 and 1 billion x 0.000015 = 15,000."""
    lines = [line for line in bill(bought("function", ONE_GB), month(7e10)) if line.SkuId == "lambda.x86.gb-second"]
    assert [line.ListCost for line in lines] == [Decimal("100000.2"), Decimal("15000")]


def test_provisioned_concurrency_is_paid_used_or_not():
    """2 sandboxes of 1 GB all month: 2 x 2,628,000 GB-s x 0.0000041667 = 21.9001752, of which 300,000 / 5,256,000 is in
    use; the durations at 0.0000097222 x 300,000 = 2.91666."""
    kept = {"provisioned_concurrency": 2}
    lines = bill(bought("function", ONE_GB, priced_as=kept), month(3e6))
    kept = [line for line in lines if line.SkuId == "lambda.provisioned.x86.kept.gb-second"]
    assert sum(line.ListCost for line in kept) == Decimal("21.9001752")
    assert [line.PricingQuantity for line in kept] == [Decimal(300_000), Decimal(4_956_000)]
    assert [line.term for line in kept] == ["compute", "idle"]
    used = next(line for line in lines if line.SkuId == "lambda.provisioned.x86.used.gb-second")
    assert used.ListCost == Decimal("2.91666")
    assert not [line for line in lines if line.SkuId == "lambda.x86.gb-second"]


def test_what_provisioned_concurrency_cannot_carry_is_on_demand():
    """30 million arrivals of 0.1 s are 3 million GB-s, of which 372,000 found the one sandbox busy: the others are used
    at its own price."""
    lines = bill(bought("function", ONE_GB, priced_as={"provisioned_concurrency": 1}), month(3e7, overflow_s=372_000))
    by_sku = {line.SkuId: line.PricingQuantity for line in lines if line.term == "compute"}
    assert by_sku["lambda.provisioned.x86.used.gb-second"] == Decimal(2_628_000)
    assert by_sku["lambda.x86.gb-second"] == Decimal(372_000)


def test_two_replicas_all_month():
    """2 x (1 vCPU x 730 h x 0.04048 + 2 GB x 730 h x 0.004445) = 2 x (29.5504 + 6.4897) = 72.0802, mostly idle."""
    bare = {"load_balancer": "none", "public_ipv4": 0}
    lines = bill(bought("service", TASK, priced_as=bare), month(SECONDS_PER_MONTH, replicas=2))
    assert total(lines, "compute", "idle") == Decimal("72.0802")
    assert total(lines, "compute") == Decimal("0.720802"), "1 request a second, 0.02 s each, is 1 % of two"
    assert total(lines) == Decimal("72.0802")


def test_a_replica_of_arm_is_priced_as_arm():
    """730 h x (0.03238 + 2 x 0.00356) = 28.835."""
    bare = {"load_balancer": "none", "public_ipv4": 0}
    lines = bill(
        bought("service", Purchase("fargate.arm", 2048, 1.0), priced_as=bare), month(SECONDS_PER_MONTH, replicas=1)
    )
    assert total(lines) == Decimal("28.835")


def test_provisioned_concurrency_of_arm():
    """1 sandbox of 1 GB: 2,628,000 x 0.0000033334 = 8.7601752 kept; 300,000 x 0.0000077778 = 2.33334 used."""
    kept = {"provisioned_concurrency": 1}
    lines = bill(bought("function", Purchase("lambda.arm", 1024, 0.58), priced_as=kept), month(3e6))
    by_kind = {kind: sum(x.ListCost for x in lines if f"arm.{kind}" in x.SkuId) for kind in ("kept", "used")}
    assert by_kind == {"kept": Decimal("8.7601752"), "used": Decimal("2.33334")}


def test_load_balancer_addresses_and_registry():
    """730 x 0.0225 = 16.425; 25 requests a second are 1 LCU: 730 x 0.008 = 5.84; 2 x 730 x 0.005 = 7.3; 3 images of
    0.5 GB x 0.10 = 0.15."""
    lines = bill(bought("service", TASK, image_gb=0.5), month(25 * SECONDS_PER_MONTH, replicas=1))
    assert total(lines, "platform") == Decimal("16.425") + Decimal("5.84") + Decimal("7.3") + Decimal("0.15")


def test_a_server_beside_the_units_is_in_no_bill_and_that_is_said():
    packages = {"search/docker-lambda": {"backing": {"server": "postgres"}}, "echo/docker-lambda": {}}
    run = SimpleNamespace(manifest=SimpleNamespace(packages=packages))
    found = {name: server_beside(run, name, "docker-lambda") for name in ("search", "echo", "other")}
    assert found == {"search": "postgres", "echo": "", "other": ""}
    plain = bought("function", ONE_GB, image_gb=0.5)
    assert list(notes_of(replace(plain, beside="postgres"))) == [
        *notes_of(plain),
        "the postgres beside its units is not in the cost",
    ]


def test_late_and_failed_answers_and_hours():
    """1,000 arrivals: 10 late x 0.5 = 5, 20 failed x 2 = 40; 3 hours x 80 = 240 and 7 of platform."""
    stakes = {
        "late_request_usd": 0.5,
        "failed_request_usd": 2,
        "engineering_hours_per_month": {"service": 0, "function": 3},
        "engineering_usd_per_hour": 80,
        "platform_usd_per_month": {"service": 0, "function": 7},
    }
    lines = bill(bought("function", ONE_GB, stakes=stakes), month(1000, good=0.98, late=0.01))
    assert total(lines, "scaling penalty") == 45
    assert total(lines, "engineering") == 240
    assert total(lines, "stated platform") == 7
    # 100 s of 1 GB: 100 x 0.0000166667, and 1,000 x 0.0000002.
    assert total(lines, *BILLED) == Decimal("0.00166667") + Decimal("0.0002"), "nothing stated is in what is billed"
    assert total(lines, *STATED) == 45 + 240 + 7


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
    carried = Carried(Estimate(10.0, 8.0, 12.0, 9), "measured", "")
    assert [carried.replicas(rps, 10.0) for rps in (0.1, 10.0, 10.1, 95)] == [1, 1, 2, 10]
    assert carried.replicas(95, 8.0) == 12


def flat(usd):
    return Curve(lambda _: usd)


def line(usd_per_rps):
    return Curve(lambda rate: usd_per_rps * rate)


def stairs(usd_per_replica, step_rps):
    """So much for each replica, one more beyond each whole multiple of the step."""
    return Curve(lambda rate: usd_per_replica * max(1, math.ceil(round(rate / step_rps, 9))), step_rps)


def curves(value, low=None, high=None, n=5, **more):
    return Curves(value, low or value, high or value, n, **more)


def test_where_a_line_meets_a_flat_cost():
    """1 USD per unit of rate against 7: they meet at 7."""
    assert [(p.rps, p.falls) for p in crossings([1, 2, 4, 8, 16], line(1), flat(7))] == [(pytest.approx(7.0), False)]
    assert not crossings([1, 2, 4], line(1), flat(7))
    assert not crossings([8, 16], line(1), flat(7)), "dearer from the beginning"
    assert [(p.rps, p.falls) for p in crossings([1, 2, 4, 8, 16], flat(7), line(1))] == [(pytest.approx(7.0), True)]


def test_every_crossing_of_a_step_curve_is_found_exactly():
    """A replica for each 0.5 requests a second costs p, a function 1.2 p for as many: it is dearer from 0.5 / 1.2 on,
    and cheaper again beyond each step, until it costs as much as the replicas do there: from 0.5 to 2 / 2.4 = 0.8333,
    from 1.0 to 1.25, from 1.5 to 1.6667, from 2.0 to 2.0833; from 2.5 on it is 6 p against 6 p, and never again."""
    found = crossings(GRID, line(1.2 / 0.5), stairs(1.0, 0.5))
    ends = [0.5 / 1.2, 0.5, 1 / 1.2, 1.0, 1.5 / 1.2, 1.5, 2 / 1.2, 2.0, 2.5 / 1.2]
    assert [point.rps for point in found] == pytest.approx(ends, rel=1e-7)
    assert [point.falls for point in found] == [False, True] * 4 + [False]


def test_a_grid_as_coarse_as_one_cell_hides_no_step():
    assert len(crossings([0.01, 100.0], line(1.2 / 0.5), stairs(1.0, 0.5))) == 9


NAMES = Names("echo", "steady", "docker-lambda", "docker-service", "run")


def test_the_interval_of_the_break_even_is_that_of_both_sides():
    """10 USD a unit of rate against 60 meet at 6; 12 against 48 at 4, and 8 against 72 at 9."""
    found = break_even(NAMES, curves(line(10), line(8), line(12)), curves(flat(60), flat(48), flat(72), 9))
    assert (found.rate.value, found.rate.low, found.rate.high) == pytest.approx((6.0, 4.0, 9.0), rel=1e-4)
    assert found.rate.n == 5
    assert "below 6.0 requests per second" in found.words and "docker-lambda is cheaper" in found.words
    assert found.crossings == [found.rate]
    assert [(span.begin_rps, span.cheaper) for span in found.spans] == [
        (GRID[0], "docker-lambda"),
        (pytest.approx(6.0), "docker-service"),
    ]


def test_all_changes_of_sides_are_told_in_one_sentence():
    """1.8 USD for a rate of 1 against steps of 1 at 1 and 2: equal at 1 / 1.8 = 0.556, again at 1 (1.8 against 2), and
    at 2 / 1.8 = 1.11; at 2 it is 3.6 against 3."""
    found = break_even(NAMES, curves(line(1.8)), curves(stairs(1.0, 1.0)))
    assert found.words == (
        "below 0.556 requests per second (0.556–0.556), 1.46 million a month, docker-lambda is cheaper, "  # noqa: RUF001
        "from 0.556 to 1.00 docker-service, from 1.00 to 1.11 docker-lambda, above it docker-service"
    )
    assert [span.cheaper for span in found.spans] == ["docker-lambda", "docker-service"] * 2
    assert [each.value for each in found.crossings] == pytest.approx([1 / 1.8, 1.0, 2 / 1.8])


def test_very_many_changes_are_counted():
    """99.9 % of a replica's price: they change places at each of many steps."""
    found = break_even(NAMES, curves(line(1.001)), curves(stairs(1.0, 1.0)))
    assert len(found.crossings) > 500 and "more changes up to" in found.words and len(found.words) < 400


def test_where_nothing_crosses_it_is_said_who_is_cheaper():
    assert break_even(NAMES, curves(flat(1)), curves(flat(2))).words.startswith(
        "docker-lambda is cheaper at every rate"
    )
    assert break_even(NAMES, curves(flat(2)), curves(flat(1))).words.startswith(
        "docker-service is cheaper at every rate"
    )


def test_a_service_that_is_cheap_at_low_rates_only_has_no_rate_above_which_it_is_cheaper():
    turned = break_even(NAMES, curves(flat(2)), curves(Curve(lambda rate: 1.0 if rate <= 10 else 3.0, 10.0)))
    assert turned.rate.value is None and turned.rate.why == "no such crossing within the range looked at"
    assert [each.value for each in turned.crossings] == [pytest.approx(10.0)]
    assert turned.words.startswith("below 10.0 requests per second") and "docker-service is cheaper" in turned.words
    assert turned.words.endswith("above it docker-lambda")


def test_an_interval_whose_end_does_not_cross_says_so():
    found = break_even(NAMES, curves(line(10), flat(0), line(12)), curves(flat(60), flat(48), flat(72)))
    rate = found.rate
    assert (rate.value, rate.low, rate.high) == (pytest.approx(6.0, rel=1e-4), pytest.approx(4.0, rel=1e-4), None)
    assert rate.why == "up to an end of the rates looked at, no side is surely the cheaper one"


def test_an_upper_bound_of_cost_is_no_break_even():
    function = curves(line(10))
    found = break_even(NAMES, function, curves(flat(60), flat(30), known_to=2.0))
    assert found.rate.value is None and found.words.startswith("at most 6")
    assert "frostline capacity" in found.words and not found.spans
    least = break_even(NAMES, function, Curves(flat(60), flat(60), None, 5, known_to=0.0))
    assert least.rate.value is None and least.words.startswith("at least 6")
    within = break_even(NAMES, function, curves(flat(15), known_to=2.0))
    assert within.rate.value == pytest.approx(1.5, rel=1e-4), "one replica is enough there, and that is known"
    dear = break_even(NAMES, function, curves(flat(1e9), flat(1e8), known_to=2.0))
    assert dear.words.startswith("docker-lambda is cheaper at every rate"), "even where the service costs least"


def test_where_a_replica_is_added_between_two_rates_the_crossing_lies_anywhere_there():
    """Costs 1 and 2 against 1.5 and 2.5: somewhere between 1 and 2 requests a second a replica is added."""
    service = Curve(lambda rate: float(np.interp(rate, [1.0, 2.0], [1.0, 3.0])))
    found = break_even(NAMES, curves(flat(2), rates=[1.0, 2.0]), curves(service, rates=[1.0, 2.0], jumps=[(1.0, 2.0)]))
    (crossing,) = found.crossings
    assert (crossing.low, crossing.value, crossing.high) == (1.0, pytest.approx(1.5), 2.0)


EXPECTED = {"requests_per_month": 3_000_000, "peak_to_mean": 4}


@pytest.fixture
def run(tmp_path):
    return priced_run(tmp_path)


def priced_run(folder, **fields):
    experiment = {"name": "quickstart", "expected": EXPECTED} | fields
    return make_run(folder, rounds=3, requests_per_trial=60, experiment=experiment)


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


def test_a_heading_names_no_traffic_where_nothing_is_priced_and_says_what_n_counts(tmp_path):
    costing = costing_of(run := priced_run(tmp_path), summarise(run))
    assert {side.counted for side in costing.sides} == {"trial"}
    assert "n counts trials (" in as_markdown(costing) and "step" not in as_markdown(costing).split("\n\n")[2]
    searched = [replace(side, is_bound=False) for side in costing.sides]
    assert {side.counted for side in searched} == {"trial", "capacity step"}
    assert {replace(side, basis="forecast").counted for side in searched} == {"resample"}
    bare = as_markdown(replace(costing, sides=[], expected=False, requests_per_month=0.0))
    assert "million requests" not in bare and "n counts" not in bare


def test_peoples_hours_are_a_line_of_their_own_and_enter_no_break_even(tmp_path):
    hours = {name: STAKES[name] for name in STAKES if name.startswith("engineering")}
    (only,) = costing_of(run := priced_run(tmp_path, stakes=hours), summarise(run)).break_evens
    assert only.rate_with_stated is None and "with what you stated" not in only.words
    both = []
    for name, stakes in (("hours", STAKES), ("none", {"late_request_usd": 0.001})):
        run = priced_run(tmp_path / name, stakes=stakes)
        run.manifest.capacities = {}
        both += costing_of(run, summarise(run)).break_evens
    assert both[0].rate_with_stated == both[1].rate_with_stated is not None


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
    assert (
        "is no way of buying that is known here: aws_lambda, fargate, fargate_tasks, lambda_managed_instances, "
        "sagemaker, sagemaker_serverless are"
        in told
        and "\x1b" not in told
    )


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


def row_of_service(run):
    return next(row for row in summarise(run).rows if row.target == "docker-service")


@pytest.mark.parametrize(
    ("ended", "low", "high", "replicas", "words"),
    [
        ("cut off", 2.0, None, 3, "at least 2 requests per second (41.json; the same search again goes on from there)"),
        ("invalid", 2.0, 2.5, 3, "at least 2 requests per second (41.json; the same search again goes on from there)"),
        ("answered", 2.0, None, 3, "at least 2 requests per second (41.json; a higher --most-rate would find the end)"),
    ],
    ids=["cut-off", "invalid", "answered"],
)
def test_a_search_without_an_end_bounds_the_cost(own_run, tmp_path, ended, low, high, replicas, words):
    """4.6 a second at the peak."""
    rate = {"value": None, "low": low, "high": high, "n": 6, "need": None, "why": "cut off", "method": "b"}
    file = capacity_file(tmp_path / "capacity", own_run, ended=ended)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"rate": rate}))
    given = read_capacity(file)
    costing = costing_of(own_run, summarise(own_run), capacity=given)
    (service,) = [side for side in costing.sides if side.kind == "service"]
    assert service.replicas == replicas and service.per_month_usd.value is not None
    assert words in service.terms[0].basis
    carried = carried_rate(row_of_service(own_run), given, None, 50.0)
    assert (carried.known, carried.rate.low, carried.rate.high) == ("at least", low, high or 50.0)


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
