"""How often intervals hold the population's value: simulated experiments, judged by the functions that judge real ones.

Run with `python -m tests.benchmarks.coverage [--experiments 4000]`. A population is of trials that differ among
themselves (log-normal) and of requests that do (log-normal, heavy, or some of them starts that come in bursts); its
percentile is that of all requests of all its trials. Marked are figures that are told in most experiments and whose
interval holds the value in fewer than 93 (!) or in more than 97 (+, it is too wide) of 100, but for three standard
errors of the count. What is withheld was set by the first table; the second is of other situations and judges it. The
third is of kinds of trial so seldom, or so far off, that a run often shows none: no interval of its own data can hold
those, and it shows by how much. Ends with 1 where any of the first two has a !. It counts and times nothing.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy import special

from harness.analysis.over_trials import (
    half_width,
    least_worth,
    need_over_trials,
    tail_worth,
    worth,
)

Draws = NDArray[np.float32]
"""Logarithms of latencies: experiments x trials x requests."""
Draw = Callable[[np.random.Generator, int, int, int], Draws]
"""From a generator, experiments, trials, requests of a trial."""
LEAST, MOST = 0.93, 0.97
SPREADS = [(0.08, 0.25), (0.08, 0.6), (0.2, 0.25), (0.2, 0.6)]
"""Standard deviations of the logarithms: of trials, of requests within one."""
SLOW_START = 3.0
"""A cold start takes e^3 times as long."""


@dataclass(frozen=True)
class Found:
    """Of all experiments, how many tell a figure, and how many of these hold the population's value."""

    told: float
    held: float
    experiments: int

    @property
    def mark(self) -> str:
        """Nothing for 93 to 97 of 100 but for three standard errors of the count, or withheld in most experiments."""
        slack = 3 * (0.05 * 0.95 / max(1.0, self.told * self.experiments)) ** 0.5
        if self.told < 0.5 or LEAST - slack <= self.held <= MOST + slack:
            return " "
        return "!" if self.held < LEAST else "+"


def log_normal(trial_sd: float, request_sd: float) -> Draw:
    """Trials and requests log-normal."""
    return lambda rng, *shape: normals(rng, trial_sd, *shape[:2], 1) + normals(rng, request_sd, *shape)


def heavy(trial_sd: float, request_sd: float) -> Draw:
    """Requests exponential on the log scale: a power law, without a variance where `request_sd` is 0.5 or more."""
    return lambda rng, *shape: (
        normals(rng, trial_sd, *shape[:2], 1)
        + np.float32(request_sd) * rng.standard_exponential(shape, dtype=np.float32)
    )


def slow_mode(trial_sd: float, request_sd: float, share: float) -> Draw:
    """Log-normal; a share of the requests takes 4.5 times as long."""
    return lambda rng, *shape: (
        log_normal(trial_sd, request_sd)(rng, *shape)
        + np.float32(1.5) * (rng.random(shape, dtype=np.float32) < np.float32(share))
    )


def gamma_trials(trial_sd: float, request_sd: float) -> Draw:
    """Trials gamma, requests log-normal."""
    shape_of = 1 / trial_sd**2
    return lambda rng, *shape: (
        np.log(rng.gamma(shape_of, 1 / shape_of, (*shape[:2], 1))).astype(np.float32) + normals(rng, request_sd, *shape)
    )


def skew_trials(trial_sd: float, request_sd: float) -> Draw:
    """Trials exponential on the log scale: a few are far slower than the others; requests log-normal."""
    return lambda rng, *shape: (
        np.float32(trial_sd) * rng.standard_exponential((*shape[:2], 1), dtype=np.float32)
        + normals(rng, request_sd, *shape)
    )


