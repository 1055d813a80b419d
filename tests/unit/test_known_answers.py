"""The forecast's loops against what theory, or somebody else's published number, says.

All is seeded, and within 5 standard errors, which are small enough to tell the answer from others. Where the loops are
not compiled a tenth of the requests has to do, and the errors are as much larger.
"""

import math

import numpy as np
import pytest
from scipy import stats

from harness.forecast.compiled import why_plain
from harness.forecast.pool_loop import run_pool
from harness.forecast.service_loop import run_service
from targets.rules.cloud_run import CloudRun
from targets.rules.fixed_replicas import FixedReplicas
from targets.rules.hpa import Hpa
from targets.rules.keda import Keda
from targets.rules.knative import Knative
from targets.rules.lambda_pool import PoolLimits

SHARE = 1.0 if why_plain() is None else 0.1
ERRORS = 5.0
NO_LIMIT = 1_000_000


def many(count):
    return int(count * SHARE)


def chance(seed):
    return np.random.default_rng(seed)


def pool(arrivals_s, warm_s, keep_alive_s, cold_s=None, limit=NO_LIMIT):
    """A pool that is empty at first, until a second after the last arrival."""
    limits = PoolLimits(round(keep_alive_s * 1e9), limit, NO_LIMIT)
    dies = np.zeros(len(arrivals_s), np.bool_)
    cold_s = warm_s if cold_s is None else cold_s
    return run_pool(arrivals_s, warm_s, cold_s, dies, limits, arrivals_s[-1] + 1.0)


def replicas(arrivals_s, service_s, rule, slots=1, start_s=5.0, end_s=None):
    end_s = arrivals_s[-1] + 1.0 if end_s is None else end_s
    return run_service(arrivals_s, service_s, rule, slots, [start_s], 0.0, end_s)


def estimate(values, batches=50):
    """Mean of what is correlated from one to the next, and its standard error from means of long stretches."""
    means = np.array([part.mean() for part in np.array_split(values, min(batches, len(values)))])
    return means.mean(), means.std(ddof=1) / math.sqrt(len(means))


def assert_near(values, known, sharpness):
    """Within ERRORS standard errors of what is known, which are small enough to tell it from something else."""
    mean, error = estimate(values)
    assert abs(mean - known) <= ERRORS * error
    assert error <= sharpness * known / math.sqrt(SHARE), "this sample would not tell it from something else"


def assert_share(events, known):
    """The same of independent events, whose error is known."""
    error = math.sqrt(known * (1 - known) / len(events))
    assert abs(np.mean(events) - known) <= ERRORS * error


# A function's pool


@pytest.mark.parametrize("rate_times_keep_alive", [0.1, 1.0, 3.0, 6.0])
@pytest.mark.parametrize("service_s", [0.0, 1e-6])
def test_poisson_arrivals_and_no_service_are_cold_with_exp_of_minus_rate_times_keep_alive(
    rate_times_keep_alive, service_s
):
    keep_alive_s, count = 300.0, many(200_000)
    gaps_s = chance(1).exponential(keep_alive_s / rate_times_keep_alive, count)
    month = pool(np.cumsum(gaps_s), np.full(count, service_s), keep_alive_s)
    assert month.cold[0]
    assert_share(month.cold[1:], math.exp(-rate_times_keep_alive))


GAPS = {
    "gamma-bursty": stats.gamma(0.3, scale=400.0),
    "gamma-regular": stats.gamma(9.0, scale=30.0),
    "weibull": stats.weibull_min(0.6, scale=90.0),
    "lognormal": stats.lognorm(1.8, scale=60.0),
    "uniform": stats.uniform(0.0, 450.0),
}


@pytest.mark.parametrize("name", GAPS)
def test_renewal_arrivals_are_cold_with_the_share_of_gaps_beyond_the_keep_alive(name):
    keep_alive_s, count = 300.0, many(200_000)
    gaps_s = GAPS[name].rvs(count, random_state=chance(2))
    month = pool(np.cumsum(gaps_s), np.zeros(count), keep_alive_s)
    assert_share(month.cold[1:], GAPS[name].sf(keep_alive_s))


def test_gaps_of_a_trace_are_cold_where_they_are_as_long_as_the_keep_alive():
    """Of 8 gaps that are drawn over and over 3 are 300 s or more; what is idle for exactly that is gone."""
    trace_s = np.array([0.0, 1.0, 5.0, 30.0, 299.0, 300.0, 301.0, 4000.0])
    gaps_s = chance(3).choice(trace_s, many(200_000))
    month = pool(np.cumsum(gaps_s), np.zeros(len(gaps_s)), 300.0)
    assert np.array_equal(month.cold[1:], gaps_s[1:] >= 300.0)
    assert_share(month.cold[1:], 3 / 8)


