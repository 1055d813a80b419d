"""`frostline compare A B`: two targets or workloads of one run, round by round, or two runs of one experiment."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.analysis.differences import differences
from harness.analysis.pairing import (
    NOT_GOOD,
    Key,
    Mode,
    Side,
    Sides,
    Usable,
    asked_of_trial,
    differing_arrivals,
    fields_of,
    group_by_key,
    incomparable,
    lone,
    profile_of,
    usable_values,
)
from harness.analysis.ratio import Judgement, Verdict, geometric_mean, judge, paired_ratio, unpaired_ratio
from harness.errors import RecordError, UsageError
from harness.files.problems import quote
from harness.record.estimate import Estimate, plain
from harness.record.folder import RunFolder, latest_attempts, missing_trials
from harness.record.nouns import FORCED_COLD, Case, Manifest, TrialRecord
from harness.record.shelf import find_run

DEFAULT_MARGIN = 0.10
NOT_INTERLEAVED = "different runs: not interleaved, so drift between them is part of the ratio"
COMPARE_SCHEMA = "frostline/compare/1"


@dataclass(frozen=True)
class Comparison:
    """B beside A in one figure under one profile; `why` says why there is no verdict."""

    workload: str | None
    target: str | None
    profile: str
    field: str
    case_a: Case
    case_b: Case
    a_ms: float | None
    """Geometric mean over A's trials that entered."""
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
        """Every field."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}


@dataclass(frozen=True)
class Comparisons:
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
    rows: list[Comparison]

    def to_json(self) -> dict[str, Any]:
        """frostline/compare/1: finite numbers of six significant digits."""
        return {"schema": COMPARE_SCHEMA} | {f.name: plain(getattr(self, f.name)) for f in fields(self)}


def compare(results: Path, a: str, b: str, run: str | None = None) -> Comparisons:
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
        there += [f"targets {of_run}: {listed(targets)}", f"workloads {of_run}: {listed(workloads)}"]
    if run is not None:
        there.append("without --run they may be two runs: folders, ids, beginnings of ids, or latest")
        raise UsageError([f"compare: {quote(a)} and {quote(b)} are neither two targets nor two workloads", *there])
    return compare_runs(*two_runs(results, (a, b), there))


def two_runs(results: Path, names: tuple[str, str], there: list[str]) -> tuple[RunFolder, RunFolder]:
    """Both runs, or one UsageError that lists everything that A and B could have been."""
    found: list[RunFolder] = []
    for name in names:
        try:
            found.append(find_run(results, name))
        except RecordError as error:
            there += str(error).split("\n")
    told = f"compare: {quote(names[0])} and {quote(names[1])} are"
    if len(found) < 2:
        raise UsageError([f"{told} not two targets, two workloads or two runs", *dict.fromkeys(there)])
    if found[0].path == found[1].path:
        raise UsageError([f"{told} the same run: name two"])
    return found[0], found[1]


def compare_within(folder: RunFolder, records: list[TrialRecord], names: tuple[str, str], mode: Mode) -> Comparisons:
    """Two targets, or two workloads, of one run: paired by round."""

    def key(record: TrialRecord) -> Key:
        if mode == "targets":
            return record.workload, None, profile_of(record)
        return None, record.target, profile_of(record)

    def is_of(record: TrialRecord, name: str) -> bool:
        return name == (record.target if mode == "targets" else record.workload)

    a, b = (group_by_key(folder, [r for r in records if is_of(r, name)], name, key) for name in names)
    margin, told = margin_of(folder.manifest)
    warnings = [*told, *folder.notices, *missing_trials(folder, records)]
    return put_together((a, b), names, mode, [folder], margin, warnings)


def compare_runs(a: RunFolder, b: RunFolder) -> Comparisons:
    """Two runs of one experiment: nothing is interleaved, so their trials are taken as independent samples."""
    experiments = [folder.manifest.experiment.get("name") for folder in (a, b)]
    if experiments[0] != experiments[1]:
        told = f"A is of {quote(experiments[0])}, B of {quote(experiments[1])}"
        raise UsageError([f"compare: experiment: {told}: name two runs of one experiment"])
    sides: list[Sides] = []
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
    return put_together((sides[0], sides[1]), names, "runs", [a, b], margin, [*warnings, *doubts])


def put_together(
    sides: tuple[Sides, Sides],
    names: tuple[str, str],
    mode: Mode,
    folders: list[RunFolder],
    margin: float,
    warnings: list[str],
) -> Comparisons:
    """Row after row for every key that both sides have; what is not compared is said."""
    a, b = sides
    rows: list[Comparison] = []
    read: list[Side] = []
    for key in sorted(a.keys() | b.keys(), key=lambda k: (k[0] or "", k[1] or "", k[2].startswith(FORCED_COLD), k[2])):
        why = lone(a, b, key, mode) or incomparable(a[key], b[key], mode)
        if why:
            warnings.append(f"{', '.join(quote(part)[1:-1] for part in key if part)}: not compared: {why}")
            continue
        read += [a[key].read(), b[key].read()]
        rows += rows_of(key, a[key], b[key], mode, margin)
    experiment = folders[0].manifest.experiment.get("name")
    invalid = [sum(side.invalid for side in found.values()) for found in sides]
    return Comparisons(
        a=names[0],
        b=names[1],
        mode=mode,
        experiment=experiment if isinstance(experiment, str) else None,
        runs=[folder.manifest.run for folder in folders],
        margin=margin,
        invalid_a=invalid[0],
        invalid_b=invalid[1],
        warnings=list(dict.fromkeys([*warnings, *doubts_of(read)])),
        rows=rows,
    )


def doubts_of(sides: Iterable[Side]) -> list[str]:
    """What makes the figures doubtful, each sentence once and with the side that it is about, if not both."""
    said: dict[str, dict[str, None]] = {}
    for side in sides:
        for note in side.notes():
            if note.code != NOT_GOOD:
                said.setdefault(note.text, {})[side.name] = None
    return [text if len(names) > 1 else f"{next(iter(names))}: {text}" for text, names in said.items()]


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


def listed(names: Iterable[str]) -> str:
    """Names from a run folder on one line."""
    return ", ".join(quote(name)[1:-1] for name in sorted(names)) or "none"


def rows_of(key: Key, a: Side, b: Side, mode: Mode, margin: float) -> list[Comparison]:
    """Every figure that is compared under a profile."""
    doubts = [f"{side.name}: {note.text}" for side in (a, b) for note in side.notes() if note.code == NOT_GOOD]
    unequal = differing_arrivals(a, b) if mode != "runs" else 0
    if unequal:
        doubts.append(f"rounds in which A and B did not meet the same arrivals: {unequal}")
    return [compare_figure(key, (a, b), field, doubts, mode, margin) for field in fields_of(a.profile)]


def compare_figure(
    key: Key, sides: tuple[Side, Side], field: str, doubts: list[str], mode: Mode, margin: float
) -> Comparison:
    """One figure."""
    least = fields_of(sides[0].profile)[field]
    a, b = (usable_values(side, field, least) for side in sides)
    noun = asked_of_trial(field, least)
    told = [text for side, used in zip(sides, (a, b), strict=True) for text in used.left_out(side.name, noun)]
    alone = len(a.by_round.keys() ^ b.by_round.keys())
    if alone and mode != "runs":
        told.append(f"rounds with a usable trial of one side only, left out: {alone}")
    rounds = a.by_round.keys() & b.by_round.keys()
    one, other = (
        [x for number, x in sorted(used.by_round.items()) if mode == "runs" or number in rounds] for used in (a, b)
    )
    ratio, judgement = relate(one, other, mode, margin)
    judgement = uphold(judgement, a, b)
    return Comparison(
        *key,
        field=field,
        case_a=sides[0].cases[0],
        case_b=sides[1].cases[0],
        a_ms=geometric_mean(one),
        b_ms=geometric_mean(other),
        ratio=ratio,
        trials_a=len(one),
        trials_b=len(other),
        invalid_a=sides[0].invalid,
        invalid_b=sides[1].invalid,
        verdict=judgement.verdict,
        why=judgement.why,
        rounds_needed=judgement.rounds_needed,
        on_the_line=judgement.on_the_line,
        warnings=[*told, *doubts],
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


def uphold(judgement: Judgement, a: Usable, b: Usable) -> Judgement:
    """The verdict, unless trials that failures keep out of it could overturn it: those count as infinitely slow."""
    against = {Verdict.FASTER: b.infinite, Verdict.SLOWER: a.infinite, Verdict.SAME: a.infinite + b.infinite}
    if judgement.verdict is None or not against.get(judgement.verdict):
        return judgement
    return Judgement(None, f"{judgement.verdict} but for trials left out among failures")
