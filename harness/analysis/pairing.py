"""Which trials face each other: both sides by what they are compared under, and by round what each trial has."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.analysis.notes import Note, notes_of_begin, notes_of_case, notes_of_target, notes_of_trials
from harness.analysis.stats import (
    SampleNeed,
    TrialPercentile,
    find_shortfalls,
    need_of_each_trial,
    need_of_samples,
)
from harness.analysis.trial_figures import Counts, percentile_field, read_figures
from harness.files.problems import quote
from harness.record.folder import RunFolder
from harness.record.nouns import FORCED_COLD, Case, TrialRecord
from harness.record.phases import RESERVED, order_phases

COMPARED = {
    percentile_field(name, p): need_of_each_trial(p)
    for name in ("latency", "service", "warm", "first_chunk")
    for p in (0.5, 0.95)
}
"""Fields that are compared under traffic, and the sample sizes that each asks for."""
STREAMED = frozenset(percentile_field("first_chunk", p) for p in (0.5, 0.95))
"""Those of them that only streamed answers have."""
COLD_FIELD = percentile_field("cold", 0.5)
COLD_NEED = need_of_samples(0.5)
NOT_GOOD = "not_good"
"""Code of the note that is about one workload under one profile only."""
USUAL_REGIME = {"images": "present", "page_cache": "kept"}
Mode = Literal["targets", "workloads", "runs"]
Key = tuple[str | None, str | None, str]
"""Workload (None when A and B are workloads), target (None when they are targets) and profile."""


@dataclass(frozen=True)
class ValidTrial:
    """A valid trial: its percentiles by field, and how many units its requests met busy."""

    record: TrialRecord
    values: dict[str, TrialPercentile]
    busy: Counts
    phases: tuple[str, ...]
    """Parts of a start that its good cold starts had."""


@dataclass
class Group:
    """A or B under one workload, target and profile."""

    name: str
    run: RunFolder
    records: list[TrialRecord]
    trials: list[ValidTrial] = field(default_factory=list)
    broken: int = 0
    """Trials whose rows do not add up."""

    @property
    def invalid(self) -> int:
        """Trials that do not enter: INVALID ones and broken ones."""
        return sum(not record.valid for record in self.records) + self.broken

    @property
    def profile(self) -> str:
        """The profile that all its trials share."""
        return self.records[0].profile

    @property
    def cases(self) -> list[Case]:
        """Each setting that its trials had."""
        cases: list[Case] = []
        for record in self.records:
            if record.case not in cases:
                cases.append(record.case)
        return cases

    def read(self) -> "Group":
        """Read the rows of the valid trials and keep their percentiles. Returns itself."""
        for record in (record for record in self.records if record.valid):
            figures = read_figures(self.run, record)
            if figures.problems:
                self.broken += 1
                continue
            self.trials.append(ValidTrial(record, figures.percentiles, figures.busy, tuple(figures.phases_ms)))
        return self

    def notes(self) -> Iterator[Note]:
        """What makes its figures doubtful."""
        if self.trials:
            first = self.records[0]
            target = self.run.manifest.target(first.target)
            yield from notes_of_target(target)
            yield from notes_of_case(first.case)
            yield from notes_of_begin(target, first.profile, first.case)
            records = [trial.record for trial in self.trials]
            yield from notes_of_trials(records, [trial.busy for trial in self.trials])

    @property
    def lasting_phases(self) -> list[str]:
        """Those of its phases that do not hang on chance, as it does whether the platform had to queue or to create."""
        found = order_phases(phase for trial in self.trials for phase in trial.phases)
        return [phase for phase in found if phase == "image" or phase not in RESERVED]


Groups = dict[Key, Group]


@dataclass(frozen=True)
class RoundValues:
    """One finite value per round, and the number of valid trials that stay out for each reason."""

    by_round: dict[int, TrialPercentile]
    short: int
    infinite: int
    repeated: int

    def omissions(self, name: str, noun: str) -> list[str]:
        """How many valid trials stay out and why, as one sentence; empty when all are in."""
        reasons = {
            f"with fewer than {noun}": self.short,
            "where the percentile falls among failures": self.infinite,
            "that share a round with another": self.repeated,
        }
        counts = [f"{n} {why}" for why, n in reasons.items() if n]
        return [f"valid trials of {name} left out: {', '.join(counts)}"] if counts else []


def fields_of(profile: str) -> dict[str, SampleNeed]:
    """What is compared under a profile, with the sample sizes of requests (forced cold starts) that it asks for."""
    return {COLD_FIELD: COLD_NEED} if profile == FORCED_COLD else COMPARED


def fields_of_both(a: Group, b: Group) -> list[str]:
    """What is compared of two sides: that of streams only where both have streamed."""
    streamed = all(any(trial.values[field].n for trial in side.trials) for side in (a, b) for field in STREAMED)
    return [field for field in fields_of(a.profile) if streamed or field not in STREAMED]


def need_of_trial(field: str, need: SampleNeed) -> str:
    """What a field asks of a trial in words, e.g. 20 requests."""
    return "1 proven cold start" if field == COLD_FIELD else f"{need.per_trial} requests"


def why_withheld(field: str, need: SampleNeed, values: Sequence[TrialPercentile], name: str) -> tuple[int, str] | None:
    """The sample size that one side falls short of, and words; None where its percentile may be told."""
    short = find_shortfalls([value.n for value in values], need)
    if not short:
        return None
    if field == COLD_FIELD:
        has = sum(value.n for value in values)
        return need.over_all, f"cold p50 needs {need.over_all} cold starts, {name} has {has}"
    label = field.removesuffix("_ms").removeprefix("latency_").replace("_", " ")
    return short[0][0], f"{label} needs {', and '.join(words for _, words in short)}: {name}"


def usable_values(group: Group, field: str, need: SampleNeed) -> RoundValues:
    """The values of one field that may enter a ratio."""
    values: dict[int, list[TrialPercentile]] = {}
    for trial in group.trials:
        values.setdefault(trial.record.round, []).append(trial.values[field])
    single = {number: of_round[0] for number, of_round in values.items() if len(of_round) == 1}
    enough = {number: trial for number, trial in single.items() if trial.n >= need.per_trial}
    finite = {number: trial for number, trial in enough.items() if math.isfinite(trial.value)}
    repeated = len(group.trials) - len(single)
    return RoundValues(finite, len(single) - len(enough), len(enough) - len(finite), repeated)


def unequal_arrivals(a: Group, b: Group) -> int:
    """Rounds whose two trials did not send the same schedule, as far as it is known."""
    schedules = [{trial.record.round: trial.record.schedule_sha256 for trial in side.trials} for side in (a, b)]
    common = schedules[0].keys() & schedules[1].keys()
    pairs = [(schedules[0][number], schedules[1][number]) for number in common]
    return sum(None not in pair and pair[0] != pair[1] for pair in pairs)


def unlike_phases(a: Group, b: Group) -> str | None:
    """That the starts of two runs were not split into the same parts; None where either saw none."""
    seen = [side.lasting_phases for side in (a, b)]
    if set(seen[0]) == set(seen[1]) or not all(any(trial.phases for trial in side.trials) for side in (a, b)):
        return None
    lists = [", ".join(phases) or "none" for phases in seen]
    return f"starts were not split into the same parts: {lists[0]} in A, {lists[1]} in B"


def profile_of(record: TrialRecord) -> str:
    """The profile; of forced cold starts with the regime, where that is not the usual one."""
    if record.profile != FORCED_COLD:
        return record.profile
    unusual = [name for name, usual in USUAL_REGIME.items() if record.case.get(name, usual) != usual]
    return ", ".join([record.profile, *(f"{name.replace('_', ' ')} {record.case.get(name)}" for name in unusual)])


def group_by_key(
    folder: RunFolder, records: Sequence[TrialRecord], name: str, key: Callable[[TrialRecord], Key]
) -> Groups:
    """Group one side's trials by what they are compared under; their rows are not read yet."""
    groups: Groups = {}
    for record in records:
        groups.setdefault(key(record), Group(name, folder, [])).records.append(record)
    return groups


