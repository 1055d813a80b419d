"""The summary of a run (frostline/summary/1): one row per workload, target, profile and case."""

import json
from dataclasses import fields, replace
from typing import Protocol

import numpy as np

from harness.analysis.gpus import energy_of, mean_power_w
from harness.analysis.notes import (
    NOT_TRAFFIC,
    notes_of_begin,
    notes_of_case,
    notes_of_estimates,
    notes_of_phases,
    notes_of_rounds,
    notes_of_starts,
    notes_of_streams,
    notes_of_target,
    notes_of_trials,
    notes_of_usage,
    notes_of_witnesses,
)
from harness.analysis.over_trials import need_over_trials, percentile_over_trials, share_over_trials
from harness.analysis.parts import parts_of
from harness.analysis.stats import CONFIDENCE, Floats, centre_over_trials, percentile, percentile_of_samples
from harness.analysis.summary import Row, Summary
from harness.analysis.trial_figures import PERCENTILES, SELDOM, TrialFigures, percentile_field, read_figures
from harness.analysis.trial_rows import MET_START
from harness.analysis.usage import POLLED, most_mb, usage_of
from harness.record.estimate import Estimate, plain
from harness.record.folder import RunFolder, latest_attempts, missing_trials
from harness.record.nouns import FORCED_COLD, PROVEN_COLD, Case, Outcome, StartClass, TrialRecord
from harness.record.phases import order_phases
from harness.record.reasons import most_frequent, reasons_of
from harness.record.target_facts import TargetFacts

__all__ = ["Row", "Summary", "summarise"]

TRAFFIC_ONLY = Estimate(None, why=NOT_TRAFFIC)
NOUNS = {"cold": "cold starts"}
"""What percentiles are of, where not of requests."""
Key = tuple[str, str, str, str]


