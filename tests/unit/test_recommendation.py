"""The rule of the recommendation, from runs and forecasts whose right answer is plain."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from harness.analysis.notes import Note
from harness.analysis.table import summarise
from harness.commands.read import show
from harness.cost.costing import costing_of
from harness.decision import recommendation
from harness.decision.decision import decide, one_sentence, scorecards
from harness.decision.money import ratio_of, rounds_to_separate
from harness.record.estimate import Estimate
from harness.record.folder import RunFolder
from harness.record.forecast import FILE, write_forecast
from harness.report.answer import say_answers
from tests.forecasts import figure, forecast, quantities, row
from tests.synthetic import make_run

STATED = {
    "name": "my question",
    "expected": {"requests_per_month": 3_000_000, "peak_to_mean": 4},
    "objective": {"percentile": 95, "latency_ms": 300},
    "priced_as": {"load_balancer": "none", "public_ipv4": 0},
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Runs of so many rounds under these profiles, each made once."""
    runs = {}

    def make(rounds, profiles):
        if (rounds, profiles) not in runs:
            folder = tmp_path_factory.mktemp("results")
            runs[rounds, profiles] = make_run(folder, rounds=rounds, requests_per_trial=20, profiles=profiles)
        return runs[rounds, profiles]

    return make


@pytest.fixture
def run_of(stored):
    """A run of an experiment that states what STATED does, or other fields; without a forecast."""

    def make(rounds=10, profiles=("steady",), **fields):
        run = stored(rounds, profiles)
        (run.path / FILE).unlink(missing_ok=True)
        return RunFolder(run.path, run.manifest.model_copy(update={"experiment": STATED | fields}))

    return make


STARTS = ("cold", "steady")
"""Profiles of a run whose scorecard is to be full."""


def traffic(*names):
    rest = {"source": "profile", "mean_rps": 3e6 / 2_628_000, "days": 30, "simulated_days": 2, "seed": 1}
    return [{"name": name} | rest for name in names]


@pytest.fixture
def card_of(run_of):
    """The one scorecard of a run with a forecast: a function for 4.92 USD a month, a service for 36."""

    def make(rows=None, changes=None, **fields):
        run = run_of(**fields)
        write_forecast(run, forecast(run, rows, **changes or {}))
        (card,) = decide(run).cards
        return card

    return make


def test_the_rule_can_be_read_aloud_and_is_one_small_file():
    assert Path(recommendation.__file__).read_text().count("\n") < 150
    assert "The objective comes first" in recommendation.__doc__


def test_by_the_forecast_the_cheaper_one_of_two_that_hold_the_objective(card_of):
    card = card_of()
    assert card.recommendation == "serverless"
    assert card.why == ["under steady docker-lambda costs less than docker-service and holds the objective"]
    assert any("docker-lambda, forecast p95 40.0 ms" in reason for reason in card.because)
    assert card.settle is None
    which, why, sure = card.answer
    assert which == "echo, docker-lambda or docker-service: serverless" and "costs less" in why
    rests = "how sure: rests on 10 rounds and 40 resamples of the forecast; closest call: under steady docker-lambda"
    assert sure.startswith(rests) and sure.endswith("docker-service does, forecast") and len(sure) <= 200


def test_the_closest_call_stands_beside_it_and_no_other(card_of):
    """4.918856 of 36.0401 USD is 0.13648; the ends are 0.9 / 1.1 and 1.1 / 0.9 of it in money, and once more in good
    answers of the month: 0.0914 and 0.2039."""
    sure = card_of().sure
    assert "costs 0.136 (0.091–0.204) times what docker-service does" in sure  # noqa: RUF001
    assert "p95" not in sure
    near = card_of([row("function", latency_p95_ms=figure(270.0)), row("service")]).sure
    assert "p95 of docker-lambda is 270 ms (243–297) against 300 ms, forecast" in near  # noqa: RUF001
    assert "times" not in near


