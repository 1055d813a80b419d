"""From a stored run to its month: known answers, the same arrivals for all sides, intervals, and what is withheld."""

import json
import math
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from harness.analysis.table import summarise
from harness.cli import main
from harness.errors import UsageError
from harness.forecast import forecast as forecasts
from harness.forecast import grid, traffic, what_ifs
from harness.forecast.forecast import make_forecast
from harness.forecast.order import Order, order_of
from harness.forecast.rows import Ruled
from harness.record.forecast import FILE, Figure, read_forecast
from harness.record.nouns import FORCED_COLD
from harness.report.forecast import meets
from harness.report.forecast_tables import about_traffic
from targets.rules.fixed_replicas import FixedReplicas
from tests.forecast_runs import EXPERIMENT, forecastable

MADE_AT = "2026-11-26T00:00:00+00:00"


@pytest.fixture
def small(monkeypatch):
    """A month of few requests, and a curve of few rates."""
    monkeypatch.setattr(forecasts, "REQUESTS", 60_000)
    monkeypatch.setattr(forecasts, "FEWEST", 20)
    monkeypatch.setattr(forecasts, "MOST", 20)
    monkeypatch.setattr(forecasts, "TICKS", 40_000)
    monkeypatch.setattr(forecasts, "LEAST_REQUESTS", 50.0)
    monkeypatch.setattr(grid, "REQUESTS_WITH_TICKS", 50.0)
    monkeypatch.setattr(traffic, "MOST_ARRIVALS", 50_000)
    monkeypatch.setattr(grid, "rates_around", lambda rps, _: [0.1 * rps, rps])
    monkeypatch.setattr(grid, "REQUESTS", 300.0)
    monkeypatch.setattr(grid, "RESAMPLES", 2)
    monkeypatch.setattr(grid, "CLOSE", 100.0)
    monkeypatch.setattr(what_ifs, "RESAMPLES", 2)
    monkeypatch.setattr(what_ifs, "TO_ZERO", "no-such-rule")


def forecast_of(run, **order):
    return make_forecast(run, summarise(run), Order(**order), MADE_AT, lambda _: None)


def row_of(forecast, target, profile="steady"):
    return next(row for row in forecast.rows if (row.target, row.profile) == (target, profile))


def plain(forecast):
    return json.loads(forecast.model_dump_json(by_alias=True))


def test_the_cold_share_of_independent_callers_is_that_of_gaps_beyond_the_keep_alive(tmp_path, small):
    run = forecastable(tmp_path, warm_ms=1.0, cold_ms=100.0)
    row = row_of(forecast_of(run, rps=0.01), "docker-lambda")
    share = row.cold_share
    assert share.value == pytest.approx(math.exp(-0.01 * 300), rel=0.15)
    assert share.low < math.exp(-0.01 * 300) < share.high
    assert row.cold_starts_per_day.value == pytest.approx(share.value * 0.01 * 86_400, rel=0.1)


def test_all_sides_meet_the_same_arrivals(tmp_path, small):
    forecast = forecast_of(forecastable(tmp_path, rounds=4))
    service, function = (row_of(forecast, target) for target in ("docker-service", "docker-lambda"))
    assert service.hours.arrivals == function.hours.arrivals
    assert service.quantities.arrivals == function.quantities.arrivals == 2_628_000
    assert [point.rps for point in service.curve] == [point.rps for point in function.curve]


def test_a_seed_forecasts_the_same_again_and_another_one_something_else(tmp_path, small):
    run = forecastable(tmp_path, rounds=4)
    first, again, other = (plain(forecast_of(run, seed=seed)) for seed in (5, 5, 6))
    assert first == again
    assert first["rows"][0]["cold_share"] != other["rows"][0]["cold_share"]


def test_fewer_rounds_make_wider_intervals(tmp_path, small):
    widths = []
    for rounds in (3, 12):
        run = forecastable(tmp_path / str(rounds), rounds=rounds, spread=0.2)
        latency = row_of(forecast_of(run), "docker-service").latency_p50_ms
        widths.append(math.log(latency.high / latency.low))
    assert widths[0] > 1.5 * widths[1]


