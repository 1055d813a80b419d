"""The three parts of a review that people write, between `<!-- yours: NAME -->` and `<!-- end -->`."""

import hashlib
import re
from dataclasses import dataclass

NAMES = ("decision", "incidents", "hours")
BEGIN = {f"<!-- yours: {name} -->": name for name in NAMES}
END = "<!-- end -->"
ASKED = ("Decision", "Owner", "Date")
"""Without these nothing is decided."""
FIELD = re.compile(r"^\W*(Decision|Owner|Date|Status)\s*:(.*)$")
MOST_LINES = 100_000


@dataclass(frozen=True)
class Split:
    """The machine's lines with their numbers in the file (the marks are the machine's), and what people wrote."""

    machine: list[tuple[int, str]]
    people: dict[str, list[str]]

    @property
    def sha256(self) -> str:
        """Of the machine's lines."""
        return hashlib.sha256("\n".join(line for _, line in self.machine).encode()).hexdigest()

    @property
    def undecided(self) -> list[str]:
        """What of the decision nobody filled in."""
        told: dict[str, str] = {}
        name = ""
        for line in self.people.get("decision", []):
            match = FIELD.match(line)
            name = match[1] if match else name
            told[name] = told.get(name, "") + (match[2] if match else line).strip(" *_\t")
        return [field for field in ASKED if not told.get(field)]


def split(text: str) -> Split:
    """Ends of lines and blanks before them are nobody's. A block without an end reaches to the end of the file."""
    machine: list[tuple[int, str]] = []
    people: dict[str, list[str]] = {}
    inside: str | None = None
    for number, line in enumerate((line.rstrip() for line in text.rstrip().split("\n")), 1):
        if inside is not None and line != END:
            people[inside].append(line)
            continue
        inside = None
        machine.append((number, line))
        if BEGIN.get(line, "") not in ("", *people):
            inside = BEGIN[line]
            people[inside] = []
    return Split(machine, people)


def differences(found: Split, wanted: Split, most: int = 20) -> list[str]:
    """Where the machine's lines are not the ones that the run gives, a sentence each."""
    ours, theirs = found.machine, [line for _, line in wanted.machine]
    first = 0
    while first < min(len(ours), len(theirs)) and ours[first][1] == theirs[first]:
        first += 1
    last = 0
    while last < min(len(ours), len(theirs)) - first and ours[-1 - last][1] == theirs[-1 - last]:
        last += 1
    there, given = ours[first : len(ours) - last], theirs[first : len(theirs) - last]
    if len(there) == len(given):
        told = [told_of(*line, other) for line, other in zip(there, given, strict=True) if line[1] != other]
    else:
        number = there[0][0] if there else ours[first][0] if first < len(ours) else ours[-1][0] + 1
        told = [f"line {number}: {len(there)} lines where the run gives {len(given)}"]
        told += [told_of(*there[0], given[0])] if there and given else []
    return told if len(told) <= most else [*told[:most], f"and {len(told) - most} more lines"]


def told_of(number: int, line: str, given: str) -> str:
    """Both versions of a line, from where they part."""
    at = next((i for i, (a, b) in enumerate(zip(line, given, strict=False)) if a != b), min(len(line), len(given)))
    start = max(0, at - 20)
    return f"line {number}: {part(line, start)} where the run gives {part(given, start)}"


def part(line: str, start: int, most: int = 60) -> str:
    """A piece of a line, in quotes."""
    piece = line[start : start + most]
    return f'"{"..." if start else ""}{piece}{"..." if start + most < len(line) else ""}"'
