"""Platforms' rules under scripted loads: the ticks are those of the formulas, by hand in the docstrings."""

import random

import pytest

from harness.forecast.rows import crowd
from targets.rules import parse
from targets.rules.cloud_run import CloudRun
from targets.rules.contract import Seen
from targets.rules.ecs_target_tracking import EcsTargetTracking
from targets.rules.fixed_replicas import FixedReplicas
from targets.rules.hpa import Hpa
from targets.rules.keda import Keda
from targets.rules.knative import Knative
from tests.service_world import World


def seen(now_s, ready=0, starting=0, utilisation=0.0, in_system=0.0, queued=None, requests=0):
    waiting = round(in_system) if queued is None else queued
    serving = max(0, round(in_system) - waiting)
    return Seen(now_s, in_system, requests, utilisation, waiting, serving, ready, starting)


def asked(rule, *ticks):
    """What a new scaler wants after each tick; the first is at `tick_s`."""
    scaler = rule.scaler()
    return [scaler.decide(seen(rule.tick_s * number, **tick)) for number, tick in enumerate(ticks, 1)]


def changes(rule, *ticks):
    """Seconds at which what is wanted becomes another number, and which."""
    wanted = asked(rule, *ticks)
    pairs = zip([rule.first, *wanted], wanted, strict=False)
    return {rule.tick_s * at: after for at, (before, after) in enumerate(pairs, 1) if after != before}


def test_fixed_replicas_decide_nothing():
    rule = FixedReplicas(3)
    assert (rule.first, rule.least, rule.most, rule.wakes) == (3, 3, 3, False)
    assert rule.scaler().decide(seen(15, ready=3, utilisation=1.0, in_system=99)) == 3


@pytest.mark.parametrize(
    ("ready", "utilisation", "wanted"),
    [(4, 1.0, 5), (4, 0.88, 4), (4, 0.89, 5), (8, 0.96, 10), (1, 0.8, 1)],
    ids=str,
)
def test_hpa_is_ceil_of_pods_by_ratio_and_still_within_tolerance(ready, utilisation, wanted):
    """Target 0.8: 4 x 1.0/0.8 = 5; 0.88/0.8 = 1.1 is the tolerance itself; 4 x 1.1125 = 4.45; 8 x 1.2 = 9.6."""
    assert asked(Hpa(), {"ready": ready, "utilisation": utilisation}) == [wanted]


def test_hpa_is_still_at_the_tolerance_itself_whatever_the_last_bits_of_a_division():
    """0.55 / 0.5 is a little more than 1.1 in floating point."""
    assert asked(Hpa(target_utilisation=0.5), {"ready": 10, "utilisation": 0.55}) == [10]


def test_hpa_goes_down_when_the_last_high_recommendation_is_as_old_as_the_window():
    """10 pods at the target until 60 s, at half of it from 75 s: ceil(10 x 0.5) = 5, once 60 s lies 300 s back."""
    at_target = [{"ready": 10, "utilisation": 0.8}] * 4
    rule = Hpa(min_replicas=1)
    wanted = asked(rule, *at_target, *[{"ready": 10, "utilisation": 0.4}] * 20)
    assert wanted == [10] * 23 + [5]
    assert 15.0 * len(wanted) == 360.0


def test_hpa_doubles_or_adds_four_in_15_s():
    """Wanted are 10 x the pods: 1 -> max(2, 5) -> max(10, 9) -> 20 -> 40."""
    rule = Hpa(target_utilisation=0.1)
    wanted = asked(rule, *[{"ready": pods, "utilisation": 1.0} for pods in (1, 5, 10, 20)])
    assert wanted == [5, 10, 20, 40]


def test_hpa_counts_what_it_added_in_the_period_where_it_decides_more_often():
    """Every 5 s: four added at 5 s use up the policy until 20 s, when 5 may become 10."""
    rule = Hpa(target_utilisation=0.1, sync_period_s=5.0)
    wanted = asked(rule, {"ready": 1, "utilisation": 1.0}, *[{"ready": 5, "utilisation": 1.0}] * 3)
    assert wanted == [5, 5, 5, 10]