def test_one_round_has_no_interval_and_says_why(tmp_path, small):
    run = forecastable(tmp_path, rounds=1, forced=8, warm=80)
    figure = row_of(forecast_of(run), "docker-service").latency_p50_ms
    assert (figure.low, figure.high) == (None, None)
    assert "one round" in figure.why


def test_a_function_is_billed_for_warm_requests_and_the_initialisation_of_cold_ones(tmp_path, small):
    run = forecastable(tmp_path, warm_ms=10.0, cold_ms=800.0, spread=0.0)
    row = row_of(forecast_of(run, rps=0.01), "docker-lambda")
    share, each = row.cold_share.value, row.quantities.billed_s.value / row.quantities.arrivals
    warm, cold = 0.0095, 0.4 + 0.020
    assert each == pytest.approx((1 - share) * warm + share * cold, rel=0.1)
    assert row.quantities.overflow_s is None


def test_provisioned_units_of_the_experiment_leave_an_overflow(tmp_path, small):
    experiment = EXPERIMENT | {"priced_as": {"provisioned_concurrency": 1}}
    row = row_of(forecast_of(forecastable(tmp_path, rounds=4, experiment=experiment)), "docker-lambda")
    assert row.parameters["provisioned"] == 1
    assert 0 < row.quantities.overflow_s.value < 0.1 * row.quantities.billed_s.value


def test_replicas_are_the_fewest_that_hold_the_objective(tmp_path, small):
    experiment = EXPERIMENT | {"objective": {"percentile": 95, "latency_ms": 60}}
    run = forecastable(tmp_path, rounds=4, warm_ms=40.0, spread=0.0, experiment=experiment)
    row = row_of(forecast_of(run, rps=20.0), "docker-service")
    fewer = {"replicas": str(row.parameters["replicas"] - 1)}
    few = row_of(forecast_of(run, rps=20.0, settings=fewer), "docker-service")
    assert row.latency_at_objective_ms.value <= 60 < few.latency_at_objective_ms.value
    assert any("Little's law: 1 at least" in note for note in row.notes)


def test_an_objective_below_one_request_is_out_of_reach_and_says_so(tmp_path, small):
    experiment = EXPERIMENT | {"objective": {"percentile": 95, "latency_ms": 5}}
    row = row_of(forecast_of(forecastable(tmp_path, rounds=4, experiment=experiment)), "docker-service")
    assert row.parameters["replicas"] == 1
    assert any("out of reach" in warning for warning in row.warnings)


def test_replicas_that_cannot_carry_the_rate_have_no_latency(tmp_path, small):
    run = forecastable(tmp_path, rounds=4, warm_ms=40.0)
    row = row_of(forecast_of(run, rps=60.0, settings={"replicas": "1"}), "docker-service")
    assert row.latency_p95_ms.value is None
    assert "1 replicas cannot carry" in row.latency_p95_ms.why


def test_without_forced_cold_starts_the_function_is_withheld_with_the_fix(tmp_path, small):
    forecast = forecast_of(forecastable(tmp_path, rounds=4, forced=0))
    assert [row.target for row in forecast.rows] == ["docker-service"]
    (why,) = forecast.withheld
    assert why.startswith("steady: echo, docker-lambda: no cold starts to draw")
    assert "cold_starts" in why


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"forced": 1, "rounds": 3}, "3 proven cold starts"), ({"warm": 4, "rounds": 3}, "12 good warm requests")],
    ids=["cold", "warm"],
)
def test_too_few_samples_withhold_a_side(tmp_path, small, changes, said):
    assert any(said in line for line in forecast_of(forecastable(tmp_path, **changes)).withheld)


def test_a_percentile_that_too_few_warm_requests_bound_is_withheld(tmp_path, small):
    row = row_of(forecast_of(forecastable(tmp_path, rounds=4)), "docker-service")
    assert row.latency_p95_ms.value is not None
    assert row.latency_p99_ms.why == (
        "of the warm requests, p99 needs 1000 requests over all trials, has 192, and 20 rounds, has 4"
    )


