"""The pool that an hour of a trial's traffic would have left: pure, and with known answers."""

import array
import heapq
import math
import statistics

import pytest

from harness.errors import UsageError
from harness.experiment.profiles import draw_history, profile, profile_names
from harness.measure import steady
from harness.measure.steady import HISTORY_S, MOST_LIVES, steady_pool
from loadprofiles import LoadProfile
from targets.rules.lambda_pool import Decision, LambdaPool, PoolLimits

PARAMETERS = {
    "sparse": {"gap_s": 10, "seconds": 40},
    "ramp": {"from_rate": 2, "to_rate": 9, "seconds": 12},
    "bursty": {"rate": 4, "seconds": 12},
    "diurnal": {"rate": 4, "seconds": 86_400},
    "business-hours": {"rate": 4, "seconds": 36_000, "from_hour": 10},
}


def made(name, **parameters):
    return profile(name).model_validate({"rate": 4, "seconds": 12, **parameters})


def pool(load, keep_alive_s=300.0, warm_s=(0.05,), start_s=1.0, seed=1, **limits):
    return steady_pool(load, seed, PoolLimits(round(keep_alive_s * 1e9), **limits), warm_s, start_s)


def test_a_request_every_second_that_takes_a_tenth_leaves_one_sandbox_of_that_age():
    found = pool(made("constant", rate=1), warm_s=[0.1], start_s=0.5)
    assert found.idle_s == pytest.approx([0.9])
    assert found.history_s == pytest.approx(MOST_LIVES * 300.6)
    assert found.cut_from_s is None


def test_requests_further_apart_than_the_keep_alive_leave_the_last_ones_sandbox_or_none():
    rare = made("constant", rate=0.01, seconds=200)
    assert pool(rare, keep_alive_s=99).idle_s == []
    assert pool(rare, keep_alive_s=200).idle_s == pytest.approx([99.95])


def test_one_that_is_busy_is_so_for_as_long_as_its_request_takes():
    assert pool(made("constant", rate=1), warm_s=[2.5], start_s=2.5).idle_s == pytest.approx([-1.5, -0.5, 0.5])


@pytest.mark.parametrize("keep_alive_s", [2.0, 5.0, 10.0, 60.0])
def test_a_trial_goes_on_as_if_it_had_never_been_cut_off_from_what_came_before(keep_alive_s):
    """Also where requests take longer than sandboxes are kept: most of them are busy as a trial begins."""
    load, took_s = made("steady", rate=1, seconds=60), 10.0
    begin = pool(load, keep_alive_s=keep_alive_s, warm_s=[took_s], start_s=took_s)
    assert sum(age_s < 0 for age_s in begin.idle_s) > 2
    limits, history_s = PoolLimits(round(keep_alive_s * 1e9)), begin.history_s
    earlier, trial = draw_history(load, 1, history_s), load.arrivals(1)
    whole = decisions(limits, [*earlier, *(history_s + at_s for at_s in trial)], took_s)
    assert decisions(limits, trial, took_s, begin.idle_s) == whole[len(earlier) :]


def decisions(limits, offsets, took_s, idle_s=()):
    """What the rule decides of each request; a start takes no longer than any other."""
    rule, found = LambdaPool(limits), []
    held = sorted(-round(age_s * 1e9) for age_s in idle_s if age_s < 0)
    units = rule.adopt([-round(age_s * 1e9) for age_s in idle_s if age_s >= 0], busy=len(held))
    ends = list(zip(held, units[len(units) - len(held) :], strict=True))
    for offset_s in offsets:
        now_ns = round(offset_s * 1e9)
        while ends and ends[0][0] <= now_ns:
            end_ns, unit = heapq.heappop(ends)
            rule.put_back(unit, end_ns)
        taken = rule.take(now_ns)
        heapq.heappush(ends, (now_ns + round(took_s * 1e9), taken.unit))
        found.append(taken.decision)
    return found


def test_the_pool_holds_what_is_busy_at_once_within_a_keep_alive(monkeypatch):
    """Requests under way are Poisson with mean rate x service, whatever starts and is reused (M/G/infinity)."""
    monkeypatch.setattr(steady, "MOST_LIVES", 3)
    rate, service_s = 20, 0.2
    sizes = [len(pool(made("steady", rate=rate), warm_s=[service_s], seed=seed).idle_s) for seed in range(3)]
    assert all(rate * service_s + 3 < size < rate * service_s + 7 * math.sqrt(rate * service_s) for size in sizes)
    short = [
        len(pool(made("steady", rate=rate), keep_alive_s=0.5, warm_s=[service_s], seed=n).idle_s) for n in range(9)
    ]
    assert statistics.mean(short) < statistics.mean(sizes)


def test_requests_take_their_times_in_turn_and_the_limits_hold():
    assert len(pool(made("constant", rate=1), warm_s=[0.1, 1.5]).idle_s) == 2
    assert len(pool(made("constant", rate=10), warm_s=[5], concurrency_limit=3).idle_s) == 3
    assert pool(made("constant", rate=10), warm_s=[5], starts_per_10_s=0).idle_s == []


def test_a_history_is_no_more_than_an_hour_of_modelled_time_where_that_is_enough():
    assert pool(made("bursty", rate=1), keep_alive_s=900).history_s == HISTORY_S
    assert pool(made("bursty", compression=60), keep_alive_s=15, warm_s=[0.5], start_s=0.5).history_s == 60


def test_a_compressed_history_is_still_longer_than_any_request():
    assert pool(made("bursty", compression=3600), keep_alive_s=0.1, warm_s=[2.0, 9.0]).history_s >= 3 * 9


