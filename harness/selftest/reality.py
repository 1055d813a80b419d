"""The forecast held against what was measured: each round's own arrivals, by the samples of all other rounds.

What a round's schedule would do is simulated by the very functions that simulate a month; then reality is beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.analysis.stats import Floats
from harness.analysis.summary import Row
from harness.analysis.trial_rows import MS_PER_NS, NS_PER_S, read_rows
from harness.forecast.outcome import Served
from harness.forecast.samples import Bag, read_cold, read_warm
from harness.forecast.sides import slots_of
from harness.forecast.simulate import serve_by_function, serve_by_service
from harness.forecast.spells import Spell
from harness.record.nouns import FORCED_COLD, TrialRecord
from harness.selftest.check import Check, absent
from harness.selftest.testimony import Exam
from targets.rules.fixed_replicas import FixedReplicas
from targets.rules.lambda_pool import PoolLimits

PROFILE = "replay"
DRAWS = 200
"""Simulations of each round."""
COUNT_SHARE, LATENCY_SHARE, PEAK_SLACK = 0.05, 0.10, 1
MOST_OUTSIDE = 0.1
"""Of the rounds, whose cold starts may lie outside of what was forecast."""
MS_PER_S = 1000


@dataclass(frozen=True)
class Samples:
    """What rounds are forecast from. The model waits and takes no CPU: more busy units than CPUs slow nothing here."""

    kind: str
    warm: Bag
    cold: Bag

    @classmethod
    def read(cls, exam: Exam, traffic: Row, forced: Row) -> "Samples":
        """Of both rows' valid trials. RecordError where one is not readable."""
        kind = exam.run.manifest.target(exam.target).kind or ""
        return cls(kind, read_warm(exam.run, traffic.entered)[0], read_cold(exam.run, forced.entered))

    def rounds_but(self, number: int) -> list[int]:
        """All rounds but this one, so that no round is forecast from itself; of a single round, that one."""
        return [each for each in self.warm.rounds if each != number] or list(self.warm.rounds)


@dataclass(frozen=True)
class Round:
    """One round: what was measured, and each draw's forecast of the same."""

    record: TrialRecord
    cold: int
    peak: int
    latency_ms: Floats
    queue_ms: Floats
    """Of a service, for each request; empty for a function."""
    drawn_cold: Floats
    drawn_peak: Floats
    drawn_latency_ms: Floats
    """A row for each draw."""
    drawn_queue_ms: Floats

    @property
    def interval(self) -> tuple[int, int]:
        """Between which 95 % of the draws' cold starts lie."""
        low, high = np.quantile(self.drawn_cold, [0.025, 0.975], method="inverted_cdf")
        return int(low), int(high)

    @property
    def within(self) -> bool:
        """Whether the measured cold starts lie there."""
        low, high = self.interval
        return low <= self.cold <= high


def forecast_holds(exam: Exam) -> Iterator[Check]:
    """Cold starts, the busy peak and latency of a function; latency and waiting of a service of one replica."""
    rows = {row.profile: row for row in exam.summary.rows if row.valid}
    if lacking := [name for name in (PROFILE, FORCED_COLD) if name not in rows]:
        yield absent("forecast beside reality", exam.target, f"no valid row of {' and '.join(lacking)}")
        return
    samples = Samples.read(exam, rows[PROFILE], rows[FORCED_COLD])
    rounds = [forecast_round(exam, samples, record) for record in rows[PROFILE].entered]
    if samples.kind == "function":
        yield from of_function(exam.target, rounds)
    else:
        waited = float(np.mean(np.concatenate([each.queue_ms for each in rounds])))
        drawn_wait = float(np.mean(np.concatenate([each.drawn_queue_ms for each in rounds], axis=1)))
        yield beside("mean wait, ms", exam.target, waited, drawn_wait, LATENCY_SHARE)
    measured = np.concatenate([each.latency_ms for each in rounds])
    drawn = np.concatenate([each.drawn_latency_ms for each in rounds], axis=1)
    p95 = [float(np.quantile(values, 0.95, method="inverted_cdf")) for values in (measured, drawn.ravel())]
    yield beside("p95 over all rounds, ms", exam.target, p95[0], p95[1], LATENCY_SHARE)


def of_function(target: str, rounds: list[Round]) -> Iterator[Check]:
    """Its starts and its peak."""
    within = sum(each.within for each in rounds)
    least = len(rounds) - int(MOST_OUTSIDE * len(rounds))
    name = "rounds whose cold starts lie within the forecast interval"
    yield Check(name, target, f"{least} of {len(rounds)} at least", f"{within} of {len(rounds)}", within >= least)
    cold, drawn = sum(each.cold for each in rounds), float(sum(np.mean(each.drawn_cold) for each in rounds))
    yield beside("cold starts over all rounds", target, cold, drawn, COUNT_SHARE)
    peak, forecast = max(each.peak for each in rounds), float(np.median(np.max([r.drawn_peak for r in rounds], axis=0)))
    name = f"most requests at once, within {PEAK_SLACK}"
    yield Check(name, target, peak, forecast, abs(peak - forecast) <= PEAK_SLACK)


def beside(name: str, target: str, measured: float, forecast: float, share: float) -> Check:
    """What was measured is the truth here, and the forecast is held against it."""
    ok = abs(forecast - measured) <= share * measured
    return Check(f"{name}, forecast within {100 * share:g} %", target, measured, forecast, ok)


def forecast_round(exam: Exam, samples: Samples, record: TrialRecord) -> Round:
    """One round's arrivals through the rules, many times, by samples that are not of this round."""
    rows = read_rows(exam.run, record, samples=False)
    stream = np.random.default_rng(record.round)
    draws = [serve(samples, record, np.sort(rows.scheduled_ns) / NS_PER_S, stream) for _ in range(DRAWS)]
    in_flight, is_service = rows.in_flight[~np.isnan(rows.in_flight)], samples.kind == "service"
    return Round(
        record,
        cold=int(np.sum(rows.met_start)),
        peak=int(in_flight.max(initial=0)),
        latency_ms=rows.latency_ms,
        queue_ms=rows.queue_ns * MS_PER_NS if is_service else np.empty(0),
        drawn_cold=np.array([draw.cold.sum() for draw in draws], float),
        drawn_peak=np.array([draw.busy_peak or 0 for draw in draws], float),
        drawn_latency_ms=np.array([draw.latency_s for draw in draws]) * MS_PER_S,
        drawn_queue_ms=np.array([draw.queue_s for draw in draws]) * MS_PER_S if is_service else np.empty(0),
    )


def serve(samples: Samples, record: TrialRecord, arrivals_s: Floats, stream: np.random.Generator) -> Served:
    """As the month is, but for a pool that begins with the sandboxes that the trial began with, and for as many
    replicas as there were, all of them ready."""
    spells, case = [Spell(arrivals_s, 0.0, record.seconds, (0,))], record.case
    drawn = (spells, samples.rounds_but(record.round), stream)
    if samples.kind == "service":
        rule = FixedReplicas(int(case.get("replicas", 1)))
        return serve_by_service(samples.warm, samples.cold, rule, slots_of(case), *drawn)
    limits = PoolLimits(round(float(case["keep_alive_s"]) * NS_PER_S), int(case["concurrency"]))
    ages_s = record.begin.idle_s if record.begin else []
    return serve_by_function(samples.warm, samples.cold, limits, *drawn, ages_s)