def bursty(trial_sd: float, request_sd: float, burst: float = 30, often: float = 0.2) -> Draw:
    """Log-normal; of a trial's requests as many as `burst_sizes` says are cold starts."""

    def draw(rng: np.random.Generator, experiments: int, trials: int, requests: int) -> Draws:
        cold = np.arange(requests) < burst_sizes(rng, experiments, trials, requests, burst, often)[..., None]
        warm = log_normal(trial_sd, request_sd)(rng, experiments, trials, requests)
        return warm + SLOW_START * cold.astype(np.float32)

    return draw


def normals(rng: np.random.Generator, sd: float, *shape: int) -> Draws:
    """Normal numbers around 0."""
    return np.float32(sd) * rng.standard_normal(shape, dtype=np.float32)


def burst_sizes(
    rng: np.random.Generator, experiments: int, trials: int, requests: int, burst: float = 30, often: float = 0.2
) -> NDArray[np.int64]:
    """Cold starts of each trial: about 30 in one of five, and none to two in the others."""
    in_burst = rng.random((experiments, trials)) < often
    starts = np.where(in_burst, rng.poisson(burst, in_burst.shape), rng.integers(0, 3, in_burst.shape))
    return starts.clip(0, requests)


def even_sizes(mean: float) -> Callable[[np.random.Generator, int, int, int], NDArray[np.int64]]:
    """Cold starts that come independently of each other."""
    return lambda rng, experiments, trials, requests: rng.poisson(mean, (experiments, trials)).clip(0, requests)


def uneven_sizes(mean: float, shape: float) -> Callable[[np.random.Generator, int, int, int], NDArray[np.int64]]:
    """Cold starts of which some trials have several times as many as others (negative binomial)."""
    return lambda rng, experiments, trials, requests: rng.poisson(
        rng.gamma(shape, mean / shape, (experiments, trials))
    ).clip(0, requests)


def percentile_held(draw: Draw, p: float, trials: int, requests: int, experiments: int) -> Found:
    """Of a percentile of latency, in trials of equal size."""
    if trials * requests < need_over_trials(p).over_all or trials < (need_over_trials(p).rounds or 0):
        return Found(0.0, 0.0, experiments)
    truth = true_percentile(draw, p, requests)
    rng = np.random.default_rng([trials, requests, int(1000 * p)])
    x = draw(rng, experiments, trials, requests)
    sizes = np.full(trials, requests)
    return judge(
        hits=(x > truth).sum(axis=-1),
        beyond=(x > estimates(x, p)[:, None, None]).sum(axis=-1),
        sizes=sizes,
        share=1 - p,
    )


