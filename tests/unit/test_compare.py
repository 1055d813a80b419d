"""Verdicts come from paired rounds and a margin that was set before, and from nothing else."""

import io
import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console
from scipy import stats
from typer.testing import CliRunner

from harness.analysis.compare import Comparison, ComparisonRow, Verdict, compare, relate, uphold
from harness.analysis.differences import differences
from harness.analysis.pairing import RoundValues, why_incomparable
from harness.analysis.ratio import Judgement, LogRatio, judge, paired_ratio, unpaired_ratio
from harness.commands.app import app
from harness.errors import RecordError, UsageError
from harness.record.folder import RunFolder
from harness.report.comparison import render
from tests import synthetic

A, B = "docker-service", "docker-lambda"


def make(
    results: Path,
    ratio: float = 1.0,
    rounds: int = 12,
    seed: int = 1,
    spread: float = 0.02,
    profile: str = "steady",
    **changes: object,
) -> RunFolder:
    """A run in which B's latencies are `ratio` times A's, round by round."""
    rng = np.random.default_rng(seed)
    given = {"experiment": {"name": "planted", "margin": 0.1}, **changes}
    run = RunFolder.create(results, synthetic.manifest(rounds=rounds, trials=2 * rounds, **given))
    for number in range(1, rounds + 1):
        for order, (name, factor) in enumerate(((A, 1.0), (B, ratio))):
            latency = 20 * factor * np.exp(rng.normal(0, spread)) * rng.lognormal(0, 0.05, 60)
            table = synthetic.requests(latency)
            key = {"target": name, "round": number, "order": 2 * number + order, "profile": profile}
            run.save_trial(synthetic.trial(table, f"r{number:02}.{name}", **key), table, synthetic.samples())
    return run


def row(compared: Comparison, field: str = "latency_p50_ms") -> ComparisonRow:
    return next(row for row in compared.rows if row.field == field)


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [(1.0, Verdict.SAME), (1.5, Verdict.SLOWER), (0.6, Verdict.FASTER), (1.1, Verdict.UNCLEAR)],
)
def test_a_planted_ratio_gets_its_verdict(tmp_path, ratio, verdict):
    make(tmp_path, ratio)
    figure = row(compare(tmp_path, A, B))
    assert figure.verdict is verdict
    assert figure.ratio.value == pytest.approx(ratio, rel=0.03) and figure.ratio.n == 12
    assert figure.ratio.low < figure.ratio.value < figure.ratio.high
    assert (figure.rounds_needed is not None) == (verdict is Verdict.UNCLEAR)


def test_the_other_way_round_is_the_inverse(tmp_path):
    make(tmp_path, 1.5)
    one, other = row(compare(tmp_path, A, B)), row(compare(tmp_path, B, A))
    assert one.ratio.value * other.ratio.value == pytest.approx(1)
    assert (one.verdict, other.verdict) == (Verdict.SLOWER, Verdict.FASTER)


def test_fewer_than_ten_rounds_give_no_verdict(tmp_path):
    make(tmp_path, 3.0, rounds=9)
    figure = row(compare(tmp_path, A, B))
    assert figure.verdict is None and figure.why == "fewer than 10 rounds" and figure.ratio.value is not None


