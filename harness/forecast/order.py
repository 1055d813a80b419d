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
USUAL_DAYS = 30


@dataclass(frozen=True)
class Order:
    """Without a trace or a profile, the experiment's profiles at its expected rate."""

    trace: Path | None = None
    profile: str | None = None
    rps: float | None = None
    days: int = USUAL_DAYS
    settings: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    keep: bool = False
    """Whether it is stored although it is another question than the experiment's."""

    @property
    def why_not_kept(self) -> str:
        """Why the forecast that decides for the run is left as it is; empty where this one takes its place."""
        if self.settings:
            return "--set asks what would be"
        asked = {"--trace": self.trace, "--profile": self.profile, "--rps": self.rps}
        others = [name for name, value in asked.items() if value is not None]
        others += ["--days"] if self.days != USUAL_DAYS else []
        if not others or self.keep:
            return ""
        ask = "asks" if len(others) == 1 else "ask"
        return f"{' and '.join(others)} {ask} for another month: add --keep to store it"

    def seed_of(self, manifest: Manifest) -> int:
        """The one that was asked for, or the run's own."""
        return manifest.seed if self.seed is None else self.seed


def order_of(
    trace: Path | None,
    profile: str | None,
    rps: float | None,
    days: float,
    pairs: list[str],
    seed: int | None,
    keep: bool = False,
) -> Order:
    """As a command line has it. UsageError with every problem."""
    problems, settings = list[str](), dict[str, str]()
    if trace is not None and profile is not None:
        problems.append(f"--profile: {quote(profile)} is not accepted beside --trace: leave one out")
    if rps is not None and not (math.isfinite(rps) and 0 < rps <= MOST_RPS):
        problems.append(f"--rps: {rps:g} is not accepted: above 0 and at most {MOST_RPS:g} requests per second")
    if not (1 <= days <= MOST_DAYS and days == int(days)):
        problems.append(f"--days: {days:g} is not accepted: a whole number, 1 to {MOST_DAYS}")
    if keep and pairs:
        problems.append("--keep: is not accepted beside --set, which asks what would be: leave one out")
    if seed is not None and not 0 <= seed < MOST_SEED:
        problems.append(f"--seed: {seed} is not accepted: from 0 to below 2^63")
    try:
        settings = parse_settings(pairs)
    except UsageError as error:
        problems += error.problems
    if problems:
        raise UsageError(problems)
    return Order(trace, profile, rps, int(days), settings, seed, keep)
