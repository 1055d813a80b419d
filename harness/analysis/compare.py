"""`frostline compare A B`: two targets or workloads of one run, round by round, or two runs of one experiment."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.analysis.differences import differences
from harness.analysis.pairing import (
    NOT_GOOD,
    Group,
    Groups,
    Key,
    Mode,
    RoundValues,
    fields_of,
    fields_of_both,
    group_by_key,
    need_of_trial,
    profile_of,
    unequal_arrivals,
    unlike_phases,
    usable_values,
    why_alone,
    why_incomparable,
    why_withheld,
)
from harness.analysis.ratio import Judgement, Verdict, geometric_mean, judge, paired_ratio, unpaired_ratio
from harness.errors import RecordError, UsageError
from harness.files.problems import quote
from harness.record.estimate import Estimate, plain
from harness.record.folder import RunFolder, latest_attempts, missing_trials
from harness.record.nouns import FORCED_COLD, Case, Manifest, TrialRecord
from harness.record.shelf import find_run
from harness.record.target_facts import incomparable

DEFAULT_MARGIN = 0.10
NOT_INTERLEAVED = "different runs: not interleaved, so drift between them is part of the ratio"
COMPARE_SCHEMA = "frostline/compare/1"


NEVER = "one is a cloud service and the other an emulation, whose numbers are never held together"


@dataclass(frozen=True)
class ComparisonRow:
    """B beside A in one figure under one profile; `why` says why there is no verdict."""

    workload: str | None
    target: str | None
    profile: str
    field: str
    case_a: Case
    case_b: Case
    a_ms: float | None
    """Geometric mean over A's trials that entered; None where `frostline show` withholds the figure."""
    b_ms: float | None
    ratio: Estimate
    """B / A; n counts the rounds paired, or the trials of the run that has fewer."""
    trials_a: int
    """Trials that entered."""
    trials_b: int
    invalid_a: int
    invalid_b: int
    verdict: Verdict | None
    why: str | None
    rounds_needed: int | None
    on_the_line: bool
    warnings: list[str]

    def to_json(self) -> dict[str, Any]:
        """Every field, as a row of frostline/compare/1."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}


@dataclass(frozen=True)
class Comparison:
    """Everything that can be said of B beside A; `warnings` are about all rows."""

    a: str
    b: str
    mode: Mode
    experiment: str | None
    runs: list[str]
    """The run that holds both, or A's and B's."""
    margin: float
    invalid_a: int
    invalid_b: int
    warnings: list[str]
    rows: list[ComparisonRow]

    def to_json(self) -> dict[str, Any]:
        """frostline/compare/1: finite numbers of six significant digits."""
        return {"schema": COMPARE_SCHEMA} | {f.name: plain(getattr(self, f.name)) for f in fields(self)}


def compare(results: Path, a: str, b: str, run: str | None = None) -> Comparison:
    """Find out what A (the baseline) and B name, and compare. UsageError says what there is when they name nothing."""
    if a == b:
        raise UsageError([f"compare: A and B are both {quote(a)}: name two"])
    there: list[str] = []
    try:
        folder = find_run(results, run or "latest")
        records = latest_attempts(folder.trials())
    except RecordError as error:
        if run is not None:
            raise
        there += str(error).split("\n")
    else:
        targets, workloads = {r.target for r in records}, {r.workload for r in records}
        if {a, b} <= targets:
            return compare_within(folder, records, (a, b), "targets")
        if {a, b} <= workloads:
            return compare_within(folder, records, (a, b), "workloads")
        of_run = f"of run {quote(folder.manifest.run)}"
        there += [f"targets {of_run}: {join_names(targets)}", f"workloads {of_run}: {join_names(workloads)}"]
    if run is not None:
        there.append("without --run they may be two runs: folders, ids, beginnings of ids, or latest")
        raise UsageError([f"compare: {quote(a)} and {quote(b)} are neither two targets nor two workloads", *there])
    return compare_runs(*find_two_runs(results, (a, b), there))


def find_two_runs(results: Path, names: tuple[str, str], there: list[str]) -> tuple[RunFolder, RunFolder]:
    """Find both runs, or raise one UsageError that lists everything that A and B could have been."""
    runs: list[RunFolder] = []
    for name in names:
        try:
            runs.append(find_run(results, name))
        except RecordError as error:
            there += str(error).split("\n")
    both = f"compare: {quote(names[0])} and {quote(names[1])} are"
    if len(runs) < 2:
        raise UsageError([f"{both} not two targets, two workloads or two runs", *dict.fromkeys(there)])
    if runs[0].path == runs[1].path:
        raise UsageError([f"{both} the same run: name two"])
    return runs[0], runs[1]


def compare_within(folder: RunFolder, records: list[TrialRecord], names: tuple[str, str], mode: Mode) -> Comparison:
    """Compare two targets, or two workloads, of one run: paired by round."""

    def key(record: TrialRecord) -> Key:
        if mode == "targets":
            return record.workload, None, profile_of(record)
        return None, record.target, profile_of(record)

    def is_of(record: TrialRecord, name: str) -> bool:
        return name == (record.target if mode == "targets" else record.workload)

    if mode == "targets" and incomparable(*(folder.manifest.target(name) for name in names)):
        raise UsageError([f"compare: {quote(names[0])} and {quote(names[1])}: {NEVER}"])
    a, b = (group_by_key(folder, [r for r in records if is_of(r, name)], name, key) for name in names)
    margin, doubts = margin_of(folder.manifest)
    warnings = [*doubts, *folder.notices, *missing_trials(folder, records)]
    return gather_rows((a, b), names, mode, [folder], margin, warnings)


def compare_runs(a: RunFolder, b: RunFolder) -> Comparison:
    """Compare two runs of one experiment: nothing is interleaved, so their trials are taken as independent samples."""
    experiments = [folder.manifest.experiment.get("name") for folder in (a, b)]
    if experiments[0] != experiments[1]:
        both = f"A is of {quote(experiments[0])}, B of {quote(experiments[1])}"
        raise UsageError([f"compare: experiment: {both}: name two runs of one experiment"])
    common = sorted(a.manifest.targets.keys() & b.manifest.targets.keys())
    mixed = [name for name in common if incomparable(a.manifest.target(name), b.manifest.target(name))]
    if mixed:
        raise UsageError([f"compare: {quote(name)} in A and in B: {NEVER}" for name in mixed])
    sides: list[Groups] = []
    warnings = [NOT_INTERLEAVED, *differences(a.manifest, b.manifest)]
    for name, folder in (("A", a), ("B", b)):
        records = latest_attempts(folder.trials())
        sides.append(group_by_key(folder, records, name, lambda r: (r.workload, r.target, profile_of(r))))
        warnings += [f"{name}: {text}" for text in [*folder.notices, *missing_trials(folder, records)]]
    margin, doubts = margin_of(a.manifest)
    other, _ = margin_of(b.manifest)
    if other != margin:
        doubts = [*doubts, f"different margins: {margin:g} in A, {other:g} in B: A's is used"]
    names = a.manifest.run, b.manifest.run
    return gather_rows((sides[0], sides[1]), names, "runs", [a, b], margin, [*warnings, *doubts])


def gather_rows(
    sides: tuple[Groups, Groups],
    names: tuple[str, str],
    mode: Mode,
    folders: list[RunFolder],
    margin: float,
    warnings: list[str],
) -> Comparison:
    """Rows of every key that both sides have; each key that is not compared becomes a warning that says why."""
    a, b = sides
    rows: list[ComparisonRow] = []
    pairs: list[Group] = []
    for key in sorted(a.keys() | b.keys(), key=lambda k: (k[0] or "", k[1] or "", k[2].startswith(FORCED_COLD), k[2])):
        about = ", ".join(quote(part)[1:-1] for part in key if part)
        why = why_alone(a, b, key, mode) or why_incomparable(a[key], b[key], mode)
        if why:
            warnings.append(f"{about}: not compared: {why}")
            continue
        pairs += [a[key].read(), b[key].read()]
        if mode == "runs" and (unlike := unlike_phases(a[key], b[key])):
            warnings.append(f"{about}: {unlike}")
        rows += rows_of(key, a[key], b[key], mode, margin)
    experiment = folders[0].manifest.experiment.get("name")
    invalid = [sum(group.invalid for group in side.values()) for side in sides]
    return Comparison(
        a=names[0],
        b=names[1],
        mode=mode,
        experiment=experiment if isinstance(experiment, str) else None,
        runs=[folder.manifest.run for folder in folders],
        margin=margin,
        invalid_a=invalid[0],
        invalid_b=invalid[1],
        warnings=list(dict.fromkeys([*warnings, *doubts_of(pairs)])),
        rows=rows,
    )


def doubts_of(sides: Iterable[Group]) -> list[str]:
    """What makes the figures doubtful, each sentence once and with the side that it is about, if not both."""
    names_by_text: dict[str, dict[str, None]] = {}
    for side in sides:
        for note in side.notes():
            if note.code != NOT_GOOD:
                names_by_text.setdefault(note.text, {})[side.name] = None
    return [text if len(names) > 1 else f"{next(iter(names))}: {text}" for text, names in names_by_text.items()]


def margin_of(manifest: Manifest) -> tuple[float, list[str]]:
    """The margin that the experiment set before the run, and what is to be said when it set none.

    RecordError for anything but a number between 0 and 1: a margin may not be made up afterwards.
    """
    given = manifest.experiment.get("margin")
    if given is None:
        return DEFAULT_MARGIN, [f"the run's experiment sets no margin: {DEFAULT_MARGIN:g} is taken"]
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1:
        place = f"run {quote(manifest.run)}: manifest.json: experiment.margin"
        raise RecordError(f"{place}: {quote(given)} is not accepted: a number between 0 and 1 is: restore it")
    return float(given), []


def join_names(names: Iterable[str]) -> str:
    """Names from a run folder on one line, short and harmless."""
    return ", ".join(quote(name)[1:-1] for name in sorted(names)) or "none"


def rows_of(key: Key, a: Group, b: Group, mode: Mode, margin: float) -> list[ComparisonRow]:
    """Every figure that is compared under a profile."""
    doubts = [f"{side.name}: {note.text}" for side in (a, b) for note in side.notes() if note.code == NOT_GOOD]
    unequal = unequal_arrivals(a, b) if mode != "runs" else 0
    if unequal:
        doubts.append(f"rounds in which A and B did not meet the same arrivals: {unequal}")
    return [compare_figure(key, (a, b), field, doubts, mode, margin) for field in fields_of_both(a, b)]


def compare_figure(
    key: Key, sides: tuple[Group, Group], field: str, doubts: list[str], mode: Mode, margin: float
) -> ComparisonRow:
    """Row of one figure: the ratio over the rounds (or trials) that both sides have, and why others stay out."""
    need = fields_of(sides[0].profile)[field]
    a, b = (usable_values(side, field, need) for side in sides)
    noun = need_of_trial(field, need)
    warnings = [text for side, used in zip(sides, (a, b), strict=True) for text in used.omissions(side.name, noun)]
    alone = len(a.by_round.keys() ^ b.by_round.keys())
    if alone and mode != "runs":
        warnings.append(f"rounds with a usable trial of one side only, left out: {alone}")
    rounds = a.by_round.keys() & b.by_round.keys()
    used = [[x for number, x in sorted(side.by_round.items()) if mode == "runs" or number in rounds] for side in (a, b)]
    a_ms, b_ms = ([trial.value for trial in trials] for trials in used)
    ratio, judgement = relate(a_ms, b_ms, mode, margin)
    judgement = uphold(judgement, a, b)
    short = [why_withheld(field, need, trials, side.name) for side, trials in zip(sides, used, strict=True)]
    if (first := next((why for why in short if why), None)) and ratio.value is not None:
        ratio = Estimate(None, n=ratio.n, need=first[0], why=first[1])
        judgement = Judgement(None, first[1])
    return ComparisonRow(
        *key,
        field=field,
        case_a=sides[0].cases[0],
        case_b=sides[1].cases[0],
        a_ms=None if short[0] or a.infinite else geometric_mean(a_ms),
        b_ms=None if short[1] or b.infinite else geometric_mean(b_ms),
        ratio=ratio,
        trials_a=len(a_ms),
        trials_b=len(b_ms),
        invalid_a=sides[0].invalid,
        invalid_b=sides[1].invalid,
        verdict=judgement.verdict,
        why=judgement.why,
        rounds_needed=judgement.rounds_needed,
        on_the_line=judgement.on_the_line,
        warnings=[*warnings, *doubts],
    )


def relate(a: list[float], b: list[float], mode: Mode, margin: float) -> tuple[Estimate, Judgement]:
    """The ratio and its verdict; neither where there is nothing to divide."""
    if not a or not b:
        why = "no usable trial in one of the runs" if mode == "runs" else "no round with a usable trial on both sides"
    elif min(*a, *b) <= 0:
        why = "a trial's value is 0 or below: no ratio"
    else:
        ratio = unpaired_ratio(a, b) if mode == "runs" else paired_ratio(a, b)
        return ratio.estimate(), judge(ratio, margin)
    return Estimate(None, n=min(len(a), len(b)), why=why), Judgement(None, why)


def uphold(judgement: Judgement, a: RoundValues, b: RoundValues) -> Judgement:
    """The verdict, unless trials that failures keep out of it could overturn it: those count as infinitely slow."""
    against = {Verdict.FASTER: b.infinite, Verdict.SLOWER: a.infinite, Verdict.SAME: a.infinite + b.infinite}
    if judgement.verdict is None or not against.get(judgement.verdict):
        return judgement
    return Judgement(None, f"{judgement.verdict} but for trials left out among failures")
