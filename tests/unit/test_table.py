import csv
import io
import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from harness.analysis.notes import notes_of_begin
from harness.analysis.table import summarise
from harness.files.text import harmless
from harness.record.columns import SAMPLES
from harness.record.estimate import Estimate
from harness.record.figures import cell, figure
from harness.record.folder import RunFolder
from harness.record.gpus import GpuRecord
from harness.record.nouns import GeneratorRecord, Outcome, StartClass
from harness.record.target_facts import UNTOLD
from harness.report.console import render
from tests.synthetic import CASES, MS, make_run, manifest, requests, samples, target_facts, traffic, trial, unit

DESIGN_FIELDS = {
    *("workload", "target", "profile", "rounds", "valid"),
    *("scheduled", "sent", "ok", "wrong", "failed"),
    *("throttled", "timed_out", "shed", "unfinished", "cold_starts"),
    *("cold_share", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "service_p50_ms"),
    *("service_p95_ms", "warm_p50_ms", "warm_p95_ms", "cold_p50_ms", "cold_p90_ms"),
    *("cold_phases_ms", "queue_p95_ms", "memory_peak_mb", "memory_own_peak_mb", "memory_mean_mb"),
    *("cpu_seconds", "memory_gb_seconds", "max_in_flight", "max_sandboxes", "throughput_rps"),
    *("lag_p50_ms", "lag_p99_ms", "case"),
}


def stored(tmp_path, *trials, **changes):
    """A run of the given (record, requests, samples)."""
    given = {"trials": len({record.trial for record, *_ in trials})} | changes
    run = RunFolder.create(tmp_path, manifest(**given))
    for record, table, sampled in trials:
        run.save_trial(record, table, sampled)
    return run


def one(tmp_path, table, sampled=None, **changes):
    """The only row of a run with one trial."""
    summary = summarise(stored(tmp_path, (trial(table, **changes), table, samples() if sampled is None else sampled)))
    assert summary.problems == []
    return summary.rows[0]


def codes(row):
    return [note.code for note in row.notes]


def print_summary(summary, form, width=120):
    """What `frostline show` writes."""
    console = Console(file=io.StringIO(), width=width, force_terminal=form == "text", color_system=None)
    render(summary, form, console)
    return console.file.getvalue()


def test_every_field_of_the_design_is_there(tmp_path):
    summary = summarise(make_run(tmp_path, rounds=2, requests_per_trial=80)).to_json()
    assert summary["schema"] == "frostline/summary/1"
    assert set(summary) >= {"run", "experiment", "valid", "problems", "rows"}
    for row in summary["rows"]:
        assert set(row) >= DESIGN_FIELDS
        assert set(row["latency_p50_ms"]) == {"value", "low", "high", "n", "need", "why"}
        assert not {"gpu_p50_ms", "cost_per_1k_usd"} & set(row)


def test_latency_counts_from_scheduled_over_all_arrivals(tmp_path):
    """Latencies 1..100 ms: nearest ranks 50, 95; the last four failed, so p95 stays and p99 is out of reach."""
    table = requests(np.arange(1.0, 101.0), outcome=["ok"] * 96 + ["failed", "wrong", "timed_out", "shed"])
    row = one(tmp_path, table)
    assert row.latency_p50_ms.value == pytest.approx(50)
    assert row.latency_p95_ms.value == pytest.approx(95)
    assert (row.latency_p99_ms.value, row.latency_p99_ms.why) == (
        None,
        "p99 needs 1000 requests over all trials, has 100, and 20 rounds, has 1",
    )
    assert row.service_p95_ms.value == pytest.approx(92 - 0.02)
    assert (row.ok, row.failed, row.wrong, row.timed_out, row.shed, row.scheduled) == (96, 1, 1, 1, 1, 100)
    assert "of 100 requests: 1 wrong, 1 failed, 1 timed out, 1 shed" in [note.text for note in row.notes]


def test_failures_push_a_percentile_to_none(tmp_path):
    table = requests(np.arange(1.0, 101.0), outcome=["failed"] * 6 + ["ok"] * 94)
    row = one(tmp_path, table)
    assert (row.latency_p95_ms.value, row.latency_p95_ms.why) == (None, "falls among failures")
    assert row.latency_p50_ms.value == pytest.approx(56)
    assert row.warm_p95_ms.value is not None