@pytest.mark.parametrize(
    ("ready", "starting", "target", "wanted"),
    [(2, 2, 0.8, 4), (3, 1, 0.5, 6), (0, 2, 0.5, 2), (9, 1, 0.9, 10)],
    ids=str,
)
def test_hpa_counts_pods_that_are_not_ready_as_idle_when_it_would_add(ready, starting, target, wanted):
    """All ready pods are full. 2 of 4: 1.25 becomes 0.625, the other way: nothing. 3 of 4: 2 becomes 1.5, 4 x 1.5.
    None ready: no metric. 9 of 10 at 0.9: 1.11 becomes 1.0, within tolerance."""
    full = {"ready": ready, "starting": starting, "utilisation": 1.0 if ready else 0.0}
    assert asked(Hpa(target_utilisation=target, min_replicas=1), full) == [wanted]


def test_hpa_has_no_metric_of_a_pod_that_was_not_ready_for_a_whole_tick():
    """36 full pods at a target of 0.6 ask for 60. The 24 are just ready at the next tick: 36 / 60, and no 100."""
    rule = Hpa(target_utilisation=0.6)
    assert asked(rule, {"ready": 36, "utilisation": 1.0}, {"ready": 60, "utilisation": 1.0}) == [60, 60]


def test_hpa_leaves_pods_that_start_out_when_it_would_remove():
    """4 ready at a quarter of the target and 2 starting: ceil(4 x 0.25) = 1, and 6 until the window has passed."""
    idle = {"ready": 4, "starting": 2, "utilisation": 0.2}
    assert asked(Hpa(down_stabilisation_s=0.0), idle) == [1]
    assert asked(Hpa(), idle) == [6]


def test_ecs_relieves_a_step_after_three_points_and_the_delay_of_the_metric():
    """Full from the begin. Points of 60, 120 and 180 s are known at 240 s: ceil(1 / 0.75) = 2. Then the cooldown, in
    which 1 task was the begin: no more. At 540 s ceil(2 / 0.75) = 3, at 840 s ceil(3 / 0.75) = 4, at 1140 s 6."""
    rule = EcsTargetTracking()
    scaler, tasks, wanted = rule.scaler(), 1, {}
    for minute in range(1, 20):
        now = scaler.decide(seen(60.0 * minute, ready=tasks, utilisation=1.0))
        if now != tasks:
            tasks = wanted[60 * minute] = now
    assert wanted == {240: 2, 540: 3, 840: 4, 1140: 6}


def test_ecs_without_delay_acts_a_minute_sooner():
    rule = EcsTargetTracking(metric_delay_s=0.0)
    assert asked(rule, *[{"ready": 1, "utilisation": 1.0}] * 3) == [1, 1, 2]


def test_ecs_in_a_cooldown_adds_only_what_the_step_before_did_not():
    """Target 0.1. 2 tasks at 0.15: 3 at 240 s. In the cooldown 0.4 from there on, known at 300 s: 2 x 4 = 8, and 8 it
    stays, for the 2 of the begin count, not the 8."""
    rule = EcsTargetTracking(target_utilisation=0.1, min_capacity=2)
    calm, busy = {"ready": 2, "utilisation": 0.15}, {"ready": 2, "utilisation": 0.4}
    assert asked(rule, calm, calm, calm, busy, {**busy, "starting": 1}) == [2, 2, 2, 3, 8]
    more = [{"ready": 8, "utilisation": 0.4}] * 3
    assert asked(rule, calm, calm, calm, busy, {**busy, "starting": 1}, *more)[-3:] == [8, 8, 8]


def test_ecs_scales_in_after_fifteen_points_and_again_after_the_cooldown():
    """4 tasks at 0.3, below 0.9 x 0.75: 15 points are known at 960 s: ceil(4 x 0.4) = 2.
    At 1260 s ceil(2 x 0.4) = 1."""
    rule = EcsTargetTracking()
    scaler, tasks, wanted = rule.scaler(), 4, {}
    for minute in range(1, 30):
        now = scaler.decide(seen(60.0 * minute, ready=tasks, utilisation=0.3))
        if now != tasks:
            tasks = wanted[60 * minute] = now
    assert wanted == {960: 2, 1260: 1}


