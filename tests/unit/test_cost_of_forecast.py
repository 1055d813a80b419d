"""A forecast month in money, against cases worked out by hand from the price book of us-east-1."""

import csv
import json
from decimal import Decimal

import pytest

from harness.analysis.table import summarise
from harness.cost.costing import costing_of, summary_with_cost
from harness.cost.from_forecast import is_told
from harness.record.forecast import Quantities, write_forecast
from harness.report.cost import as_csv, as_markdown, heading
from tests.forecasts import figure, forecast, quantities, row
from tests.synthetic import make_run

BARE = {"load_balancer": "none", "public_ipv4": 0}
EXPECTED = {"requests_per_month": 3_000_000, "peak_to_mean": 4}
GB = 1769 / 1024


@pytest.fixture
def priced(tmp_path):
    """The costing of a run with these rows forecast."""

    def make(rows=None, profiles=("steady",), changes=None, folder="one", **experiment):
        given = {"name": "quickstart", "expected": EXPECTED, "priced_as": BARE} | experiment
        run = make_run(tmp_path / folder, rounds=2, requests_per_trial=40, profiles=profiles, experiment=given)
        write_forecast(run, forecast(run, rows, **changes or {}))
        return costing_of(run, summarise(run)), run

    return make


def side(costing, target="docker-lambda"):
    (found,) = [side for side in costing.sides if side.target == target]
    return found


def test_a_function_is_billed_for_the_seconds_of_its_forecast_with_both_ends(priced):
    """3 million arrivals of 50 ms are 150,000 s of 1.727539 GB = 259,130.859375 GB-s x 0.0000166667 = 4.318856 USD, and
    3 million x 0.0000002 = 0.6. The ends are 10 % to both sides of seconds and invocations: 4.426971 and 5.410742."""
    found = side(priced()[0])
    month = 150_000 * GB * 0.0000166667 + 0.6
    assert month == pytest.approx(4.918856, rel=1e-6)
    assert found.per_month_usd.value == pytest.approx(month)
    assert (found.per_month_usd.low, found.per_month_usd.high) == pytest.approx((0.9 * month, 1.1 * month))
    assert found.per_month_usd.n == 40, "resamples"
    assert (found.basis, found.arrivals) == ("forecast", 3e6)


def test_a_thousand_good_answers_cost_least_where_most_are_good(priced):
    """Of 3 million 2.7 to 3.3 are good: the cheap end of 0.9 months is shared by 3.3 million, the dear one by 2.7."""
    found, month = side(priced()[0]), 150_000 * GB * 0.0000166667 + 0.6
    per_1k = found.per_1k_usd
    assert per_1k.value == pytest.approx(month / 3000)
    assert (per_1k.low, per_1k.high) == pytest.approx((0.9 * month / 3300, 1.1 * month / 2700))


def test_a_service_is_billed_for_the_hours_of_its_replicas(priced):
    """1,000 replica-hours x (1 vCPU x 0.04048 + 2 GB x 0.004445) = 49.37; 500 of them busy: half is compute."""
    hours = quantities("service", unit_hours=figure(1000.0), busy_hours=figure(500.0))
    found = side(priced([row("function"), row("service", quantities=hours)])[0], "docker-service")
    assert found.per_month_usd.value == pytest.approx(49.37)
    assert (found.per_month_usd.low, found.per_month_usd.high) == pytest.approx((44.433, 54.307))
    terms = {term.name: term.usd_per_month for term in found.terms}
    assert (terms["compute"], terms["idle"]) == (pytest.approx(24.685), pytest.approx(24.685))
    assert (found.utilisation, found.replicas) == (0.5, 4)


def test_where_nobody_knows_how_busy_replicas_are_nothing_is_called_idle(priced):
    hours = quantities("service", busy_hours=None)
    found = side(priced([row("service", quantities=hours)])[0], "docker-service")
    assert {line.term for line in found.lines} == {"compute"} and found.utilisation is None
    assert "how busy they are is not known" in found.terms[0].basis


KEPT = {"priced_as": BARE | {"provisioned_concurrency": 2}}


def test_provisioned_concurrency_is_billed_by_what_overflowed_in_the_forecast(priced):
    """Of 150,000 s 10,000 overflowed, though 150,000 / 2,628,000 = 0.057 of 2 are busy on average: 10,000 x 1.727539 GB
    on demand at 0.0000166667 = 0.287924, 140,000 x 1.727539 x 0.0000097222 = 2.351369 beside 2 x 2,628,000 x 1.727539 x
    0.0000041667 kept."""
    found = side(
        priced([row(parameters={"provisioned": 2}, quantities=quantities(overflow_s=figure(10_000.0)))], **KEPT)[0]
    )
    by_sku = {line.SkuId: line for line in found.lines if line.term == "compute"}
    assert float(by_sku["lambda.x86.gb-second"].ListCost) == pytest.approx(10_000 * GB * 0.0000166667, rel=1e-6)
    used = by_sku["lambda.provisioned.x86.used.gb-second"]
    assert float(used.ListCost) == pytest.approx(140_000 * GB * 0.0000097222, rel=1e-6)
    kept = sum(line.PricingQuantity for line in found.lines if ".kept." in line.SkuId)
    assert float(kept) == pytest.approx(2 * 2_628_000 * GB)


