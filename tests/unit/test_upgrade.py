"""A run of version 1, measured at 49998e2 by its own code, still reads as that code read it: tests/fixtures/run-v1.

Beside the run stands what `show`, `compare` and `cost` of that day printed of it.
"""

import csv
import io
import json
import shutil
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness.analysis.compare import compare
from harness.cost.costing import costing_of, summary_with_cost
from harness.errors import RecordError
from harness.measure.run import continue_run
from harness.record.columns import requests_schema
from harness.record.folder import RunFolder
from harness.record.nouns import RUN_SCHEMA
from harness.record.shelf import find_run
from harness.record.upgrade import OLD_PHASES, OLD_SCHEMA, upgrade_trial
from harness.report.export import as_csv
from tests.synthetic import requests, samples, trial

FIXTURE = Path(__file__).parents[1] / "fixtures" / "run-v1"


TOO_FEW = 72
"""What a p95 needs, and its 27 requests under bursty traffic are not: that day's comparison told it all the same."""


def printed(name):
    """What the code of that day printed."""
    return json.loads((FIXTURE / name).read_text())


@pytest.fixture(scope="module")
def run():
    return find_run(FIXTURE, "latest")


@pytest.fixture
def copy(tmp_path, run):
    """A copy to harm, which is no longer what its hashes say once it is harmed."""
    shutil.copytree(run.path, tmp_path / "runs" / run.path.name)
    return tmp_path / "runs" / run.path.name


ADDED = ("makespan_s", "completions_rps")
"""What that day's code did not tell of a run."""


def told_today(run):
    """The summary of today, without what that day's code did not tell."""
    summary = summary_with_cost(run).to_json()
    for row in summary["rows"]:
        assert all(row.pop(name) for name in ADDED if name in row)
    return summary


def is_priced(row):
    """As today: not what a function's trials cost that began with an empty pool, nor what was compressed in time."""
    return row["target"] == "process-service" and row["profile"] == "steady"


def without_costs(rows):
    """And what they cost where that is told, without its bounds, which a service of unknown capacity had not then."""
    costs = [row.pop("cost_per_1k_usd", None) for row in rows]
    return [cost and cost["value"] for row, cost in zip(rows, costs, strict=True) if is_priced(row)]


def counted(row):
    """What is counted or summed up, or looked up; percentiles and shares are estimated in another way since."""
    return {name: value for name, value in row.items() if not is_estimated(name, value)}


def is_estimated(name, value):
    return name == "notes" or (isinstance(value, dict) and "why" in value and not name.startswith("cost_"))


def test_every_count_is_what_it_was_but_for_costs_that_are_withheld(run):
    now, then = told_today(run), printed("show.json")
    assert [row["target"] for row in now["rows"] if "cost_per_1k_usd" in row] == ["process-service"]
    assert without_costs(now["rows"]) == without_costs(then["rows"])
    assert now | {"rows": list(map(counted, now["rows"]))} == then | {"rows": list(map(counted, then["rows"]))}
    assert [row.keys() for row in now["rows"]] == [row.keys() for row in then["rows"]]


def test_every_estimate_is_what_the_code_of_today_made_of_it(run):
    """estimates.json holds what is estimated in another way since: whoever changes it on purpose writes it anew."""
    rows = told_today(run)["rows"]
    now = [{n: v for n, v in row.items() if is_estimated(n, v) and n != "notes"} for row in rows]
    assert now == printed("estimates.json")


def test_shares_and_what_is_pooled_have_the_value_that_they_had(run):
    """Cold starts were always pooled: where both days tell their percentile it is the same, whatever its interval."""
    pairs = list(zip(summary_with_cost(run).to_json()["rows"], printed("show.json")["rows"], strict=True))
    told = [
        (now[name]["value"], then[name]["value"])
        for now, then in pairs
        for name in ("cold_share", "cold_p50_ms", "cold_p90_ms")
        if None not in (now[name]["value"], then[name]["value"])
    ]
    assert len(told) > len(pairs) and all(now == pytest.approx(then, rel=1e-6) for now, then in told)


def test_a_comparison_has_the_trials_that_it_had_but_for_what_the_table_withholds():
    now, then = compare(FIXTURE, "process-service", "process-lambda").to_json(), printed("compare.json")
    assert any(row["ratio"]["need"] == TOO_FEW for row in now["rows"])

    def sides(rows):
        names = ("profile", "field", "case_a", "case_b", "trials_a", "invalid_a")
        return [[row[name] for name in names] for row in rows if "p50" in row["field"]]

    assert sides(now["rows"]) == sides(then["rows"])
    assert set(now["warnings"]) >= set(then["warnings"]), "and that a function began with an empty pool"
    assert now | {"rows": [], "warnings": []} == then | {"rows": [], "warnings": []}


