"""The parts of a start add up to the whole wait, none is negative, and no stamp of another clock gets in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.measure.rows.phases import OwnPhases, logged_phases, queue_ns, split_start
from harness.measure.rows.starts import DRIFT
from harness.record.phases import MOST_OWN, phase_problems
from tests.envelopes import MS, evidence, inside, log, outside

WALL_NS = 97 * MS


def shared(proof, events, scheduled_ns=0, ended_ns=WALL_NS):
    before = logged_phases(proof, scheduled_ns, events)
    return split_start(proof, ended_ns - scheduled_ns, OwnPhases(), before, drift=0)


def own_clock(proof, told, wall_ns=WALL_NS):
    return split_start(proof, wall_ns, OwnPhases(), told, DRIFT)


def test_phases_add_up_to_the_whole():
    phases = shared(evidence(inside(), outside()), log())
    assert phases == {
        "queue": MS,
        "create": 8 * MS,
        "start": 29 * MS,
        "boot": 10 * MS,
        "imports": 10 * MS,
        "weights": 20 * MS,
        "first_inference": 5 * MS,
        "unaccounted": 14 * MS,
    }
    assert sum(phases.values()) == WALL_NS
    assert not phase_problems(list(phases))


def test_a_start_that_ends_after_the_runtime_began_leaves_no_negative_boot():
    phases = shared(evidence(inside(), outside(spans_ns={"start": [11 * MS, 70 * MS]})), log())
    assert (phases["start"], phases["boot"], phases["queue"]) == (39 * MS, 0, 10 * MS)
    assert "create" not in phases
    assert sum(phases.values()) == WALL_NS


def test_a_replica_is_timed_by_its_log_from_the_moment_it_was_asked_for():
    phases = shared(evidence(inside()), log("create", "created", "start", "started"))
    assert (phases["queue"], phases["create"], phases["start"], phases["boot"]) == (MS, MS, MS, 46 * MS)
    assert sum(phases.values()) == WALL_NS


def test_a_reset_is_timed_by_its_own_start_and_not_by_the_first_one():
    first = log("create", "created", "start", "started")
    again = outside(5, received_ns=44 * MS, spans_ns={"start": [45 * MS, 48 * MS]})
    phases = shared(evidence(inside(), again), first, scheduled_ns=43 * MS)
    assert "create" not in phases
    assert (phases["queue"], phases["start"], phases["boot"]) == (MS, 3 * MS, 2 * MS)
    assert sum(phases.values()) == 54 * MS
    unknown = shared(evidence(inside(), outside(5)), first, scheduled_ns=43 * MS)
    assert not {"queue", "create", "start", "boot"} & set(unknown)


def test_on_a_clock_of_its_own_only_the_platform_tells_what_was_before():
    phases = own_clock(evidence(inside()), {})
    assert phases == {"imports": 10 * MS, "weights": 20 * MS, "first_inference": 5 * MS, "unaccounted": 62 * MS}
    told = {"boot": 12 * MS, "create": 3 * MS, "lunch": 9 * MS, "first_inference": 9 * MS}
    phases = own_clock(evidence(inside()), told)
    assert list(phases) == ["create", "boot", "imports", "weights", "first_inference", "unaccounted"]
    assert phases["unaccounted"] == WALL_NS - 50 * MS


def test_without_a_start_there_are_no_phases():
    assert shared(evidence(inside(2), outside(2)), log()) == {}
    assert shared(evidence(), log()) == {}
    assert own_clock(evidence(None), {"boot": 1}) == {}


def test_what_a_fast_clock_told_too_long_is_taken_off_all_parts_alike():
    """35 ms of its own, of a wait of 34.98 ms: within what a clock may drift, so nothing is left unaccounted."""
    phases = own_clock(evidence(inside()), {}, wall_ns=34_980_000)
    assert phases == {"imports": 9_994_285, "weights": 19_988_571, "first_inference": 4_997_142, "unaccounted": 2}
    assert sum(phases.values()) == 34_980_000


def test_parts_that_contradict_the_wait_are_not_believed():
    phases = own_clock(evidence(inside()), {"create": 70 * MS})
    assert phases == {"imports": 10 * MS, "weights": 20 * MS, "first_inference": 5 * MS, "unaccounted": 62 * MS}
    assert own_clock(evidence(inside()), {}, wall_ns=34 * MS) == {}
    assert own_clock(evidence(inside()), {"create": -MS})["unaccounted"] == 62 * MS
    assert shared(evidence(inside()), log(), ended_ns=35 * MS - 1) == {}, "a shared clock does not drift"


def test_a_workloads_own_names_come_in_the_order_of_first_entry_and_none_of_the_benchs():
    told = {"zeta": MS, "alpha": 2 * MS, "queue": 9 * MS, "Not a name": MS, "unaccounted": MS, "boot": MS}
    phases = own_clock(evidence(inside(init={"entered_ns": 50 * MS, "phases_ns": told})), {})
    assert list(phases) == ["zeta", "alpha", "first_inference", "unaccounted"]
    assert sum(phases.values()) == WALL_NS


def test_names_beyond_the_most_that_are_kept_are_unaccounted_also_from_start_to_start():
    own = OwnPhases()
    for start in range(MOST_OWN):
        assert own.pick({f"part_{start}": 1}) == {f"part_{start}": 1}
    assert own.pick({"one_more": 1, "part_3": 2}) == {"part_3": 2}


def test_the_queue_ends_where_the_platform_takes_the_request_up():
    assert queue_ns(evidence(inside(2), outside(2))) == 59 * MS
    assert queue_ns(evidence(inside(), outside())) == MS
    assert queue_ns(evidence(inside(2, received_ns=80 * MS))) == 10 * MS
    assert queue_ns(evidence(inside(2))) is None
    assert queue_ns(evidence(None, {"received_ns": MS})) is None


@given(
    st.dictionaries(st.sampled_from(["imports", "weights", "x", "queue", "9"]), st.integers(0, 2**59), max_size=4),
    st.dictionaries(st.sampled_from(["create", "boot", "x"]), st.integers(-(2**59), 2**59), max_size=3),
    st.integers(0, 2**60),
    st.sampled_from([0.0, DRIFT]),
)
@pytest.mark.parametrize("scale", [1, 10**9])
def test_whatever_is_told_the_parts_add_up_and_none_is_negative(scale, own, told, wall_ns, drift):
    proof = evidence(inside(init={"entered_ns": 0, "phases_ns": {name: part // scale for name, part in own.items()}}))
    phases = split_start(proof, wall_ns, OwnPhases(), {name: part // scale for name, part in told.items()}, drift)
    if phases:
        assert sum(phases.values()) == wall_ns
        assert min(phases.values()) >= 0
        assert not phase_problems(list(phases))
