"""From which profile's trials the sides of a workload draw their warm requests: all of them from the same."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.fitness import unfit
from harness.analysis.summary import Row
from harness.record.nouns import FORCED_COLD, SCALE_OUT

SIZE = ("memory_mb", "cpus", "accelerators", "core_memory_mb", "core_cpus")


def size_of(row: Row) -> tuple[object, ...]:
    """What a unit of a row has."""
    return tuple(row.case.get(name) for name in SIZE)


@dataclass(frozen=True)
class Source:
    """The profile whose warm requests all sides of a workload draw."""

    profile: str | None
    """None where there is none that is fit for all of them."""
    why: str = ""
    """What a reader must know of it."""


def source_of(rows: list[Row], profile: str | None) -> Source:
    """The traffic's own profile where it is fit for all sides, else another that is, the one with the most answers.

    Service times under different traffic differ, so that sides which draw from different profiles say nothing of each
    other. A side without any fit row cannot be forecast and is not asked; of several sizes the first is the side.
    For a trace, `profile` is None.
    """
    traffic = [row for row in rows if row.profile not in (FORCED_COLD, SCALE_OUT)]
    fit = [row for row in traffic if not unfit(row, "warm samples")]
    main = {row.target: size_of(row) for row in reversed(fit) if row.kind in ("service", "function")}
    fit = [row for row in fit if main.get(row.target) == size_of(row)]
    by_side = {target: profiles_of(fit, target) for target in sorted(main)}
    names = dict.fromkeys(row.profile for row in fit)
    shared = [name for name in names if all(name in own for own in by_side.values())]
    if profile in shared or not fit:
        return Source(profile)
    if not shared:
        each = "; ".join(f"{target} {', '.join(own)}" for target, own in by_side.items())
        return Source(
            None,
            f"no profile was measured that is fit for all sides, and drawn from different ones they cannot be compared "
            f"({each}): measure one profile for all at a lower rate",
        )
    best = max(shared, key=lambda name: min(most_answers(fit, name, target) for target in by_side))
    if profile is None:
        return Source(best)
    unusable = [row for row in traffic if row.profile == profile and row.target in by_side]
    why = "; ".join(dict.fromkeys(against(unusable)))
    because = f", for {profile} cannot be used for all: {why}" if why else ""
    return Source(best, f"warm requests of all sides are drawn from {best}{because}")


def profiles_of(rows: list[Row], target: str) -> list[str]:
    """Those of a target's rows, each once."""
    return list(dict.fromkeys(row.profile for row in rows if row.target == target))


def most_answers(rows: list[Row], profile: str, target: str) -> int:
    """Good answers of a target's row under a profile, of the row that has the most."""
    return max(row.ok or 0 for row in rows if (row.profile, row.target) == (profile, target))


def against(rows: list[Row]) -> Iterator[str]:
    """Why each of them may not be drawn from."""
    for row in rows:
        yield from (f"{row.target} is {reason}" for reason in unfit(row, "warm samples"))