def test_a_forecast_of_other_provisioned_concurrency_than_is_stated_says_so(priced):
    costing, _ = priced(**KEPT)
    assert "forecast with 0 sandboxes kept warm; the experiment states 2" in side(costing).notes
    assert not [line for line in side(costing).lines if "provisioned" in line.SkuId]


def test_a_forecast_that_keeps_sandboxes_warm_and_does_not_say_what_overflowed_prices_nothing(priced):
    costing, run = priced([row(parameters={"keep_alive_s": 300, "provisioned": 2})], folder="two")
    assert not [found for found in costing.sides if found.target == "docker-lambda"]
    (told,) = [text for text in costing.notices if "is not priced" in text]
    assert "provisioned_concurrency: 2" in told and f"frostline forecast {run.manifest.run}" in told


def test_a_forecast_without_intervals_has_a_cost_without_one(priced):
    bare = quantities(billed_s={"value": 150_000.0, "n": 1})
    found = side(priced([row(quantities=bare, curve=[])])[0])
    assert found.per_month_usd.value == pytest.approx(150_000 * GB * 0.0000166667 + 0.6)
    assert (found.per_month_usd.low, found.per_month_usd.high) == (None, None)
    assert found.per_month_usd.why == "a quantity of the forecast has no interval"


def test_a_run_without_a_forecast_says_what_it_assumes_of_provisioned_concurrency(tmp_path):
    run = make_run(tmp_path, rounds=2, requests_per_trial=40, experiment={"name": "q", "expected": EXPECTED} | KEPT)
    notices = costing_of(run, summarise(run)).notices
    assert [text for text in notices if "how many sandboxes are busy on average" in text]
    assert [text for text in notices if "the run's own mix" in text and "frostline forecast RUN" in text]


def test_each_line_says_where_its_quantity_came_from(priced):
    costing, run = priced(priced_as={"provisioned_concurrency": 0}, profiles=("cold", "steady", "bursty"))
    rows = list(csv.DictReader(as_csv(costing).splitlines()))
    sources = {(line["profile"], line["SkuId"]): line["x_QuantitySource"] for line in rows}
    of_forecast = f"forecast of run {run.manifest.run} made 2026-11-03T10:43:00+00:00, steady, 3 million arrivals"
    assert sources["steady", "lambda.x86.gb-second"] == sources["steady", "alb.lcu-hour"] == of_forecast
    assert sources["steady", "ipv4.hour"] == sources["steady", "alb.hour"] == "stated"
    assert sources["bursty", "lambda.request"] == f"measured: the own mix of run {run.manifest.run}, 2 trials"
    assert all(name.startswith("x_") or name[0].isupper() for name in ("x_QuantitySource", "SkuId"))
    assert all(Decimal(x["PricingQuantity"]) * Decimal(x["ListUnitPrice"]) == Decimal(x["ListCost"]) for x in rows)


def test_the_summary_costs_what_the_forecast_does(priced):
    costing, run = priced()
    costs = {row.target: row.cost_per_1k_usd for row in summary_with_cost(run).rows if row.profile == "steady"}
    assert costs == {found.target: found.per_1k_usd for found in costing.sides}


def test_only_what_was_not_forecast_is_of_the_runs_own_mix(priced):
    costing, _ = priced(profiles=("cold", "steady", "bursty"))
    assert {(found.profile, found.basis) for found in costing.sides} == {("steady", "forecast"), ("bursty", "run")}
    assert {(found.profile, found.basis) for found in costing.break_evens} == {
        ("steady", "forecast"),
        ("bursty", "run"),
    }


def test_a_side_of_a_forecast_has_no_break_even_with_one_of_the_runs_own_mix(priced):
    costing, _ = priced([row("function")])
    assert {found.target: found.basis for found in costing.sides} == {
        "docker-lambda": "forecast",
        "docker-service": "run",
    }
    assert costing.break_evens == []


def test_a_run_with_a_forecast_alone_says_nothing_of_an_own_mix(priced):
    costing, _ = priced()
    assert not [text for text in costing.notices if "own mix" in text]
    assert [text for text in costing.notices if text.startswith("forecast: between the rates")]


def points(kind, rates, **of):
    """The curve of a side: `of` gives units_peak and unit_hours by rate."""
    return [
        {"rps": rps, "units_peak": of.get("units", {}).get(rps, 1), "quantities": quantities(
            kind, rps * 2_628_000, **({"unit_hours": figure(of["units"][rps] * 730.0, 0.0)} if "units" in of else {})
        )}
        for rps in rates
    ]  # fmt: skip


