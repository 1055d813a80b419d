"""The pool and the replicas of a forecast are those that its traffic leaves, however long a keep-alive or high a rate;
what there is no time for is withheld, and no command simulates without an end."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from harness.analysis.table import summarise
from harness.errors import Interrupted
from harness.forecast import forecast as forecasts
from harness.forecast import month as months
from harness.forecast.compiled import Compiled
from harness.forecast.forecast import sizes_of, tick_of
from harness.forecast.grid import rates_around
from harness.forecast.lead import lead_of
from harness.forecast.month import Draws, outward
from harness.forecast.order import Order
from harness.forecast.resample import figure_of
from harness.forecast.rows import Ruled, figures_of
from harness.forecast.rules import FunctionRule
from harness.forecast.sides import sides_of
from harness.forecast.spells import DAY_S, Days, draw_spells
from harness.forecast.traffic import Month, month_of
from harness.forecast.what_ifs import what_ifs
from harness.interruption import interruptible
from harness.record.forecast import AS_IT_IS, Figure
from targets import rules
from targets.rules.fixed_replicas import FixedReplicas
from tests.forecast_runs import forecastable

WARM_MS, COLD_MS = 1.0, 100.0


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    """A function and a service whose requests take no time to speak of."""
    run = forecastable(tmp_path_factory.mktemp("run"), warm_ms=WARM_MS, cold_ms=COLD_MS, spread=0.0)
    found, _ = sides_of(run, summarise(run), "steady")
    return {side.kind: side for side in found}


def draws_of(arrivals_s, rps, count, budget, days=None, leads=math.inf):
    """Resamples of a month that a test has made."""
    days = max(1, math.ceil(arrivals_s[-1] / DAY_S)) if days is None else days
    edges = np.searchsorted(arrivals_s, np.arange(days + 1) * DAY_S)
    own = [arrivals_s[a:b] - DAY_S * day for day, (a, b) in enumerate(pairwise(edges))]
    traffic = month_of("steady", {"name": "steady", "parameters": {}}, 1e-6, 7, 1).traffic
    month = Month(traffic, Days(own, len(arrivals_s) / days / DAY_S))
    return Draws(month, rps, None, range(1, 11), count, budget, leads)


def poisson(rps, days, seed=1):
    chance = np.random.default_rng(seed)
    return np.sort(chance.uniform(0, days * DAY_S, chance.poisson(rps * days * DAY_S)))


@pytest.mark.parametrize(
    ("rps", "keep_alive_s", "days", "budget", "count"),
    [
        (1e-4, 20_000.0, 140, 700.0, 6),
        (5e-4, 7200.0, 70, 1000.0, 6),
        (2e-3, 1800.0, 70, 500.0, 12),
        (1e-3, 3600.0, 70, 100.0, 24),
    ],
    ids=["whole-days", "longer-than-an-hour", "half-an-hour", "hours-of-days"],
)
def test_the_cold_share_of_a_keep_alive_that_is_longer_than_any_spell_is_that_of_gaps(
    sides, rps, keep_alive_s, days, budget, count
):
    draws = draws_of(poisson(rps, days), rps, count, budget)
    outcomes = draws.outcomes(sides["function"], FunctionRule(keep_alive_s=keep_alive_s))
    shares, known = np.array([outcome.cold_share for outcome in outcomes]), math.exp(-rps * keep_alive_s)
    error = max(shares.std(ddof=1) / math.sqrt(len(shares)), math.sqrt(known / (rps * days * DAY_S)))
    assert abs(shares.mean() - known) < 5 * error
    assert 5 * error < 0.8 * known


def test_the_cold_share_of_a_renewal_process_is_that_of_gaps_beyond_a_keep_alive_of_hours(sides):
    shape, mean_s, keep_alive_s = 2.0, 3600.0, 7200.0
    gaps = np.random.default_rng(2).gamma(shape, mean_s / shape, 6000)
    arrivals = np.cumsum(gaps)
    arrivals = arrivals[arrivals < 245 * DAY_S]
    draws = draws_of(arrivals, len(arrivals) / (245 * DAY_S), 3, 2000.0, days=245)
    known = stats.gamma.sf(keep_alive_s, shape, scale=mean_s / shape)
    outcomes = draws.outcomes(sides["function"], FunctionRule(keep_alive_s=keep_alive_s))
    assert np.mean([outcome.cold_share for outcome in outcomes]) == pytest.approx(known, rel=0.1)


def test_the_units_of_busy_traffic_are_those_of_a_long_history_and_not_of_its_begin(tmp_path):
    run = forecastable(tmp_path, warm_ms=20.0, cold_ms=3000.0, spread=0.0)
    side = next(side for side in sides_of(run, summarise(run), "steady")[0] if side.kind == "function")
    draws = draws_of(poisson(4.0, 1), 40.0, 5, 2000.0)
    units = [outcome.units_peak for outcome in draws.outcomes(side, FunctionRule())]
    # Most that are busy at once within 300 s of 12,000 arrivals, each of 20 ms: a Poisson count of mean 0.8.
    assert max(units) <= 9


def test_what_counts_is_the_same_with_any_lead():
    days = Days([poisson(0.05, 1, seed) for seed in range(14)], 0.05)
    for rps, budget in ((0.05, 1e6), (0.02, 500.0), (0.12, 500.0), (3.0, 500.0)):
        short, long = (draw_spells(days, rps, budget, np.random.default_rng(3), lead_s) for lead_s in (60.0, 90_000.0))
        for one, other in zip(short, long, strict=True):
            counted = one.arrivals_s[one.counted] - one.from_s
            assert counted == pytest.approx(other.arrivals_s[other.counted] - other.from_s, abs=1e-6)
            assert (other.from_s, one.hours) == (90_000.0, other.hours)
            assert (np.diff(other.arrivals_s) >= 0).all()


def test_the_day_before_is_not_the_same_day_again():
    days = Days([np.array([10.0 * day + 1]) for day in range(3)], 1 / DAY_S)
    assert days.between(1, -DAY_S, DAY_S) == pytest.approx([1 - DAY_S, 11])


def test_units_that_there_is_no_time_for_are_withheld_with_the_reason(sides):
    draws = draws_of(poisson(4.0, 1), 400.0, 5, 500.0, leads=1000.0)
    figures = figures_of(Ruled(sides["function"], FunctionRule()), draws)
    for name in ("cold_share", "cold_starts_per_day", "units_mean", "units_peak"):
        assert figures[name].value is None
        assert "keep-alive of 300 s" in figures[name].why
    assert figures["latency_p50_ms"].value == pytest.approx(WARM_MS, rel=0.2)
    assert set(figures.hours().units) == set(figures.hours().cold_starts) == {None}


def test_a_lead_that_is_dear_takes_fewer_resamples():
    class Side:
        cold, warm = ({"whole_s": np.array([1.0])},) * 2

    lead = lead_of(Side, FunctionRule(keep_alive_s=95.0), 40, 10.0, 20_000.0)
    assert (lead.seconds, lead.resamples, lead.why) == (100.0, 20, "")
    assert lead_of(Side, FixedReplicas(2), 40, 1e9, 1.0).resamples == 40


@pytest.mark.parametrize("rule", ["hpa", "ecs-target-tracking", "knative", "keda", "cloud-run"])
@pytest.mark.parametrize("rps", [0.01, 10.0, 100.0, 10_000.0])
def test_no_rule_makes_a_row_of_more_requests_than_a_command_can_simulate(sides, rule, rps):
    days = Days([np.arange(0, DAY_S, 2.0)] * 7, 0.5)
    traffic = month_of("steady", {"name": "steady", "parameters": {}}, 1e-6, 7, 1).traffic
    month = Month(traffic.model_copy(update={"mean_rps": rps, "days": 30}), days)
    count, budget = sizes_of(month, tick_of(Order(settings={"rule": rule})))
    draws = Draws(month, rps, None, [1], count, budget)
    spells, seconds = 4, budget / rps
    assert count * budget <= 2 * forecasts.REQUESTS
    lead = lead_of(sides["service"], rules.parse(rule, {}), count, rps * spells, draws.leads)
    assert lead.resamples * rps * spells * (lead.seconds or min(600.0, 2 * seconds)) <= 1.01 * months.LEADS


def test_a_lead_too_long_for_an_autoscaled_service_withholds_its_latency_too(sides):
    draws = draws_of(poisson(4.0, 1), 400.0, 2, 500.0, leads=1000.0)
    figures = figures_of(Ruled(sides["service"], rules.parse("hpa", {})), draws)
    assert "rule hpa" in figures["latency_p95_ms"].why
    assert "rule hpa" in figures.quantities().unit_hours.why


def test_rates_are_those_near_the_traffic_and_near_what_a_replica_carries():
    assert (min(rates_around(1.0)), max(rates_around(1.0))) == (pytest.approx(0.01), pytest.approx(100))
    rates = rates_around(0.01, [50.0])
    assert (min(rates), max(rates)) == (pytest.approx(1e-4), pytest.approx(200, rel=0.5))
    assert max(rates_around(9000.0, [50.0])) == pytest.approx(9000)
    assert 1.0 in rates_around(1.0)


def test_other_settings_are_held_against_the_same_resamples(sides):
    draws = draws_of(poisson(0.01, 7), 0.01, 9, 60.0)
    for of in (Ruled(sides["function"], FunctionRule(keep_alive_s=60.0)), Ruled(sides["service"], FixedReplicas(1))):
        first, *others = what_ifs(of, [], draws)
        assert first.name == AS_IT_IS
        assert {what.quantities.good.n for what in others} == {first.quantities.good.n} == {8}
    assert draws.requests > 0


def test_a_share_that_most_resamples_have_none_of_is_their_mean():
    values = [0.0] * 30 + [1e-4] * 10
    found = figure_of(values, 10, 1.0, rare=True)
    assert found.value == pytest.approx(2.5e-5)
    assert found.low == 0.0


def test_ends_of_a_count_are_whole_and_outward():
    assert outward(Figure(value=3.5, low=2.71, high=4.2, n=9)) == Figure(value=4, low=2, high=5, n=9)


def test_a_signal_within_compiled_code_is_an_interruption():
    def cut_off():
        raise SystemError("returned a result with an exception set") from KeyboardInterrupt()

    def broken():
        raise SystemError("bad call")

    loop = Compiled(cut_off)
    loop._made = cut_off
    with pytest.raises(KeyboardInterrupt):
        loop()
    with pytest.raises(Interrupted), interruptible():
        cut_off()
    with pytest.raises(SystemError, match="bad call"), interruptible():
        broken()