def test_cold_and_warm_never_share_a_percentile(tmp_path):
    starts = ["cold"] * 4 + ["cold_reinit", "restored", "reset", "proactive"] + ["warm"] * 72
    table = requests([1000.0] * 8 + [10.0] * 72, start_class=starts)
    row = one(tmp_path, table)
    assert row.warm_p95_ms.value == pytest.approx(10)
    assert row.cold_p50_ms.value == pytest.approx(1000)
    assert (row.cold_p50_ms.n, row.cold_starts) == (7, 7)
    assert row.cold_share.value == pytest.approx(7 / 80)
    assert row.start_classes[StartClass.PROACTIVE] == 1


def test_an_unproven_start_is_in_neither_share_nor_percentile(tmp_path):
    row = one(tmp_path, requests([1000.0] * 8, start_class=["cold"] * 6 + [None, "warm"], profile=None), profile="cold")
    assert (row.cold_starts, row.cold_share.n, row.cold_p50_ms.n) == (6, 7, 6)
    assert "2 forced cold starts are not proven cold: not counted as such" in [note.text for note in row.notes]
    assert row.latency_p50_ms.why.startswith("forced cold starts")
    assert row.throughput_rps is None


def test_of_forced_starts_only_those_of_the_right_kind_are_cold_starts_with_parts(tmp_path):
    """A unit that crashed and began again, or came from a snapshot, is not what was to be forced."""
    kinds = ["cold"] * 5 + ["cold_reinit", "reset", "restored"]
    parts = {
        "phase_weights_ns": [100 * MS] * 6 + [900 * MS] * 2,
        "phase_unaccounted_ns": [900 * MS] * 6 + [100 * MS] * 2,
    }
    table = requests([1000.0] * 8, start_class=kinds, **parts)
    row = one(tmp_path, table, profile="cold")
    assert (row.cold_starts, row.cold_p50_ms.n, row.cold_phases_ms["weights"]) == (6, 6, 100)
    assert "2 forced cold starts are not proven cold: not counted as such" in [note.text for note in row.notes]
    assert one(tmp_path / "traffic", table).cold_p50_ms.n == 8, "under traffic a start is a start"


@pytest.mark.parametrize("started", [None, 10 * MS])
def test_forced_cold_starts_have_no_lag_and_need_no_start_of_the_generator(tmp_path, started):
    table = requests([1000.0] * 6, start_class=["cold"] * 6, started_ns=[started] * 6)
    row = one(tmp_path, table, profile="cold")
    assert (row.lag_p50_ms, row.lag_p99_ms) == (None, None)
    assert (row.cold_p50_ms.value, row.ok) == (pytest.approx(1000), 6)


def test_phases_are_medians_over_cold_starts_that_stamped_them(tmp_path):
    weights = [100 * MS, 300 * MS, 200 * MS, 200 * MS, 100 * MS, 300 * MS, None, 900 * MS]
    tokenizer = [10 * MS] * 5 + [None] * 3
    starts = [*["cold"] * 7, "warm"]
    parts = {"phase_weights_ns": weights, "phase_tokenizer_ns": tokenizer}
    row = one(tmp_path, requests([1000.0] * 8, start_class=starts, **parts))
    assert row.cold_phases_ms == {"weights": 200.0, "tokenizer": None}, "named, but a median needs six"
    assert row.known_phases_ms == {"weights": 200.0}


def test_usage_sums_over_units_and_peaks_over_them(tmp_path):
    units = [unit("u0"), unit("u1", memory_peak_bytes=100 * 2**20, lived_ns=30_000 * MS, memory_mean_bytes=80 * 2**20)]
    row = one(tmp_path, requests([10.0]), units=units, case={"memory_mb": 2048})
    assert (row.memory_peak_mb, row.memory_own_peak_mb) == (100.0, 48.0)
    assert row.memory_mean_mb == pytest.approx((40 * 10 + 80 * 30) / 40)
    assert (row.cpu_seconds, row.memory_gb_seconds) == (2.0, 80.0)