def test_a_throttled_request_is_late_and_not_billed(tmp_path, small):
    run = forecastable(tmp_path, rounds=4, warm_ms=400.0)
    row = row_of(forecast_of(run, rps=4.0, settings={"concurrency_limit": "1"}), "docker-lambda")
    assert row.throttled_share.value > 0.3
    assert row.latency_p95_ms.value is None
    taken = (1 - row.throttled_share.value) * row.quantities.arrivals
    assert row.quantities.invoked.value == pytest.approx(taken, rel=0.02)


def test_an_autoscaler_that_is_set_moves_the_replicas(tmp_path, small):
    run = forecastable(tmp_path, rounds=4)
    row = row_of(forecast_of(run, rps=0.002, settings={"rule": "knative"}), "docker-service")
    assert row.rule == "knative"
    assert row.cold_share.value > 0.5
    assert row.units_mean.value < 0.9


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (["keepalive_s=5"], "did you mean keep_alive_s?"),
        (["keep_alive_s"], "write NAME=VALUE"),
        (["keep_alive_s=x"], "keep_alive_s: x is not accepted"),
        (["provisioned=-1"], "provisioned: -1 is not accepted"),
        (["rule=knativ"], "did you mean knative?"),
        (["replicas=0"], "replicas: 0 is not accepted"),
        (["replicas=1", "replicas=2"], "given twice"),
    ],
    ids=["name", "form", "number", "negative", "rule", "replicas", "twice"],
)
def test_a_setting_that_cannot_be_names_field_value_and_fix(pairs, said):
    with pytest.raises(UsageError, match="--set") as refused:
        order_of(None, None, None, 30, pairs, None)
    assert said in str(refused.value)


def test_all_problems_of_a_command_line_are_told_at_once():
    with pytest.raises(UsageError) as refused:
        order_of("x.csv", "steady", float("nan"), 0, ["keepalive=1"], -1)
    assert [line.split(":")[0] for line in refused.value.problems] == [
        "--profile",
        "--rps",
        "--days",
        "--seed",
        "--set",
    ]


def test_without_expected_traffic_the_rate_must_be_given(tmp_path):
    run = forecastable(tmp_path, rounds=2, experiment={"name": "x", "profiles": EXPERIMENT["profiles"]})
    with pytest.raises(UsageError, match="--rps"):
        forecast_of(run)


def test_a_profile_that_does_not_exist_is_refused_with_the_one_that_was_meant(tmp_path):
    run = forecastable(tmp_path, rounds=2)
    with pytest.raises(UsageError, match="did you mean steady"):
        forecast_of(run, profile="stedy")


def test_a_trace_is_the_traffic_and_cited_by_its_hash(tmp_path, small):
    moments = np.sort(np.random.default_rng(1).uniform(0, 2 * 86_400, 4000))
    trace = tmp_path / "trace.txt"
    trace.write_text("".join(f"{moment:.3f}\n" for moment in moments))
    forecast = forecast_of(forecastable(tmp_path, rounds=4), trace=trace)
    (met,) = forecast.traffic
    assert (met.source, met.name) == ("trace", "trace.txt")
    assert len(met.sha256) == 64
    assert met.mean_rps == pytest.approx(4000 / 2 / 86_400, rel=0.01)
    assert row_of(forecast, "docker-lambda", "trace.txt").cold_share.value > 0


def test_the_command_stores_what_it_shows_but_not_a_what_if(tmp_path, small, monkeypatch, capsys):
    run = forecastable(tmp_path, rounds=4)
    shown = {}
    for more in (["--set", "keep_alive_s=60"], []):
        command = ["frostline", "forecast", "latest", "--results", str(tmp_path), "--format", "json", *more]
        monkeypatch.setattr("sys.argv", command)
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        assert (run.path / FILE).exists() is not bool(more)
        shown = json.loads(capsys.readouterr().out)
    assert shown["kind"] == "forecast"
    assert shown["forecast"] == plain(read_forecast(run))
    assert {side["basis"] for side in shown["cost"]["sides"]} == {"forecast"}


