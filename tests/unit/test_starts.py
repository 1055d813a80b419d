"""Which kind of start a request met, by counters and whole durations: every rule, and what none of them may do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.measure.rows.starts import FIRST, Finding, Lives, Wait, is_proven_cold, reconcile, start_class
from harness.record.nouns import StartClass
from tests.envelopes import MS, evidence, inside, log, outside

COLD, REINIT, RESET = StartClass.COLD, StartClass.COLD_REINIT, StartClass.RESET
RESTORED, PROACTIVE, WARM = StartClass.RESTORED, StartClass.PROACTIVE, StartClass.WARM
LONG = Wait(0, 200 * MS)
"""Long enough for the whole of inside(): 45 ms from entering the code to the end."""


@pytest.mark.parametrize(
    ("own", "front", "events", "expected"),
    [
        (inside(), outside(), log("create"), COLD),
        (inside(), outside(), log("create", "init_timeout"), REINIT),
        (None, outside(), log("create"), COLD),
        (None, outside(), log("create", "init_timeout"), REINIT),
        (inside(2), outside(2), log("create"), WARM),
        (inside(2), outside(2), log("create", "init_timeout"), WARM),
        (inside(1), outside(2), log("create"), RESET),
        (inside(1), outside(7), log("create"), RESET),
        (None, outside(2), log("create"), None),
        (inside(1), None, log("create", for_request=True), COLD),
        (inside(1), None, log("create", for_request=False), PROACTIVE),
        (inside(5), None, log("create", for_request=True), WARM),
        (inside(1, unit="0009"), None, log("create", for_request=True), PROACTIVE),
        (None, None, log("create"), None),
        (None, {"received_ns": MS}, log("create"), None),
    ],
)
def test_with_a_log_start_classes_come_from_counters(own, front, events, expected):
    assert start_class(evidence(own, front), events) is expected


def judge(own, wait=LONG, earlier=()):
    lives = Lives()
    for other in (own, *earlier):
        lives.add_answer(evidence(other))
    return lives.judge(evidence(own), wait)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param(inside(2), WARM, id="a later invocation"),
        pytest.param(inside(2, initialization="snap-start"), WARM, id="a later one of a restored unit"),
        pytest.param(inside(initialization="provisioned-concurrency"), PROACTIVE, id="told so at its start"),
        pytest.param(inside(initialization="snap-start"), RESTORED, id="restored"),
        pytest.param(inside(initialization="on-demand"), COLD, id="on demand"),
        pytest.param(inside(initialization="unheard-of"), COLD, id="a way that nobody knows"),
        pytest.param(inside(spent_ns=40 * MS), REINIT, id="its initialisation took no longer than the invocation"),
        pytest.param(inside(spent_ns=10_041 * MS), REINIT, id="after one that was cut off"),
        pytest.param(inside(spent_ns=40 * MS - 1), COLD, id="it began before the invocation"),
        pytest.param(inside(spent_ns=0), COLD, id="nothing of the invocation was over"),
        pytest.param(inside(), COLD, id="nothing is told"),
        pytest.param(inside(init=None), None, id="no stamps of the start"),
        pytest.param(inside(init=None, initialization="snap-start"), RESTORED, id="no stamps, but restored"),
        pytest.param(None, None, id="no envelope"),
    ],
)
def test_without_a_log_they_come_from_the_envelope(own, expected):
    assert judge(own).proved is expected


@pytest.mark.parametrize(
    ("long_ns", "expected"),
    [
        (45 * MS, COLD),
        (45 * MS - 1, COLD),  # within what its clock may drift
        (int(45 * MS / 1.001) + 1, COLD),
        (int(45 * MS / 1.001) - 1, PROACTIVE),
        (20 * MS, PROACTIVE),
        (0, PROACTIVE),
    ],
)
def test_a_unit_that_began_before_its_request_was_sent_was_not_started_for_it(long_ns, expected):
    assert judge(inside(), Wait(7, 7 + long_ns)).proved is expected


def test_only_whole_durations_are_compared_and_never_stamps_of_two_clocks():
    """A unit's clock may stand anywhere: moved by days, every class is the same."""
    for shift_ns in (0, 300_000 * MS, 2**58):
        own = inside(begun_ns=shift_ns + 90 * MS, ended_ns=shift_ns + 95 * MS)
        own["init"] = {"entered_ns": shift_ns + 50 * MS, "phases_ns": {}}
        assert judge(own).proved is COLD
        assert judge(own, Wait(0, 30 * MS)).proved is PROACTIVE
        assert judge({**own, "spent_ns": 41 * MS}).proved is REINIT
        earlier = inside(3, begun_ns=shift_ns, ended_ns=shift_ns + 50 * MS)
        assert judge(own, earlier=[earlier]).proved is RESET


