"""The loops of the forecast by hand: what becomes of each request, and what of units and hours."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from harness.forecast import pool_loop, service_loop
from harness.forecast.pool_loop import run_pool
from harness.forecast.service_loop import run_service
from targets.rules.fixed_replicas import FixedReplicas
from targets.rules.lambda_pool import Decision, PoolLimits

REUSE, START = Decision.REUSE, Decision.START
THROTTLED, TOO_MANY_STARTS = Decision.THROTTLE_CONCURRENCY, Decision.THROTTLE_STARTS
HOUR = 3600.0


@pytest.fixture(params=["compiled", "plain"], autouse=True)
def both_ways(request, monkeypatch):
    """Each case by the compiled loop and by the same loop as it stands."""
    if request.param == "plain":
        monkeypatch.setattr(pool_loop, "_decide", pool_loop._decide.plain)
        monkeypatch.setattr(service_loop, "_serve", service_loop._serve.plain)


def pool(arrivals, end_s=100.0, warm=1.0, cold=3.0, dies=False, **more):
    limits = PoolLimits(**{"keep_alive_ns": 10 * 10**9, **more.pop("limits", {})})
    each = [np.broadcast_to(values, len(arrivals)) for values in (warm, cold, dies)]
    return run_pool(arrivals, *each, limits, end_s, **more)


@dataclass
class Script:
    """A rule that wants what it was told to want, and keeps what it saw."""

    script: list[int]
    first: int = 0
    tick_s: float = 10.0
    wakes: bool = False
    rests: bool = False
    seen: list = None

    def scaler(self):
        self.seen = []
        return self

    def decide(self, seen):
        self.seen.append(seen)
        return self.script[min(len(self.seen), len(self.script)) - 1]


def service(arrivals, rule, end_s=100.0, serve=1.0, slots=1, start=(4.0,), drain=0.0, **more):
    return run_service(arrivals, np.broadcast_to(serve, len(arrivals)), rule, slots, start, drain, end_s, **more)


def test_a_pool_starts_reuses_and_forgets():
    month = pool([0.0, 5.0, 5.5, 18.0, 30.0])
    assert month.decision.tolist() == [START, REUSE, START, REUSE, START]
    assert month.unit.tolist() == [0, 0, 1, 1, 2], "unit 0 is idle from 6 to 16, unit 1 from 8.5, and from 19 to 29"


def test_latency_is_the_whole_time_of_the_request():
    month = pool([0.0, 5.0, 5.0], warm=[9.0, 0.25, 9.0], cold=[3.5, 9.0, 2.5])
    assert month.latency_s.tolist() == [3.5, 0.25, 2.5]
    assert month.cold.tolist() == [True, False, True]


def test_what_ends_at_the_moment_of_an_arrival_comes_first_and_a_unit_idle_for_the_keep_alive_is_gone():
    assert pool([0.0, 3.0]).decision.tolist() == [START, REUSE]
    assert pool([0.0, 13.0]).decision.tolist() == [START, START]
    assert pool([0.0, 12.999999999]).decision.tolist() == [START, REUSE]


def test_a_request_that_takes_no_time_frees_its_unit_for_one_of_the_same_moment():
    month = pool([1.0, 1.0, 1.0], warm=0.0, cold=0.0)
    assert month.unit.tolist() == [0, 0, 0]
    assert month.peak_busy == month.peak_size == 1


def test_with_no_keep_alive_every_request_is_cold():
    month = pool([0.0, 3.0, 6.0], limits={"keep_alive_ns": 0})
    assert month.cold.all()
    assert month.unit_s_by_hour.tolist() == [9.0]


def test_throttled_requests_have_no_latency_and_say_by_what():
    month = pool([0.0, 1.0, 4.0, 4.0], limits={"concurrency_limit": 1})
    assert month.decision.tolist() == [START, THROTTLED, REUSE, THROTTLED]
    assert month.latency_s.tolist() == [3.0, math.inf, 1.0, math.inf]
    assert month.unit.tolist() == [0, -1, 0, -1]
    assert month.throttled.tolist() == [False, True, False, True]
    month = pool([0.0, 1.0, 10.0, 10.0], limits={"starts_per_10_s": 1, "keep_alive_ns": 0})
    assert month.decision.tolist() == [START, TOO_MANY_STARTS, START, TOO_MANY_STARTS]
    assert pool([0.0], limits={"concurrency_limit": 0}).decision.tolist() == [THROTTLED]
    assert pool([0.0], limits={"starts_per_10_s": 0}).decision.tolist() == [TOO_MANY_STARTS]


def test_provisioned_units_go_first_last_for_ever_and_are_summed_apart():
    month = pool([0.0, 0.5, 5.0, 90.0], limits={"provisioned": 1})
    assert month.decision.tolist() == [REUSE, START, REUSE, REUSE]
    assert month.provisioned.tolist() == [True, False, True, True]
    assert month.latency_s.tolist() == [1.0, 3.0, 1.0, 1.0]
    assert month.unit_s_by_hour.tolist() == [100.0 + 13.0]
    assert (month.peak_busy, month.peak_size) == (2, 2)


def test_a_unit_that_dies_is_not_there_any_more_and_a_provisioned_one_is_replaced():
    month = pool([0.0, 5.0], dies=[True, False])
    assert month.unit.tolist() == [0, 1]
    assert month.unit_s_by_hour.tolist() == [3.0 + 13.0]
    month = pool([0.0, 5.0], dies=[True, False], limits={"provisioned": 1})
    assert month.unit.tolist() == [0, 1]
    assert month.decision.tolist() == [REUSE, REUSE]
    assert month.provisioned.all()
    assert (month.peak_size, month.unit_s_by_hour.tolist()) == (1, [100.0])


def test_units_that_are_there_already_age_from_before_the_begin():
    month = pool([5.0, 5.0], idle_ages_s=[6.0, 1.0, 3.0])
    assert month.unit.tolist() == [1, 2], "the one idle for 1 s first; the one idle for 6 s is gone at 4"
    assert not month.cold.any()
    assert month.peak_size == 3
    assert month.unit_s_by_hour.tolist() == [4.0 + 16.0 + 16.0]


def test_only_what_comes_from_the_moment_on_counts():
    arrivals = [0.0, 0.0, 0.0, HOUR, HOUR + 4.0]
    month = pool(arrivals, end_s=3 * HOUR, from_s=HOUR, limits={"keep_alive_ns": 10**12})
    assert month.latency_s[month.counted].tolist() == [3.0, 1.0]
    assert (month.peak_busy, month.peak_size) == (1, 1)
    assert month.unit_s_by_hour.tolist() == [1005.0, 0.0]


def test_which_requests_count_goes_by_the_seconds_that_were_given():
    just_before = np.nextafter(600.0, 0)
    arrivals = [0.1, just_before, 600.0]
    assert pool(arrivals, end_s=700.0, from_s=600.0).counted == slice(2, 3)
    assert service(arrivals, FixedReplicas(1), end_s=700.0, from_s=600.0).counted == slice(2, 3)


def test_the_hours_are_cut_at_the_end_and_the_latencies_are_not():
    month = pool([0.0, 1.5 * HOUR - 2.0], end_s=1.5 * HOUR, cold=5.0, limits={"provisioned": 1, "keep_alive_ns": 0})
    assert month.unit_s_by_hour.tolist() == [3600.0, 1800.0]
    month = pool([1.5 * HOUR - 2.0], end_s=1.5 * HOUR, cold=5.0)
    assert month.unit_s_by_hour.tolist() == [0.0, 2.0]
    assert month.latency_s.tolist() == [5.0]


@pytest.mark.parametrize("count", [0, 1])
def test_a_month_without_arrivals_or_with_one_is_a_month(count):
    month = pool([0.0] * count, end_s=2 * HOUR, limits={"provisioned": 2})
    assert len(month.latency_s) == len(month.unit) == count
    assert month.unit_s_by_hour.tolist() == [7200.0, 7200.0]
    assert (month.peak_busy, month.peak_size) == (count, 2)
    served = service([0.0] * count, FixedReplicas(2), end_s=2 * HOUR)
    assert served.latency_s.tolist() == [1.0] * count
    assert served.replica_s_by_hour.tolist() == [7200.0, 7200.0]
    assert (served.peak, served.starts) == (2, 0)


def test_requests_wait_in_the_order_of_arrival_for_any_slot():
    month = service([0.0, 0.0, 1.0, 1.5], FixedReplicas(2), serve=[4.0, 2.0, 1.0, 1.0])
    assert month.queue_s.tolist() == [0.0, 0.0, 1.0, 1.5]
    assert month.latency_s.tolist() == [4.0, 2.0, 2.0, 2.5]
    assert not month.cold.any()


def test_a_replica_of_two_slots_serves_two_at_once():
    month = service([0.0, 0.0, 0.0], FixedReplicas(1), slots=2)
    assert month.queue_s.tolist() == [0.0, 0.0, 1.0]
    assert month.replica_s_by_hour.tolist() == [100.0]


def test_a_slot_that_is_freed_at_the_moment_of_an_arrival_is_free_for_it_and_no_time_takes_no_slot():
    assert service([0.0, 1.0], FixedReplicas(1)).queue_s.tolist() == [0.0, 0.0]
    assert service([2.0, 2.0, 2.0], FixedReplicas(1), serve=0.0).latency_s.tolist() == [0.0, 0.0, 0.0]


def test_replicas_are_ready_after_their_start_and_the_starts_take_turns():
    rule = Script([2, 3], first=0)
    month = service([0.0, 1.0, 2.0], rule, serve=50.0, start=[4.0, 7.0])
    assert month.queue_s.tolist() == [14.0, 16.0, 22.0], "asked for at 10, 10 and 20; ready at 14, 17 and 24"
    assert month.cold.tolist() == [True, True, True]
    assert (month.starts, month.peak) == (3, 3)
    assert month.replica_s_by_hour.tolist() == [90.0 + 90.0 + 80.0]


def test_a_scaler_is_told_means_over_the_tick_and_counts_at_its_moment():
    rule = Script([1, 2, 2], first=1)
    service([0.0, 5.0, 5.0, 19.0], rule, serve=[2.5, 4.0, 4.0, 5.0], end_s=31.0, start=[15.0])
    assert rule.seen[0] == (10.0, (2.5 + 2 * 4.0 + 1.0) / 10, 3, (2.5 + 5.0) / 10, 0, 1, 1, 0)
    assert rule.seen[1] == (20.0, (3.0 + 1.0) / 10, 1, (3.0 + 1.0) / 10, 0, 1, 1, 0)
    assert rule.seen[2] == (30.0, 0.4, 0, 0.4, 0, 0, 1, 1)


def test_a_tick_comes_after_all_else_of_its_moment():
    rule = Script([1, 1, 1, 1], first=1, tick_s=1.0)
    service([0.0, 1.0, 1.0], rule, end_s=2.0)
    assert rule.seen[0][1:] == (1.0, 3, 1.0, 1, 1, 1, 0), "what arrives at the tick is seen, what ends is gone"


def test_a_replica_that_goes_takes_nothing_more_ends_what_it_has_and_drains():
    rule = Script([1], first=2)
    month = service([9.0, 9.0, 11.0], rule, serve=[3.0, 4.0, 1.0], drain=5.0)
    assert month.queue_s.tolist() == [0.0, 0.0, 1.0], "only the first replica takes it, once it is free at 12"
    assert month.replica_s_by_hour.tolist() == [100.0 + 13.0 + 5.0]
    idle = service([], Script([1], first=3), drain=5.0)
    assert idle.replica_s_by_hour.tolist() == [100.0 + 15.0 + 15.0]


def test_those_that_start_go_before_those_that_serve_and_leave_at_once():
    month = service([0.0, 0.0], Script([2, 1], first=1), serve=12.0, start=[30.0], drain=5.0)
    assert month.queue_s.tolist() == [0.0, 12.0]
    assert month.replica_s_by_hour.tolist() == [100.0 + 10.0]
    assert (month.starts, month.peak) == (1, 2)


def test_a_replica_that_is_wanted_again_is_a_new_one():
    month = service([0.0], Script([0, 1], first=1), serve=25.0, drain=0.0, start=[2.0])
    assert month.replica_s_by_hour.tolist() == [25.0 + 80.0]
    assert (month.starts, month.peak) == (1, 2)


def test_a_request_that_meets_no_replica_wakes_one_where_the_rule_does_so():
    rule = Script([1, 0], wakes=True)
    month = service([3.0, 3.5, 42.0], rule, start=[4.0])
    assert month.queue_s.tolist() == [4.0, 4.5, 4.0]
    assert month.cold.tolist() == [True, True, True]
    assert (month.starts, month.peak) == (2, 1)
    assert month.replica_s_by_hour.tolist() == [17.0 + 8.0]


def test_who_waits_for_a_start_that_was_woken_is_not_left_alone():
    month = service([3.0], Script([0], wakes=True), start=[12.0])
    assert month.queue_s.tolist() == [12.0]
    assert month.replica_s_by_hour.tolist() == [17.0], "from 3 until the next tick after its start"


def test_what_nobody_serves_within_an_hour_after_the_end_is_infinitely_late():
    month = service([3.0], Script([0]))
    assert month.latency_s.tolist() == month.queue_s.tolist() == [math.inf]
    late = service([99.0, 99.5], Script([0] * 11 + [1]), start=[4.0])
    assert late.queue_s.tolist() == [25.0, 25.5], "the rule goes on past the end, until nobody waits"
    assert late.replica_s_by_hour.tolist() == [0.0]
    assert late.starts == 0


def test_ticks_of_a_scaler_that_rests_are_passed_over_up_to_the_last_before_an_arrival():
    rule = Script([1], first=1, rests=True)
    service([45.0, 70.0], rule, end_s=101.0)
    assert [seen[0] for seen in rule.seen] == [10.0, 40.0, 50.0, 60.0, 70.0, 80.0, 100.0]
    assert rule.seen[1][1:] == (0.0, 0, 0.0, 0, 0, 1, 0)


def test_a_service_counts_from_a_moment_on():
    month = service([0.0, HOUR + 1.0], Script([1, 2, 2], first=1, tick_s=1800.0), end_s=1.5 * HOUR, from_s=HOUR)
    assert month.counted == slice(1, 2)
    assert (month.starts, month.peak) == (1, 2)
    assert month.replica_s_by_hour.tolist() == [3600.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arrivals": [2.0, 1.0]}, "arrivals_s: not ascending: sort them"),
        ({"arrivals": [math.nan, 1.0]}, "arrivals_s: nan is not accepted: from 0 to 1e.09 s"),
        ({"arrivals": [-1.0, 1.0]}, "arrivals_s: -1.0 is not accepted"),
        ({"arrivals": [1.0, 101.0]}, "arrivals_s: 101 is not accepted: at most end_s, which is 100"),
        ({"warm": [1.0, math.inf]}, "warm_s: inf is not accepted"),
        ({"cold": [1.0, -1.0]}, "cold_s: -1.0 is not accepted"),
        ({"idle_ages_s": [1.0] * 3, "limits": {"concurrency_limit": 2}}, "idle_ages_s: 3 units are more than"),
    ],
    ids=["unsorted", "nan", "negative", "late", "endless", "cold", "ages"],
)
def test_what_cannot_be_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        pool(**{"arrivals": [1.0, 2.0], **change})


def test_what_cannot_be_of_a_service_is_named():
    with pytest.raises(ValueError, match="slots: 0 is not accepted: 1 or more"):
        service([0.0], FixedReplicas(1), slots=0)
    with pytest.raises(ValueError, match="start_s: empty: a rule that starts replicas needs"):
        service([0.0], Script([1]), start=[])
    with pytest.raises(ValueError, match=r"service_s: of shape \(2,\): one for each of 1 arrivals"):
        run_service([0.0], [1.0, 2.0], FixedReplicas(1), 1, [], 0.0, 1.0)
