"""What is asked of a forecast: which traffic, how much of it, under which settings."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UsageError
from harness.files.problems import quote
from harness.forecast.rules import parse_settings
from harness.forecast.spells import MOST_RPS
from harness.forecast.traffic import MOST_DAYS
from harness.record.nouns import Manifest

MOST_SEED = 2**63


@dataclass(frozen=True)
class Order:
    """Without a trace or a profile, the experiment's profiles at its expected rate."""

    trace: Path | None = None
    profile: str | None = None
    rps: float | None = None
    days: int = 30
    settings: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None

    def seed_of(self, manifest: Manifest) -> int:
        """The one that was asked for, or the run's own."""
        return manifest.seed if self.seed is None else self.seed


def order_of(
    trace: Path | None, profile: str | None, rps: float | None, days: int, pairs: list[str], seed: int | None
) -> Order:
    """As a command line has it. UsageError with every problem."""
    problems, settings = list[str](), dict[str, str]()
    if trace is not None and profile is not None:
        problems.append(f"--profile: {quote(profile)} is not accepted beside --trace: leave one out")
    if rps is not None and not (math.isfinite(rps) and 0 < rps <= MOST_RPS):
        problems.append(f"--rps: {rps:g} is not accepted: above 0 and at most {MOST_RPS:g} requests per second")
    if not 1 <= days <= MOST_DAYS:
        problems.append(f"--days: {days} is not accepted: 1 to {MOST_DAYS}")
    if seed is not None and not 0 <= seed < MOST_SEED:
        problems.append(f"--seed: {seed} is not accepted: from 0 to below 2^63")
    try:
        settings = parse_settings(pairs)
    except UsageError as error:
        problems += error.problems
    if problems:
        raise UsageError(problems)
    return Order(trace, profile, rps, days, settings, seed)