def test_a_unit_that_answered_before_this_life_of_it_was_reset():
    earlier = inside(4, begun_ns=10 * MS, ended_ns=50 * MS)
    for own in (inside(), inside(spent_ns=41 * MS), inside(initialization="provisioned-concurrency")):
        assert judge(own, earlier=[earlier]).proved is RESET
    assert judge(inside(), Wait(0, 1), earlier=[earlier]).proved is RESET, "also when it began again on its own"


@pytest.mark.parametrize(
    "other",
    [
        inside(4, unit="0002", begun_ns=10 * MS, ended_ns=50 * MS),
        inside(2, begun_ns=96 * MS, ended_ns=99 * MS),
        inside(2, begun_ns=49 * MS, ended_ns=50 * MS + 1),
    ],
)
def test_another_unit_or_a_later_request_of_the_same_life_is_no_earlier_life(other):
    assert judge(inside(), earlier=[other]).proved is COLD


def test_a_service_that_took_up_a_later_request_first_was_not_reset():
    """Sent second and handled first: by its own clock nothing ended before it entered its code."""
    handled_first = inside(1, begun_ns=90 * MS, ended_ns=95 * MS)
    handled_second = inside(2, begun_ns=95 * MS, ended_ns=99 * MS)
    assert judge(handled_first, earlier=[handled_second]).proved is COLD


def test_a_request_of_which_only_the_platform_tells_is_an_earlier_life_too():
    lives = Lives()
    lives.add_answer(evidence(inside(spent_ns=50 * MS)))
    lives.add_loss("0001", ended_ns=70 * MS)
    assert lives.judge(evidence(inside(spent_ns=50 * MS)), Wait(70 * MS, 200 * MS)).proved is RESET
    assert lives.judge(evidence(inside(spent_ns=50 * MS)), Wait(70 * MS - 1, 200 * MS)).proved is REINIT


@pytest.mark.parametrize(
    ("own", "wait", "word", "expected", "disagrees"),
    [
        pytest.param(inside(), LONG, None, COLD, False, id="no word"),
        pytest.param(inside(), LONG, "cold", COLD, False, id="the same word"),
        pytest.param(inside(), LONG, "cold_reinit", REINIT, False, id="without spent_ns only the platform knows"),
        pytest.param(inside(), LONG, "reset", RESET, False, id="an earlier life that nobody saw"),
        pytest.param(inside(), LONG, "restored", RESTORED, False, id="restored, and the unit was not told"),
        pytest.param(inside(), LONG, "proactive", PROACTIVE, False, id="begun a moment before it was sent"),
        pytest.param(inside(), LONG, "warm", COLD, True, id="a first invocation is never warm"),
        pytest.param(inside(spent_ns=1), LONG, "cold_reinit", COLD, True, id="its init did not run inside"),
        pytest.param(inside(spent_ns=1), LONG, "reset", RESET, False, id="it may have begun again before"),
        pytest.param(inside(spent_ns=41 * MS), LONG, "reset", RESET, False, id="inside, in an unseen second life"),
        pytest.param(inside(spent_ns=41 * MS), LONG, "cold", REINIT, True, id="inside is not before"),
        pytest.param(inside(), Wait(0, 9), "cold", PROACTIVE, True, id="it ran before the request was there"),
        pytest.param(inside(), Wait(0, 9), "proactive", PROACTIVE, False, id="both say so"),
        pytest.param(inside(initialization="snap-start"), LONG, "cold", RESTORED, True, id="told at its start"),
        pytest.param(inside(2), LONG, "cold", WARM, True, id="its own count says second"),
        pytest.param(inside(2), LONG, "warm", WARM, False, id="warm"),
        pytest.param(inside(init=None), LONG, "proactive", PROACTIVE, False, id="no stamps: the platform's word"),
        pytest.param(inside(init=None), LONG, "warm", None, True, id="no stamps, but first it was"),
        pytest.param(None, LONG, "cold", COLD, False, id="no envelope: the platform's word is all there is"),
        pytest.param(None, LONG, "warm", WARM, False, id="no envelope, warm"),
        pytest.param(inside(), LONG, "lukewarm", COLD, False, id="a word that is no class"),
    ],
)
def test_the_platforms_word_decides_what_the_evidence_leaves_open_and_nothing_else(
    own, wait, word, expected, disagrees
):
    assert reconcile(judge(own, wait), word) == (expected, disagrees)