@pytest.mark.parametrize(("facts", "size_mb"), [({"size_bytes": 333 * 2**20}, 333.0), ({}, None), (None, None)])
def test_the_image_is_as_large_as_the_manifest_says_and_absent_where_there_is_none(tmp_path, facts, size_mb):
    table = requests([10.0])
    record = trial(table)
    packages = {f"{record.workload}/{record.target}": facts} if facts is not None else {}
    summary = summarise(stored(tmp_path, (record, table, samples()), packages=packages))
    assert summary.rows[0].image_mb == size_mb
    assert ("image_mb" in summary.rows[0].to_json()) == (size_mb is not None)
    for form in ("text", "md"):
        assert ("333" in print_summary(summary, form, width=200)) == (size_mb is not None)


def test_what_was_not_read_is_none_and_told(tmp_path):
    units = [unit("u0"), unit("u1", cpu_ns=None, memory_peak_bytes=None)]
    row = one(tmp_path, requests([10.0]), units=units, case={})
    assert (row.cpu_seconds, row.memory_peak_mb, row.memory_gb_seconds) == (None, 64.0, None)
    assert "usage_unread" in codes(row)
    bare = one(tmp_path / "bare", requests([10.0], queue_ns=[None], in_flight=[None], started_ns=[None]), units=[])
    fields = ("memory_peak_mb", "memory_mean_mb", "cpu_seconds", "max_in_flight", "lag_p99_ms")
    assert {getattr(bare, name) for name in fields} == {None}


def test_most_units_at_once_come_from_rows_and_samples_and_bind_the_host_where_they_are_busy(tmp_path):
    """u0 0-100 ms by samples; u1 and u2 handle one request each at 50-60 and 55-65 ms; u3 begins after all."""
    times = np.array([50, 55, 200]) * MS
    table = requests(
        [10.0] * 3,
        scheduled_ns=times - 1,
        started_ns=times - 1,
        sent_ns=times,
        done_ns=times + 10 * MS,
        handler_ns=[10 * MS] * 3,
        unit=["u1", "u2", "u3"],
        in_flight=[7, 7, 2],
    )
    row = one(tmp_path, table, host_cpus=2)
    assert (row.max_sandboxes, row.max_in_flight) == (3, 7)
    assert "host_bound" in codes(row)
    rare = requests([10.0] * 400, unit=["u1", "u2", "u3", *["u1"] * 397], in_flight=[3] * 4 + [1] * 396)
    assert "host_bound" not in codes(one(tmp_path / "rare", rare, host_cpus=2))  # 1 % of the requests
    rare = requests([10.0] * 400, unit=["u1", "u2", "u3", *["u1"] * 397], in_flight=[3] * 5 + [1] * 395)
    assert "host_bound" in codes(one(tmp_path / "often", rare, host_cpus=2))
    nameless = requests([10.0], unit=[None])
    assert one(tmp_path / "none", nameless, SAMPLES.empty_table()).max_sandboxes is None


def test_gpu_time_is_there_only_with_gpu_rows(tmp_path):
    row = one(tmp_path, requests([10.0] * 8, gpu_ns=[2 * MS] * 8))
    assert row.to_json()["gpu_p50_ms"]["value"] == 2.0


def gpu(**figures):
    given = {"memory_peak_bytes": 2**30, "power_mean_mw": 100_000, "energy_mj": 400_000, **figures}
    return GpuRecord(gpu="0", looks=9, **given)


def test_what_gpus_used_is_in_the_row_where_every_trial_knows(tmp_path):
    row = one(tmp_path / "one", requests([10.0] * 8), gpus=[gpu(), gpu(memory_peak_bytes=2**29)])
    assert (row.gpu_memory_peak_mb, row.gpu_power_mean_w, row.gpu_energy_per_1k_j) == (1024, 200, 100_000)
    lacking = one(tmp_path / "lacking", requests([10.0] * 8), gpus=[gpu(), gpu(energy_mj=None, power_mean_mw=None)])
    assert (lacking.gpu_memory_peak_mb, lacking.gpu_power_mean_w, lacking.gpu_energy_per_1k_j) == (1024, None, None)
    table = requests([10.0] * 8)
    shown = print_summary(summarise(stored(tmp_path / "shown", (trial(table, gpus=[gpu()]), table, samples()))), "csv")
    assert "gpu_power_mean_w" in shown and "gpu_power_mean_w_low" not in shown