@pytest.mark.parametrize("utilisation", [0.675, 0.7, 0.75], ids=str)
def test_ecs_does_nothing_between_its_alarms(utilisation):
    assert set(asked(EcsTargetTracking(), *[{"ready": 4, "utilisation": utilisation}] * 40)) == {4}


def test_ecs_low_is_below_nine_tenths_of_the_target():
    """10 tasks at 0.66: ceil(10 x 0.66 / 0.75) = 9. For a target of 0.8 low is below 0.72: 10 x 0.719 / 0.8 = 8.99."""
    assert asked(EcsTargetTracking(), *[{"ready": 10, "utilisation": 0.66}] * 16)[-1] == 9
    assert asked(EcsTargetTracking(target_utilisation=0.8), *[{"ready": 10, "utilisation": 0.721}] * 30)[-1] == 10
    assert asked(EcsTargetTracking(target_utilisation=0.8), *[{"ready": 10, "utilisation": 0.719}] * 16)[-1] == 9


def test_ecs_scaling_out_ends_the_cooldown_of_scaling_in():
    """In at 60 s with an hour of cooldown; out at 240 s; in again at 300 s all the same."""
    rule = EcsTargetTracking(points_low=1, metric_delay_s=0.0, scale_in_cooldown_s=3600.0)
    low, high = {"ready": 4, "utilisation": 0.3}, {"ready": 2, "utilisation": 1.0}
    assert asked(rule, low, high, high, high, {**low, "ready": 3}) == [2, 2, 2, 3, 2]
    assert asked(rule, low, {**low, "ready": 2}, {**low, "ready": 2}) == [2, 2, 2]


def test_ecs_does_not_rest_while_a_point_is_missing():
    scaler = EcsTargetTracking().scaler()
    scaler.decide(seen(60.0, starting=1))
    for minute in range(2, 17):
        scaler.decide(seen(60.0 * minute, ready=1))
        assert not scaler.rests
    scaler.decide(seen(1020.0, ready=1))
    assert scaler.rests


def test_ecs_one_point_that_is_missing_or_not_high_holds_an_alarm_back():
    low, none = {"ready": 4, "utilisation": 0.1}, {"ready": 0, "starting": 4}
    assert set(asked(EcsTargetTracking(), *[low] * 10, none, *[low] * 10)) == {4}
    high, calm = {"ready": 1, "utilisation": 1.0}, {"ready": 1, "utilisation": 0.7}
    assert set(asked(EcsTargetTracking(), high, high, calm, high, high, calm, high)) == {1}


def test_keda_polls_a_queue_every_30_s_from_zero_and_leaves_the_rest_to_the_hpa():
    """12 wait from 1 s. 15 s is no poll. 30 s: 1. At 45 s the HPA: ceil(12 / 5) = 3. One is left until 60 s, the last
    active poll: 0 at 360 s, which is also when the HPA's last 3, of 45 s, has left its window of 300 s."""
    rule = Keda(trigger="queue")
    script = [{"in_system": 12}] * 2 + [{"in_system": 12, "starting": 1}]
    script += [{"in_system": 1, "ready": 3}] + [{"ready": 3}] * 19 + [{"ready": 3}, {}]
    assert changes(rule, *script) == {30: 1, 45: 3, 345: 1, 360: 0}


def test_keda_queue_activates_only_above_its_activation_value():
    rule = Keda(trigger="queue", activation_queue_length=10.0)
    assert asked(rule, {}, {"in_system": 10}, {}, {"in_system": 11}) == [0, 0, 0, 1]


def test_keda_without_a_time_of_last_activity_goes_to_zero_at_once():
    """What somebody scaled by hand does not live for the cooldown."""
    assert asked(Keda(trigger="queue"), {"ready": 2}, {"ready": 2}) == [2, 0]


