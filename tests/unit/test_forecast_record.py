"""forecast.json: kept whole with its run, and left out, with the fix, where it is not that run's."""

import json

import pytest
from pydantic import ValidationError

from harness.record.forecast import FILE, MOST_BYTES, Figure, read_forecast, write_forecast
from tests.forecasts import figure, forecast, row
from tests.synthetic import make_run


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path, rounds=1, requests_per_trial=4, profiles=("steady",))


def only_notice(run):
    (notice,) = run.notices
    assert notice.endswith(f"make it anew with `frostline forecast {run.manifest.run}`")
    return notice


def test_a_forecast_comes_back_as_it_was_written(run):
    written = forecast(run)
    write_forecast(run, written)
    assert read_forecast(run) == written
    assert run.notices == []


def test_a_run_without_a_forecast_has_none_and_nothing_is_told(run):
    assert read_forecast(run) is None
    assert run.notices == []


def test_a_forecast_of_fewer_trials_is_left_out_with_the_fix(run):
    write_forecast(run, forecast(run))
    line = json.loads((run.path / "trials.jsonl").read_text().splitlines()[0])
    with (run.path / "trials.jsonl").open("a") as file:
        file.write(json.dumps(line | {"trial": "r02.another"}) + "\n")
    assert read_forecast(run) is None
    assert "other trials" in only_notice(run)


def test_the_same_notice_is_told_once(run):
    (run.path / FILE).write_text("{")
    assert read_forecast(run) is None
    assert read_forecast(run) is None
    assert "not JSON" in only_notice(run)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "frostline/forecast/2"}, "frostline/forecast/2"),
        ({"rows": [{"target": 5}]}, "rows.0"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"trials_sha256": "x"}, "trials_sha256"),
    ],
    ids=["newer", "row", "field", "hash"],
)
def test_what_is_malformed_or_newer_is_left_out_with_the_fix(run, change, said):
    text = json.loads(forecast(run).model_dump_json(by_alias=True))
    (run.path / FILE).write_text(json.dumps(text | change))
    assert read_forecast(run) is None
    assert said in only_notice(run)


def test_a_file_that_is_too_large_is_not_read(run):
    with (run.path / FILE).open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    assert read_forecast(run) is None
    assert "larger than" in only_notice(run)


def test_a_link_that_leads_out_of_the_folder_is_not_followed(run, tmp_path):
    outside = tmp_path / "outside.json"
    outside.write_text(forecast(run).model_dump_json(by_alias=True))
    (run.path / FILE).symlink_to(outside)
    assert read_forecast(run) is None
    assert "leads out of the run folder" in only_notice(run)


def test_a_folder_in_its_place_is_told(run):
    (run.path / FILE).mkdir()
    assert read_forecast(run) is None
    assert "not an ordinary file" in only_notice(run)


def test_writing_replaces_the_earlier_one_and_leaves_no_other_file(run):
    write_forecast(run, forecast(run, resamples=1))
    write_forecast(run, forecast(run, resamples=2))
    assert read_forecast(run).resamples == 2
    assert sorted(path.name for path in run.path.iterdir() if path.is_file()) == [
        FILE,
        "manifest.json",
        "trials.jsonl",
    ]


@pytest.mark.parametrize(
    "fields", [{"value": None}, {"value": 1, "low": 2, "high": 3}, {"value": 1, "low": 0.5, "high": 0.9}, {"value": -1}]
)
def test_no_figure_is_absent_without_a_reason_or_beside_its_interval(fields):
    with pytest.raises(ValidationError):
        Figure.model_validate(fields)


def test_a_percentile_that_was_not_forecast_says_so(run):
    first = forecast(run, [row(latency_at_objective_ms=None)]).rows[0]
    assert first.latency_at(95).value == 40.0
    assert first.latency_at(99.5).value is None
    assert "p99.5" in first.latency_at(99.5).why


def test_a_figure_keeps_value_interval_and_number_of_resamples_for_tables():
    estimate = Figure.model_validate(figure(10.0)).estimate
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (10.0, 9.0, 11.0, 40)
    assert "resampled" in estimate.method
