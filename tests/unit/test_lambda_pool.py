"""Lambda's rules, told the time."""

import pytest

from targets.rules.lambda_pool import START_WINDOW_NS, Decision, LambdaPool, PoolLimits, Taken

REUSE, START = Decision.REUSE, Decision.START
T = 100


def pool(**limits):
    return LambdaPool(PoolLimits(**{"keep_alive_ns": T, **limits}))


def test_a_unit_is_reused_until_it_was_idle_for_the_keep_alive():
    rule = pool()
    assert rule.take(0) == Taken(START, 0)
    rule.put_back(0, 10)
    assert rule.next_expiry_ns == 10 + T
    assert rule.take(10 + T - 1) == Taken(REUSE, 0)
    assert rule.next_expiry_ns is None
    rule.put_back(0, 200)
    assert rule.take(200 + T) == Taken(START, 1), "idle for exactly the keep-alive is gone"
    assert rule.size == 1


def test_expiry_is_told_in_its_order_and_once():
    rule = pool()
    for _ in range(3):
        rule.take(0)
    for unit, at_ns in ((1, 5), (0, 6), (2, 9)):
        rule.put_back(unit, at_ns)
    assert rule.idle == [1, 0, 2]
    assert rule.expire(5 + T) == [1]
    assert rule.expire(5 + T) == []
    assert rule.expire(9 + T) == [0, 2]
    assert rule.size == 0


def test_a_busy_unit_does_not_expire():
    rule = pool()
    rule.take(0)
    assert rule.expire(50 * T) == []
    rule.put_back(0, 50 * T)
    assert rule.take(50 * T) == Taken(REUSE, 0), "what ends at the moment of an arrival comes first"


def test_the_most_recently_used_is_taken_and_the_others_age():
    rule = pool()
    for _ in range(3):
        rule.take(0)
    for unit in (0, 2, 1):
        rule.put_back(unit, 10)
    for at_ns in range(20, 110, 10):
        assert rule.take(at_ns) == Taken(REUSE, 1)
        rule.put_back(1, at_ns + 1)
    assert rule.expire(10 + T) == [0, 2]


def test_the_concurrency_limit_comes_before_the_start_rate():
    rule = pool(concurrency_limit=1, starts_per_10_s=1)
    rule.take(0)
    assert rule.take(1) == Taken(Decision.THROTTLE_CONCURRENCY)
    assert rule.size == 1
    assert rule.take(2).unit is None


def test_a_start_counts_for_less_than_ten_seconds_also_when_its_unit_is_gone():
    rule = pool(starts_per_10_s=2)
    rule.take(0)
    rule.take(7)
    rule.lose(0)
    assert rule.take(8) == Taken(Decision.THROTTLE_STARTS)
    assert rule.take(START_WINDOW_NS - 1) == Taken(Decision.THROTTLE_STARTS)
    assert rule.take(START_WINDOW_NS) == Taken(START, 2)
    assert rule.take(START_WINDOW_NS) == Taken(Decision.THROTTLE_STARTS), "the one of 7 ns counts still"
    assert rule.take(START_WINDOW_NS + 7) == Taken(START, 3)


def test_no_limit_of_zero_lets_anything_through():
    assert pool(concurrency_limit=0).take(0).decision == Decision.THROTTLE_CONCURRENCY
    assert pool(starts_per_10_s=0).take(0).decision == Decision.THROTTLE_STARTS


def test_with_no_keep_alive_every_request_is_cold():
    rule = pool(keep_alive_ns=0)
    for unit in range(3):
        assert rule.take(unit) == Taken(START, unit)
        rule.put_back(unit, unit)


def test_a_lost_unit_is_gone_busy_or_idle():
    rule = pool()
    rule.take(0), rule.take(0), rule.take(0)
    rule.put_back(0, 1), rule.put_back(1, 2)
    assert rule.lose(0) is None
    assert rule.lose(2) is None
    assert (rule.size, rule.idle, rule.next_expiry_ns) == (1, [1], 2 + T)
    with pytest.raises(ValueError, match="unit 2 holds no request"):
        rule.put_back(2, 3)
    with pytest.raises(ValueError, match="unit 0 is not in the pool"):
        rule.lose(0)