@pytest.mark.parametrize(("gap_s", "cold"), [(4.999, 0), (5.0, 1), (5.001, 1)])
def test_fixed_gaps_below_the_keep_alive_are_all_warm_but_the_first_and_others_all_cold(gap_s, cold):
    month = pool(gap_s * np.arange(1, 2001), np.zeros(2000), 5.0)
    assert month.cold[0]
    assert set(month.cold[1:]) == {bool(cold)}


@pytest.mark.parametrize(("gap_s", "cold"), [(6.999, 0), (7.0, 1)])
def test_a_unit_is_idle_from_the_end_of_its_request(gap_s, cold):
    """2 s of service and 5 s of keep-alive."""
    month = pool(gap_s * np.arange(1, 501), np.full(500, 2.0), 5.0)
    assert set(month.cold[1:]) == {bool(cold)}


SERVICE_S = {
    "exponential": stats.expon(scale=2.0),
    "fixed": stats.rv_discrete(values=([2], [1.0])),
    "two-kinds": stats.rv_discrete(values=([1, 5], [0.75, 0.25])),
    "lognormal": stats.lognorm(1.0, scale=2.0 / math.exp(0.5)),
}
"""All of 2 s on average."""


def arrivals_and_service(name, rate, count, seed):
    random = chance(seed)
    return np.cumsum(random.exponential(1 / rate, count)), SERVICE_S[name].rvs(size=count, random_state=random).astype(
        float
    )


@pytest.mark.parametrize("name", SERVICE_S)
def test_busy_units_are_poisson_with_mean_rate_times_service_whatever_the_service(name):
    """M/G/infinity, at moments that lie so far apart that hardly a request is seen twice."""
    rate, count, apart_s = 1.5, many(400_000), 40.0
    arrivals_s, service_s = arrivals_and_service(name, rate, count, 4)
    month = pool(arrivals_s, service_s, 60.0)
    ends_s = np.sort(arrivals_s + month.latency_s)
    moments_s = np.arange(100.0, arrivals_s[-1], apart_s)
    busy = np.searchsorted(arrivals_s, moments_s, "right") - np.searchsorted(ends_s, moments_s, "right")
    known = stats.poisson(rate * 2.0)
    assert abs(busy.mean() - known.mean()) <= ERRORS * known.std() / math.sqrt(len(busy))
    for number in range(8):
        assert_share(busy == number, known.pmf(number))
    assert busy.max() <= month.peak_busy


@pytest.mark.parametrize("name", SERVICE_S)
def test_without_keep_alive_units_exist_for_as_long_as_they_serve(name):
    """Their mean number is rate x service, and the most that exist are the most that are busy."""
    rate, count = 1.5, many(1_000_000)
    arrivals_s, service_s = arrivals_and_service(name, rate, count, 5)
    month = pool(arrivals_s, service_s, 0.0)
    assert month.cold.all()
    assert month.peak_size == month.peak_busy
    assert_near(month.unit_s_by_hour[:-1] / 3600, rate * 2.0, 0.01)


@pytest.mark.parametrize("name", SERVICE_S)
@pytest.mark.parametrize("limit", [1, 3, 5])
def test_a_concurrency_limit_turns_away_by_erlang_b_whatever_the_service(name, limit):
    """M/G/c/c: what is throttled is the share of c in a Poisson law that is cut at c."""
    rate, count = 1.0, many(400_000)
    arrivals_s, service_s = arrivals_and_service(name, rate, count, 6)
    month = pool(arrivals_s, service_s, 60.0, limit=limit)
    known = stats.poisson.pmf(limit, rate * 2.0) / stats.poisson.cdf(limit, rate * 2.0)
    assert_near(month.throttled.astype(float), known, 0.02)


