"""What makes a row doubtful, as a code and a sentence. The sentence is the same for every row that it is true of."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.analysis.over_trials import UNEVEN
from harness.analysis.stats import AMONG_FAILURES, ONE_TRIAL, Floats, floor
from harness.analysis.trial_figures import Counts
from harness.analysis.usage import Usage
from harness.record.estimate import Estimate
from harness.record.nouns import FORCED_COLD, MOST_REASONS, ROUNDS_FOR_VERDICT, SCALE_OUT, Case, Outcome, TrialRecord
from harness.record.phases import UNACCOUNTED
from harness.record.reasons import most_frequent
from harness.record.target_facts import TargetFacts

MOST_UNACCOUNTED = 0.1
"""Of a start may be in no part of it without a word about it."""
MOST_CROWDED = 0.01
"""Of a row's requests may meet more busy units than there are CPUs: those leave its p95 where it is."""
LASTING_OR_WHOLE = ("steady", "batch")
"""Begins of which a trial is no start-up transient: as of traffic that lasts, or of a batch that it is the whole of."""
NOT_TRAFFIC = "forced cold starts: cold_p50_ms and cold_p90_ms are their latency"


@dataclass(frozen=True)
class Note:
    """`code` is stable and for programs, `text` is for people; `about` names the fields in question, if not all."""

    code: str
    text: str
    about: tuple[str, ...] = ()

    def to_json(self) -> dict[str, str]:
        """Code and text; `about` is for tables only."""
        return {"code": self.code, "text": self.text}


def notes_of_target(target: TargetFacts) -> Iterator[Note]:
    """`target` is its entry in the manifest."""
    if target.emulated is None or target.isolated is None:
        yield Note("unknown_target", "the manifest does not say whether the target is emulated and isolated")
        return
    if target.emulated:
        yield Note("emulated", "emulated: it stands in for a cloud service on this host and is not that service")
    if not target.isolated:
        yield Note("no_isolation", "no isolation: units are not held to their memory and CPU limits")


def notes_of_rounds(rounds: int) -> Iterator[Note]:
    """`rounds` is the number with a valid trial of the row."""
    if rounds < ROUNDS_FOR_VERDICT:
        yield Note("quick_look", f"quick look: fewer than {ROUNDS_FOR_VERDICT} rounds, so no verdicts")
    if rounds == 1:
        yield Note("single_round", "single round: nothing tells how much another one would differ")


def notes_of_case(case: Case) -> Iterator[Note]:
    """Time compression, which is part of the key."""
    factor = case.get("compression")
    if isinstance(factor, int | float) and factor > 1:
        text = "compressed time: modelled traffic passes faster than the clock, but starts take as long as ever"
        yield Note("compressed_time", text)


def is_startup(kind: str | None, asynchronous: bool, case: Case) -> bool:
    """Whether units come and go there and a trial began with none, as all did before a pool's begin was recorded."""
    return (kind == "function" or asynchronous) and case.get("begin", "empty") not in LASTING_OR_WHOLE


def notes_of_begin(target: TargetFacts, profile: str, case: Case) -> Iterator[Note]:
    """A pool of units that come and go which began empty, as all did before a pool's begin was recorded."""
    if profile not in (FORCED_COLD, SCALE_OUT) and is_startup(target.kind, target.asynchronous, case):
        text = "begins with an empty pool: what it shows is a start-up transient, which no traffic that lasts has"
        yield Note("transient", text)


def notes_of_trials(records: list[TrialRecord], busy: list[Counts]) -> Iterator[Note]:
    """Generator, host, failures and what the trials themselves warn of; `busy` is each trial's."""
    generators = [record.generator for record in records if record.generator]
    timers = sorted({generator.timer for generator in generators if generator.timer != "timerfd"})
    if timers:
        yield Note("no_kernel_timer", f"no kernel timer: the generator waited with {', '.join(timers)}")
    if any(generator.priority != "real-time" for generator in generators):
        yield Note("normal_priority", "normal priority: other processes could delay the generator")
    pairs = list(zip(records, busy, strict=True))
    requests, crowded = sum(int(counts.sum()) for counts in busy), sum(crowded_of(*pair) for pair in pairs)
    if crowded > max(1, MOST_CROWDED * requests):  # one request moves no percentile that may be told
        text = "host-bound: more than 1 % of the requests met more busy units than the host has CPUs for"
        yield Note("host_bound", text)
    bad = {o: sum(record.counts.get(o, 0) for record in records) for o in Outcome if o is not Outcome.OK}
    if any(bad.values()):
        counts = ", ".join(f"{n} {outcome.replace('_', ' ')}" for outcome, n in bad.items() if n)
        reasons = most_frequent(reason for record in records for reason in record.reasons)
        # Of a trial with more kinds of failures than are kept, the rarest are not counted.
        least = "at least " if any(len(record.reasons) == MOST_REASONS for record in records) else ""
        why = f"; the commonest reason: {least}{reasons[0]}" if reasons else ""
        yield Note("not_good", f"of {sum(record.scheduled for record in records)} requests: {counts}{why}")
    for text in dict.fromkeys(text.split("\n")[0] for record in records for text in record.warnings):
        yield Note("trial_warning", text)