def test_a_keep_alive_of_more_than_an_hour_has_a_history_of_more_than_two():
    rare = made("constant", rate=1 / 7100, seconds=7200)
    found = pool(rare, keep_alive_s=7200)
    assert found.history_s > 2 * 7200 and found.cut_from_s is None
    assert len(found.idle_s) == 1, "one every 7,100 s keeps its sandbox"


def test_a_history_of_very_many_arrivals_is_shorter_and_says_so(monkeypatch):
    monkeypatch.setattr(steady, "MOST_ARRIVALS", 1000)
    found = pool(made("constant", rate=100, seconds=1), warm_s=[0.0001], start_s=0.0001)
    assert found.history_s == 10
    assert found.cut_from_s == pytest.approx(3 * 300, rel=1e-3)


def test_the_same_trial_has_the_same_pool_and_another_round_another():
    load = made("steady", rate=3)
    assert pool(load, seed=5) == pool(load, seed=5) != pool(load, seed=6)


def test_what_came_before_a_ramp_came_at_its_first_rate():
    assert len(draw_history(made("ramp", **PARAMETERS["ramp"], rate=None), 1, 1000)) == pytest.approx(2000, rel=0.1)
    assert not draw_history(profile("ramp").model_validate({"to_rate": 9, "seconds": 12}), 1, 1000)


def test_what_came_before_bursts_are_bursts_of_the_same_rate_and_silences():
    load = made("bursty", rate=50, seconds=8)
    held = [draw_history(load, seed, 600.0) for seed in range(20)]
    mean = statistics.mean(map(len, held)) / 600
    assert mean == pytest.approx(load.on_rate * load.on_share, rel=0.2), "without the condition that there is a burst"
    assert not all(len(draw_history(load, seed, 8.0)) for seed in range(9))
    busy = [len({int(at_s / 2) for at_s in offsets}) / 300 for offsets in held]
    assert statistics.mean(busy) == pytest.approx(load.on_share, abs=0.1)


def test_what_came_before_evenly_spaced_requests_is_spaced_as_they_are():
    load = made("constant", rate=0.3, seconds=12)
    assert list(draw_history(load, 1, 10.5)) == pytest.approx([10.5 - 10, 10.5 - 20 / 3, 10.5 - 10 / 3])
    assert not draw_history(load, 1, 3.0)


def test_rare_requests_may_have_left_nothing():
    rare = profile("sparse").model_validate({"gap_s": 36_000, "seconds": 36_000})
    assert not all(len(draw_history(rare, seed, 3600)) for seed in range(10))


def test_what_came_before_a_day_is_the_end_of_one():
    day = made("diurnal", rate=4, seconds=86_400)
    late, noon = (len(draw_history(day, 1, 3600 * hours)) for hours in (1, 12))
    assert late == pytest.approx(4 * 0.815 * 3600, rel=0.05), "the level between 23 and 24 o'clock"
    assert noon > 12 * late


def test_what_came_before_an_office_opened_is_quiet_and_at_noon_busy():
    def before(hour):
        office = profile("business-hours").model_validate({"rate": 4, "seconds": 3600, "from_hour": hour})
        return len(draw_history(office, 1, 3600))

    assert before(8) < 0.05 * before(12)
    assert before(12) == pytest.approx(4 * 3600, rel=0.05)


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_has_a_history_that_is_repeatable_and_no_part_of_its_arrivals(name):
    if name == "replay":
        pytest.skip("its past is its trace's: tests of replay")
    load = profile(name).model_validate(PARAMETERS.get(name, {"rate": 4, "seconds": 12}))
    found = draw_history(load, 3, 500.0)
    assert found == draw_history(load, 3, 500.0)
    if load.seeded:
        assert found != draw_history(load, 4, 500.0)
        assert list(found[:3]) != list(load.arrivals(3)[:3])


def test_a_strangers_history_is_held_to_what_every_schedule_is():
    class Backwards(LoadProfile):
        def arrivals(self, seed):
            return array.array("d", [1.0, 0.5] if self.seconds == 60 else [0.5])

    with pytest.raises(UsageError, match=r"Backwards: history: offset 1 is 0\.5 after 1"):
        draw_history(Backwards(rate=1, seconds=2), 1, 60.0)


def cold_share(seconds, begin, seeds=40, keep_alive_s=20.0, warm_s=0.3, start_s=1.0):
    """Of all requests of many trials of one length, by the rules alone."""
    limits, cold, asked = PoolLimits(round(keep_alive_s * 1e9)), 0, 0
    load = made("steady", rate=3, seconds=seconds)
    for seed in range(seeds):
        rule, ends = LambdaPool(limits), []
        if begin == "steady":
            idle_s = steady_pool(load, seed, limits, [warm_s], start_s).idle_s
            rule.adopt(sorted(round(min(-age_s, 0) * 1e9) for age_s in idle_s))
        for offset_s in load.arrivals(seed):
            now_ns = round(offset_s * 1e9)
            while ends and ends[0][0] <= now_ns:
                end_ns, unit = heapq.heappop(ends)
                rule.put_back(unit, end_ns)
            taken = rule.take(now_ns)
            is_cold = taken.decision == Decision.START
            heapq.heappush(ends, (now_ns + round((start_s if is_cold else warm_s) * 1e9), taken.unit))
            cold, asked = cold + is_cold, asked + 1
    return cold / asked


def test_a_function_is_the_same_in_a_short_and_in_a_long_trial_where_both_begin_steady():
    short, long = (cold_share(seconds, "steady") for seconds in (12, 120))
    assert short == pytest.approx(long, abs=0.01)
    short, long = (cold_share(seconds, "empty") for seconds in (12, 120))
    assert short > 0.1 > 4 * long > 0.05, "the start of an empty pool is what a short trial shows"