def test_where_the_objective_chose_money_is_no_call(card_of):
    sure = card_of([row("function", latency_p95_ms=figure(900.0)), row("service")]).sure
    assert "p95 of docker-lambda is 900 ms" in sure and "times" not in sure


def test_traffics_that_say_the_same_are_one_sentence(card_of):
    rows = [row(kind, profile=name) for name in ("steady", "bursty") for kind in ("function", "service")]
    card = card_of(rows, changes={"traffic": traffic("steady", "bursty")})
    assert card.why == ["under bursty and steady docker-lambda costs less than docker-service and holds the objective"]
    assert len(card.answer) == 3 and max(map(len, card.answer)) <= 200


def test_a_line_of_an_answer_holds_as_many_reasons_as_it_has_room_for():
    assert one_sentence(["a" * 90, "b" * 90, "c" * 90]) == f"{'a' * 90}; {'b' * 90}; and 1 more"
    assert one_sentence(["a" * 300]) == "a" * 300


def test_what_rests_on_the_runs_own_mix_says_so_and_what_is_only_bounded_too(run_of):
    def fast(own):
        own.latency_p95_ms = Estimate(20, 10, 30, 10)

    card = own_card(run_of(), fast)
    assert card.recommendation == "serverless"
    assert "by the run's own mix" in card.why[0] and "docker-service's cost is only bounded" in card.why[0]
    assert "by the run's own mix" in card.sure and "resample" not in card.sure
    told = [text for text in card.because if "docker-" in text]
    assert told and all("the run's own mix" in text for text in told)
    assert any("only bounded" in text for text in told)


def test_another_objective_would_change_only_what_the_objective_decides(card_of):
    assert not any("objective" in text for text in card_of().would_change)
    late = [row("function", latency_p95_ms=figure(900.0)), row("service")]
    assert "another objective, or a cold start that meets it" in card_of(late).would_change
    late = [row("function"), row("service", latency_p95_ms=figure(900.0))]
    assert "another objective" in card_of(late).would_change


def test_the_objective_comes_before_the_money(card_of):
    card = card_of([row("function", latency_p95_ms=figure(900.0)), row("service")])
    assert card.recommendation == "container"
    assert card.why == ["under steady docker-lambda is beyond the objective, and docker-service holds it"]


def test_the_objective_is_judged_at_its_own_percentile(card_of):
    rows = [row("function", latency_p99_ms=figure(900.0)), row("service", latency_p99_ms=figure(90.0))]
    assert card_of(rows, objective={"percentile": 99, "latency_ms": 300}).recommendation == "container"


def test_a_percentile_among_requests_that_are_never_answered_is_beyond_by_the_share_that_is_late(card_of):
    gone = figure(None, why="it falls among throttled requests")
    lost = row("function", latency_p95_ms=gone, late_share=figure(0.2))
    assert card_of([lost, row("service")]).recommendation == "container"
    unknown = row("function", latency_p95_ms=gone, late_share=figure(0.052))
    card = card_of([unknown, row("service")])
    assert card.recommendation == "cannot decide yet" and "cannot be told: it falls among" in card.why[0]


def test_different_sides_for_different_traffic_are_a_split(card_of):
    slow = row("function", profile="bursty", latency_p95_ms=figure(900.0))
    rows = [row("function"), row("service"), slow, row("service", profile="bursty")]
    card = card_of(rows, changes={"traffic": traffic("steady", "bursty")})
    assert card.recommendation == "split"
    assert [text.split()[1] for text in card.why] == ["bursty", "steady"]


def test_where_any_traffic_is_open_different_sides_are_no_split(card_of):
    """bursty: the service, since the function is beyond; steady: the function; spiky: on the limit."""
    slow = row("function", profile="bursty", latency_p95_ms=figure(900.0))
    near = row("function", profile="spiky", latency_p95_ms=figure(290.0))
    others = [row("function"), *(row("service", profile=name) for name in ("steady", "bursty", "spiky"))]
    card = card_of([*others, slow, near], changes={"traffic": traffic("steady", "bursty", "spiky")})
    assert card.recommendation == "cannot decide yet"
    assert card.settle is not None and card.settle.sentence.startswith("spiky: docker-lambda")