def test_keda_holds_its_last_replicas_where_some_are_kept():
    rule = Keda(trigger="queue", min_replicas=2)
    assert asked(rule, *[{"ready": 2}] * 60) == [2] * 60


def test_keda_http_takes_what_is_in_the_system_by_its_target():
    """250 at once, 100 for each replica: 3. 105 with one replica is within the tolerance of a tenth, 111 is not."""
    rule = Keda()
    assert rule.wakes
    assert asked(rule, {"ready": 1, "in_system": 250}) == [3]
    assert asked(rule, {"ready": 1, "in_system": 105}) == [1]
    assert asked(rule, {"ready": 1, "in_system": 111}) == [2]


def test_keda_http_lets_the_last_replica_go_300_s_after_the_last_request():
    """A request in the tick that ends at 30 s: 0 at 330 s. One more at 315 s: 0 at 615 s."""
    busy, idle = {"ready": 1, "requests": 1, "in_system": 0.1}, {"ready": 1}
    assert changes(Keda(min_replicas=0), idle | busy, busy, *[idle] * 20) == {15: 1, 330: 0}
    assert changes(Keda(), busy, busy, *[idle] * 18, busy, *[idle] * 20) == {15: 1, 615: 0}


def test_keda_http_takes_the_rate_of_a_minute():
    """200/s in each tick of 15 s, 60/s for a replica: ceil(3.33) = 4. After two ticks of none the mean is 100: 2."""
    rule = Keda(trigger="request-rate", target_rps=60.0)
    busy, idle = {"ready": 1, "requests": 3000}, {"ready": 1}
    assert asked(rule, *[busy] * 4)[-1] == 4
    assert asked(rule, *[busy] * 4, idle, idle)[-1] == 2