def test_rounds_with_one_side_only_are_left_out_and_said(tmp_path):
    run = make(tmp_path, 1.0)
    lines = (run.path / "trials.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in lines if f'"r03.{B}"' not in line]
    (run.path / "trials.jsonl").write_text("".join(kept))
    figure = row(compare(tmp_path, A, B))
    assert figure.ratio.n == 11 and any("one side only, left out: 1" in text for text in figure.warnings)


def test_invalid_trials_never_enter_and_are_counted(tmp_path):
    run = make(tmp_path, 1.0)
    lines = (run.path / "trials.jsonl").read_text().splitlines(keepends=True)
    spoilt = [line.replace('"problems":[]', '"problems":["late"]') if f'"r05.{B}"' in line else line for line in lines]
    assert spoilt != lines
    (run.path / "trials.jsonl").write_text("".join(spoilt))
    compared = compare(tmp_path, A, B)
    assert row(compared).ratio.n == 11 and (compared.invalid_a, compared.invalid_b) == (0, 1)


def test_a_percentile_among_failures_has_no_ratio(tmp_path):
    rng = np.random.default_rng(1)
    run = RunFolder.create(tmp_path, synthetic.manifest(rounds=12, trials=24))
    for number in range(1, 13):
        for order, name in enumerate((A, B)):
            failed = ["failed" if name == B and at % 2 else "ok" for at in range(60)]
            table = synthetic.requests(rng.lognormal(3, 0.05, 60), outcome=failed)
            key = {"target": name, "round": number, "order": 2 * number + order}
            run.save_trial(synthetic.trial(table, f"r{number:02}.{name}", **key), table, synthetic.samples())
    figure = row(compare(tmp_path, A, B), "latency_p95_ms")
    assert figure.verdict is None and figure.ratio.value is None


def test_regimes_of_cold_starts_are_compared_each_with_its_like(tmp_path):
    rng = np.random.default_rng(3)
    run = RunFolder.create(tmp_path, synthetic.manifest(rounds=10, trials=40))
    for number in range(1, 11):
        for order, (name, regime) in enumerate((name, r) for name in (A, B) for r in ("kept", "dropped")):
            factor = (2 if name == B else 1) * (3 if regime == "dropped" and name == B else 1)
            table = synthetic.requests(500 * factor * rng.lognormal(0, 0.02, 4), start_class=["cold"] * 4)
            case = {**synthetic.CASES[name], "page_cache": regime, "images": "present"}
            key = {"target": name, "round": number, "order": 4 * number + order, "profile": "cold", "case": case}
            record = synthetic.trial(table, f"r{number:02}.{name}.{regime}", **key)
            run.save_trial(record, table, synthetic.samples())
    ratios = {row.profile: row.ratio.value for row in compare(tmp_path, A, B).rows}
    assert ratios["cold"] == pytest.approx(2, rel=0.05)
    assert ratios["cold, page cache dropped"] == pytest.approx(6, rel=0.05)


def two_runs(tmp_path, **changes):
    make(tmp_path, 1.0, run="2026-01-01T00-00-00Z_planted_aaaa")
    make(tmp_path, 1.0, seed=2, run="2026-04-01T00-00-00Z_planted_bbbb", **changes)
    return compare(tmp_path, "2026-01", "2026-04")


def test_two_runs_are_compared_with_the_warning_that_nothing_was_interleaved(tmp_path):
    compared = two_runs(tmp_path)
    assert compared.mode == "runs" and any("not interleaved" in text for text in compared.warnings)
    figure = row(compared)
    assert figure.verdict is Verdict.SAME and figure.target in (A, B)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"facts": {"machine": {"cpus": 4}}}, ["cpus", "4 in B"]),
        ({"packages": {"echo/docker-lambda": {"image_id": "sha256:2"}}}, ["echo/docker-lambda", "sha256:2"]),
        ({"facts": {"software": {"source_sha256": "f00"}}}, ["source_sha256", "f00"]),
        ({"experiment": {"name": "planted", "seed": 2}}, ["definition changed"]),
    ],
)
def test_what_sets_two_runs_apart_is_named_with_both_values(tmp_path, changes, words):
    make(
        tmp_path,
        run="2026-01-01T00-00-00Z_planted_aaaa",
        facts={"machine": {"cpus": 2}, "software": {"source_sha256": "bar"}},
        packages={"echo/docker-lambda": {"image_id": "sha256:1"}},
    )
    given = {
        "facts": {"machine": {"cpus": 2}, "software": {"source_sha256": "bar"}},
        "packages": {"echo/docker-lambda": {"image_id": "sha256:1"}},
        **changes,
    }
    make(tmp_path, seed=2, run="2026-04-01T00-00-00Z_planted_bbbb", **given)
    warnings = compare(tmp_path, "2026-01", "2026-04").warnings
    assert any(all(word in text for word in words) for text in warnings), warnings