@pytest.mark.parametrize("form", ["text", "md", "csv"])
def test_whatever_is_shown_is_called_a_forecast(tmp_path, small, monkeypatch, capsys, form):
    forecastable(tmp_path, rounds=4)
    monkeypatch.setattr("sys.argv", ["frostline", "forecast", "--results", str(tmp_path), "--format", form])
    with pytest.raises(SystemExit):
        main()
    lines = capsys.readouterr().out.splitlines()
    if form == "csv":
        assert lines[0].startswith("kind,run,trials_sha256,")
        assert all(line.startswith("forecast,") for line in lines[1:])
    else:
        assert "FORECAST, not measured" in lines[0]


def test_what_keeps_a_run_from_a_forecast_is_told_and_nothing_fails(tmp_path, monkeypatch):
    from harness.commands import forecast as command

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(command, "timed_forecast", fail)
    told = []
    run = forecastable(tmp_path, rounds=2)
    command.forecast_at_end(run, told.append)
    assert told == [f"forecast: none: ZeroDivisionError: `frostline forecast {run.manifest.run}` makes it"]


def test_a_run_with_expected_traffic_and_forced_starts_gets_its_forecast_at_its_end(tmp_path, small):
    from harness.commands.forecast import forecast_at_end

    run = forecastable(tmp_path / "a", rounds=4)
    forecast_at_end(run, lambda _: None)
    assert read_forecast(run).rows
    without = forecastable(tmp_path / "b", rounds=2, experiment={"name": "x", "profiles": EXPERIMENT["profiles"]})
    forecast_at_end(without, (told := []).append)
    assert not (without.path / FILE).exists()
    assert len(told) == 1 and "does not say what traffic is expected: give it e.g. `expected:" in told[0]


@pytest.mark.parametrize(("begin", "says"), [("steady", ["give the experiment e.g. `cold_starts: 2`"]), ("batch", [])])
def test_without_forced_starts_a_run_says_why_it_has_no_forecast(tmp_path, begin, says):
    from harness.commands.forecast import forecast_at_end

    run = forecastable(tmp_path, rounds=2, experiment={**EXPERIMENT, "begin": begin})
    run.trials = lambda: [trial for trial in type(run).trials(run) if trial.profile != FORCED_COLD]
    forecast_at_end(run, (told := []).append)
    assert [line for line in told if not any(part in line for part in says)] == [] and len(told) == len(says)


def test_each_change_of_replicas_on_the_curve_is_framed_closely(tmp_path, small, monkeypatch):
    monkeypatch.setattr(grid, "rates_around", lambda rps, _: [0.1 * rps, rps, 4 * rps])
    monkeypatch.setattr(grid, "CLOSE", 1.2)
    curve = row_of(forecast_of(forecastable(tmp_path, rounds=4, warm_ms=40.0), rps=10.0), "docker-service").curve
    steps = [(a, b) for a, b in pairwise(curve) if a.units_peak != b.units_peak]
    assert steps
    assert all(b.rps / a.rps <= 1.2 + 1e-9 for a, b in steps)
    assert [point.rps for point in curve] == sorted({point.rps for point in curve})


@pytest.mark.parametrize("name", ["bursty", "business-hours", "constant", "diurnal", "ramp", "sparse"])
def test_a_month_has_the_mean_rate_that_is_asked_for(name):
    month = traffic.month_of(
        name,
        {"name": name, "parameters": {"rate": 7, "seconds": 3, "from_rate": 2} if name == "ramp" else {}},
        0.05,
        30,
        1,
    )
    assert sum(map(len, month.days.days)) / (30 * 86_400) == pytest.approx(0.05, rel=0.1)
    assert all(len(day) == 0 or (day[0] >= 0 and day[-1] <= 86_400) for day in month.days.days)


def test_a_profile_of_the_experiment_is_not_compressed_and_keeps_its_own_parameters():
    choice = {"name": "bursty", "parameters": {"rate": 3, "seconds": 8, "compression": 60, "on_mean_s": 5}}
    month = traffic.month_of("bursty", choice, 0.05, 30, 1)
    assert month.traffic.parameters == {"name": "bursty", "on_mean_s": 5}


