import collections

import pytest

from harness.analysis.table import summarise
from harness.analysis.trial_rows import read_rows
from harness.capacity.judging import read_arrivals
from harness.cost.platforms.aws_lambda import meter
from harness.cost.usage import read_use
from harness.errors import RecordError
from harness.record import parquet
from harness.record.folder import RunFolder
from harness.report.material import read_trials
from tests.synthetic import MS, make_run, manifest, requests, samples, trial


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path, rounds=2, requests_per_trial=80)


@pytest.fixture
def counts(monkeypatch):
    """How often each file was opened and hashed, by its place in the run folder."""
    opened, hashed = collections.Counter(), collections.Counter()

    class Counting(parquet.StoredTable):
        def __init__(self, source, name, stored_as):
            opened[name] += 1
            super().__init__(source, name, stored_as)

        def digest(self):
            hashed[self.name] += 1
            return super().digest()

    monkeypatch.setattr(parquet, "StoredTable", Counting)
    return opened, hashed


def test_a_trial_whose_starts_have_parts_is_opened_and_hashed_once_by_a_reading(run, counts):
    opened, hashed = counts
    row = next(row for row in summarise(run).rows if row.profile == "steady" and row.cold_phases_ms)
    assert row.max_sandboxes, "samples were read as well"
    names = {name for record in run.trials() for name in record.files}
    assert opened == hashed == dict.fromkeys(names, 1)


def arrivals(run, record):
    return read_arrivals(run, record)[0]


def metering(run, record):
    return read_use(run, record, 100.0, meter)


def pooled(run, record):
    return read_trials(run, [], [record])[1]


@pytest.mark.parametrize(
    ("read", "kinds"),
    [(arrivals, {"requests", "samples"}), (metering, {"requests"}), (pooled, {"requests", "samples"})],
)
def test_every_other_reading_opens_and_hashes_once_as_well(run, counts, read, kinds):
    opened, hashed = counts
    record = next(record for record in run.trials() if record.profile == "cold")
    assert read(run, record)
    assert opened == hashed == {name: 1 for name in record.files if name.partition("/")[0] in kinds}


def test_rows_of_a_file_that_was_changed_are_refused_and_every_changed_file_is_named(run):
    record = run.trials()[0]
    for name in record.files:
        file = run.path / name
        file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(RecordError) as refused:
        read_rows(run, record)
    assert [line.partition(":")[0] for line in str(refused.value).split("\n")] == sorted(record.files)
    assert "changed or cut off" in str(refused.value)


def test_parts_of_starts_stand_beside_the_rows_that_met_one(tmp_path):
    table = requests([9.0, 5.0, 7.0], start_class=["cold", "warm", "reset"], phase_boot_ns=[MS, None, 2 * MS])
    run = RunFolder.create(tmp_path, manifest(trials=1))
    rows = read_rows(run, run.save_trial(trial(table), table, samples()))
    assert rows.met_start.tolist() == [True, False, True]
    assert rows.phases_ns["boot"].tolist() == [MS, 2 * MS]
    assert list(rows.phases_ns) == ["boot", "unaccounted"]
    assert rows.latency_ms == pytest.approx([9.0, 5.0, 7.0])


def test_a_unit_lives_from_its_first_sample_or_handled_request_to_its_last(tmp_path):
    table = requests([5.0, 5.0, 5.0], unit=["a", "b", None], handler_ns=[MS, MS, MS])
    run = RunFolder.create(tmp_path, manifest(trials=1))
    stored = run.save_trial(trial(table), table, samples(units=("a", "c"), at_ms=(2, 90)))
    spans = read_rows(run, stored).units
    assert spans is not None
    assert spans.begins_ns.tolist() == [2 * MS, 5 * MS, 2 * MS]
    assert spans.ends_ns.tolist() == [90 * MS, 6 * MS, 90 * MS]
    assert spans.most_alive() == 3
    assert read_rows(run, stored, samples=False).units is None
