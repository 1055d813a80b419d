"""What sets rows apart, in words: the traffic of a block, the sizing of a target, the labels of rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from harness.analysis.summary import Row
from harness.files.problems import LONGEST_QUOTE
from harness.files.text import harmless
from harness.record.estimate import plain
from harness.record.figures import plural

ABOUT_TRAFFIC: dict[str, Callable[[float], str]] = {
    "rate": lambda value: f"{value:g} req/s",
    "seconds": lambda value: f"for {value:g} s",
    "compression": lambda value: f"time compressed {value:g}x" if value != 1 else "",
    "cold_starts": lambda value: f"{value:g} per trial",
}
ABOUT_TARGET: dict[str, Callable[[float], str]] = {
    "memory_mb": lambda value: f"{value:g} MB",
    "cpus": lambda value: f"{value:g} vCPU",
    "keep_alive_s": lambda value: f"keep-alive {value:g} s",
    "concurrency": lambda value: f"at most {plural(round(value), 'sandbox', 'sandboxes')}",
    "replicas": lambda value: plural(round(value), "replica"),
}

SIZE = ("memory_mb", "cpus")
"""Settings that each further part has beside the first, under its own name."""


def brief(text: str) -> str:
    """As much of a setting as a table has room for; JSON has it whole."""
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 3]}..."


def words(case: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    """These settings of a case, the known ones first, e.g. 5 req/s for 8 s, 1769 MB; others as key=value."""
    about = ABOUT_TRAFFIC | ABOUT_TARGET
    wanted = set(keys) & set(case)
    texts: list[str] = []
    for key in [*(key for key in about if key in wanted), *sorted(wanted - set(about))]:
        value = case[key]
        number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
        text = about[key](value) if key in about and number else of_part(key, value)
        if key == "seconds" and texts and number:
            texts[-1] += f" {text}"
        elif text:
            texts.append(harmless(text))
    return texts


def of_part(key: str, value: Any) -> str:
    """A setting that is not known, or the size of a further part, e.g. core 2048 MB."""
    for name in SIZE:
        part = key.removesuffix(f"_{name}")
        if part != key and isinstance(value, int | float):
            return brief(f"{part} {ABOUT_TARGET[name](value)}")
    return brief(f"{key.replace('_', ' ')} {plain(value)}")


def shared_settings(rows: Sequence[Row]) -> list[str]:
    """Keys for a block's title: with one value in all rows, and not about a target's size."""
    first = rows[0].case
    return [k for k, v in first.items() if k not in ABOUT_TARGET and all(row.case.get(k, ...) == v for row in rows)]


def traffic(rows: Sequence[Row]) -> str:
    """What a block's rows have in common, e.g. 5 req/s for 8 s · 3 rounds · time compressed 60x."""
    fewest, most = min(row.rounds for row in rows), max(row.rounds for row in rows)
    rounds = plural(most, "round") if fewest == most else f"{fewest} to {plural(most, 'round')}"
    settings = words(rows[0].case, shared_settings(rows))
    return " · ".join([*settings[:1], rounds, *settings[1:]])


class Sized(Protocol):
    """A row of a summary or of a forecast."""

    @property
    def target(self) -> str:
        """Its name."""

    @property
    def case(self) -> Mapping[str, Any]:
        """Its size and settings."""


def differing(row: Sized, rows: Sequence[Sized]) -> list[str]:
    """Keys in which a row's case differs from those of the same target."""
    same = [other for other in rows if other.target == row.target]
    return [k for k, v in row.case.items() if any(other.case.get(k, ...) != v for other in same)]


def labels(rows: Sequence[Sized]) -> list[str]:
    """Each row's target; where a target has several rows, followed by the settings in which these differ."""
    return [", ".join([harmless(row.target), *words(row.case, differing(row, rows))]) for row in rows]


def sizes(rows: Sequence[Row]) -> list[str]:
    """What each row's target was given beyond title and label, e.g. 1769 MB, 1 vCPU per sandbox, keep-alive 5 s."""
    shared = set(shared_settings(rows))
    return [sizing(row, set(row.case) - shared - set(differing(row, rows))) for row in rows]


def sizing(row: Row, keys: Iterable[str]) -> str:
    """These settings of a row; a vCPU is each sandbox's or each replica's own."""
    each = "per sandbox" if "keep_alive_s" in row.case else "each" if row.case.get("replicas", 1) != 1 else ""
    texts = words(row.case, keys)
    place = next((place for place, text in enumerate(texts) if text.endswith(" vCPU")), None)  # further parts come last
    return ", ".join(f"{text} {each}".rstrip() if at == place else text for at, text in enumerate(texts))