def test_a_cheap_side_within_the_objective_is_chosen_where_the_dear_one_may_not_hold_it(card_of):
    card = card_of([row("function"), row("service", latency_p95_ms=figure(290.0))])
    assert card.recommendation == "serverless"
    assert "would change nothing" in recommendation.__doc__


def test_traffic_that_was_measured_and_not_forecast_decides_nothing_where_other_was(card_of):
    card = card_of(profiles=("steady", "bursty"))
    assert card.recommendation == "serverless" and not any("bursty" in reason for reason in card.because)


def test_traffic_whose_forecast_is_withheld_is_not_dropped(card_of):
    withheld = ["docker-lambda under bursty: no fit warm request"]
    card = card_of(changes={"traffic": traffic("steady", "bursty"), "withheld": withheld})
    assert card.recommendation == "cannot decide yet"
    assert card.settle.sentence == f"bursty: docker-lambda decides nothing without its forecast ({withheld[0]})"


def test_a_side_without_its_forecast_is_not_set_beside_the_others_forecast(card_of):
    withheld = ["steady: echo, docker-service: no cold start was forced"]
    card = card_of([row("function")], changes={"withheld": withheld})
    assert card.recommendation == "cannot decide yet"
    assert any("one side's cost is of a forecast and the other's of the run's own mix" in text for text in card.because)
    assert withheld[0] in card.settle.sentence


def test_an_answer_is_three_lines_and_never_read_as_markup(card_of, capsys):
    card = replace(card_of(), workload="[red]\x1b[31mecho")
    say_answers([card], Console(width=400))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[0].startswith("[red]") and "\x1b" not in "".join(lines)
    assert lines[0].endswith(": serverless") and lines[2].startswith("how sure: rests on 10 rounds")


def test_a_side_that_is_alone_says_so_once_for_all_workloads(card_of, capsys):
    pair = card_of()
    alone = [replace(card_of([row("function")]), service=None, workload=name) for name in ("small", "large")]
    say_answers([alone[0], pair, alone[1]], Console(width=400))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == pair.answer and len(lines) == 6
    which, *rest = alone[1].answer
    assert lines[3:] == ["small, " + which, *rest]


def test_what_show_prints_begins_with_the_answer(run_of, capsys):
    path = run_of().path
    show(str(path), "text", path.parent.parent)
    lines = capsys.readouterr().out.splitlines()
    answer = [line for card in decide(RunFolder.open(path)).cards for line in card.answer]
    assert lines[: len(answer)] == answer


def test_costs_that_overlap_leave_it_to_the_scorecard_and_then_to_more_rounds(card_of):
    """A service of 4.92 USD: 0.1365 replicas' hours all month."""
    near = row("service", quantities=quantities("service", unit_hours=figure(730 * 0.14)))
    clear = {"ratings": {"custom_infrastructure": 1, "team_ops_capacity": 1}}
    card = card_of([row("function"), near], profiles=STARTS, **clear)
    assert card.recommendation == "serverless" and "so that the scorecard chooses" in card.why[0]
    torn = {"ratings": {"custom_infrastructure": 5, "team_ops_capacity": 3}}
    card = card_of([row("function"), near], profiles=STARTS, **torn)
    assert card.recommendation == "cannot decide yet"
    assert card.settle.command == "frostline run 'my question.yaml'"
    assert "too close for rounds to tell" in card.settle.sentence


def test_a_score_that_nobody_gave_settles_a_tie(card_of):
    near = row("service", quantities=quantities("service", unit_hours=figure(730 * 0.14)))
    card = card_of([row("function"), near], profiles=STARTS, ratings={"custom_infrastructure": 5})
    assert card.recommendation == "cannot decide yet"
    assert "ratings.team_ops_capacity" in card.settle.sentence
    assert card.settle.command == "frostline run 'my question.yaml'"