def why_alone(a: Groups, b: Groups, key: Key, mode: Mode) -> str | None:
    """What is to be said of a key that one side lacks; None when both have it."""
    if key in a and key in b:
        return None
    return f"there are trials {'in' if mode == 'runs' else 'of'} {(a.get(key) or b[key]).name} only"


def why_incomparable(a: Group, b: Group, mode: Mode) -> str | None:
    """Why two sides may not be set beside each other; None when they may."""
    for side in (a, b):
        if len(side.cases) > 1:
            settings = differing_settings(side.cases[0], side.cases[1], ("one", "another"))
            return f"{side.name} has several cases: {settings}: {fix_of_cases(side.cases[0], side.cases[1])}"
    if mode == "runs" and a.cases != b.cases:
        return f"the case differs: {differing_settings(a.cases[0], b.cases[0], ('A', 'B'))}"
    return None


def fix_of_cases(a: Case, b: Case) -> str:
    """What to do where one run has trials of two cases."""
    if a.get("begin") != b.get("begin"):
        return "the trials' warnings say why no steady begin was to be had; mend that, or measure with `begin: empty`"
    return "measure it again, in one run with one of them"


def differing_settings(a: Case, b: Case, names: tuple[str, str]) -> str:
    """The settings in which two cases differ, with both values."""
    keys = [key for key in a | b if a.get(key, ...) != b.get(key, ...)]
    return ", ".join(
        f"{quote(key)[1:-1]} {quote(a.get(key))} in {names[0]} and {quote(b.get(key))} in {names[1]}" for key in keys
    )
