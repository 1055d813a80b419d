"""The runs that a review rests on: found by their part in it, and each read and hashed once."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harness.analysis.compare import Comparison, compare_within, margin_of
from harness.analysis.pairing import profile_of
from harness.analysis.summary import Summary
from harness.analysis.table import Key, key_of
from harness.cost.nouns import Costing
from harness.decision.decision import Decision, decide, pairs_of
from harness.errors import RecordError
from harness.files.whole import inside, one_line, safe_name, sha256
from harness.record.folder import RunFolder, latest_attempts
from harness.record.forecast import FILE as FORECAST_FILE
from harness.record.forecast import Forecast
from harness.record.nouns import Manifest, TrialRecord
from harness.record.shelf import list_runs

Pair = tuple[str | None, str | None]
"""A service and a function; None where the run has only the other."""
TEXT_FILES = ("manifest.json", "trials.jsonl")


@dataclass(frozen=True)
class MeasuredRun:
    """All that a review takes from one run. `absent` tells by part (cost, scorecard) why it is not there."""

    folder: RunFolder
    records: list[TrialRecord]
    decision: Decision
    margin: float
    compared: dict[Pair, Comparison]
    absent: dict[str, str]

    @property
    def manifest(self) -> Manifest:
        """What the run says of itself."""
        return self.folder.manifest

    @property
    def summary(self) -> Summary:
        """The run's figures, row by row."""
        return self.decision.summary

    @property
    def costing(self) -> Costing | None:
        """The money; `absent` tells why there is none."""
        return self.decision.costing

    @property
    def cost_sha256(self) -> str | None:
        """Hash of the costing, which tells whether the money is still the same."""
        if self.costing is None:
            return None
        return hashlib.sha256(json.dumps(self.costing.to_json(), sort_keys=True).encode()).hexdigest()

    @property
    def forecast(self) -> Forecast | None:
        """The month that the run forecasts; None where there is none that can be used."""
        return self.decision.forecast

    @property
    def forecast_sha256(self) -> str | None:
        """Hash of forecast.json; None where there is none that can be used."""
        return None if self.forecast is None else sha256(inside(self.folder.path, FORECAST_FILE))

    @property
    def labels(self) -> dict[Key, str]:
        """Profile of each row, with the regime of forced cold starts, as `compare` calls it."""
        return {key_of(record): profile_of(record) for record in self.records}

    @property
    def pairs(self) -> list[Pair]:
        """Those of the scorecards."""
        return pairs_of_run(self.manifest, self.records)

    def emulated(self, target: str) -> bool:
        """Whether a target stands in for something else."""
        return self.manifest.target(target).emulated is True


def pairs_of_run(manifest: Manifest, records: list[TrialRecord]) -> list[Pair]:
    """Of the targets that have trials."""
    return list(pairs_of(dict.fromkeys(sorted({record.target for record in records})), manifest))


def read_run(folder: RunFolder, decide: Callable[[RunFolder], Decision] = decide) -> MeasuredRun:
    """Read a run. RecordError when it is not readable as one; money and scores that cannot be told are absent."""
    records, decision = latest_attempts(folder.trials()), decide(folder)
    margin, _ = margin_of(folder.manifest)
    compared: dict[Pair, Comparison] = {
        (service, function): compare_within(folder, records, (service, function), "targets")
        for service, function in pairs_of_run(folder.manifest, records)
        if service is not None and function is not None
    }
    absent = {part: one_line("\n".join(why)) for part, why in decision.reasons.items()}
    return MeasuredRun(folder, records, decision, margin, compared, absent)


class Runs:
    """The runs of a results folder. `decide` works out costs and scorecards of one."""

    def __init__(self, results: Path, decide: Callable[[RunFolder], Decision] = decide) -> None:
        self.results = results
        self._decide = decide
        self._read: dict[str, MeasuredRun] = {}
        self._hashes: dict[str, str] = {}

    def folder(self, run: str) -> RunFolder:
        """Open a run by its whole id. RecordError when it is not there or not readable."""
        folder = self.results / "runs" / safe_name(run, "run")
        if not (folder / "manifest.json").exists():
            place = self.results / "runs"
            raise RecordError(f"run {run} is not in {place}: restore it, or write a new review of another run")
        return RunFolder.open(folder)

    def read(self, run: str) -> MeasuredRun:
        """Everything that a run says. RecordError when it cannot be read."""
        if run not in self._read:
            self._read[run] = read_run(self.folder(run), self._decide)
        return self._read[run]

    def hash(self, run: str) -> str:
        """What a review calls a run by: one sha256 over everything that its numbers come from."""
        if run not in self._hashes:
            self._hashes[run] = run_hash(self.folder(run))
        return self._hashes[run]

    def anchor_of(self, experiment: str, previous: str, other_than: str, now: datetime) -> str | None:
        """The newest finished run that deployed the images of run `previous` again."""
        finished = [m for m in self._runs_of(experiment, now) if m.finished_at and m.run != other_than]
        anchors = [m for m in finished if m.anchor.get("run") == previous]
        return anchors[-1].run if anchors else None

    def newest(self, experiment: str, cited: str, now: datetime) -> str:
        """The finished run that began last and is no anchor; at least the cited one."""
        runs = [m for m in self._runs_of(experiment, now) if m.run == cited or (m.finished_at and not m.anchor)]
        return runs[-1].run if runs else cited

    def _runs_of(self, experiment: str, now: datetime) -> list[Manifest]:
        """Of every run that counts, in the order in which they began; `review check` names the others."""
        return [
            folder.manifest
            for folder in list_runs(self.results, now)[0]
            if folder.manifest.experiment.get("name") == experiment and folder.path.name == folder.manifest.run
        ]


def run_hash(run: RunFolder) -> str:
    """sha256 over the sha256 of both text files and, by path, of every data file as its trial's line states it.

    That the data files still are what the lines state is another question: `RunFolder.find_damage` answers it.
    """
    stated = {(name, digest) for record in run.trials() for name, digest in record.files.items()}
    try:
        own = [(name, sha256(inside(run.path, name))) for name in TEXT_FILES]
    except OSError as error:
        raise RecordError(f"run {run.manifest.run}: not readable ({error.strerror}): restore it") from None
    text = "".join(f"{digest}  {name}\n" for name, digest in [*own, *sorted(stated)])
    return hashlib.sha256(text.encode()).hexdigest()