def test_without_gpus_nothing_is_said_of_them(tmp_path):
    row = one(tmp_path, requests([10.0] * 8)).to_json()
    assert not [name for name in row if name.startswith("gpu")]


def test_lag_and_queue_and_throughput(tmp_path):
    lag = np.arange(100) * 10_000
    table = requests([50.0] * 100, started_ns=np.arange(100) * MS + lag, queue_ns=[0] * 94 + [3 * MS] * 6)
    row = one(tmp_path, table)
    assert row.lag_p50_ms == pytest.approx(0.49)
    assert row.lag_p99_ms == pytest.approx(0.98)
    assert row.queue_p95_ms.value == pytest.approx(3.0)
    assert row.throughput_rps == 10.0


@pytest.mark.parametrize(
    ("counts", "rows", "why"),
    [
        ({"ok": 2}, {}, "3 scheduled, but outcomes add up to 2"),
        ({"ok": 2, "failed": 1}, {}, "conservation: ok: 2 counted, but 3 rows"),
        ({"ok": 3}, {"index": [0, 1, 1]}, "conservation: index is not 0, 1, 2"),
        ({"ok": 3}, {"outcome": ["ok", "ok", "lost"]}, "unknown outcome 'lost'"),
        ({"ok": 3}, {"start_class": ["warm", "warm", "tepid"]}, "unknown start_class 'tepid'"),
        ({"ok": 3}, {"done_ns": [None, 2 * MS, 3 * MS]}, "1 rows are ok without scheduled_ns"),
    ],
)
def test_a_breach_of_conservation_is_a_problem_and_keeps_the_trial_out(tmp_path, counts, rows, why):
    table = requests([10.0] * 3, **rows)
    summary = summarise(stored(tmp_path, (trial(table, counts=counts, scheduled=3), table, samples())))
    assert not summary.valid
    assert any(why in problem for problem in summary.problems)
    row = summary.rows[0]
    assert (row.valid, row.trials, row.invalid_trials, row.ok, row.latency_p50_ms.value) == (False, 1, 1, None, None)


def test_rows_that_are_missing_are_noticed(tmp_path):
    table = requests([10.0] * 3)
    record = trial(table, counts={"ok": 4}, scheduled=4)
    summary = summarise(stored(tmp_path, (record, table, samples())))
    assert "trial r01.docker-lambda: conservation: 4 scheduled, but 3 rows" in summary.problems


def test_invalid_trials_are_shown_but_not_counted(tmp_path):
    table = requests([10.0] * 8)
    slow = requests([500.0] * 8)
    run = stored(
        tmp_path,
        (trial(table, "r01"), table, samples()),
        (trial(slow, "r02", round=2, problems=["lag p99 9 ms exceeds 1 ms"]), slow, samples()),
    )
    summary = summarise(run)
    row = summary.rows[0]
    assert summary.problems == ["trial r02: lag p99 9 ms exceeds 1 ms"]
    assert (row.valid, row.trials, row.invalid_trials, row.scheduled, row.rounds) == (True, 2, 1, 8, 1)
    assert row.latency_p50_ms.value == pytest.approx(10)
    assert "INVALID: 1 of 2 trials" in print_summary(summary, "text")


def test_the_last_attempt_of_a_trial_counts(tmp_path):
    table = requests([10.0] * 8)
    bad = trial(table, "r01", problems=["stolen"])
    summary = summarise(stored(tmp_path, (bad, table, samples()), (trial(table, "r01", attempt=2), table, samples())))
    assert summary.valid
    assert (summary.rows[0].trials, summary.rows[0].scheduled) == (1, 8)


