"""How to make the run again: commands, digests, the experiment as it was stored."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from harness.errors import RecordError
from harness.files.strict_yaml import write_mapping
from harness.files.text import harmless
from harness.files.whole import NAME, inside, sha256
from harness.record.definition import name_or_file
from harness.record.figures import MISSING, Cell, figure
from harness.record.folder import RunFolder
from harness.record.nouns import Manifest, TrialRecord, package_identity
from harness.report.blocks import Column, Table
from harness.report.nouns import Repeat

COMMIT = re.compile(r"[0-9a-f]{7,64}")
MOST_YAML = 60_000
"""Characters; an experiment has a few thousand."""


def repeat(run: RunFolder) -> Repeat:
    """Everything that another person needs to make the run again."""
    manifest = run.manifest
    text = write_mapping(manifest.experiment, allow_unicode=False, width=100)
    remarks = ["The numbers will differ within their intervals; seed and arrivals will not."]
    if len(text) > MOST_YAML:
        text, cut = text[:MOST_YAML], f"the experiment is cut off here after {MOST_YAML:,} characters"
        remarks.append(f"{cut}: manifest.json has it whole")
    if manifest.finished_at is None:
        remarks.append("The run is not finished.")
    tables = [digests(run), packages(manifest), machine(manifest), limits(run.trials())]
    return Repeat(list(commands(manifest)), remarks, [table for table in tables if table.columns[0].cells], text)


def commands(manifest: Manifest) -> Iterator[str]:
    """Lines for a shell that make the run again; a name that is not safe in one is replaced."""
    software = manifest.facts.get("software", {})
    commit = software.get("commit")
    if isinstance(commit, str) and COMMIT.fullmatch(commit):
        yield f"git checkout {commit}"
    name = manifest.experiment.get("name")
    safe = name if isinstance(name, str) and NAME.fullmatch(name) else "experiment"
    if name_or_file(safe) == safe:
        yield f"frostline run {safe} --rounds {manifest.rounds}"
        yield f"# where {safe} has changed since: save the experiment below as {safe}-then.yaml"
        yield f"frostline run {safe}-then.yaml"
    else:
        yield f"# save the experiment below as {safe}.yaml"
        yield f"frostline run {safe}.yaml"


def digests(run: RunFolder) -> Table:
    """Seed and hashes. trials.jsonl holds the sha256 of every file of rows and samples."""
    manifest = run.manifest
    software = manifest.facts.get("software", {})
    facts = {
        "run": manifest.run,
        "seed": manifest.seed,
        "rounds": manifest.rounds,
        "experiment sha256": manifest.experiment_sha256,
        "manifest.json sha256": file_sha256(run, "manifest.json"),
        "trials.jsonl sha256": file_sha256(run, "trials.jsonl"),
        "Frostline": software.get("frostline"),
        "sha256 of what measures": software.get("measuring_sha256"),
        "source sha256": software.get("source_sha256"),
        "commit": software.get("commit"),
        "Python": software.get("python"),
    }
    return two_columns("Identity", "trials.jsonl names the sha256 of every file of rows and samples", facts)


def file_sha256(run: RunFolder, name: str) -> str | None:
    """The sha256 of a file as it is now; None where there is none to read."""
    try:
        return sha256(inside(run.path, name))
    except (OSError, RecordError):
        return None


def two_columns(title: str, about: str, facts: dict[str, Any]) -> Table:
    """A table of names and values; what is not known is a dash."""
    values = [Cell(MISSING if value is None else harmless(value)) for value in facts.values()]
    return Table(
        title, about, [Column("what", 0, [Cell(harmless(name)) for name in facts]), Column("value", 0, values)]
    )


def packages(manifest: Manifest) -> Table:
    """A table of the packages: digest, size and base of each."""
    stored = sorted(manifest.packages.items())
    sizes = [package.get("size_bytes", package.get("site_bytes")) for _, package in stored]
    columns = [
        Column("package", 0, [Cell(harmless(key)) for key, _ in stored]),
        Column("digest", 0, [Cell(text_or_dash(package_identity(package))) for _, package in stored]),
        Column("MB", 0, [Cell(figure(s / 2**20 if isinstance(s, int) and s >= 0 else None)) for s in sizes]),
        Column("base", 0, [Cell(text_or_dash(package.get("base"))) for _, package in stored]),
    ]
    return Table(
        "Packages", "image id, or content hash of the folder; MB of the image, or of the installed packages", columns
    )


def text_or_dash(value: Any) -> str:
    """A text, or a dash for anything else."""
    return harmless(value) if isinstance(value, str) else MISSING


def limits(trials: Sequence[TrialRecord]) -> Table:
    """What units had of threads, of disk and of shared memory, by target, as it was deployed last."""
    told: dict[str, Any] = {}
    for trial in trials:
        unlike = trial.deployment.get("unlike_lambda")
        facts = {name: trial.deployment.get(name) for name in ("threads", "tmp", "shared_memory")}
        facts["unlike_lambda"] = "; ".join(map(str, unlike)) if isinstance(unlike, list) else None
        told |= {f"{trial.target}: {name.replace('_', ' ')}": of for name, of in facts.items() if isinstance(of, str)}
    return two_columns("Limits", "what a unit had, as its target says", dict(sorted(told.items())))


def machine(manifest: Manifest) -> Table:
    """Where the run was made; the host's name is a hash."""
    facts = manifest.facts.get("machine", {})
    names = ("cpu", "cpus", "memory_mb", "architecture", "system", "host")
    return two_columns("Machine", "host is a hash", {n.replace("_", " "): facts.get(n) for n in names if n in facts})
