"""The tables of a review: service beside function, figure by figure, and the bill of each side."""

from dataclasses import dataclass
from itertools import zip_longest

from harness.analysis.compare import ComparisonRow
from harness.analysis.table import Key, key_of
from harness.cost.nouns import TERMS, BreakEven, SideCost
from harness.cost.words import NOT_STATED
from harness.record.estimate import plain
from harness.record.figures import MISSING, cell, figure, plural
from harness.record.nouns import FORCED_COLD
from harness.report.cases import words
from harness.review.figures import LATENCY, MEASURES, cite, find, number, rate, with_interval
from harness.review.record import CitedFigure
from harness.review.runs import MeasuredRun, Pair

FIELDS = (
    *(*LATENCY, "warm_p95_ms", "cold_p50_ms"),
    *("cold_share", "failure_rate", "memory_peak_mb", "cost_per_1k_usd"),
)
Figures = list[CitedFigure]


@dataclass(frozen=True)
class EvidenceLine:
    """One measure of both sides; `ids` name the figures."""

    where: str
    measure: str
    service: str
    function: str
    ratio: str
    verdict: str
    n: str
    """Samples of the one and the other; what has none has no interval either."""
    ids: str


@dataclass(frozen=True)
class EvidenceTable:
    """One service beside one function; the name of a side that the run lacks is empty."""

    service: str
    function: str
    lines: list[EvidenceLine]
    withheld: list[str]
    """Figures that may not be told, and why."""


def evidence_tables(run: MeasuredRun, figures: Figures) -> list[EvidenceTable]:
    """A table for every pair of the run."""
    return [evidence_table(run, figures, pair) for pair in run.pairs]


def evidence_table(run: MeasuredRun, figures: Figures, pair: Pair) -> EvidenceTable:
    """Workload by workload and profile by profile, in the summary's order."""
    labels = run.labels
    rows: dict[tuple[str, str], tuple[dict[Key, Figures], dict[Key, Figures]]] = {}
    for f in figures:
        if f.target in pair:
            key = key_of(f)
            both = rows.setdefault((f.workload, labels.get(key, f.profile)), ({}, {}))
            both[pair.index(f.target)].setdefault(key, []).append(f)
    lines: list[EvidenceLine] = []
    for (workload, label), (services, functions) in rows.items():
        for service, function in zip_longest(services.values(), functions.values()):
            lines += lines_of_row(run, pair, (workload, label), (service or [], function or []))
    withheld = [
        f"{f.id} {f.target}, {f.profile}, {MEASURES[f.field]}: {f.why}"
        for f in figures
        if f.target in pair and f.value is None and f.why and f.field in FIELDS
    ]
    return EvidenceTable(target_title(run, pair[0]), target_title(run, pair[1]), lines, withheld)


def target_title(run: MeasuredRun, target: str | None) -> str:
    """An emulated target is called that wherever it stands."""
    if target is None:
        return ""
    return f"{target} (emulated)" if run.emulated(target) else target


def lines_of_row(
    run: MeasuredRun, pair: Pair, key: tuple[str, str], both: tuple[Figures, Figures]
) -> list[EvidenceLine]:
    """The measures of one row of each side; a measure that neither has is left out."""
    compared = run.compared.get(pair)
    where = f"{key[0]}, {profile_words(key[1], both[0] or both[1])}"
    ratios = {r.field: r for r in (compared.rows if compared else []) if (r.workload, r.profile) == key}
    lines = []
    for field in FIELDS:
        service, function = (next((f for f in figures if f.field == field), None) for figures in both)
        present = [f for f in (service, function) if f is not None and f.value is not None]
        if not present:
            continue
        values = [MISSING if f is None else number(field, f.estimate) for f in (service, function)]
        samples = " ".join(MISSING if f is None or f.n is None else f"{f.n:,}" for f in (service, function))
        ratio, verdict = ratio_and_verdict(ratios.get(field), service, function)
        ids = " ".join(f.id for f in present)
        lines.append(EvidenceLine(where, MEASURES[field], values[0], values[1], ratio, verdict, samples, ids))
    return lines