def test_the_identity_of_the_code_is_compared_between_runs_that_keep_the_same_one():
    before = synthetic.manifest(facts={"software": {"source_sha256": "bar"}})
    after = synthetic.manifest(facts={"software": {"measuring_sha256": "f00"}})
    later = synthetic.manifest(facts={"software": {"measuring_sha256": "f11"}})
    cannot = "the code that measured: cannot be compared (only source_sha256 in A, measuring_sha256 in B)"
    assert [line for line in differences(before, after) if "sha256" in line] == [cannot]
    assert not [line for line in differences(before, synthetic.manifest()) if "sha256" in line]
    assert [line for line in differences(after, later) if "measuring_sha256" in line and "f11" in line]


def test_runs_of_two_experiments_are_refused(tmp_path):
    with pytest.raises(UsageError, match="two runs of one experiment"):
        two_runs(tmp_path, experiment={"name": "another", "margin": 0.1})


@pytest.mark.parametrize("names", [("a", "b"), (A, "no-such-run"), (A, A)])
def test_names_that_mean_nothing_are_told_with_what_there_is(tmp_path, names):
    make(tmp_path)
    with pytest.raises(UsageError) as refused:
        compare(tmp_path, *names)
    text = "\n".join(refused.value.problems)
    assert names[0] in text and (names[0] == names[1] or f"docker-lambda, {A}" in text)


@pytest.mark.parametrize("margin", [0, 1, -0.1, True, "wide", [0.1]])
def test_a_margin_that_is_none_is_refused(tmp_path, margin):
    make(tmp_path, experiment={"name": "planted", "margin": margin})
    with pytest.raises(RecordError, match="margin"):
        compare(tmp_path, A, B)


def test_every_format_can_be_read_and_json_is_strict(tmp_path):
    make(tmp_path, 1.5)
    compared = compare(tmp_path, A, B)
    outputs = {}
    for format_ in ("text", "md", "csv", "json"):
        console = Console(file=io.StringIO(), width=100)
        render(compared, format_, console)
        outputs[format_] = console.file.getvalue()
    data = json.loads(outputs["json"])
    assert data["schema"] == "frostline/compare/1" and data["margin"] == 0.1
    assert {"verdict", "ratio", "rounds_needed"} <= data["rows"][0].keys()
    assert "docker-lambda p50 is 1." in outputs["md"] and "12 rounds: SLOWER" in outputs["md"]
    assert "p50" in outputs["text"] and "SLOWER" in outputs["text"]
    assert len(outputs["csv"].splitlines()) == 1 + len(compared.rows)


def test_hostile_names_are_shown_not_rendered(tmp_path):
    hostile = "<script>alert(1)</script>|\x1b[31m[x](http://y)"
    run = RunFolder.create(tmp_path, synthetic.manifest(rounds=10, trials=20))
    for number in range(1, 11):
        for order, name in enumerate((hostile, B)):
            table = synthetic.requests([20.0] * 30)
            key = {"target": name, "round": number, "order": 2 * number + order}
            run.save_trial(synthetic.trial(table, f"r{number:02}.{order}", **key), table, synthetic.samples())
    compared = compare(tmp_path, hostile, B)
    for format_ in ("text", "md", "csv", "json"):
        console = Console(file=io.StringIO(), width=100)
        render(compared, format_, console)
        assert "\x1b[31m" not in console.file.getvalue()
        assert format_ != "text" or r"\x1b[31m" in console.file.getvalue()
        assert format_ != "md" or "<script>" not in console.file.getvalue()


def test_the_command_exits_0_for_a_verdict_and_2_for_names_that_mean_nothing(tmp_path):
    make(tmp_path, 1.1)
    runner = CliRunner()
    good = runner.invoke(app, ["compare", A, B, "--results", str(tmp_path)])
    assert good.exit_code == 0 and "UNCLEAR" in good.stdout
    bad = runner.invoke(app, ["compare", A, "nothing", "--results", str(tmp_path)])
    assert isinstance(bad.exception, UsageError) and bad.exception.exit_code == 2


