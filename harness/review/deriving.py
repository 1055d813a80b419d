"""From a run (and the review before) to the whole machine part of a review; the same input gives the same text."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.clock import moment_of
from harness.errors import RecordError
from harness.record.figures import counted, figure
from harness.record.folder import RunFolder
from harness.record.nouns import Manifest
from harness.report.heading import minute
from harness.review import change, money, worksheet
from harness.review.anchors import cited_run
from harness.review.direction import primary_of, recommended, why
from harness.review.evidence import evidence_of
from harness.review.findings import Findings
from harness.review.front_matter import as_front_matter
from harness.review.hashing import run_hash
from harness.review.page import markdown
from harness.review.record import REVIEW_SCHEMA, CitedReview, CitedRun, Evidence, ReviewRecord
from harness.review.sides import sides_of
from harness.review.triggers import triggers_of

MOST_DOUBTS = 12


@dataclass(frozen=True)
class Order:
    """What a review is given besides its run. `anchor` is pinned, since another one may come later."""

    quarter: str
    name: str
    written_on: str
    written_by: str
    previous: CitedReview | None = None
    before: ReviewRecord | None = None
    """The record of `previous`."""
    anchor: str | None = None


def derive(results: Path, found: Findings, order: Order) -> tuple[ReviewRecord, str]:
    """The record and the text of the file, with people's parts empty. RecordError when a run cannot be read."""
    evidence = evidence_of(found)
    record = record_of_run(results, found, order, evidence)
    values = {
        "record": record,
        "measured": minute(record.measured_at),
        **limits(found),
        **worksheet_values(found, evidence),
        "sides": sides_of(found, evidence),
        "costing": found.costing,
        "absent": found.absent,
        "bills": money.bills(found, evidence),
        "break_evens": money.break_evens(found),
        "money_remarks": money.remarks(found),
        "cards": found.decision.cards,
        "missing": None,
        "why": why(found, evidence),
        **change_values(results, found, order, evidence, record),
        "doubts": doubts(found),
    }
    return record, f"{as_front_matter(record)}\n{markdown(values)}"


def record_of_run(results: Path, found: Findings, order: Order, evidence: list[Evidence]) -> ReviewRecord:
    """The front matter."""
    manifest, cards = found.folder.manifest, recommended(found)
    primary = primary_of(cards)
    return ReviewRecord(
        schema=REVIEW_SCHEMA,
        quarter=order.quarter,
        name=order.name,
        written_on=order.written_on,
        written_by=order.written_by,
        experiment=experiment_of(manifest),
        experiment_sha256=manifest.experiment_sha256,
        run=manifest.run,
        run_hash=run_hash(found.folder),
        measured_at=measured_at(manifest),
        rounds=manifest.rounds,
        margin=found.margin,
        cost_sha256=found.cost_sha256,
        recommendations=cards,
        primary=primary,
        triggers=triggers_of(found, evidence, primary),
        previous=order.previous,
        runs=cited_runs(results, found.folder, order),
        evidence=evidence,
    )


def experiment_of(manifest: Manifest) -> str:
    """Its name; RecordError for a run without one."""
    name = manifest.experiment.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= 2000:
        raise RecordError(f"run {manifest.run}: experiment.name is no name: a review needs a run of an experiment")
    return name


def measured_at(manifest: Manifest) -> str:
    """When the run ended, or began where it did not end."""
    moment = manifest.finished_at or manifest.started_at
    try:
        moment_of(moment)
    except ValueError:
        told = f"run {manifest.run}: manifest.json: {moment[:80]!r} is no time with a zone: restore it"
        raise RecordError(told) from None
    return moment


def cited_runs(results: Path, folder: RunFolder, order: Order) -> list[CitedRun]:
    """Every run that a number comes from."""
    cited = [CitedRun(role="run", run=folder.manifest.run, hash=run_hash(folder))]
    if order.before is not None:
        cited.append(CitedRun(role="previous", run=order.before.run, hash=order.before.run_hash))
    if order.anchor is not None:
        cited.append(CitedRun(role="anchor", run=order.anchor, hash=run_hash(cited_run(results, order.anchor))))
    return cited


def limits(found: Findings) -> dict[str, Any]:
    """What was asked and by which measure."""
    stated = found.decision.objective
    objective = f"p{stated.percentile:g} of latency at most {figure(stated.latency_ms)} ms" if stated else "none stated"
    question = found.experiment.get("question")
    return {
        "question": question if isinstance(question, str) and question else "The experiment asks no question.",
        "objective": objective,
        "margin": f"{found.margin:g}, so that an interval within it is SAME; a verdict asks for 10 rounds, there are "
        f"{found.summary.rounds}",
        "expected": worksheet.expected_traffic(found),
    }


def worksheet_values(found: Findings, evidence: list[Evidence]) -> dict[str, Any]:
    """Its four measured fields, and the hours that the cost takes."""
    return {
        "volumes": worksheet.volumes(evidence),
        "median": worksheet.MEDIAN,
        "latencies": worksheet.latencies(evidence),
        "warm_and_cold": worksheet.warm_and_cold(evidence),
        "utilisations": worksheet.utilisations(evidence),
        "engineering": worksheet.engineering(found),
    }


def change_values(
    results: Path, found: Findings, order: Order, evidence: list[Evidence], record: ReviewRecord
) -> dict[str, Any]:
    """Beside the previous review, if there is one."""
    if order.before is None:
        return {"before": None}
    all_of_them = change.changes(order.before, evidence, record.rounds)
    told = sum(row.value is not None for row in evidence)
    anchored, rows, remarks = split_values(results, found, order, order.before)
    return {
        "before": order.before,
        "weak": change.WEAK,
        "changes": [one for one in all_of_them if not one.within],
        "in_short": change.in_short(all_of_them),
        "alone": told - len(all_of_them),
        "anchored": anchored,
        "splits": rows,
        "split_remarks": remarks,
        "signal": record.primary == order.before.primary and record.primary != "undecided",
    }


def split_values(
    results: Path, found: Findings, order: Order, before: ReviewRecord
) -> tuple[str | None, list[change.Split], list[str]]:
    """The anchor's id, and both changes; the run under review may itself be the anchor."""
    itself = found.folder.manifest.anchor.get("run") == before.run
    if not itself and order.anchor is None:
        return None, [], []
    anchor = found.folder if itself else cited_run(results, order.anchor or "")
    rows, remarks = change.splits(cited_run(results, before.run), anchor, None if itself else found.folder)
    return anchor.manifest.run, rows, remarks


def doubts(found: Findings) -> list[str]:
    """Problems first; what the run said aloud; what makes comparisons doubtful."""
    problems, summary = found.summary.problems, found.summary
    told = [f"INVALID: {text}" for text in problems[:MOST_DOUBTS]]
    if len(problems) > MOST_DOUBTS:
        told.append(f"{counted(len(problems) - MOST_DOUBTS, 'more problem')}: frostline show {summary.run}")
    told += summary.notices
    for compared in found.compared.values():
        told += compared.warnings
    notes = [note.text for row in summary.rows for note in row.notes if note.code == "emulated"]
    return list(dict.fromkeys([*told, *notes]))