def test_keda_polls_as_often_as_it_is_told_to():
    """Every 10 s: the ticks are 5 s apart, polls at 10 s and 20 s, the HPA at 15 s and 30 s."""
    rule = Keda(trigger="queue", polling_interval_s=10)
    assert rule.tick_s == 5
    assert asked(rule, *[{"in_system": 50}] * 2) == [0, 1]
    started = {"in_system": 50, "starting": 1}
    assert asked(rule, {"in_system": 50}, {"in_system": 50}, started) == [0, 1, 5]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"trigger": "queue", "target_rps": "5"}, "target_rps: 5.0 is not accepted: trigger queue does not read it"),
        ({"target_queue_length": "7"}, "target_queue_length: 7.0 is not accepted: trigger concurrency does not read"),
        ({"min_replicas": "9", "max_replicas": "8"}, "max_replicas: 8 is not accepted: it lies below min_replicas, 9"),
        ({"trigger": "cron"}, "trigger: cron is not accepted: give one of concurrency, request-rate, queue"),
        ({"min_replica": "1"}, "min_replica: is no parameter of keda: did you mean min_replicas?"),
        ({"polling_interval_s": "0.5"}, "polling_interval_s: 0.5 is not accepted: give a whole number from 1 to 3600"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_parameters_that_cannot_be_say_what_can(settings, line):
    with pytest.raises(ValueError, match=r"accepted|parameter") as refused:
        parse("keda", settings)
    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(ValueError, match="min_replica: is no") as refused:
        parse("hpa", {"min_replica": "2", "max_replicas": "0", "tolerance": "high"})
    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == [
        "min_replica", "max_replicas", "tolerance",
    ]  # fmt: skip


def test_a_rule_that_is_meant_is_named():
    with pytest.raises(ValueError, match=r"rule: hap is not accepted: did you mean hpa\?"):
        parse("hap", {})
    with pytest.raises(ValueError, match="give one of cloud-run, ecs-target-tracking, fixed-replicas, hpa, ked"):
        parse("nomad", {})


@pytest.mark.parametrize(("in_system", "pods"), [(1, 1), (70, 1), (71, 2), (350, 5), (701, 11)], ids=str)
def test_knative_is_ceil_of_concurrency_by_target_after_one_window(in_system, pods):
    """The target is 0.7 x 100 = 70 for each pod."""
    world = World(Knative(), slots=100)
    assert world.all([float(in_system)] * 31)[-1] == pods


def test_knative_rps_and_container_concurrency_have_targets_of_their_own():
    """0.7 x 200/s = 140/s; 0.7 x 10 = 7 where a container takes 10."""
    assert asked(Knative(metric="rps"), *[{"ready": 3, "requests": 560}] * 30)[-1] == 2
    assert asked(Knative(container_concurrency=10), *[{"ready": 5, "in_system": 35}] * 30)[-1] == 5
    assert Knative(container_concurrency=1).target == pytest.approx(0.7)
    assert Knative(target_concurrency=0.01).target == 0.01


def test_knative_panics_when_six_seconds_ask_for_twice_what_is_ready():
    """10 pods at 700; then 1750. 6 s means: 1050 (15 pods, 1.5 x), 1400 (20, 2 x: panic), 1750 (25). It stays at 25 for
    more than 60 s after the last tick that asked for 20, even if the load is gone: 20 is asked for until 72 s at most.

    At 66 s the load is gone: 6 s means 1167 at 66 s and 583 at 68 s, below 20 pods. 64 s was the last over the
    threshold; 124 s is not more than 60 s later, 126 s is: the stable mean of 68 to 126 s is 0, and half of 10 pods
    may go."""
    rule = Knative(initial_scale=10)
    script = [{"ready": 10, "in_system": 700}] * 30 + [{"ready": 10, "in_system": 1750}] * 2
    assert asked(rule, *script)[-2:] == [11, 20]
    script = [{"ready": 10, "in_system": 700}] * 29 + [{"ready": 10, "in_system": 1750}] * 3
    wanted = changes(rule, *script, *[{"ready": 10}] * 40)
    assert wanted == {60: 11, 62: 20, 64: 25, 126: 5}


def test_knative_goes_to_zero_a_window_and_a_grace_after_the_last_request():
    """Busy until 20 s. 22 to 80 s are a window of zeros: inactive; 30 s of grace: 0 at 110 s."""
    script = [{"ready": 1, "in_system": 1}] * 10 + [{"ready": 1}] * 60
    assert changes(Knative(), *script) == {110: 0}


def test_knative_keeps_a_pod_that_was_active_for_less_than_a_window():
    """The first pod of a revision that nobody asks: active since 2 s, inactive at 62 s, gone 30 s later."""
    assert changes(Knative(), *[{"ready": 1}] * 60) == {92: 0}


def test_knative_waits_for_the_longer_of_grace_and_retention():
    script = [{"ready": 1, "in_system": 1}] * 10 + [{"ready": 1}] * 100
    assert changes(Knative(last_pod_retention_s=60.0), *script) == {140: 0}


def test_knative_begins_its_windows_anew_after_zero():
    """A tick of 350 at once after zero is a mean of 350, not of a window of zeros: 5 pods at once."""
    scaler = Knative(initial_scale=0).scaler()
    assert [scaler.decide(seen(2.0 * number)) for number in range(1, 100)] == [0] * 99
    assert scaler.decide(seen(200.0, starting=1, in_system=350)) == 5


def test_knative_halves_at_most():
    """Down from 8 pods to what is ready / 2 at each tick."""
    rule = Knative(stable_window_s=6.0, panic_window_percent=100.0, initial_scale=8)
    script = [{"ready": 8, "in_system": 560}] * 3 + [{"ready": 8}] * 3 + [{"ready": 4}, {"ready": 2}]
    assert asked(rule, *script)[-4:] == [4, 4, 2, 1]


@pytest.mark.parametrize("rule", [Knative(max_scale=3), Knative(min_scale=4, max_scale=6)], ids=["max", "both"])
def test_knative_keeps_its_bounds(rule):
    wanted = World(rule, slots=10).all([500.0] * 40 + [0.0] * 200)
    assert max(wanted) == rule.max_scale
    assert wanted[-1] == rule.min_scale


@pytest.mark.parametrize(
    "rule",
    [
        Keda(trigger="request-rate", target_rps=2.0, cooldown_s=0.0, rate_window_s=600.0),
        Keda(trigger="queue", cooldown_s=15.0, polling_interval_s=7, min_replicas=1),
        Knative(min_scale=2, stable_window_s=120.0, scale_down_delay_s=300.0),
        Knative(stable_window_s=6.0, panic_window_percent=100.0, scale_to_zero_grace_s=0.0, last_pod_retention_s=300.0),
        CloudRun(idle_s=0.0, concurrency=1, min_instances=1),
        CloudRun(max_instances=1, min_instances=1),
        EcsTargetTracking(points_low=1, points_high=1, metric_delay_s=300.0, scale_in_cooldown_s=0.0),
        Hpa(0.3, down_stabilisation_s=0.0, sync_period_s=5.0),
        Hpa(0.3, 2, 2),
    ],
    ids=lambda rule: rule.name,
)
def test_odd_parameters_rest_only_where_nothing_changes(rule):
    draw, passed = random.Random(5), 0
    for _ in range(4):
        loads = []
        for level in draw.choices([0, 0, 1, 12, 90], k=12):
            loads += [level * draw.uniform(0.5, 1.5)] * draw.randrange(1, 400)
        world = World(rule, passing_over=True)
        assert world.all(loads) == World(rule).all(loads)
        passed += world.passed
    assert passed


@pytest.mark.parametrize(
    ("rule", "aim"),
    [
        (Knative(), "knative aims at 70 requests at once for each replica, which serves 1"),
        (Knative(container_concurrency=1), ""),
        (Knative(metric="rps"), ""),
        (Keda(), "keda aims at 100 requests"),
        (Keda(trigger="queue"), "keda aims at 5 requests"),
        (Keda(trigger="queue", target_queue_length=1.0), ""),
        (Hpa(), ""),
        (CloudRun(), ""),
    ],
)
def test_a_target_made_for_web_servers_is_told_where_a_replica_serves_one_at_a_time(rule, aim):
    told = " ".join(crowd(rule, slots=1))
    assert told.startswith(aim) and bool(told) == bool(aim)


def test_cloud_run_is_the_larger_of_cpu_and_concurrency():
    """0.6 x 80 = 48 requests for an instance: 100 need 3. Two full ones need ceil(2 / 0.6) = 4."""
    assert asked(CloudRun(), {"ready": 1, "in_system": 100}) == [3]
    assert asked(CloudRun(), {"ready": 2, "utilisation": 1.0, "in_system": 100}) == [4]
    assert asked(CloudRun(concurrency=1), {"ready": 1, "in_system": 3}) == [5]


def test_cloud_run_has_no_cpu_of_an_instance_that_was_not_ready_for_a_whole_tick():
    """A full one needs ceil(1 / 0.6) = 2. The second is just ready at the next tick: still 2."""
    assert asked(CloudRun(), {"ready": 1, "utilisation": 1.0}, {"ready": 2, "utilisation": 1.0}) == [2, 2]


def test_cloud_run_takes_the_mean_of_a_minute():
    """480 at once from 65 s on, after a minute of none: means 40, 80, 120 at 65, 70, 75 s: 1, 2, 3 instances."""
    script = [{}] * 12 + [{"ready": 1, "in_system": 480}] * 3
    assert asked(CloudRun(), *script)[-3:] == [1, 2, 3]


def test_cloud_run_keeps_idle_instances_for_15_minutes():
    """100 until 60 s: 3. The minute's mean then falls: 2 are needed until 90 s, 1 until 115 s. 900 s later each."""
    script = [{"ready": 3, "in_system": 100}] * 12 + [{"ready": 3}] * 200
    assert changes(CloudRun(), *script) == {5: 3, 960: 2, 990: 1, 1015: 0}
    assert changes(CloudRun(idle_s=0.0), *script) == {5: 3, 65: 2, 95: 1, 120: 0}