def test_what_a_manifest_states_wrongly_withholds_the_side(tmp_path, small):
    experiment = EXPERIMENT | {"function": {"keep_alive_s": "soon"}}
    forecast = forecast_of(forecastable(tmp_path, rounds=4, experiment=experiment))
    assert [row.target for row in forecast.rows] == ["docker-service"]
    assert any("keep_alive_s: soon is not accepted" in line for line in forecast.withheld)


def test_an_order_is_as_it_was_given():
    order = order_of(None, "steady", 2.0, 7, ["keep_alive_s=60"], 3)
    assert replace(order, settings={}) == Order(profile="steady", rps=2.0, days=7, seed=3)
    assert order.settings == {"keep_alive_s": "60"}


def test_a_service_row_says_how_many_requests_a_replica_serves_at_once(tmp_path, small):
    forecast = forecast_of(forecastable(tmp_path, rounds=4))
    (said,) = (note for note in row_of(forecast, "docker-service").notes if "at once" in note)
    assert said.startswith("each replica serves 1 at once: one inference per whole CPU")
    assert not any("at once" in note for note in row_of(forecast, "docker-lambda").notes)


def ask(monkeypatch, results, *more):
    """The command's exit code."""
    monkeypatch.setattr("sys.argv", ["frostline", "forecast", "latest", "--results", str(results), *more])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_only_the_default_question_or_one_that_is_kept_on_purpose_is_stored(tmp_path, small, monkeypatch, capsys):
    run = forecastable(tmp_path, rounds=2)
    assert ask(monkeypatch, tmp_path) == 0
    assert f"forecast: stored as {run.path / FILE}" in capsys.readouterr().err
    default = (run.path / FILE).read_bytes()
    assert ask(monkeypatch, tmp_path, "--rps", "3") == 0
    assert "forecast: not stored, for --rps asks for another month: add --keep" in capsys.readouterr().err
    assert (run.path / FILE).read_bytes() == default
    assert ask(monkeypatch, tmp_path, "--rps", "3", "--keep") == 0
    assert read_forecast(run).traffic[0].mean_rps == 3


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (Order(), ""),
        (Order(seed=3), ""),
        (Order(trace="t.csv"), "--trace asks"),
        (Order(profile="steady"), "--profile asks"),
        (Order(days=7), "--days asks"),
        (Order(rps=3.0, days=7), "--rps and --days ask"),
        (Order(rps=3.0, days=7, keep=True), ""),
        (Order(settings={"replicas": "2"}, keep=True), "--set asks what would be"),
    ],
    ids=["default", "seed", "trace", "profile", "days", "two", "kept", "what-if"],
)
def test_another_question_than_the_experiments_leaves_the_stored_forecast_as_it_is(order, why):
    assert order.why_not_kept.startswith(why)
    assert bool(order.why_not_kept) == bool(why)


def test_a_forecast_of_nothing_says_each_reason_once_and_nothing_of_money(tmp_path, small, monkeypatch, capsys):
    run = forecastable(tmp_path, rounds=3, warm=4)
    assert ask(monkeypatch, tmp_path) == 1
    told = capsys.readouterr()
    assert told.out.count("12 good warm requests") == len(forecast_of(run).withheld)
    assert "USD" not in told.out and "price" not in told.out
    assert "not stored, for it has no side" in told.err


def test_a_reason_is_told_once_beside_rows_and_money(tmp_path, small, monkeypatch, capsys):
    forecastable(tmp_path, rounds=2, forced=0)
    assert ask(monkeypatch, tmp_path) == 0
    assert capsys.readouterr().out.count("no cold starts to draw") == 1


@pytest.mark.parametrize("days", ["0.1", "1.5", "0", "32", "nan"])
def test_days_that_cannot_be_are_refused_in_our_own_words(tmp_path, monkeypatch, capsys, days):
    forecastable(tmp_path, rounds=1)
    assert ask(monkeypatch, tmp_path, "--days", days) == 2
    assert f"--days: {days} is not accepted: a whole number, 1 to 31" in capsys.readouterr().err