def profile_words(label: str, figures: Figures) -> str:
    """The profile with its rate, or as forced cold starts."""
    if label.startswith(FORCED_COLD):
        return label.replace(FORCED_COLD, "forced cold starts", 1)
    return ", ".join([label, *words(figures[0].case, ["rate"])]) if figures else label


def ratio_and_verdict(
    row: ComparisonRow | None, service: CitedFigure | None, function: CitedFigure | None
) -> tuple[str, str]:
    """In words, if `compare` has this figure of just these rows."""
    cases = [None if f is None else f.case for f in (service, function)]
    if row is None or cases != [plain(row.case_a), plain(row.case_b)]:
        return MISSING, MISSING
    if row.ratio.value is None:
        return MISSING, f"no ratio: {row.ratio.why}"
    verdict = str(row.verdict) if row.verdict is not None else f"no verdict: {row.why}"
    if row.rounds_needed is not None:
        verdict += f", about {plural(row.rounds_needed, 'more round')} needed"
    return with_interval(cell(row.ratio)), verdict


@dataclass(frozen=True)
class BillLine:
    """One side's month: the terms in order, both totals billed with their ids, the month with what is stated."""

    where: str
    bought: str
    terms: list[str]
    month: str
    per_1k: str
    with_stated: str


def bill(run: MeasuredRun, figures: Figures) -> list[BillLine]:
    """A line for every side of the costing."""
    return [bill_line(side, figures) for side in (run.costing.sides if run.costing else [])]


def bill_line(side: SideCost, figures: Figures) -> BillLine:
    """A term that was not stated is absent, never 0."""
    usd = {term.name: term.usd_per_month for term in side.terms}
    month, per_1k = (
        cite(find(figures, side.target, side.profile, field, side.workload))
        for field in ("cost_per_month_usd", "cost_per_1k_usd")
    )
    bought = side.purchase.sku if side.replicas is None else f"{side.replicas} x {side.purchase.sku}"
    where = f"{side.workload}, {side.target}, {side.profile}"
    with_stated = figure(side.per_month_with_stated_usd.value) if side.per_month_with_stated_usd else MISSING
    return BillLine(where, bought, [figure(usd.get(name)) for name in TERMS], month, per_1k, with_stated)


def bill_remarks(run: MeasuredRun) -> list[str]:
    """What must be told with every figure: absent terms, sizes that are not the measured ones, assumptions."""
    if run.costing is None:
        return []
    profiles: dict[tuple[str, str], dict[str, None]] = {}
    for side in run.costing.sides:
        untold = [term for term in side.terms if term.usd_per_month is None and term.basis != NOT_STATED]
        texts = [f"{term.name}: {term.basis}" for term in untold]
        texts += [text for text in (side.purchase.remark, side.per_month_usd.why, *side.notes) if text]
        for text in texts:
            profiles.setdefault((side.target, text), {})[side.profile] = None
    sides = [f"{target} ({', '.join(names)}): {text}" for (target, text), names in profiles.items()]
    return list(dict.fromkeys([*sides, *run.costing.notices]))


def break_even_words(crossing: BreakEven) -> str:
    """E.g. filetype, steady: docker-lambda and docker-service cost the same at 12.1 (10.4-13.9) requests per second;
    the costing's own words where there is no crossing."""
    where = f"{crossing.workload}, {crossing.profile}"
    if crossing.rate.value is None:
        return f"{where}: {crossing.words}"
    low, high = crossing.rate.low, crossing.rate.high
    interval = f" ({figure(low)} to {figure(high)})" if low is not None and high is not None else " (no interval)"
    same = f"{crossing.function} and {crossing.service} cost the same at {rate(crossing.rate.value)}{interval}"
    return f"{where}: {same}; {crossing.words}"