def test_a_finding_never_excludes_itself():
    for own in (inside(), inside(2), inside(spent_ns=1), inside(spent_ns=50 * MS), inside(initialization="snap-start")):
        finding = judge(own)
        assert finding.proved in finding.open
    assert WARM not in FIRST


forged = st.fixed_dictionaries(
    {
        "unit": st.sampled_from(["0001", "0002"]),
        "invocation": st.integers(1, 3),
        "begun_ns": st.integers(0, 2**59),
        "ended_ns": st.integers(0, 2**59),
    },
    optional={
        "spent_ns": st.integers(0, 2**59),
        "initialization": st.sampled_from(["on-demand", "snap-start", "provisioned-concurrency", "x"]),
        "init": st.none() | st.fixed_dictionaries({"entered_ns": st.integers(0, 2**59), "phases_ns": st.just({})}),
    },
)


@settings(max_examples=300)
@given(st.lists(forged, min_size=1, max_size=4), st.integers(0, 2**59), st.integers(0, 2**59), st.text(max_size=9))
def test_no_forged_envelope_makes_a_class_that_its_counter_excludes(envelopes, asked_ns, ended_ns, word):
    lives, all_evidence = Lives(), [evidence(own) for own in envelopes]
    for each in all_evidence:
        lives.add_answer(each)
    for each in all_evidence:
        finding = lives.judge(each, Wait(asked_ns, ended_ns))
        assert finding.proved is None or finding.proved in finding.open
        kind, _ = reconcile(finding, word)
        if each.inside:
            assert (kind is WARM) == (each.invocation > 1)


@pytest.mark.parametrize(
    ("own", "generation", "events", "expected"),
    [
        (inside(generation="b"), "b", None, True),
        (inside(generation="a"), "b", None, False),
        (inside(), "b", None, False),
        (inside(), None, None, True),
        (inside(2, generation="b"), "b", None, False),
        (inside(generation="b", spent_ns=50 * MS), "b", None, True),
        (inside(generation="b", initialization="provisioned-concurrency"), "b", None, False),
        (None, "b", None, False),
        (inside(), None, log("create"), True),
        (inside(), None, log("create", for_request=False), False),
        (inside(2), None, log("create"), False),
    ],
)
def test_a_forced_start_is_proved_by_the_log_or_by_a_first_answer_of_the_new_generation(
    own, generation, events, expected
):
    assert is_proven_cold(evidence(own), LONG, generation, events) is expected


def test_a_forced_start_of_a_unit_that_the_platform_had_begun_by_itself_is_none():
    assert not is_proven_cold(evidence(inside(generation="b")), Wait(0, 9), "b", None)


def test_a_closed_finding_is_left_by_no_word():
    for kind in StartClass:
        for word in StartClass:
            assert reconcile(Finding(kind, frozenset({kind})), word.value) == (kind, kind is not word)