EDGE = math.log(1.1)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.01 * EDGE, 3 * EDGE, Verdict.SLOWER),
        (-3 * EDGE, -1.01 * EDGE, Verdict.FASTER),
        (-0.99 * EDGE, 0.99 * EDGE, Verdict.SAME),
        (0.5 * EDGE, 0.99 * EDGE, Verdict.SAME),  # a difference for certain, and one that does not matter
        (0.99 * EDGE, 3 * EDGE, Verdict.UNCLEAR),
        (-3 * EDGE, -0.99 * EDGE, Verdict.UNCLEAR),
        (-0.99 * EDGE, 1.01 * EDGE, Verdict.UNCLEAR),
        (-2 * EDGE, 2 * EDGE, Verdict.UNCLEAR),
    ],
)
def test_a_verdict_is_where_the_interval_lies(low, high, verdict):
    ratio = LogRatio((low + high) / 2, (high - low) / 2, 0.1, 10, "")
    assert judge(ratio, 0.1).verdict is verdict
    assert judge(LogRatio(ratio.centre, ratio.half, 0.1, 9, ""), 0.1) == Judgement(None, "fewer than 10 rounds")


def test_rounds_needed_by_hand():
    """(2.8 * 0.2 / log 1.1)^2 + 1 = 35.52, so 36 in all, and 26 beyond the ten that there are."""
    assert judge(LogRatio(0.0, 0.15, 0.2, 10, ""), 0.1) == Judgement(Verdict.UNCLEAR, None, 26, on_the_line=False)


@pytest.mark.parametrize(("centre", "n"), [(EDGE, 10), (-0.6 * EDGE, 10), (0.0, 36)])
def test_a_ratio_on_the_edge_may_never_be_settled(centre, n):
    judgement = judge(LogRatio(centre, 2 * EDGE, 0.2, n, ""), 0.1)
    assert judgement.on_the_line and judgement.rounds_needed == max(1, 36 - n)


def test_a_tiny_margin_asks_for_a_number_that_can_be_written():
    assert judge(LogRatio(0.0, 0.1, 0.2, 10, ""), 5e-324).rounds_needed == 10**12 + 1 - 10


def test_a_paired_ratio_by_hand():
    """Logs of 2, 1, 4: 0 to 2 log 2, mean log 2, sd log 2; t(0.975, 2) = 4.302653."""
    ratio = paired_ratio([10.0, 20.0, 5.0], [20.0, 20.0, 20.0])
    assert (ratio.centre, ratio.sd) == pytest.approx((math.log(2), math.log(2)))
    assert ratio.half == pytest.approx(4.3026527 * math.log(2) / math.sqrt(3))
    estimate = ratio.estimate()
    assert estimate.value == pytest.approx(2) and math.log(estimate.high) == pytest.approx(ratio.high)


@pytest.mark.parametrize("ratio_of", [paired_ratio, unpaired_ratio])
def test_values_without_any_spread_and_a_lone_round(ratio_of):
    same = ratio_of([20.0] * 10, [20.0] * 10)
    assert (same.low, same.high) == (0, 0) and judge(same, 0.1).verdict is Verdict.SAME
    lone = ratio_of([20.0], [30.0]).estimate()
    assert (lone.value, lone.low, lone.high, lone.why) == (pytest.approx(1.5), None, None, "one round: no interval")


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_what_has_no_logarithm_has_no_ratio(bad):
    estimate, judgement = relate([20.0] * 10, [20.0] * 9 + [bad], "targets", 0.1)
    assert (estimate.value, judgement.verdict) == (None, None)
    assert estimate.why == judgement.why == "a trial's value is 0 or below: no ratio"


@pytest.mark.parametrize(
    ("verdict", "lost_a", "lost_b", "stands"),
    [
        (Verdict.FASTER, 0, 1, False),
        (Verdict.FASTER, 1, 0, True),
        (Verdict.SLOWER, 1, 0, False),
        (Verdict.SLOWER, 0, 1, True),
        (Verdict.SAME, 1, 0, False),
        (Verdict.SAME, 0, 1, False),
        (Verdict.UNCLEAR, 1, 1, True),
    ],
)
def test_trials_lost_to_failures_never_flatter_their_side(verdict, lost_a, lost_b, stands):
    """They count as infinitely slow, so they can only speak for the other side."""
    judgement = uphold(Judgement(verdict), RoundValues({}, 0, lost_a, 0), RoundValues({}, 0, lost_b, 0))
    assert judgement.verdict is (verdict if stands else None) and (judgement.why is None) == stands