@cache
def true_percentile(draw: Draw, p: float, requests: int) -> np.float32:
    """Of very many trials of this size."""
    x = draw(np.random.default_rng(1), 1, 2_000_000 // requests, requests)
    return np.quantile(x, p).astype(np.float32)


def estimates(x: Draws, p: float) -> Draws:
    """Each experiment's own percentile, by the nearest rank over all its requests."""
    flat = x.reshape(len(x), -1)
    rank = int(np.ceil(round(p * flat.shape[1], 6))) - 1
    return np.partition(flat, rank, axis=1)[:, rank]


def share_held(sizes_of: Callable[..., NDArray[np.int64]], trials: int, requests: int, experiments: int) -> Found:
    """Of the share of cold starts, in experiments that have any: others have the upper end of the rule of three."""
    truth = float(sizes_of(np.random.default_rng(1), 400, 1000, requests).mean() / requests)
    hits = sizes_of(np.random.default_rng([trials, requests]), experiments, trials, requests)
    hits = hits[hits.sum(axis=-1) > 0]
    return judge_share(hits, np.full(trials, requests), truth)


def judge_share(hits: NDArray[np.int64], sizes: NDArray[np.int64], truth: float) -> Found:
    """Whether the truth's logit lies within the interval."""
    own = hits.sum(axis=-1) / sizes.sum()
    told = tail_worth(hits, sizes) >= least_worth(len(sizes))
    off = np.abs(special.logit(own) - special.logit(truth))
    held = off <= half_width(hits, np.broadcast_to(sizes, hits.shape), own) / (own * (1 - own))
    return Found(float(told.mean()), float(held[told].mean()) if told.any() else 0.0, len(hits))


def cold_held(
    sizes_of: Callable[..., NDArray[np.int64]], spread: tuple[float, float], p: float, trials: int, experiments: int
) -> Found:
    """Of a percentile of cold starts, of which each trial has another number."""

    def draw(rng: np.random.Generator, experiments: int, trials: int) -> tuple[NDArray[np.int64], Draws]:
        sizes = sizes_of(rng, experiments, trials, 200)
        x = log_normal(*spread)(rng, experiments, trials, int(sizes.max()))
        return sizes, np.where(np.arange(x.shape[-1]) < sizes[..., None], x, np.float32(np.nan))

    truth = np.nanquantile(draw(np.random.default_rng(1), 1, 20_000)[1], p)
    sizes, x = draw(np.random.default_rng([trials, int(1000 * p)]), experiments, trials)
    totals = sizes.sum(axis=-1)
    ordered = np.sort(np.where(np.isnan(x), np.inf, x).reshape(len(x), -1), axis=1)
    ranks = np.ceil(np.round(p * totals, 6)).astype(int) - 1
    own = ordered[np.arange(len(x)), ranks.clip(0)]
    return judge(
        hits=(x > truth).sum(axis=-1),
        beyond=(x > own[:, None, None]).sum(axis=-1),
        sizes=sizes,
        share=1 - p,
        enough=totals >= need_over_trials(p).over_all,
    )


def judge(
    hits: NDArray[np.int64],
    beyond: NDArray[np.int64],
    sizes: NDArray[np.int64],
    share: float,
    enough: NDArray[np.bool_] | None = None,
) -> Found:
    """Whether the share of requests beyond the population's value lies within the interval at the experiment's own."""
    sizes = np.broadcast_to(sizes, hits.shape)
    trials, total = hits.shape[-1], hits.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        told = np.minimum(worth(sizes), tail_worth(beyond, sizes)) >= least_worth(trials)
        off = np.abs(total / sizes.sum(axis=-1) - share)
        held = (off <= half_width(beyond, sizes, share, there=hits)) & (total > 0)
    if enough is not None:
        told &= enough
    return Found(float(told.mean()), float(held[told].mean()) if told.any() else 0.0, len(hits))


Case = tuple[str, Callable[[int], Found]]
"""What is simulated, in words, and how, given the number of experiments."""


def latency_cases() -> Iterator[Case]:
    """Percentiles of latency under every spread, size and shape."""
    for trials in (10, 20):
        for spread in SPREADS:
            for name, world in (("log-normal", log_normal), ("heavy tail", heavy), ("bursts", bursty)):
                yield from percentiles(name, world(*spread), trials, (20, 100, 400), spread)


def words(spread: tuple[float, float]) -> str:
    """Both standard deviations."""
    return f"trials {100 * spread[0]:.0f} %, requests {100 * spread[1]:.0f} %"


STARTS: dict[str, Callable[..., NDArray[np.int64]]] = {
    "even, 2 a trial": even_sizes(2),
    "even, 8 a trial": even_sizes(8),
    "uneven, 4 a trial": uneven_sizes(4, 2),
    "bursts of 30": burst_sizes,
}


def cold_cases() -> Iterator[Case]:
    """Shares of cold starts, and percentiles of them; of forced ones there are two a trial."""
    for trials in (10, 20):
        for name, sizes_of in STARTS.items():
            yield f"cold share, {name}: {trials} x 200", partial(share_held, sizes_of, trials, 200)
            for spread in SPREADS:
                about = f"cold p90, {name}: {trials} trials, {words(spread)}"
                yield about, partial(cold_held, sizes_of, spread, 0.9, trials)
        for spread in SPREADS:
            for p in (0.5, 0.9):
                about = f"cold p{100 * p:.0f}, forced, 2 a trial: {trials} trials, {words(spread)}"
                yield about, partial(cold_held, two, spread, p, trials)


OTHER_SPREADS = [(0.04, 0.4), (0.12, 0.35), (0.15, 0.5), (0.1, 0.15)]
OTHER_WORLDS: dict[str, Callable[[float, float], Draw]] = {
    "log-normal": log_normal,
    "heavy tail": heavy,
    "gamma trials": gamma_trials,
    "2 % slow": partial(slow_mode, share=0.02),
    "4 % slow": partial(slow_mode, share=0.04),
    "8 % slow": partial(slow_mode, share=0.08),
    "bursts of 10": partial(bursty, burst=10),
    "bursts of 60": partial(bursty, burst=60),
}
OTHER_STARTS: dict[str, Callable[..., NDArray[np.int64]]] = {
    "even, 1 a trial": even_sizes(1),
    "even, 4 a trial": even_sizes(4),
    "uneven, 10 a trial": uneven_sizes(10, 4),
    "bursts of 10": partial(burst_sizes, burst=10),
    "bursts of 60": partial(burst_sizes, burst=60),
}
SELDOM: dict[str, Callable[[float, float], Draw]] = {
    "bursts in a tenth": partial(bursty, often=0.1),
    "skew trials": skew_trials,
}


def other_cases() -> Iterator[Case]:
    """Situations by which nothing was set: each world, number of trials and spread with two sizes in turn."""
    sizes = [(30, 150), (50, 250)]
    for i, (name, world) in enumerate(OTHER_WORLDS.items()):
        for j, trials in enumerate((10, 12, 15, 20)):
            for k, spread in enumerate(OTHER_SPREADS):
                yield from percentiles(name, world(*spread), trials, sizes[(i + j + k) % 2], spread)
    for j, trials in enumerate((10, 12, 15, 20)):
        for i, (name, sizes_of) in enumerate(OTHER_STARTS.items()):
            requests, spread = sizes[(i + j) % 2][1], OTHER_SPREADS[(i + j) % 4]
            yield f"cold share, {name}: {trials} x {requests}", partial(share_held, sizes_of, trials, requests)
            about = f"cold p90, {name}: {trials} trials, {words(spread)}"
            yield about, partial(cold_held, sizes_of, spread, 0.9, trials)


def seldom_cases() -> Iterator[Case]:
    """Kinds of trial that a run often shows none of."""
    for name, world in SELDOM.items():
        for trials in (10, 20):
            yield from percentiles(name, world(0.15, 0.5), trials, (30, 150), (0.15, 0.5))


def percentiles(
    name: str, draw: Draw, trials: int, sizes: tuple[int, ...], spread: tuple[float, float]
) -> Iterator[Case]:
    """Of latency, in trials of these sizes."""
    for requests in sizes:
        for p in (0.5, 0.95, 0.99):
            about = f"p{100 * p:.0f} {name}: {trials} x {requests}, {words(spread)}"
            yield about, partial(percentile_held, draw, p, trials, requests)


def two(rng: np.random.Generator, experiments: int, trials: int, requests: int) -> NDArray[np.int64]:
    """Forced cold starts."""
    return np.full((experiments, trials), 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=4000)
    asked = parser.parse_args()
    print("  held  told")
    bad = show("by these it was set", [*latency_cases(), *cold_cases()], asked.experiments)
    bad += show("other situations", other_cases(), asked.experiments)
    show("kinds of trial that a run often shows none of", seldom_cases(), asked.experiments)
    print(f"{bad} hold less than they say" if bad else "none of the first two holds less than it says")
    return 1 if bad else 0


def show(title: str, cases: Iterable[Case], experiments: int) -> int:
    """A line for each; how many hold less than they say."""
    print(f"{title}:")
    bad = 0
    for name, simulate in cases:
        found = simulate(experiments)
        bad += found.mark == "!"
        held = f"{100 * found.held:5.1f}" if found.told else "    -"
        print(f"{found.mark}{held} {100 * found.told:5.0f}  {name}", flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(main())