def test_simfaas_published_case():
    """0.9 requests/s, warm 1.991 s, cold 2.244 s, both exponential, 600 s of keep-alive, the newest idle first: a cold
    share of 0.0014 and 7.66 instances on average (README of pacslab/simfaas 0.2.2, rounded there)."""
    random, count = chance(7), many(2_000_000)
    arrivals_s = np.cumsum(random.exponential(1 / 0.9, count))
    month = pool(arrivals_s, random.exponential(1.991, count), 600.0, cold_s=random.exponential(2.244, count))
    cold, cold_error = estimate(month.cold[count // 100 :].astype(float))
    units, units_error = estimate(month.unit_s_by_hour[2:-1] / 3600)
    assert abs(cold - 0.0014) <= 0.00005 + ERRORS * cold_error
    assert cold_error <= 0.00004 / math.sqrt(SHARE)
    assert abs(units - 7.66) <= 0.005 + ERRORS * units_error
    assert units_error <= 0.03 / math.sqrt(SHARE)


# A service of replicas


def erlang_c(servers, offered):
    """Probability that a request waits (Erlang, 1917)."""
    full = offered**servers / math.factorial(servers) * servers / (servers - offered)
    return full / (sum(offered**free / math.factorial(free) for free in range(servers)) + full)


@pytest.mark.parametrize(("servers", "offered"), [(1, 0.5), (2, 1.4), (4, 3.0), (16, 12.0)], ids=str)
@pytest.mark.parametrize("at_once", [1, 2], ids=["replicas", "slots"])
def test_fixed_replicas_wait_by_erlang_c(servers, offered, at_once):
    """M/M/c: probability and mean of waiting, however the slots are shared out over replicas."""
    slots = at_once if servers % at_once == 0 else 1
    random, count = chance(8), many(1_000_000)
    arrivals_s = np.cumsum(random.exponential(1 / offered, count))
    month = replicas(arrivals_s, random.exponential(1.0, count), FixedReplicas(servers // slots), slots)
    waited = month.queue_s[count // 100 :]
    known = erlang_c(servers, offered)
    assert_near((waited > 0).astype(float), known, 0.02)
    assert_near(waited, known / (servers - offered), 0.05)
    assert np.isfinite(month.latency_s).all()


@pytest.mark.parametrize("name", SERVICE_S)
def test_one_server_waits_by_pollaczek_and_khinchine(name):
    """M/G/1: mean wait = rate x E[service squared] / (2 x (1 - busy share))."""
    rate, count = 0.25, many(400_000)
    arrivals_s, service_s = arrivals_and_service(name, rate, count, 9)
    month = replicas(arrivals_s, service_s, FixedReplicas(1))
    known = rate * SERVICE_S[name].moment(2) / (2 * (1 - rate * 2.0))
    assert_near(month.queue_s, known, 0.05)
    assert_near((month.queue_s > 0).astype(float), rate * 2.0, 0.02)


@pytest.mark.parametrize(("at_once", "pods"), [(69, 1), (70, 1), (71, 2), (350, 5), (701, 11)])
def test_knative_holds_ceil_of_a_constant_concurrency_by_its_target(at_once, pods):
    """The target is 70; pods take 100 at once. From the second hour on they exist for whole hours."""
    month = replicas(np.zeros(at_once), np.full(at_once, 4e4), Knative(), slots=100, end_s=3 * 3600.0)
    assert month.replica_s_by_hour[1:] == pytest.approx([3600.0 * pods] * 2)
    assert month.peak == pods


def test_hpa_holds_a_constant_load_at_its_target():
    """36 slots that always serve, target 0.6: ceil(36 x 1 / 0.6) = 60 at the first tick, of 15 s. They are ready at the
    second, but have no metric yet and count as idle: 36 / 60 is the target. No tick sees more."""
    month = replicas(np.zeros(36), np.full(36, 4e4), Hpa(0.6, min_replicas=36), start_s=15.0, end_s=2 * 3600.0)
    assert month.peak == 60
    assert month.starts == 24
    assert month.replica_s_by_hour == pytest.approx([3600.0 * 60 - 24 * 15.0, 3600.0 * 60])


@pytest.mark.parametrize(
    ("rule", "lives_s"),
    [(Knative(initial_scale=0), 97.5), (Keda(), 314.5), (CloudRun(), 964.5)],
    ids=["knative", "keda", "cloud-run"],
)
def test_a_request_an_hour_wakes_a_replica_that_lives_as_long_as_its_platform_says(rule, lives_s):
    """Half past and 0.5 s it arrives, 5 s later the replica serves, for 1 s.

    Knative: something is in the system until the tick of 8 s; a window of 60 s of none is there at 68 s; 30 s of grace:
    98 s. KEDA: active at 15 s, and 300 s of cooldown: 315 s. Cloud Run: something until the tick of 10 s, in the minute
    until that of 65 s, and 900 s of idle: 965 s.
    """
    arrivals_s = 1800.5 + 3600.0 * np.arange(24)
    month = replicas(arrivals_s, np.ones(24), rule, end_s=24 * 3600.0)
    assert month.cold.all()
    assert month.latency_s == pytest.approx(np.full(24, 6.0))
    assert month.starts == 24
    assert month.replica_s_by_hour == pytest.approx(np.full(24, lives_s))


def test_a_queue_is_polled_before_it_has_a_replica():
    """The same under KEDA's queue scaler: the poll of 30 s finds it, 5 s later it is served. At 60 s nothing is left,
    330 s are the first poll at which the one that was active is 300 s old."""
    arrivals_s = 1800.5 + 3600.0 * np.arange(6)
    month = replicas(arrivals_s, np.ones(6), Keda(trigger="queue"), end_s=6 * 3600.0)
    assert month.latency_s == pytest.approx(np.full(6, 35.5))
    assert month.replica_s_by_hour == pytest.approx(np.full(6, 300.0))