def plant(run: RunFolder, name: str, number: int, n: int = 60, **changes: object) -> None:
    """One trial of 20 ms."""
    table = synthetic.requests(np.random.default_rng(number).lognormal(3, 0.05, n))
    key = {"target": name, "round": number, "order": 2 * number, **changes}
    label = f"r{number:02}.{key.get('workload', 'echo')}.{name}"
    run.save_trial(synthetic.trial(table, label, **key), table, synthetic.samples())


def test_trials_with_too_few_requests_stay_out_and_are_counted(tmp_path):
    run = RunFolder.create(tmp_path, synthetic.manifest(rounds=12, trials=24))
    for number in range(1, 13):
        plant(run, A, number)
        plant(run, B, number, n=19 if number <= 2 else 60)
    compared = compare(tmp_path, A, B)
    p50, p95 = row(compared), row(compared, "latency_p95_ms")
    assert (p50.ratio.n, p95.ratio.n) == (12, 10)
    assert f"valid trials of {B} left out: 2 with fewer than 20 requests" in p95.warnings
    assert "rounds with a usable trial of one side only, left out: 2" in p95.warnings and p50.warnings == []


def test_two_workloads_are_paired_by_round_and_target(tmp_path):
    run = RunFolder.create(tmp_path, synthetic.manifest(rounds=10, trials=20))
    for number in range(1, 11):
        plant(run, B, number, workload="old", schedule_sha256="0" * 64)
        plant(run, B, number, workload="new", schedule_sha256="1" * 64)
    compared = compare(tmp_path, "old", "new")
    figure = row(compared)
    assert (compared.mode, figure.workload, figure.target, figure.verdict) == ("workloads", None, B, Verdict.SAME)
    assert "rounds in which A and B did not meet the same arrivals: 10" in figure.warnings
    assert any("emulated" in text for text in compared.warnings)


def test_a_run_with_another_case_is_not_compared_and_both_values_are_said(tmp_path):
    for month, memory_mb in (("01", 1769), ("04", 3008)):
        run = RunFolder.create(tmp_path, synthetic.manifest(run=f"2026-{month}-01_planted", rounds=10, trials=20))
        for number in range(1, 11):
            plant(run, A, number)
            plant(run, B, number, case={"memory_mb": memory_mb})
    compared = compare(tmp_path, "2026-01", "2026-04")
    assert {row.target for row in compared.rows} == {A}
    assert any(f"{B}, steady: not compared: the case differs: memory_mb 1769" in text for text in compared.warnings)


def test_more_spread_asks_for_more_rounds():
    rng = np.random.default_rng(1)
    asked = []
    for spread in (0.2, 0.5):
        a, b = np.exp(rng.normal(0, spread, (2, 10)))
        judgement = judge(paired_ratio(a, b), 0.1)
        assert judgement.verdict is Verdict.UNCLEAR and judgement.rounds_needed is not None
        asked.append(judgement.rounds_needed)
    assert asked[0] < asked[1]


def test_unpaired_ratios_are_welch_s():
    rng = np.random.default_rng(2)
    a, b = np.exp(rng.normal(0, 0.1, 12)), np.exp(rng.normal(0.3, 0.2, 15))
    ratio = unpaired_ratio(a, b)
    known = stats.ttest_ind(np.log(b), np.log(a), equal_var=False).confidence_interval(0.95)
    assert (ratio.low, ratio.high) == pytest.approx((known.low, known.high))


def test_two_begins_in_one_run_are_told_with_the_fix():
    group = SimpleNamespace(name="far-function", cases=[{"begin": "steady"}, {"begin": "empty"}])
    why = why_incomparable(group, group, "targets")
    assert why.startswith("far-function has several cases: begin ")
    assert why.endswith("why no steady begin was to be had; mend that, or measure with `begin: empty`")