def test_a_row_per_case_and_missing_trials_are_a_problem(tmp_path):
    table = requests([10.0] * 8)
    cases = [{"memory_mb": 512}, {"memory_mb": 1769}]
    trials = [(trial(table, f"r0{i}", case=case), table, samples()) for i, case in enumerate(cases)]
    summary = summarise(stored(tmp_path, *trials, trials=5))
    assert [row.case for row in summary.rows] == [{"memory_mb": 1769}, {"memory_mb": 512}]
    assert summary.problems[0].startswith("unfinished: 2 of 5 planned trials are stored: continue with")
    text = print_summary(summary, "text")
    assert [line.split()[:3] for line in text.splitlines() if line.startswith("docker-lambda, ")] == [
        ["docker-lambda,", "1769", "MB"],
        ["docker-lambda,", "512", "MB"],
    ]


def test_a_run_without_trials_has_a_problem_and_no_rows(tmp_path):
    summary = summarise(stored(tmp_path))
    assert (summary.rows, summary.valid) == ([], False)
    for form in ("text", "md", "csv", "json"):
        assert print_summary(summary, form)


def test_a_valid_trial_without_its_files_is_a_problem_and_keeps_out_of_its_row(tmp_path):
    run = make_run(tmp_path, rounds=2, requests_per_trial=8, profiles=("steady",))
    (run.path / "requests" / "r02.docker-lambda.steady.1.parquet").unlink()
    summary = summarise(run)
    (problem,) = summary.problems
    assert problem == (
        "trial r02.docker-lambda.steady: requests/r02.docker-lambda.steady.1.parquet: missing: restore it or run the "
        f"trial again: `frostline run --resume {run.manifest.run}`"
    )
    assert {row.target: (row.trials, row.invalid_trials) for row in summary.rows} == {
        "docker-lambda": (2, 1),
        "docker-service": (2, 0),
    }


def test_notes_say_what_is_doubtful(tmp_path):
    table = requests([10.0] * 8)
    record = trial(
        table,
        case={"memory_mb": 512, "compression": 24},
        generator=GeneratorRecord(workers=1, timer="sleep", priority="normal"),
        units=[unit("u0", oom_killed=True)],
        warnings=["page cache was warm"],
    )
    targets = {"docker-lambda": target_facts("function", "aws_lambda", emulated=True, isolated=False)}
    row = summarise(stored(tmp_path, (record, table, samples()), targets=targets, rounds=1)).rows[0]
    assert set(codes(row)) >= {
        *("emulated", "no_isolation", "quick_look", "single_round", "compressed_time", "no_kernel_timer"),
        *("normal_priority", "out_of_memory", "too_few_samples", "trial_warning"),
    }
    assert "host_bound" not in codes(row)
    texts = [note.text for note in row.notes]
    assert "any p95 needs 72 requests over all trials" in texts
    assert "cold p50 needs 6 cold starts over all trials" in texts
    assert (row.latency_p95_ms.why, row.cold_p50_ms.why) == (
        "p95 needs 72 requests over all trials, has 8",
        "p50 needs 6 cold starts over all trials, has 0",
    )
    silent = summarise(stored(tmp_path / "silent", (record, table, samples()), targets={})).rows[0]
    assert "unknown_target" in codes(silent)


@pytest.mark.parametrize(
    ("kind", "profile", "case", "is_transient"),
    [
        ("function", "steady", {"begin": "empty"}, True),
        ("function", "steady", {}, True),
        ("function", "steady", {"begin": "steady"}, False),
        ("service", "steady", {"begin": "empty"}, False),
        ("function", "cold", {}, False),
        (None, "steady", {}, False),
    ],
    ids=["empty", "from-before", "steady", "service", "forced", "unknown"],
)
def test_what_began_with_an_empty_pool_is_called_a_transient(kind, profile, case, is_transient):
    found = [note.code for note in notes_of_begin(target_facts(kind) if kind else UNTOLD, profile, case)]
    assert found == (["transient"] if is_transient else [])


NASTY = "[bold]x[/bold] \x1b[31m|<b>\u202e"


