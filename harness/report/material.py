"""Everything that a report tells of, read once: summary, comparisons, costs, scorecards and the rows of each trial."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.compare import Comparison, compare_within
from harness.analysis.stats import LEAST_PER_TRIAL
from harness.analysis.summary import Row, Summary
from harness.analysis.trial_figures import TrialFigures, read_trial
from harness.cost.nouns import Costing, SideCost
from harness.decision.decision import Scorecard, decide
from harness.errors import FrostlineError
from harness.files.text import harmless
from harness.record.folder import RunFolder, latest_attempts
from harness.record.forecast import Forecast
from harness.record.lines import trial_key
from harness.record.nouns import FORCED_COLD, TrialRecord
from harness.report.cases import labels
from harness.report.charts.palette import Style, style
from harness.report.nouns import Chart
from harness.report.timeline import Pool

MOST_PAIRS = 6
MOST_CHARTS = 24
"""So many charts a section has at most."""


@dataclass(frozen=True)
class TrialInShort:
    """One trial in short. `median_ms` is infinite when it falls among failures and None when there is none, or it is of
    too few to be told."""

    record: TrialRecord
    median_ms: float | None
    valid: bool


@dataclass(frozen=True)
class Material:
    """`reasons` says what could not be worked out, and why: it must be told."""

    run: RunFolder
    summary: Summary
    pairs: list[Comparison]
    costing: Costing | None
    cards: list[Scorecard]
    reasons: dict[str, list[str]]
    """The reasons by part: comparison, cost, scorecard."""
    pools: list[Pool | None]
    """A pool for each row of the summary, at the row's place; None where no trial of it may be used."""
    trials: list[TrialInShort]
    places: dict[str, int]
    """The place of each row's label among all series of the run."""
    forecast: Forecast | None

    def blocks(self) -> list[list[int]]:
        """Places of the rows of each workload and profile, forced cold starts last."""
        groups: dict[tuple[str, bool, str], list[int]] = {}
        for place, row in enumerate(self.summary.rows):
            groups.setdefault((row.workload, row.profile == FORCED_COLD, row.profile), []).append(place)
        return [groups[key] for key in sorted(groups)]

    def labels(self, block: list[int]) -> list[str]:
        """What the rows of a block are called."""
        return labels([self.summary.rows[place] for place in block])

    def style(self, label: str) -> Style:
        """How the series of a row's or a target's label looks."""
        return style(self.places.get(label, 0))

    def kind(self, target: str) -> str | None:
        """service or function, as the manifest says it."""
        return self.run.manifest.target(target).kind


def gather(run: RunFolder) -> Material:
    """Read a run. What cannot be compared or costed is left out with its reason: the rest is still worth telling."""
    decision, records = decide(run), latest_attempts(run.trials())
    pairs = compare_pairs(run, records, decision.reasons)
    pools, trials = read_trials(run, decision.summary.rows, records)
    return Material(
        run,
        decision.summary,
        pairs,
        decision.costing,
        decision.cards,
        decision.reasons,
        pools,
        trials,
        places=series(decision.summary.rows),
        forecast=decision.forecast,
    )


def compare_pairs(run: RunFolder, records: list[TrialRecord], reasons: dict[str, list[str]]) -> list[Comparison]:
    """Compare every function with every service, as far as a page has room."""
    there = sorted({record.target for record in records})
    services, functions = (
        [name for name in there if run.manifest.target(name).kind == kind] for kind in ("service", "function")
    )
    pairs = [(service, function) for service in services for function in functions]
    if not pairs:
        lacking = " and no ".join(kind for kind, names in (("service", services), ("function", functions)) if not names)
        reason = f"the run has no {lacking} with a stored trial" if there else "the run has no stored trial"
        reasons["comparison"] = [f"{reason}: nothing to set beside each other"]
    if len(pairs) > MOST_PAIRS:
        reasons["comparison"] = [f"{len(pairs) - MOST_PAIRS} more pairs of targets: see `frostline compare A B`"]
    comparisons = []
    for pair in pairs[:MOST_PAIRS]:
        try:
            comparisons.append(compare_within(run, records, pair, "targets"))
        except FrostlineError as error:
            reasons.setdefault("comparison", []).extend(str(error).split("\n"))
    return comparisons


def read_trials(
    run: RunFolder, rows: list[Row], records: list[TrialRecord]
) -> tuple[list[Pool | None], list[TrialInShort]]:
    """Read trial by trial, so that memory holds one trial's rows and the latencies of all."""
    place_of = {trial_key(record): place for place, row in enumerate(rows) for record in row.entered}
    pools: list[Pool | None] = [None for _ in rows]
    trials = []
    for record in records:
        place = place_of.get(trial_key(record))
        figures, rows_of_trial = read_trial(run, record)
        trials.append(TrialInShort(record, median_of(record, figures), place is not None))
        if place is not None and rows_of_trial is not None:
            pool = pools[place] = pools[place] or Pool(record.seconds)
            pool.add(rows_of_trial, forced=record.profile == FORCED_COLD)
    return pools, trials


def median_of(record: TrialRecord, figures: TrialFigures) -> float | None:
    """Median ms of a trial's cold starts, or of all its requests; None where it may not be told."""
    values = figures.values.get("cold" if record.profile == FORCED_COLD else "latency")
    return values.percentile(0.5).value if values and len(values) >= LEAST_PER_TRIAL else None


def series(rows: list[Row]) -> dict[str, int]:
    """A place for every target, then one for every other label that a row has anywhere."""
    names = dict.fromkeys(sorted({harmless(row.target) for row in rows}))
    blocks: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        blocks.setdefault((row.workload, row.profile), []).append(row)
    for block in blocks.values():
        names |= dict.fromkeys(labels(block))
    return {name: place for place, name in enumerate(names)}


def side_of(sides: list[SideCost], row: Row) -> SideCost | None:
    """What costing says of a row, if anything."""
    key = row.workload, row.target, row.profile
    return next((side for side in sides if (side.workload, side.target, side.profile) == key), None)


def profile_name(profile: str) -> str:
    """What a page calls a profile."""
    return "forced cold starts" if profile == FORCED_COLD else harmless(profile)


def title(material: Material, row: Row, *more: str) -> str:
    """A chart's title: the workload, where there are several, the profile, and what else there is to say."""
    several = len({row.workload for row in material.summary.rows}) > 1
    return " · ".join([*([harmless(row.workload)] if several else []), profile_name(row.profile), *more])


def limit_charts(charts: Sequence[Chart]) -> tuple[list[Chart], list[str]]:
    """As many charts as a page has room for, and what is to be said of the rest."""
    rest = len(charts) - MOST_CHARTS
    return list(charts[:MOST_CHARTS]), [f"{rest} more charts of this kind are left out"] if rest > 0 else []