def test_a_latency_on_the_limit_asks_for_as_many_rounds_as_separate_it(card_of):
    """280 ms (252-308) against 300: the upper half is 28, the distance 20: 10 x (28 / 20)^2 = 19.6 rounds."""
    card = card_of([row("function", latency_p95_ms=figure(280.0)), row("service")])
    assert card.recommendation == "cannot decide yet"
    assert card.settle.command == "frostline run 'my question.yaml' --rounds 20"
    assert "tell its latency from the objective of 300 ms" in card.settle.sentence


def test_nobody_is_asked_for_thousands_of_rounds(card_of):
    card = card_of([row("function", latency_p95_ms=figure(299.9)), row("service")])
    assert card.settle.command == "frostline run 'my question.yaml'"
    assert "too close to the objective of 300 ms for rounds to tell: change `objective`" in card.settle.sentence


def test_a_shipped_experiment_is_run_again_by_its_name(card_of):
    card = card_of(rounds=3, name="document-classifier")
    assert card.settle.command == "frostline run document-classifier --rounds 10"


def test_where_neither_side_holds_no_round_helps_but_another_size(card_of):
    slow = figure(900.0)
    card = card_of([row("function", latency_p95_ms=slow), row("service", latency_p95_ms=slow)])
    assert card.recommendation == "cannot decide yet"
    assert "sizing" in card.settle.sentence and "neither side" in card.why[0]


def test_a_quick_look_asks_for_ten_rounds_even_with_a_forecast(card_of):
    card = card_of(rounds=3)
    assert card.recommendation == "cannot decide yet"
    look, leaning = card.why
    assert look == "quick look: 3 rounds, a recommendation needs 10"
    assert leaning == "on these rounds alone docker-lambda costs less and holds the objective, forecast"
    assert card.answer[1] == f"{look}; {leaning}" and "--rounds 10" in card.answer[2]
    assert card.answer[-1] == (
        "to settle it: as many rounds as a verdict takes: `frostline run 'my question.yaml' --rounds 10`"
    )


def test_an_unfinished_run_is_resumed(run_of):
    run = run_of()
    run.manifest = run.manifest.model_copy(update={"trials": run.manifest.trials + 1})
    (card,) = scorecards(run, summary := summarise(run), costing_of(run, summary))
    assert card.settle.command == f"frostline run --resume {run.manifest.run}"


def own_card(run, change=lambda row: None, costing=None):
    """By the run's own mix, its rows changed."""
    summary = summarise(run)
    for own in summary.rows:
        change(own)
    (card,) = scorecards(run, summary, costing or costing_of(run, summary))
    return card


def make_transient(own):
    own.case = {name: value for name, value in own.case.items() if name != "begin"}


@pytest.mark.parametrize(
    ("fields", "profiles", "command"),
    [
        ({}, STARTS, "frostline forecast 2026-11-03T10-12-05Z_quickstart_7f3a"),
        ({"expected": None}, STARTS, "frostline run 'my question.yaml'"),
        ({}, ("steady",), "frostline run 'my question.yaml'"),
    ],
    ids=["forecast", "expected", "cold"],
)
def test_a_run_of_transients_recommends_nothing_and_names_the_fix(run_of, fields, profiles, command):
    card = own_card(run_of(profiles=profiles, **fields), make_transient)
    assert card.recommendation == "cannot decide yet"
    assert "its trials begin with an empty pool" in card.settle.sentence
    assert card.settle.command == command
    assert "begin: steady" in " ".join(card.because)


def test_without_an_objective_a_transient_decides_nothing_by_money_either(run_of):
    run = run_of(profiles=STARTS, objective=None)
    summary = summarise(run)
    for own in summary.rows:
        make_transient(own)
    costing = costing_of(run, summary)
    assert [text for text in costing.notices if "docker-lambda" in text and "begin: steady" in text]
    card = own_card(run, make_transient, costing)
    assert card.recommendation == "cannot decide yet" and "forecast" in card.settle.command