def test_every_line_of_the_bill_is_what_it_was_and_what_is_unfit_has_none(run):
    costing, then = json.loads(json.dumps(costing_of(run, summary_with_cost(run)).to_json())), printed("cost.json")
    services = [side for side in then["sides"] if is_priced(side)]
    assert len(costing["sides"]) == len(services)
    for side, before in zip(costing["sides"], services, strict=True):
        assert (side["replicas"], side["utilisation"]) == (before["replicas"], before["utilisation"])
        assert [{name: line[name] for name in before["lines"][0]} for line in side["lines"]] == before["lines"]
    assert costing["break_evens"] == [], "it takes both sides"
    refused = {text.split(" is not priced: ")[0]: text for text in costing["notices"] if "is not priced" in text}
    assert "begin: steady" in refused["known-truth, process-lambda, steady"]
    assert "compression: 1" in refused["known-truth, process-service, bursty"]


def test_the_csv_has_the_columns_and_the_counts_that_it_had(run):
    now = list(csv.DictReader(io.StringIO(as_csv(summary_with_cost(run)))))
    then = list(csv.DictReader(io.StringIO((FIXTURE / "show.csv").read_text())))
    costs = [name for name in then[0] if name.startswith("cost_per_1k_usd")]
    added = [name for name in now[0] if name.startswith(ADDED)]
    for row in (*now, *then):
        row |= dict.fromkeys([name for name in (*costs, *added) if name in row], "")
    estimated = {
        name + end
        for row in printed("show.json")["rows"]
        for name, value in row.items()
        if is_estimated(name, value)
        for end in ("", "_low", "_high", "_n")
    }
    assert [{name: value for name, value in row.items() if value and name not in estimated} for row in now] == [
        {name: value for name, value in row.items() if value and name not in estimated} for row in then
    ]
    assert "cold_phase_image_ms" not in now[0], "no start of this run had it"


def test_it_is_a_run_of_today_to_whoever_reads_it(run):
    assert (run.stored_as, run.manifest.schema_) == (OLD_SCHEMA, RUN_SCHEMA)
    service, function = (run.manifest.target(f"process-{kind}") for kind in ("service", "lambda"))
    assert [(of.kind, of.parts[0].bought_as, of.emulated, of.isolated) for of in (service, function)] == [
        ("service", "fargate", False, False),
        ("function", "aws_lambda", True, False),
    ]
    assert service.capabilities["clock"] == "shared"
    record = run.trials()[0]
    assert (record.phases, record.witnessed) == (list(OLD_PHASES), None)
    table = run.requests(record)
    assert table.schema.equals(requests_schema(OLD_PHASES))
    assert table["request_id"].null_count == table["billed_ns"].null_count == len(table)


def test_when_its_front_cut_starts_off_is_where_it_is_now():
    assert upgrade_trial({"deployment": {"front": {"init_timeout_s": 10}}})["init_timeout_s"] == 10
    for front in ("10.1.2.3", None, [10], {}):
        assert "init_timeout_s" not in upgrade_trial({"deployment": {"front": front}})
    for bad in ("10", True, None, -1, float("nan"), 10**400, [10]):
        assert "init_timeout_s" not in upgrade_trial({"deployment": {"front": {"init_timeout_s": bad}}})


def test_a_run_from_before_images_were_measured_is_read_without_them(copy):
    for file in (copy / "requests").iterdir():
        table = pq.read_table(file)
        pq.write_table(table.drop_columns(["phase_image_ns"]), file)
    run = RunFolder.open(copy)
    assert all(run.requests(record)["phase_image_ns"].null_count == record.scheduled for record in run.trials())


@pytest.mark.parametrize("name", ["handler_ns", "phase_boot_ns", "outcome"])
def test_a_column_that_version_1_had_is_missed(copy, name):
    for file in (copy / "requests").iterdir():
        pq.write_table(pq.read_table(file).drop_columns([name]), file)
    run = RunFolder.open(copy)
    with pytest.raises(RecordError, match=f"column {name} is missing"):
        run.requests(run.trials()[0])


def test_nothing_is_added_to_it_in_another_version(copy):
    run, table = RunFolder.open(copy), requests([5.0])
    before = {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()}
    save = partial(run.save_trial, trial(table), table, samples())
    for write in (run.write_manifest, save, partial(continue_run, run, None)):
        with pytest.raises(RecordError, match="it can be read, but not continued"):
            write()
    assert {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("schema", ["frostline/run/3", "frostline/run/0", "", None, 2, ["frostline/run/2"], {}])
def test_an_unknown_version_is_one_clear_message(copy, schema):
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"schema": schema}))
    with pytest.raises(RecordError) as refused:
        RunFolder.open(copy)
    (line,) = str(refused.value).split("\n")
    assert "is not known, this reader knows 'frostline/run/2' and 'frostline/run/1': use its version" in line


@pytest.mark.parametrize(
    ("facts", "kind", "emulated"),
    [
        ({}, None, None),
        ({"kind": 3, "emulated": "yes"}, None, None),
        ({"kind": "queue", "emulated": True}, "queue", True),
    ],
)
def test_what_an_old_manifest_does_not_tell_of_a_target_stays_untold(copy, facts, kind, emulated):
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"targets": {"process-lambda": facts}}))
    run = RunFolder.open(copy)
    target = run.manifest.target("process-lambda")
    assert (target.kind, target.emulated, target.isolated) == (kind, emulated, None)
    summary = summary_with_cost(run)
    assert "unknown_target" in {note.code for row in summary.rows for note in row.notes}
    assert costing_of(run, summary).sides == []