def test_provisioned_units_are_there_go_first_and_never_expire():
    rule = pool(provisioned=2)
    assert rule.size == 2 and sorted(rule.idle) == [0, 1]
    taken = [rule.take(0) for _ in range(3)]
    assert [one.decision for one in taken] == [REUSE, REUSE, START]
    assert {taken[0].unit, taken[1].unit} == {0, 1} and taken[2].unit == 2
    rule.put_back(taken[0].unit, 1)
    rule.put_back(2, 2)
    assert rule.take(3) == Taken(REUSE, taken[0].unit), "before the most recently used of the others"
    rule.put_back(taken[0].unit, 4)
    assert rule.next_expiry_ns == 2 + T
    assert rule.expire(10**15) == [2]
    assert rule.take(10**15).decision == REUSE


@pytest.mark.parametrize("busy", [True, False], ids=["busy", "idle"])
def test_a_lost_provisioned_unit_is_replaced_and_its_replacement_never_expires(busy):
    rule = pool(provisioned=1, starts_per_10_s=0)
    if busy:
        rule.take(0)
    assert rule.lose(0) == 1
    assert (rule.size, rule.idle) == (1, [1])
    assert rule.take(10**15) == Taken(REUSE, 1)


def test_provisioned_units_count_towards_the_limit():
    rule = pool(provisioned=1, concurrency_limit=2)
    assert [rule.take(0).decision for _ in range(3)] == [REUSE, START, Decision.THROTTLE_CONCURRENCY]


def test_adopted_units_expire_when_they_would_have_and_count_as_no_start():
    rule = pool(starts_per_10_s=1)
    assert rule.adopt([950, 900, 990]) == [0, 1, 2]
    assert rule.next_expiry_ns == 900 + T
    assert rule.expire(1000) == [1]
    assert rule.take(1000) == Taken(REUSE, 2), "the one that was idle for the least time"
    assert rule.take(1000) == Taken(REUSE, 0)
    assert rule.take(1000) == Taken(START, 3)


def test_adopted_units_join_those_that_are_idle():
    rule = pool()
    rule.take(0)
    rule.put_back(0, 20)
    rule.adopt([-50, 30])
    assert rule.idle == [1, 0, 2]


def test_more_than_the_limit_are_not_adopted():
    rule = pool(concurrency_limit=2)
    rule.take(0)
    with pytest.raises(ValueError, match="a pool of 2 cannot take in 2 more"):
        rule.adopt([0, 0])
    assert rule.size == 1


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"keep_alive_ns": -1}, "keep_alive_ns: -1 is not accepted: a whole number of 0 or more"),
        ({"provisioned": 3, "concurrency_limit": 2}, "provisioned: 3 is not accepted: .* which is 2"),
    ],
    ids=["negative", "more-provisioned-than-allowed"],
)
def test_limits_that_cannot_be_are_refused(limits, message):
    with pytest.raises(ValueError, match=message):
        PoolLimits(**limits)


def test_units_that_are_taken_in_busy_count_and_are_idle_once_put_back():
    rule = LambdaPool(PoolLimits(keep_alive_ns=100, concurrency_limit=3))
    assert rule.adopt([950], busy=2) == [0, 1, 2]
    assert rule.size == 3 and rule.idle == [0]
    assert rule.take(1000).unit == 0
    assert rule.take(1000).decision == Decision.THROTTLE_CONCURRENCY
    rule.put_back(2, 1010)
    assert rule.take(1010) == Taken(Decision.REUSE, 2)


@pytest.mark.parametrize("value", [float("nan"), 1.5, 3.0, -1, True, "3"], ids=str)
@pytest.mark.parametrize("name", ["keep_alive_ns", "concurrency_limit", "starts_per_10_s", "provisioned"])
def test_a_limit_is_a_whole_number(name, value):
    with pytest.raises(ValueError, match=f"^{name}: {value} is not accepted: a whole number of 0 or more"):
        PoolLimits(**{name: value})
