"""results/perf-changelog.md: what changed in an experiment between two runs, found by us, and why, told by people."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import MissingError, UsageError
from harness.experiment.question import Experiment
from harness.files.problems import quote
from harness.files.whole import read_file, replacing
from harness.record.definition import canonical
from harness.record.nouns import Manifest
from harness.report.export import escape

NAME = "perf-changelog.md"
MOST_BYTES = 5_000_000
MOST_LINES = 40
ABSENT = object()
TITLE = """# Performance changelog

What changed in the definition of a scheduled experiment between two runs, and why. Frostline writes what changed;
people write why, after "Why:".
"""
SECTION = re.compile(r"^## ", re.MULTILINE)
ENTRY = re.compile(r"(\S+ [0-9a-f]{12} -> [0-9a-f]{12})[ \t\r]*(?:\n|\Z)")
WHY = re.compile(r"^Why:(.*)", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


@dataclass(frozen=True)
class DefinitionChange:
    """An experiment whose definition is no longer that of its last run."""

    experiment: str
    before: str
    after: str
    """The first 12 hex digits of each definition's sha256."""
    run: str
    """The last run, by the old definition."""
    lines: tuple[str, ...]

    @property
    def heading(self) -> str:
        """Heading of its entry, by which it is known."""
        return f"{self.experiment} {self.before} -> {self.after}"

    @property
    def entry(self) -> str:
        """The entry in Markdown, with the reason left open."""
        listed = "".join(f"- {line}\n" for line in self.lines)
        return f"\n## {self.heading}\n\nLast run before: {escape(self.run)}\n\nWhat changed:\n\n{listed}\nWhy:\n"


def change_since(last: Manifest | None, experiment: Experiment) -> DefinitionChange | None:
    """What changed in an experiment since its last run; None where nothing did or nothing was measured."""
    after = experiment.sha256()
    if last is None or last.definition == after:
        return None
    before = last.definition[:12]
    texts = [
        f"{label(place)}: {value(place, old)} -> {value(place, new)}"
        for place, old, new in field_changes(last.experiment, experiment.model_dump(mode="json"))
    ]
    more = [f"and {len(texts) - MOST_LINES} more"] if len(texts) > MOST_LINES else []
    lines = [*(escape(line) for line in texts[:MOST_LINES]), *more] or ["nothing that this version of Frostline tells"]
    return DefinitionChange(experiment.name, before, after[:12], last.run, tuple(lines))


def field_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Every field that makes another experiment, with both values, ABSENT where one has no such field."""
    old, new = dict(_flat(canonical(before))), dict(_flat(canonical(after)))
    written = dict(_flat(dict(before))), dict(_flat(dict(after)))  # with the defaults, which the canonical form lacks
    for place in sorted(old.keys() | new.keys()):
        if place not in old or place not in new or differ(old[place], new[place]):
            yield place, written[0].get(place, ABSENT), written[1].get(place, ABSENT)


def differ(one: Any, other: Any) -> bool:
    """True and 1 are equal in Python, but not in what somebody wrote."""
    return bool(one != other) or isinstance(one, bool) != isinstance(other, bool)


def _flat(given: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves by their path; empty lists and mappings are leaves. A manifest nests at most strict_json.MOST_DEPTH."""
    inner = given.items() if isinstance(given, dict) else enumerate(given) if isinstance(given, list) else ()
    if not inner or not given:
        yield place, given
        return
    for name, part in inner:
        yield from _flat(part, f"{place}.{name}" if place else str(name))


def label(place: str) -> str:
    """A field's path from a stranger's file, without quotes."""
    return quote(place)[1:-1]


def value(place: str, given: Any) -> str:
    """A value, short and harmless; a dash where there was none. Of a folder of the user's only its own name."""
    if place.endswith("model_dir") and isinstance(given, str):
        return f"a folder called {quote(Path(given).name)}"
    return "–" if given is ABSENT else quote(given)  # noqa: RUF001


def ask_why(results: Path, changes: list[DefinitionChange], experiments: list[str]) -> list[str]:
    """Write an entry for each change that has none; returns a line for each entry of `experiments` that lacks a reason.

    UsageError when the file is not readable text, MissingError when it cannot be written: nothing is then overwritten.
    """
    file = results / NAME
    text = _text(file)
    known = dict(_entries(text))
    if new := [change for change in changes if change.heading not in known]:
        text = (text.rstrip("\n") + "\n" if text.strip() else TITLE) + "".join(change.entry for change in new)
        try:
            results.mkdir(parents=True, exist_ok=True)
            with replacing(file) as stream:
                stream.write(text.encode())
        except OSError as error:
            raise MissingError(f"{file} cannot be written ({error.strerror}): make it writable") from error
    return [f'{file}: {heading}: say why, after "Why:"' for heading in list_unexplained(text, experiments)]


def list_unexplained(text: str, experiments: list[str]) -> list[str]:
    """Headings of the entries about these experiments in which nobody has said why."""
    return [
        heading
        for heading, entry in _entries(text)
        if heading.split()[0] in experiments and not ((why := WHY.search(entry)) and COMMENT.sub("", why[1]).strip())
    ]


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """Heading and text of each entry; sections of another form are left to whoever wrote them."""
    for section in SECTION.split(text)[1:]:
        if entry := ENTRY.match(section):
            yield entry[1], section[entry.end() :]


def _text(file: Path) -> str:
    try:
        return read_file(file, MOST_BYTES).decode()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise UsageError([f"{file} is not readable text ({error}): restore it or move it away"]) from None