def test_the_break_even_lies_on_the_forecasts_curve(priced):
    """A replica is 730 x (0.04048 + 2 x 0.004445) = 36.0401 USD. A request each second is 2,628,000 a month: 131,400 s
    x 1.727539 GB x 0.0000166667 = 3.783318 and 0.5256: 4.308918. They meet at 36.0401 / 4.308918 = 8.3641 a second."""
    rates = (0.01, 1.0, 10.0)
    rows = [row("function", curve=points("function", rates)), row("service", curve=points("service", rates, units=ONE))]
    (found,) = priced(rows)[0].break_evens
    assert found.rate.value == pytest.approx(36.0401 / 4.308918, rel=1e-5)
    assert (found.rate.low, found.rate.high) == (
        pytest.approx(8.3641 / 1.1, rel=1e-3),
        pytest.approx(8.3641 / 0.9, rel=1e-3),
    )
    assert found.rates == list(rates) and found.basis == "forecast"
    assert found.words.startswith("below 8.4 requests per second") or found.words.startswith("below 8.36")


ONE = {0.01: 1, 1.0: 1, 10.0: 1}


def test_where_a_replica_is_added_between_two_rates_of_the_forecast_the_crossing_is_that_wide(priced):
    """At 10 a second the function costs 43.09 and one replica 36.04, but there are two, 72.08: it stays the cheaper
    one; at 20 it costs 86.18 against 72.08. With one replica at 10 and three at 20, 108.12, they change places twice,
    the second time where nobody knows."""
    rates, units = (1.0, 8.0, 10.0, 20.0), {1.0: 1, 8.0: 1, 10.0: 2, 20.0: 2}
    rows = [
        row("function", curve=points("function", rates)),
        row("service", curve=points("service", rates, units=units)),
    ]
    (found,) = priced(rows)[0].break_evens
    assert [crossing.value for crossing in found.crossings] == [pytest.approx(72.0802 / 4.308918, rel=1e-5)]
    jump = {1.0: 1, 8.0: 1, 10.0: 1, 20.0: 3}
    rows[1] = row("service", curve=points("service", rates, units=jump))
    (found,) = priced(rows, folder="two")[0].break_evens
    assert [span.cheaper for span in found.spans] == ["docker-lambda", "docker-service", "docker-lambda"]
    assert (found.crossings[1].low, found.crossings[1].high) == (10.0, 20.0), "the replicas are added anywhere there"


def test_a_rate_that_a_side_cannot_carry_is_no_part_of_the_curve(priced):
    withheld = quantities("service", good=figure(None, why="the service cannot carry it"))
    curve = [*points("service", (0.01, 1.0), units=ONE), {"rps": 10.0, "quantities": withheld}]
    assert not is_told(Quantities.model_validate(withheld))
    (found,) = priced([row("function"), row("service", curve=curve)])[0].break_evens
    assert found.rates == [0.01, 1.0] and found.rate.value is None
    assert found.words == "docker-lambda is cheaper at every rate from 0.0100 to 1.00 requests per second"


def test_a_forecast_without_a_curve_has_a_cost_and_no_break_even_to_tell(priced):
    (found,) = priced([row("function", curve=[]), row("service")])[0].break_evens
    assert found.rate.value is None and found.words == "no rate was looked at on both sides"


def test_a_month_that_is_withheld_is_not_priced_and_says_why(priced):
    gone = quantities("service", unit_hours=figure(None, why="no number of replicas holds the objective"))
    costing, _ = priced([row("function"), row("service", quantities=gone)])
    assert [found.target for found in costing.sides] == ["docker-lambda"]
    (told,) = [text for text in costing.notices if "is not priced" in text]
    assert told.startswith("echo, docker-service, steady is not priced: unit_hours: no number of replicas holds")


def test_a_forecast_of_other_traffic_than_is_expected_says_so(priced):
    costing, _ = priced(expected={"requests_per_month": 6_000_000})
    told = "forecast: steady is of 1.14 requests per second, and the experiment expects 2.28"
    assert told in costing.notices
    assert costing.requests_per_month == 6_000_000 and side(costing).arrivals == 3e6
    assert heading(costing)[1].startswith("forecast of 3 million requests a month, not the expected 6 million; prices")
    assert heading(priced(folder="two")[0])[1].startswith("expected 3 million requests a month; prices")


def test_what_the_forecast_withholds_or_warns_of_is_told_with_the_cost(priced):
    changes = {"withheld": ["docker-lambda under bursty: no cold start was forced"], "notices": ["a week of trace"]}
    costing, _ = priced([row("function", warnings=["beyond what was measured"]), row("service")], changes=changes)
    assert "forecast: docker-lambda under bursty: no cold start was forced" in costing.notices
    assert "forecast: a week of trace" in costing.notices
    assert "beyond what was measured" in side(costing).notes
    assert "<b>" not in as_markdown(costing)


def test_json_keeps_its_fields_and_gains_the_new_ones(priced):
    costing = json.loads(json.dumps(priced()[0].to_json()))
    (crossing,) = costing["break_evens"]
    assert {"rate", "rates", "words", "crossings", "spans", "basis"} <= set(crossing)
    assert {"per_month_usd", "lines", "basis", "arrivals", "source", "is_bound"} <= set(costing["sides"][0])
    assert {"SkuId", "ListCost", "x_QuantitySource"} <= set(costing["sides"][0]["lines"][0])