def test_a_what_if_cannot_be_kept():
    with pytest.raises(UsageError, match="--keep: is not accepted beside --set"):
        order_of(None, None, None, 30, ["keep_alive_s=60"], None, True)


@pytest.mark.parametrize("limit", ["5.0", "1e2"])
def test_a_whole_number_may_be_written_as_any_number(tmp_path, small, limit):
    settings = order_of(None, None, None, 30, [f"concurrency_limit={limit}", "replicas=2.0"], None).settings
    made = forecast_of(forecastable(tmp_path, rounds=2), settings=settings)
    assert row_of(made, "docker-lambda").parameters["concurrency_limit"] == float(limit)
    assert row_of(made, "docker-service").parameters["replicas"] == 2


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (["rule=hpa", "replicas=3"], "replicas is of fixed-replicas, and the rule is hpa"),
        (["target_cpu_percent=50"], "give"),
    ],
    ids=["replicas", "nobody's"],
)
def test_a_parameter_of_another_rule_is_named_with_its_rule(pairs, said):
    with pytest.raises(UsageError) as refused:
        order_of(None, None, None, 30, pairs, None)
    assert said in str(refused.value)
    assert "did you mean min_replicas" not in str(refused.value)


def traced(tmp_path, seconds):
    trace = tmp_path / "trace.txt"
    trace.write_text("".join(f"{moment}\n" for moment in seconds))
    return traffic.month_of_trace(trace, None, 30, 1).traffic


def test_a_recording_of_less_than_an_hour_tells_no_rate(tmp_path):
    with pytest.raises(UsageError, match=r"lasts 2 seconds, less than an hour.*--rps"):
        traced(tmp_path, [5.0, 6.0])
    given = traffic.month_of_trace(tmp_path / "trace.txt", 2.0, 30, 1).traffic
    assert given.mean_rps == 2
    assert about_traffic(given).endswith("a month, from 2 seconds of recording, repeated")


def test_a_recording_of_less_than_a_day_is_named_in_the_answer(tmp_path):
    recorded = traced(tmp_path, range(0, 5400, 10))
    assert about_traffic(recorded).endswith("a month, from 90 minutes of recording, repeated")
    assert not any("too few" in note for note in recorded.notes)


def test_a_recording_of_a_few_arrivals_says_that_they_are_few(tmp_path):
    recorded = traced(tmp_path, [86_400 * day for day in range(4)])
    assert any(note.startswith("it has 4 arrivals in all, too few") for note in recorded.notes)
    assert "repeated" not in about_traffic(recorded)


@pytest.mark.parametrize(
    ("low", "value", "high", "said"),
    [
        (90, 95, 99, "holds it"),
        (90, 95, 110, "is not clearly on one side of it"),
        (90, 105, None, "is not clearly on one side of it"),
        (101, 105, 110, "misses it"),
    ],
    ids=["holds", "open", "without-end", "misses"],
)
def test_an_open_answer_has_the_words_of_the_decision(low, value, high, said):
    row = SimpleNamespace(latency_at_objective_ms=Figure(value=value, low=low, high=high))
    assert meets(row, 100) == said


@pytest.mark.parametrize(
    ("rps", "judged", "replicas"),
    [(1.0, 2, 1), (0.9, 2, 1), (0.5, 1, 1), (1.1, 1, 1), (1.1, 2, 2), (9.0, 7, 7)],
)
def test_a_curve_does_not_contradict_its_row(monkeypatch, rps, judged, replicas):
    """Few resamples say 2 at the row's own rate, and below it, where many say 1."""
    side = Ruled(None, FixedReplicas(1), searched=True)
    monkeypatch.setattr(grid, "at_rate", lambda of, draws, searched: replace(of, rule=FixedReplicas(judged)))
    over_rates = grid.Grid(SimpleNamespace(rps=1.0), None, [], [side])
    assert over_rates._at(side, SimpleNamespace(rps=rps)).rule == FixedReplicas(replicas)