def test_untrusted_text_is_harmless_in_every_format(tmp_path):
    table = requests([10.0] * 8)
    changes = {"workload": NASTY, "target": "=cmd()", "warnings": [NASTY], "case": {NASTY: NASTY}}
    trials = [(trial(table, "r01", **changes), table, samples()), (trial(table, "r02"), table, samples())]
    summary = summarise(stored(tmp_path, *trials, experiment={"name": NASTY}))
    for form in ("text", "md", "csv", "json"):
        text = print_summary(summary, form)
        assert not {"\x1b", "\u202e"} & set(text)
    assert "[bold]x[/bold] \\x1b[31m" in print_summary(summary, "text")
    markdown = print_summary(summary, "md")
    assert "<b>" not in markdown.replace("\\<b", "")
    tables = [part for part in markdown.split("\n\n") if part.startswith("| ")]
    assert len(tables) == 2
    for part in tables:
        assert len({line.replace("\\|", "").count("|") for line in part.splitlines()}) == 1
    targets = {row["target"] for row in csv.DictReader(io.StringIO(print_summary(summary, "csv")))}
    assert targets == {"docker-lambda", "'=cmd()"}


def test_formats_have_their_shapes(tmp_path):
    summary = summarise(make_run(tmp_path, rounds=3, requests_per_trial=80))
    assert json.loads(print_summary(summary, "json")) == summary.to_json() | {"answers": []}
    rows = list(csv.DictReader(io.StringIO(print_summary(summary, "csv"))))
    assert len(rows) == 4
    steady = rows[2]
    assert float(steady["latency_p50_ms"]) == summary.to_json()["rows"][2]["latency_p50_ms"]["value"]
    assert steady["latency_p50_ms_n"] == "3"
    assert (steady["latency_p99_ms"], steady["latency_p99_ms_low"]) == ("", "")
    assert all(None not in row and None not in row.values() for row in rows)
    markdown = print_summary(summary, "md")
    assert "| target | requests | not ok | cold % | p50 ms | p95 ms | warm p50 ms |" in markdown
    assert "### echo · forced cold starts" in markdown


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_terminal_shows_whole_words_at_every_width(tmp_path, width):
    summary = summarise(make_run(tmp_path, rounds=2, requests_per_trial=80))
    text = print_summary(summary, "text", width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for part in (
        "docker-lambda, forced",
        "docker-service, steady",
        "p95",
        "any p99 needs 1000 requests over all",
    ):
        assert part in text
    assert text.count("emulated: ") == 1
    assert ("left out at this width: lag p99" in text) == (width < 120)


def test_without_a_terminal_there_are_120_columns(tmp_path):
    summary = summarise(make_run(tmp_path, rounds=2, requests_per_trial=80))
    console = Console(file=io.StringIO(), width=80)
    render(summary, "text", console)
    assert 100 < max(map(len, console.file.getvalue().splitlines())) <= 120
    assert "left out at this width" not in console.file.getvalue()


def test_the_heading_and_the_titles(tmp_path):
    table = requests([10.0] * 8)
    case = {"memory_mb": 2048, "cpus": 1.0, "replicas": 2, "rate": 5.0, "seconds": 8.0, "compression": 60.0, "x": "y"}
    sandbox = {"memory_mb": 512, "cpus": 0.3, "keep_alive_s": 5.0, "concurrency": 1}
    run = stored(
        tmp_path,
        (trial(table, "r01.a", target="docker-service", case=case), table, samples()),
        (trial(table, "r01.b", case={k: v for k, v in case.items() if k != "replicas"} | sandbox), table, samples()),
        (trial(table, "r01.c", profile="cold", case=sandbox | {"cold_starts": 8}), table, samples()),
        rounds=1,
    )
    lines = [line.rstrip() for line in print_summary(summarise(run), "text").splitlines()]
    assert lines[:4] == [
        "quickstart · 1 round · seed 1 · 2026-11-03 10:12 UTC · valid",
        "2026-11-03T10-12-05Z_quickstart_7f3a",
        "docker-lambda: 512 MB, 0.3 vCPU per sandbox, keep-alive 5 s, at most 1 sandbox",
        "docker-service: 2048 MB, 1 vCPU each, 2 replicas",
    ]
    assert "echo · steady   5 req/s for 8 s · 1 round · time compressed 60x · x y" in lines
    assert "echo · forced cold starts   8 per trial · 1 round" in lines


def test_a_size_that_changes_between_profiles_stands_below_each_table(tmp_path):
    table = requests([10.0] * 8)
    trials = [
        (trial(table, f"r01.{profile}", profile=profile, case={"memory_mb": mb}), table, samples())
        for profile, mb in (("steady", 512), ("bursty", 1769))
    ]
    text = print_summary(summarise(stored(tmp_path, *trials)), "text")
    assert text.index("echo · bursty") < text.index("docker-lambda: 1769 MB") < text.index("echo · steady")
    assert text.index("echo · steady") < text.index("docker-lambda: 512 MB")


def test_a_target_whose_name_begins_like_anothers_has_a_sizing_of_its_own(tmp_path):
    """Regimes of one target share a line; that of `aws-lambda-arm` is no regime of `aws-lambda`."""
    table = requests([10.0] * 8, start_class=["cold"] * 8)
    cases = [("aws-lambda", "present", 1769), ("aws-lambda", "absent", 1769), ("aws-lambda-arm", "present", 512)]
    trials = [
        (trial(table, str(i), target=t, profile="cold", case={"memory_mb": mb, "images": images}), table, samples())
        for i, (t, images, mb) in enumerate(cases)
    ]
    lines = print_summary(summarise(stored(tmp_path, *trials)), "text").splitlines()
    assert [line.rstrip() for line in lines if line.startswith("aws-lambda") and ": " in line] == [
        "aws-lambda: 1769 MB",
        "aws-lambda-arm: 512 MB, images present",
    ]


def test_columns_without_a_value_are_left_out_and_named(tmp_path):
    """p95 is told for the first target only, so its column stays; p99 and the cold starts are told for none."""
    tables = [requests([10.0] * 72), requests([10.0] * 8)]
    trials = [
        (trial(table, target, target=target), table, samples())
        for table, target in zip(tables, ("docker-lambda", "docker-service"), strict=True)
    ]
    markdown = print_summary(summarise(stored(tmp_path, *trials)), "md")
    head = next(line for line in markdown.splitlines() if line.startswith("| target"))
    assert "| p95 ms |" in head
    assert not {"p99 ms", "cold p50 ms"} & set(head.split(" | "))
    assert "no value in any row: p99, cold p50" in markdown


def test_a_reason_is_told_once_for_all_rows_and_only_where_its_column_is(tmp_path):
    """Two profiles with different numbers of requests: one note each on p95 and p99, none on the service's p95."""
    sizes = {("docker-lambda", "steady"): 38, ("docker-lambda", "bursty"): 72, ("docker-service", "steady"): 40}
    trials = []
    for (target, profile), n in sizes.items():
        table = requests([10.0] * n)
        trials.append((trial(table, f"{target}.{profile}", target=target, profile=profile), table, samples()))
    text = print_summary(summarise(stored(tmp_path, *trials)), "text")
    assert (text.count("any p95 needs"), text.count("any p99 needs"), text.count("cold p50 needs")) == (1, 1, 1)
    assert "service p95" not in text
    assert "* any p99 needs" in text
    assert "2 any p95 needs" in text
    marks = {line.partition(" ")[0]: line.split()[-1] for line in text.splitlines() if line.startswith("docker-")}
    assert marks["docker-service"] == "2"


@pytest.mark.parametrize(
    ("value", "low", "high", "main", "small"),
    [
        (183.4, 171.2, 196.4, "183", "171–196"),  # noqa: RUF001
        (183.4, 100.0, 336.0, "183", "100–336"),  # noqa: RUF001
        (1834.0, 534.0, 6300.0, "1800", "500–6300"),  # noqa: RUF001
        (20.1234, 20.1, 20.15, "20.1", "20.1–20.1"),  # noqa: RUF001
        (0.0123, None, None, "0.0123", ""),
        (5.0, 5.0, 5.0, "5.00", "5.00–5.00"),  # noqa: RUF001
        (0.0, 0.0, 3.1, "0", "0–3"),  # noqa: RUF001
    ],
)
def test_digits_follow_the_interval(value, low, high, main, small):
    shown_cell = cell(Estimate(value, low, high))
    assert (shown_cell.main, shown_cell.small) == (main, small)


def test_plain_figures_and_harmless_text():
    assert [figure(x) for x in (None, 0.0, 1234.5, 0.1979, 64.0)] == ["–", "0", "1230", "0.198", "64.0"]  # noqa: RUF001
    assert harmless("a\tb\x9b\u200f é") == "a\\tb\\x9b\\u200f é"


LATENCIES = st.lists(st.floats(0.03, 1e5), min_size=0, max_size=90)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), rounds=st.integers(1, 3), profile=st.sampled_from(["cold", "steady"]))
def test_no_summary_ever_holds_nan_or_infinity(data, rounds, profile):
    with tempfile.TemporaryDirectory() as folder:
        trials = []
        for number in range(rounds):
            latency = data.draw(LATENCIES)
            n = len(latency)
            rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
            likely = data.draw(st.sampled_from([0.0, 0.5, 1.0]))
            table = requests(
                latency,
                outcome=np.where(rng.random(n) < likely, rng.choice(list(Outcome), n), "ok").tolist(),
                start_class=rng.choice([*StartClass, None], n).tolist(),
                gpu_ns=rng.choice([None, 0, 5], n).tolist(),
                queue_ns=rng.choice([None, 0, 10**12], n).tolist(),
                handler_ns=rng.choice([None, 0, 10**12], n).tolist(),
                in_flight=rng.choice([None, 1], n).tolist(),
                unit=rng.choice([None, "a", "b"], n).tolist(),
            )
            lived = data.draw(st.integers(0, 10**12))
            extremes = {"lived_ns": lived, "cpu_ns": data.draw(st.none() | st.integers(0, 10**15))}
            case = data.draw(st.sampled_from([{}, {"memory_mb": 0}, {"x": float("inf")}]))
            seconds = data.draw(st.sampled_from([0.0, 1e-300, 10.0]))
            record = trial(
                table,
                f"r{number}",
                round=number + 1,
                profile=profile,
                seconds=seconds,
                case=case,
                units=[unit("a", **extremes)],
            )
            trials.append((record, table, samples(("a",))))
        summary = summarise(stored(Path(folder), *trials))
        assert all("no good answer" in problem for problem in summary.problems)
        text = json.dumps(summary.to_json(), allow_nan=False)
        assert json.loads(text) == summary.to_json()
        print_summary(summary, "text")


