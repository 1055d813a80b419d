"""The evidence table: service beside function, with the ratio and verdict that `compare` gives."""

from dataclasses import dataclass
from itertools import zip_longest

from harness.analysis.comparison import Comparison
from harness.analysis.table import Key, key_of
from harness.record.estimate import plain
from harness.record.figures import MISSING, cell, counted
from harness.record.nouns import FORCED_COLD
from harness.report.cases import words
from harness.review.findings import Findings, Pair
from harness.review.ledger import MEASURES, number
from harness.review.record import Evidence

SHOWN = (
    *("latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "warm_p95_ms", "cold_p50_ms"),
    *("cold_share", "failure_rate", "memory_peak_mb", "cost_per_1k_usd"),
)


@dataclass(frozen=True)
class Line:
    """One measure of both sides; `ids` name the evidence."""

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
class Sides:
    """One service beside one function; the name of a side that the run lacks is empty."""

    service: str
    function: str
    lines: list[Line]
    withheld: list[str]
    """Figures that may not be told, and why."""


def sides_of(found: Findings, evidence: list[Evidence]) -> list[Sides]:
    """Every pair of the run."""
    return [one_pair(found, evidence, pair) for pair in found.pairs]


def one_pair(found: Findings, evidence: list[Evidence], pair: Pair) -> Sides:
    """Workload by workload and profile by profile, in the summary's order."""
    labels = found.labels
    rows: dict[tuple[str, str], tuple[dict[Key, list[Evidence]], dict[Key, list[Evidence]]]] = {}
    for row in evidence:
        if row.target in pair:
            key = key_of(row)
            both = rows.setdefault((row.workload, labels.get(key, row.profile)), ({}, {}))
            both[pair.index(row.target)].setdefault(key, []).append(row)
    lines: list[Line] = []
    for (workload, label), (services, functions) in rows.items():
        for one, other in zip_longest(services.values(), functions.values()):
            lines += block(found, pair, (workload, label), (one or [], other or []))
    withheld = [
        f"{row.id} {row.target}, {row.profile}, {MEASURES[row.field]}: {row.why}"
        for row in evidence
        if row.target in pair and row.value is None and row.why and row.field in SHOWN
    ]
    return Sides(titled(found, pair[0]), titled(found, pair[1]), lines, withheld)


def titled(found: Findings, target: str | None) -> str:
    """An emulated target is called that wherever it stands."""
    if target is None:
        return ""
    return f"{target} (emulated)" if found.emulated(target) else target


def block(found: Findings, pair: Pair, key: tuple[str, str], both: tuple[list[Evidence], list[Evidence]]) -> list[Line]:
    """The measures of one row of each side; a measure that neither has is left out."""
    compared = found.compared.get(pair)
    where = f"{key[0]}, {shown(key[1], both[0] or both[1])}"
    ratios = {r.field: r for r in (compared.rows if compared else []) if (r.workload, r.profile) == key}
    lines = []
    for field in SHOWN:
        service, function = (next((e for e in rows if e.field == field), None) for rows in both)
        if all(e is None or e.value is None for e in (service, function)):
            continue
        ids = " ".join(e.id for e in (service, function) if e is not None and e.value is not None)
        samples = " ".join(MISSING if e is None or e.n is None else f"{e.n:,}" for e in (service, function))
        one, other = (MISSING if e is None else number(field, e.estimate) for e in (service, function))
        ratio, verdict = judged(ratios.get(field), service, function)
        lines.append(Line(where, MEASURES[field], one, other, ratio, verdict, samples, ids))
    return lines


def shown(label: str, rows: list[Evidence]) -> str:
    """The profile with its rate, or as forced cold starts."""
    if label.startswith(FORCED_COLD):
        return label.replace(FORCED_COLD, "forced cold starts", 1)
    return ", ".join([label, *words(rows[0].case, ["rate"])]) if rows else label


def judged(row: Comparison | None, service: Evidence | None, function: Evidence | None) -> tuple[str, str]:
    """Ratio and verdict, if `compare` has this figure of just these rows."""
    cases = [None if e is None else e.case for e in (service, function)]
    if row is None or cases != [plain(row.case_a), plain(row.case_b)]:
        return MISSING, MISSING
    if row.ratio.value is None:
        return MISSING, f"no ratio: {row.ratio.why}"
    ratio = cell(row.ratio)
    told = str(row.verdict) if row.verdict is not None else f"no verdict: {row.why}"
    if row.rounds_needed is not None:
        told += f", about {counted(row.rounds_needed, 'more round')} needed"
    return f"{ratio.main} ({ratio.small})" if ratio.small else ratio.main, told