def crowded_of(record: TrialRecord, busy: Counts) -> int:
    """Requests of a trial that met more busy units, their own among them, than the host has CPUs for."""
    if not record.unit_cpus:
        return 0
    return int(busy[math.floor(record.host_cpus / record.unit_cpus + 1e-9) + 1 :].sum())


def notes_of_starts(profile: str, good: int, cold: Estimate) -> Iterator[Note]:
    """Forced cold starts without proof; `good` answers came in all."""
    if profile == FORCED_COLD and good > cold.n:
        yield Note("unproven_cold", f"{good - cold.n} forced cold starts are not proven cold: not counted as such")


def notes_of_streams(estimates: Mapping[str, Estimate]) -> Iterator[Note]:
    """Chunks that the unit made and that reached the client as one answer."""
    made = estimates.get("unit_first_chunk_p50_ms")
    if made is not None and made.n and "first_chunk_p50_ms" not in estimates:
        text = (
            "not streamed: the first token reaches the client with the last one; the unit alone saw when it made them"
        )
        yield Note("not_streamed", text, ("unit_first_chunk_p50_ms",))


def notes_of_phases(phases_ms: Mapping[str, Floats]) -> Iterator[Note]:
    """That much of the cold starts is in no part of theirs, given each part's values over all starts."""
    whole = sum(float(values.sum()) for values in phases_ms.values())
    rest = float(phases_ms[UNACCOUNTED].sum()) if UNACCOUNTED in phases_ms else 0.0
    if rest > MOST_UNACCOUNTED * whole:
        n = len(phases_ms[UNACCOUNTED])
        means = f", on average {rest / n:,.0f} ms of {whole / n:,.0f} ms" if n >= floor(0.5) else ""
        text = (
            f"{100 * rest / whole:.0f} % of the cold starts' time is unaccounted{means} (n = {n:,}): no phase names it "
            'and no bill has it; wrap what load() does in `with phase("name")`'
        )
        yield Note("unaccounted_start", text)


def notes_of_usage(usage: Usage) -> Iterator[Note]:
    """Units killed, and counters that could not be read."""
    if usage.oom_killed:
        yield Note("out_of_memory", f"{usage.oom_killed} units were killed for want of memory")
    if usage.unread:
        text = f"memory or CPU time of {usage.unread} units was not read: peaks are of the others, sums are withheld"
        yield Note("usage_unread", text)


def notes_of_witnesses(records: list[TrialRecord]) -> Iterator[Note]:
    """Requests of which the platform's own word never came, those of which it contradicts the unit's, and starts that
    only it could have told apart."""
    witnessed = [record.witnessed for record in records if record.witnessed]
    expected = sum(witnesses.expected for witnesses in witnessed)
    if missing := sum(max(0, witnesses.expected - witnesses.came) for witnesses in witnessed):
        text = f"for {missing:,} of {expected:,} requests the platform's own word never came"
        yield Note("witnesses_missing", text)
    if disagree := sum(witnesses.disagree for witnesses in witnessed):
        text = (
            f"at {disagree:,} of {expected:,} requests the platform's own word contradicts the unit's about the start"
        )
        yield Note("witnesses_disagree", text)
    if undecided := sum(record.open_starts for record in records):
        text = f"the class of {undecided:,} starts is but what nothing excludes: no word of the platform's decided it"
        yield Note("open_starts", text)


def notes_of_estimates(estimates: Mapping[str, Estimate], needs: Mapping[str, str]) -> Iterator[Note]:
    """Every number that may not be told or only in part; fields with the same reason share a note.

    `needs` says by field which sample sizes its percentile asks for. How many there were stands in each estimate.
    """
    fields: dict[tuple[str, str], list[str]] = {}
    for name, estimate in estimates.items():
        label = name.removesuffix("_ms").removeprefix("latency_").replace("_", " ")
        for code, text in doubts_of(label, estimate, needs.get(name)):
            fields.setdefault((code, text), []).append(name)
    for (code, text), names in fields.items():
        yield Note(code, text, tuple(names))


def doubts_of(label: str, estimate: Estimate, need: str | None) -> Iterator[tuple[str, str]]:
    """Code and sentence of whatever keeps one estimate from being whole."""
    why = estimate.why
    if why is not None and why.endswith(UNEVEN):
        yield "uneven_trials", f"a figure without an interval that holds is withheld, of a share the interval: {UNEVEN}"
    elif estimate.value is None and estimate.need is not None and need is not None:
        yield "too_few_samples", need
    elif estimate.value is None and why is not None and why.startswith(AMONG_FAILURES):
        yield "withheld", "a percentile that falls among failures is withheld"
    elif why not in (None, NOT_TRAFFIC, ONE_TRIAL):
        yield "withheld", f"{label}: {why}"
    for warning in estimate.warnings:
        yield "too_few_samples", f"{label}: {warning}"
