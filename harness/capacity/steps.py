"""Carries out lone requests and the steps: each rate is a stored run of its own, whose rows are judged afterwards."""

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.capacity.judging import Arrivals, percentile_ms, read_arrivals, warm_up_s
from harness.capacity.lone import Sent
from harness.capacity.order import SLACK, CapacityOrder
from harness.capacity.search import Probe
from harness.errors import TrialError
from harness.experiment.plan import Trial
from harness.experiment.question import Experiment, parse_experiment
from harness.files.whole import sha256
from harness.measure.constancy import changes
from harness.measure.fitting import fit_to_machine
from harness.measure.run import start_run
from harness.measure.walk import Watcher
from harness.record.capacity import Step
from harness.record.estimate import round_digits
from harness.record.folder import RunFolder, latest_attempts
from harness.record.nouns import Manifest, TrialRecord, package_identity

ATTEMPTS = 3
LEAST_PATIENCE_S, MOST_PATIENCE_S = 2.0, 900.0
PATIENCE = 4
"""Times the objective that a client waits."""
START_PATIENCE_S = 60.0
"""Of a function's clients, who wait for starts; without a free sandbox they are turned away at once."""


class Steps:
    """What was carried out so far. `tell` hears the judged steps of each rate, all attempts among them."""

    def __init__(
        self,
        order: CapacityOrder,
        folder: Path,
        watcher: Watcher,
        tell: Callable[[list[Step]], None],
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.order = order
        self.taken: list[Step] = []
        self.manifest: Manifest | None = None
        """Of the first run: later ones must not differ from it."""
        self.warm_up_s = 0.0
        self.earlier = 0
        """Steps among those taken that an earlier call carried out."""
        self.met_start = 0
        """Judged requests that met a start all the same."""
        self._folder, self._watcher, self._tell = folder, watcher, tell
        self._settings = {**order.settings, **(settings or {})}

    def send_lone(self, gap_s: float, count: int) -> Sent:
        """So many requests at even gaps. TrialError when nothing could be sent."""
        # Half a gap less, so that rounding adds no request.
        run, _ = self._run(self._experiment("constant", {"rate": 1 / gap_s}, (count - 0.5) * gap_s, 1))
        record = latest_attempts(run.trials())[0]
        arrivals, problems = read_arrivals(run, record)
        lone = None if arrivals is None else arrivals.lone()
        if arrivals is None or lone is None or not len(lone) or np.isnan(arrivals.done_s).all():
            # A service that did not start has rows, too.
            why = "; ".join([*problems, *record.warnings]) or "no arrivals"
            raise TrialError(f"nothing could be sent to {self.order.target}: {why}")
        self.warm_up_s = max(self.warm_up_s, warm_up_s(arrivals))
        waited_ms = 1000 * np.nan_to_num(lone.done_s - lone.scheduled_s)
        before_ms = record.begin.warm_ms if record.begin else []
        return Sent(arrivals, max([float(waited_ms.max()), *before_ms]), run.manifest.run, problems)

    def minutes_at(self, rate: float | None) -> float:
        """About how long the steps at one rate take; None: at one whose steps are no longer than they must be."""
        rate = SLACK * self.order.needed / self.order.step_s if rate is None else rate
        return fit_to_machine(self._step(rate)).expected_minutes

    def take_up(self, steps: list[Step], warm_up_s: float) -> None:
        """What an earlier call carried out, before any step of this one. All steps have the same warm-up."""
        self.taken, self.earlier, self.warm_up_s = list(steps), len(steps), warm_up_s

    def probe(self, rate: float) -> Probe:
        """Repeated steps at one rate."""
        run, trials = self._run(self._step(rate))
        digest = sha256(run.path / "trials.jsonl")
        records = run.trials()
        found = [self._judge(run, record, trials[record.trial], rate, digest) for record in records]
        self.taken += found
        self._tell(found)
        last = {step.repeat: step for step in found}.values()
        valid = [step for step in last if step.valid]
        return Probe(rate, sum(step.held for step in valid), len(valid), self.order.repeats)

    def _judge(self, run: RunFolder, record: TrialRecord, trial: Trial, rate: float, digest: str) -> Step:
        arrivals, problems = read_arrivals(run, record)
        judged = None if arrivals is None else arrivals.since(self.warm_up_s)
        n = 0 if judged is None else len(judged)
        if not problems and n < self.order.needed:
            problems = [f"{n} requests, p{self.order.percentile:g} needs {self.order.needed}"]
        reached = None if problems or judged is None else self._percentile_ms(judged)
        return Step(
            rate=rate,
            repeat=record.round,
            attempt=record.attempt,
            seed=trial.arrival_seed,
            requests=n,
            percentile_ms=None if reached is None else round_digits(reached),
            held=reached is not None and reached <= self.order.latency_ms,
            valid=not problems,
            problem=problems[0][:2000] if problems else None,
            run=run.manifest.run,
            trials_sha256=digest,
        )

    def _percentile_ms(self, judged: Arrivals) -> float:
        self.met_start += int(judged.met_start.sum())
        return percentile_ms(judged, self.order.percentile / 100)

    def _run(self, experiment: Experiment) -> tuple[RunFolder, dict[str, Trial]]:
        """TrialError when machine, code or package are no longer those that the search began with."""
        runnable = fit_to_machine(experiment)
        run = start_run(runnable, self._folder, self._watcher)
        if self.manifest is None:
            self.manifest = run.manifest
        found = changes(_constants(self.manifest), _constants(run.manifest))
        if found:
            raise TrialError("\n".join(f"changed since the search began: {line}" for line in found))
        return run, {trial.id: trial for trial in runnable.trials}

    def _step(self, rate: float) -> Experiment:
        seconds = self.warm_up_s + self.order.seconds_at(rate)
        return self._experiment("steady", {"rate": rate}, seconds, self.order.repeats)

    def _experiment(self, profile: str, parameters: dict[str, float], seconds: float, rounds: int) -> Experiment:
        order = self.order
        # A seed of its own for each rate: with the same arrivals everywhere the repeats would not be independent.
        seed = random.Random(f"{order.seed}/{profile}/{len(self.taken)}").getrandbits(63)  # noqa: S311
        return parse_experiment(
            {
                "name": "capacity",
                "question": f"Does {order.target} serve {order.workload} at this rate with {order.objective}?",
                "workloads": [{"name": order.workload, "settings": self._settings, "model_dir": order.model_dir}],
                "targets": [order.target],
                "profiles": [{profile: {**parameters, "seconds": seconds}}],
                "cold_starts": 0,
                "rounds": rounds,
                "attempts": ATTEMPTS,
                "seed": seed,
                "sizing": order.sizing.model_dump(),
                "function": {**order.function.model_dump(), "concurrency_limit": order.concurrency_limit},
                "settings": {order.target: order.own} if order.own else {},
                "load": {**order.load.model_dump(), "timeout_s": patience_s(order)},
                "objective": {"percentile": order.percentile, "latency_ms": order.latency_ms},
            },
            "capacity",
        )


def patience_s(order: CapacityOrder) -> float:
    """How long a client waits: beyond the objective, and not so long that a service's queue outlasts the step."""
    waits = max(LEAST_PATIENCE_S, PATIENCE * order.latency_ms / 1000)
    return min(MOST_PATIENCE_S, max(waits, START_PATIENCE_S) if order.limits_units else waits)


def _constants(manifest: Manifest) -> dict[str, Any]:
    packages = {key: package_identity(facts) for key, facts in manifest.packages.items()}
    return {**(manifest.facts.get("lasting") or {}), **packages}
