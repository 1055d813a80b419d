"""`frostline schedule show`: what is measured again, when it was measured last, and what asks for a person."""

from pathlib import Path

from rich.console import Console

from harness.clock import Quarter, utc_now
from harness.files.text import harmless
from harness.schedule.changelog import asked, change_of
from harness.schedule.due import Standing, began, standing, stored
from harness.schedule.plan import Plan, read_plan


def show(plan: Path, results: Path, console: Console) -> None:
    """Prints; an entry of the changelog is begun where a definition changed since its last run."""
    schedule, experiments = read_plan(plan)
    manifests, told = stored(results)
    now = utc_now()
    standings = [standing(experiment.name, manifests, now) for experiment in experiments]
    told = [f"{plan}: {schedule.moment}; now {Quarter.of(now)}", *told]
    for experiment, stand in zip(experiments, standings, strict=True):
        told += lines(stand, schedule)
        if change := change_of(experiment, stand.last):
            told.append(f"  its definition changed since then ({change.before} -> {change.after})")
    changes = [
        change for it, stand in zip(experiments, standings, strict=True) if (change := change_of(it, stand.last))
    ]
    told += [f"NEEDS YOU: {line}" for line in asked(results, changes, [it.name for it in experiments])]
    for line in told:
        console.print(harmless(line), markup=False, soft_wrap=True)


def lines(stand: Standing, schedule: Plan) -> list[str]:
    """Of one experiment."""
    if stand.last is None:
        return [f"{stand.experiment}: never measured; due now, and then it has no anchor"]
    moment = began(stand.last)
    when = f"{moment:%Y-%m-%d}" if moment else "?"
    following = stand.quarter.next
    due = f"{following.year}-{following.month:02}-{schedule.moment.day:02}"
    state = "due now" if stand.due else f"measured in {stand.quarter}, due again {due}"
    found = [f"{stand.experiment}: {state}; last run {stand.last.run} ({when})"]
    if stand.anchor:
        found.append(f"  anchor: run {stand.anchor.run} deployed the images of {stand.anchor.anchor.get('run')}")
    return found
