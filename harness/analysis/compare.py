"""`frostline compare A B`: two targets or workloads of one run, round by round, or two runs of one experiment."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from harness.analysis.comparison import Comparison, Comparisons, Key, Mode, rows_of
from harness.analysis.differences import differences
from harness.analysis.pairing import NOT_GOOD, Side
from harness.analysis.ratio import Verdict
from harness.errors import RecordError, UsageError
from harness.files.problems import shown
from harness.record.folder import RunFolder, latest_attempts, missing_trials
from harness.record.nouns import FORCED_COLD, Case, Manifest, TrialRecord
from harness.record.shelf import find_run

__all__ = ["Comparison", "Comparisons", "Verdict", "compare"]

DEFAULT_MARGIN = 0.10
USUAL_REGIME = {"images": "present", "page_cache": "kept"}
NOT_INTERLEAVED = "different runs: not interleaved, so drift between them is part of the ratio"
Sides = dict[Key, Side]


def compare(results: Path, a: str, b: str, run: str | None = None) -> Comparisons:
    """Find out what A (the baseline) and B name, and compare. UsageError says what there is when they name nothing."""
    if a == b:
        raise UsageError([f"compare: A and B are both {shown(a)}: name two"])
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
        of_run = f"of run {shown(folder.manifest.run)}"
        there += [f"targets {of_run}: {listed(targets)}", f"workloads {of_run}: {listed(workloads)}"]
    if run is not None:
        there.append("without --run they may be two runs: folders, ids, beginnings of ids, or latest")
        raise UsageError([f"compare: {shown(a)} and {shown(b)} are neither two targets nor two workloads", *there])
    return compare_runs(*two_runs(results, (a, b), there))


def two_runs(results: Path, names: tuple[str, str], there: list[str]) -> tuple[RunFolder, RunFolder]:
    """Both runs, or one UsageError that lists everything that A and B could have been."""
    found: list[RunFolder] = []
    for name in names:
        try:
            found.append(find_run(results, name))
        except RecordError as error:
            there += str(error).split("\n")
    told = f"compare: {shown(names[0])} and {shown(names[1])} are"
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

    a, b = (grouped(folder, [r for r in records if is_of(r, name)], name, key) for name in names)
    margin, told = margin_of(folder.manifest)
    warnings = [*told, *folder.notices, *missing_trials(folder, records)]
    return put_together((a, b), names, mode, [folder], margin, warnings)


def compare_runs(a: RunFolder, b: RunFolder) -> Comparisons:
    """Two runs of one experiment: nothing is interleaved, so their trials are taken as independent samples."""
    experiments = [folder.manifest.experiment.get("name") for folder in (a, b)]
    if experiments[0] != experiments[1]:
        told = f"A is of {shown(experiments[0])}, B of {shown(experiments[1])}"
        raise UsageError([f"compare: experiment: {told}: name two runs of one experiment"])
    sides: list[Sides] = []
    warnings = [NOT_INTERLEAVED, *differences(a.manifest, b.manifest)]
    for name, folder in (("A", a), ("B", b)):
        records = latest_attempts(folder.trials())
        sides.append(grouped(folder, records, name, lambda r: (r.workload, r.target, profile_of(r))))
        warnings += [f"{name}: {text}" for text in [*folder.notices, *missing_trials(folder, records)]]
    margin, doubts = margin_of(a.manifest)
    other, _ = margin_of(b.manifest)
    if other != margin:
        doubts = [*doubts, f"different margins: {margin:g} in A, {other:g} in B: A's is used"]
    names = a.manifest.run, b.manifest.run
    return put_together((sides[0], sides[1]), names, "runs", [a, b], margin, [*warnings, *doubts])


def profile_of(record: TrialRecord) -> str:
    """The profile; of forced cold starts with the regime, where that is not the usual one."""
    if record.profile != FORCED_COLD:
        return record.profile
    unusual = [name for name, usual in USUAL_REGIME.items() if record.case.get(name, usual) != usual]
    return ", ".join([record.profile, *(f"{name.replace('_', ' ')} {record.case.get(name)}" for name in unusual)])


def grouped(folder: RunFolder, records: Sequence[TrialRecord], name: str, key: Callable[[TrialRecord], Key]) -> Sides:
    """One side's trials by what they are compared under; their rows are not read yet."""
    sides: Sides = {}
    for record in records:
        sides.setdefault(key(record), Side(name, folder, [])).records.append(record)
    return sides


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
            warnings.append(f"{', '.join(shown(part)[1:-1] for part in key if part)}: not compared: {why}")
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


def lone(a: Sides, b: Sides, key: Key, mode: Mode) -> str | None:
    """What is to be said of a key that one side lacks; None when both have it."""
    if key in a and key in b:
        return None
    return f"there are trials {'in' if mode == 'runs' else 'of'} {(a.get(key) or b[key]).name} only"


def incomparable(a: Side, b: Side, mode: Mode) -> str | None:
    """Why two sides may not be set beside each other; None when they may."""
    for side in (a, b):
        if len(side.cases) > 1:
            return f"{side.name} has several cases: {differing(side.cases[0], side.cases[1], ('one', 'another'))}"
    if mode == "runs" and a.cases != b.cases:
        return f"the case differs: {differing(a.cases[0], b.cases[0], ('A', 'B'))}"
    return None


def differing(one: Case, other: Case, names: tuple[str, str]) -> str:
    """The settings in which two cases differ, with both values."""
    keys = [key for key in one | other if one.get(key, ...) != other.get(key, ...)]
    told = [
        f"{shown(key)[1:-1]} {shown(one.get(key))} in {names[0]} and {shown(other.get(key))} in {names[1]}"
        for key in keys
    ]
    return ", ".join(told)


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
        place = f"run {shown(manifest.run)}: manifest.json: experiment.margin"
        raise RecordError(f"{place}: {shown(given)} is not accepted: a number between 0 and 1 is: restore it")
    return float(given), []


def listed(names: Iterable[str]) -> str:
    """Names from a run folder on one line."""
    return ", ".join(shown(name)[1:-1] for name in sorted(names)) or "none"