def test_time_that_was_compressed_decides_nothing(run_of):
    def compress(own):
        own.case = own.case | {"compression": 60}

    card = own_card(run_of(), compress)
    assert card.recommendation == "cannot decide yet" and "compressed time" in card.settle.sentence


def test_what_was_host_bound_is_no_evidence_for_a_side_either(run_of):
    """Not even within the objective: neither latency nor cost of such a row enters."""

    def crowd(own):
        if own.target == "docker-lambda" and own.profile != "cold":
            own.notes = [*own.notes, Note("host_bound", "host-bound")]
        own.latency_p95_ms = Estimate(20, 10, 30, 10)

    run = run_of()
    summary = summarise(run)
    for own in summary.rows:
        crowd(own)
    costing = costing_of(run, summary)
    assert [side.target for side in costing.sides] == ["docker-service"]
    card = own_card(run, crowd, costing)
    assert card.recommendation == "cannot decide yet"
    assert "docker-lambda is host-bound" in card.settle.sentence and "a lower `rate`" in card.settle.sentence
    assert max(map(len, card.answer)) <= 200


def test_a_service_that_is_only_bounded_asks_for_its_capacity(run_of):
    def fast(own):
        own.latency_p95_ms = Estimate(20, 10, 30, 10)

    run = run_of()
    summary = summarise(run)
    for own in summary.rows:
        fast(own)
    costing = costing_of(run, summary)
    near = [
        replace(side, per_1k_usd=Estimate(1.0, 0.5, 1.5, 10) if side.kind == "service" else Estimate(1.2, 1.1, 1.3, 10))
        for side in costing.sides
    ]
    card = own_card(run, fast, replace(costing, sides=near))
    assert card.recommendation == "cannot decide yet"
    assert card.settle.command == "frostline capacity echo docker-service --like 'my question.yaml'"


def test_a_bounded_service_that_is_dearer_at_its_least_needs_no_capacity(run_of):
    """One replica all month is 36 USD, and the function costs 4 at most: no capacity changes that."""

    def fast(own):
        own.latency_p95_ms = Estimate(20, 10, 30, 10)

    run = run_of()
    summary = summarise(run)
    (service,) = [side for side in costing_of(run, summary).sides if side.kind == "service"]
    assert service.is_bound and service.per_month_usd.low is not None
    assert own_card(run, fast).recommendation == "serverless"


def test_the_ratio_has_the_ends_of_both_and_none_where_one_has_none():
    ratio = ratio_of(Estimate(2, 1, 3, 10), Estimate(4, 2, 8, 7))
    assert (ratio.value, ratio.low, ratio.high, ratio.n) == (0.5, 1 / 8, 3 / 2, 7)
    bound = ratio_of(Estimate(2, 1, 3, 10), Estimate(4, 4, None, 7))
    assert (bound.low, bound.high) == (None, 0.75)
    assert ratio_of(Estimate(2), Estimate(0.0)) is None


def test_rounds_to_separate_two_costs():
    """exp(-1) times as much, up to exp(0.5): the upper half is 1.5 of the distance 1: 10 x 2.25."""
    assert rounds_to_separate(Estimate(0.36787944, 0.1, 1.6487213, 10), 10) == 23
    assert rounds_to_separate(Estimate(1.0, 0.5, 2.0, 10), 10) is None
    assert rounds_to_separate(Estimate(0.5, None, 2.0, 10), 10) is None


def test_a_quick_look_points_nowhere_where_the_cheap_side_is_too_late(card_of):
    late = card_of([row("function", latency_p95_ms=figure(900.0)), row("service")], rounds=3)
    assert late.why == ["quick look: 3 rounds, a recommendation needs 10"]


def test_a_quick_look_says_that_so_few_rounds_do_not_tell_of_the_objective(card_of):
    card = card_of([row("function", latency_p95_ms=figure(None)), row("service")], rounds=3)
    assert card.why[1].endswith("costs less, and whether it holds the objective so few do not tell, forecast")