def test_parts_of_a_start_that_do_not_add_up_spoil_their_trial(tmp_path):
    run = RunFolder.create(tmp_path, manifest(trials=2, rounds=1))
    for order, late_ns in enumerate((0, 1)):
        table = traffic(np.random.default_rng(1), 60, cold_share=0.3)
        at = table.column_names.index("phase_boot_ns")
        table = table.set_column(at, table.schema.field("phase_boot_ns"), pc.add(table["phase_boot_ns"], late_ns))
        run.save_trial(trial(table, f"r01.{order}", target=list(CASES)[order], order=order), table, samples())
    summary = summarise(run)
    problems = [text for text in summary.problems if "do not add up to their time" in text]
    assert len(problems) == 1 and "r01.1" in problems[0]
    assert {row.target: row.valid for row in summary.rows} == dict(zip(CASES, (True, False), strict=True))


def test_an_end_that_is_not_0_never_reads_as_0():
    assert cell(Estimate(10.0, 0.13, 779.0, 10)).small == "0.1–779"  # noqa: RUF001
    assert cell(Estimate(10.0, 0.0, 779.0, 10)).small == "0–779"  # noqa: RUF001


@pytest.mark.parametrize(("queue_ms", "there"), [(1, False), (5, True)])
@pytest.mark.parametrize("form", ["text", "md"])
def test_a_queue_is_a_column_where_it_exceeds_a_tenth_of_the_median(tmp_path, form, queue_ms, there):
    table = requests([20.0] * 80, queue_ns=[queue_ms * MS] * 80)
    idle = requests([20.0] * 80, queue_ns=[0] * 80)
    trials = [
        (trial(table, "r01.a", target="a"), table, samples()),
        (trial(idle, "r01.b", target="b", order=1), idle, samples()),
    ]
    text = print_summary(summarise(stored(tmp_path, *trials)), form)
    assert ("queue" in text) == there


def test_an_infinite_rate_of_a_strangers_file_is_told_as_such():
    assert figure(math.inf) == "inf"