class Keyed(Protocol):
    """A row, a trial, or what else belongs to one row."""

    @property
    def workload(self) -> str: ...
    @property
    def profile(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def case(self) -> Case: ...


def summarise(run: RunFolder) -> Summary:
    """Read a run trial by trial; memory is bounded by the largest trial and the times of one row in order."""
    records = run.trials()
    keys: dict[Key, list[TrialRecord]] = {}
    for record in latest_attempts(records):
        keys.setdefault(key_of(record), []).append(record)
    problems = missing_trials(run, records)
    rows = [summarise_row(run, keys[key], problems) for key in sorted(keys)]
    manifest = run.manifest
    name = manifest.experiment.get("name")
    return Summary(
        run=manifest.run,
        experiment=name if isinstance(name, str) else None,
        started_at=manifest.started_at,
        finished_at=manifest.finished_at,
        rounds=manifest.rounds,
        seed=manifest.seed,
        problems=problems,
        notices=[*manifest.notices, *run.notices],
        rows=rows,
    )


def key_of(of: Keyed) -> Key:
    """What the trials of one row share: workload, profile, target and case."""
    return of.workload, of.profile, of.target, json.dumps(plain(of.case), sort_keys=True)


def summarise_row(run: RunFolder, records: list[TrialRecord], problems: list[str]) -> Row:
    """The row of one key; what is wrong with its trials is added to `problems`."""
    usable: list[tuple[TrialRecord, TrialFigures]] = []
    for record in records:
        figures = read_figures(run, record)
        record = with_reasons(run, record, figures)
        problems.extend(f"trial {record.trial}: {text}" for text in [*record.problems, *figures.problems])
        if record.valid and record.fruitless:
            problems.append(f"trial {record.trial}: {record.fruitless}")
        if record.valid and not figures.problems:
            usable.append((record, figures))
    first, valid = records[0], [record for record, _ in usable]
    row = Row(
        workload=first.workload,
        target=first.target,
        profile=first.profile,
        case=first.case,
        rounds=len({record.round for record in valid}),
        trials=len(records),
        invalid_trials=len(records) - len(valid),
        valid=bool(valid),
        seconds=sum(record.seconds for record in valid),
        model_bytes=packaged_bytes(run, first, "model_bytes"),
        image_mb=most_mb([packaged_bytes(run, first, "size_bytes")]),
        kind=run.manifest.target(first.target).kind,
        asynchronous=run.manifest.target(first.target).asynchronous,
        entered=valid,
    )
    if valid:
        fill_counts(row, valid, [figures for _, figures in usable])
        fill_figures(row, valid, [figures for _, figures in usable], run.manifest.target(first.target))
    return row


def packaged_bytes(run: RunFolder, record: TrialRecord, fact: str) -> int | None:
    """How large the packaged model or image is, as the manifest says it."""
    size = run.manifest.packages.get(f"{record.workload}/{record.target}", {}).get(fact)
    return size if type(size) is int and size > 0 else None


def with_reasons(run: RunFolder, record: TrialRecord, figures: TrialFigures) -> TrialRecord:
    """The record; where it is from before reasons were kept and has no good answer, with the reasons of its rows."""
    if record.reasons or figures.problems or not (record.valid and record.fruitless):
        return record
    return record.model_copy(update={"reasons": reasons_of(run.requests(record, ("outcome", "error")))})


def fill_counts(row: Row, records: list[TrialRecord], figures: list[TrialFigures]) -> None:
    """Set what is a sum, or the most, over the valid trials."""
    for outcome in Outcome:
        setattr(row, outcome.value, sum(record.counts.get(outcome, 0) for record in records))
    row.scheduled = sum(record.scheduled for record in records)
    row.reasons = most_frequent(reason for record in records for reason in record.reasons) or None
    row.sent = sum(figure.sent for figure in figures)
    row.starts = sum(record.starts for record in records)
    totals = {start: sum(figure.start_classes.get(start, 0) for figure in figures) for start in StartClass}
    row.start_classes = {start: n for start, n in totals.items() if n}
    row.cold_starts = sum(totals[start] for start in cold_kinds(row.profile))
    row.max_in_flight = most([figure.max_in_flight for figure in figures])
    row.max_sandboxes = most([figure.max_sandboxes for figure in figures])
    if row.profile != FORCED_COLD and row.seconds:
        row.throughput_rps = (row.ok or 0) / row.seconds
        fill_makespan(row, records, figures)
        if made := [figure.tokens_made for figure in figures if figure.tokens_made is not None]:
            row.throughput_tokens_per_s = sum(made) / row.seconds


def fill_makespan(row: Row, records: list[TrialRecord], figures: list[TrialFigures]) -> None:
    """How long all of a trial's requests took together, and what a queue had to give out again."""
    spans_s = [figure.makespan_s for figure in figures if figure.makespan_s is not None]
    if spans_s:
        row.makespan_s = centre_over_trials(spans_s, CONFIDENCE, "log", "t over trials, log scale")
        row.completions_rps = (row.ok or 0) / sum(spans_s)
    repeats = [told for record in records if isinstance(told := record.deployment.get("repeats"), int)]
    row.repeats = sum(repeats) if repeats else None


def fill_figures(row: Row, records: list[TrialRecord], figures: list[TrialFigures], target: TargetFacts) -> None:
    """Set estimates, usage and the notes that go with them."""
    estimates = estimates_of(row, figures)
    for name, estimate in estimates.items():
        setattr(row, name, estimate)
    phases_ms = pool_phases(figures)
    row.cold_phases_ms = medians_of_phases(phases_ms)
    row.parts = parts_of(records, figures, row.case, target) or None
    further = [part.usage for part in (row.parts or [])[1:]]
    usage = usage_of(records, row.case, target.capabilities.get("usage", POLLED))
    for f in fields(usage):
        if f.name not in ("unread", "oom_killed"):
            setattr(row, f.name, getattr(usage, f.name))
    fill_gpus(row, records)
    lag_ms = np.concatenate([figure.lag_ms for figure in figures])
    # Forced cold starts have no schedule that the generator could lag behind.
    if len(lag_ms) and row.profile != FORCED_COLD:
        row.lag_p50_ms, row.lag_p99_ms = percentile(lag_ms, 0.5), percentile(lag_ms, 0.99)
    row.notes = [
        *notes_of_target(target),
        *notes_of_rounds(row.rounds),
        *notes_of_case(row.case),
        *notes_of_begin(target, row.profile, row.case),
        *notes_of_trials(records, [figure.busy for figure in figures]),
        *notes_of_streams(estimates),
        *notes_of_starts(row.profile, row.ok or 0, estimates["cold_p50_ms"]),
        *notes_of_phases(phases_ms),
        *(note for used in (usage, *further) for note in notes_of_usage(used)),
        *notes_of_witnesses(records),
        *notes_of_estimates(estimates, needs_by_field()),
    ]


def fill_gpus(row: Row, records: list[TrialRecord]) -> None:
    """Set what the GPUs of all units used together; energy belongs to requests that came by a schedule."""
    row.gpu_memory_peak_mb = most_mb(gpu.memory_peak_bytes for record in records for gpu in record.gpus)
    row.gpu_power_mean_w = mean_power_w(records)
    if row.profile != FORCED_COLD and row.ok and (energy_j := energy_of(records)) is not None:
        row.gpu_energy_per_1k_j = 1000 * energy_j / row.ok


def estimates_of(row: Row, figures: list[TrialFigures]) -> dict[str, Estimate]:
    """Estimates by field, each over all requests with the trial as the unit; n of cold starts counts them."""
    estimates = {"cold_share": cold_share_of(row.profile, figures)}
    for name, p in ((name, p) for name, ps in PERCENTILES.items() for p in ps):
        trials = [figure.values[name] for figure in figures]
        if name in SELDOM and not any(len(trial) for trial in trials):
            continue
        if name != "cold" and row.profile == FORCED_COLD:
            estimate = TRAFFIC_ONLY
        else:
            estimate = percentile_over_trials(trials, p, noun=NOUNS.get(name, "requests"))
        if name == "cold":
            estimate = replace(estimate, n=sum(map(len, trials)))
        estimates[percentile_field(name, p)] = estimate
    return estimates


def cold_share_of(profile: str, figures: list[TrialFigures]) -> Estimate:
    """Requests that met a start, of those whose start class is known."""
    kinds = cold_kinds(profile)
    cold = [sum(figure.start_classes.get(kind, 0) for kind in kinds) for figure in figures]
    known = [sum(figure.start_classes.values()) for figure in figures]
    return share_over_trials(cold, known, noun="known start class")


def cold_kinds(profile: str) -> tuple[StartClass, ...]:
    """What counts as a cold start; of forced ones only the kind that was to be forced."""
    return tuple(PROVEN_COLD if profile == FORCED_COLD else MET_START)


def needs_by_field() -> dict[str, str]:
    """For each percentile field the sample sizes that it asks for, in the same words for every row."""
    needs = {}
    for name, ps in PERCENTILES.items():
        for p in ps:
            which = "cold" if name == "cold" else "any"
            words = need_over_trials(p).words(NOUNS.get(name, "requests"))
            needs[percentile_field(name, p)] = f"{which} p{100 * p:g} needs {words}"
    return needs


def pool_phases(figures: list[TrialFigures]) -> dict[str, Floats]:
    """Each part, in ms, of all cold starts that stamped it; parts that none stamped are left out."""
    phases = order_phases(phase for figure in figures for phase in figure.phases_ms)
    pooled = {phase: [figure.phases_ms[phase] for figure in figures if phase in figure.phases_ms] for phase in phases}
    return {phase: np.concatenate(parts) for phase, parts in pooled.items()}


def medians_of_phases(phases_ms: dict[str, Floats]) -> dict[str, float | None]:
    """The median of each part; None for one that fewer starts stamped than the median of the whole needs."""
    return {phase: percentile_of_samples(values, 0.5).value for phase, values in phases_ms.items()}


def most(values: list[int | None]) -> int | None:
    """The largest that is known."""
    return max((value for value in values if value is not None), default=None)
