"""A review's file: front matter between two lines of dashes, then the page, in which people write between marks."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from harness.errors import UsageError
from harness.files.problems import problems_in
from harness.files.strict_yaml import Loader
from harness.files.whole import NAME, one_line, read_file
from harness.review.evidence import read_evidence
from harness.review.record import CitedEvidence, CitedFigure, ReviewRecord

MOST_BYTES = 2_000_000
MOST_PROBLEMS = 20
FENCE = "---"
BEGIN = {f"<!-- yours: {name} -->": name for name in ("decision", "incidents", "hours")}
"""The three parts that people write, by the mark that begins them."""
END = "<!-- end -->"
NEEDED = ("Decision", "Owner", "Date")
"""Without these nothing is decided."""
FIELD = re.compile(r"^\W*(Decision|Owner|Date|Status)\s*:(.*)$")


@dataclass(frozen=True)
class Authorship:
    """Whose line is which: the machine's with their numbers in the file (marks included), and what people wrote."""

    machine: list[tuple[int, str]]
    people: dict[str, list[str]]

    @property
    def sha256(self) -> str:
        """Hash of the machine's lines."""
        return hashlib.sha256("\n".join(line for _, line in self.machine).encode()).hexdigest()

    @property
    def undecided(self) -> list[str]:
        """Fields of the decision that nobody filled in."""
        texts: dict[str, str] = {}
        name = ""
        for line in self.people.get("decision", []):
            match = FIELD.match(line)
            name = match[1] if match else name
            texts[name] = texts.get(name, "") + (match[2] if match else line).strip(" *_\t")
        return [field for field in NEEDED if not texts.get(field)]


@dataclass(frozen=True)
class ReviewFile:
    """One review as it lies on the disk."""

    path: Path
    record: ReviewRecord
    lines: Authorship
    figures: list[CitedFigure]
    """Its evidence."""
    evidence_sha256: str | None
    """Of the file of its evidence as it lies there; None in the first form, which has none."""

    @property
    def evidence_changed(self) -> bool:
        """Whether the evidence is not the one that the review cites."""
        return isinstance(self.record.evidence, CitedEvidence) and self.record.evidence.sha256 != self.evidence_sha256


def read_review(path: Path) -> ReviewFile:
    """Read a file as a review. UsageError with everything that keeps it from being one."""
    try:
        text = read_file(path, MOST_BYTES).decode().replace("\r\n", "\n")
        record = read_front_matter(text)
    except OSError as error:
        raise UsageError([f"{path}: not readable ({error.strerror}): restore it"]) from None
    except ValueError as error:
        why = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise UsageError([f"{path}: {line}" for line in why.split("\n")]) from None
    if path.name != record.file or not NAME.fullmatch(path.name):
        raise UsageError([f"{path}: its front matter is of {record.file}: give the file its name back"])
    if isinstance(record.evidence, list):
        return ReviewFile(path, record, tell_apart(text), record.evidence, None)
    evidence, digest = read_evidence(path, record.evidence.file)
    return ReviewFile(path, record, tell_apart(text), evidence.figures, digest)


def read_reviews(folder: Path) -> tuple[list[ReviewFile], list[str]]:
    """Every review of a folder, and all problems of the files that are none. UsageError for a folder without any."""
    files = sorted(folder.glob("*.md")) if folder.is_dir() else []
    if not files:
        raise UsageError([f"{folder}: holds no review: `frostline review new RUN` writes one"])
    reviews: list[ReviewFile] = []
    problems: list[str] = []
    for file in files:
        try:
            reviews.append(read_review(file))
        except UsageError as error:
            problems += error.problems
    return reviews, problems


class Unaliased(Loader):
    """Strict YAML without aliases: a review has none, and they can make a value endless."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Read one value, as PyYAML asks for it."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="an alias is not accepted")
        return super().compose_node(parent, index)


class Quoting(yaml.SafeDumper):
    """Every text in double quotes, on one line and in ASCII: no name of a stranger can end the front matter."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal values out, each where it stands."""
        return True


Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


def write_front_matter(record: ReviewRecord) -> str:
    """A record as front matter: one field a line, and one item a line of those that are lists."""
    lines = [FENCE]
    for name, value in record.model_dump(by_alias=True).items():
        if isinstance(value, list) and value:
            lines += [f"{name}:", *(f"- {in_one_line(item)}" for item in value)]
        else:
            lines.append(f"{name}: {in_one_line(value)}")
    return "\n".join([*lines, FENCE])


def in_one_line(value: Any) -> str:
    """A value as YAML on one line."""
    if value is None:
        return "null"
    text: str = yaml.dump([value], Dumper=Quoting, default_flow_style=True, width=float("inf"), sort_keys=False)
    return text.strip()[1:-1]


def split_fences(text: str) -> tuple[str, str]:
    """Front matter without its fences, and the rest. ValueError where there is none."""
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        raise ValueError(f"line 1: no front matter: a review begins with {FENCE}")
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() == FENCE:
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :])
    raise ValueError(f"the front matter has no end: a line {FENCE} is missing")


def read_front_matter(text: str) -> ReviewRecord:
    """The machine part of a review's file. ValueError with all problems, a line each."""
    front, _ = split_fences(text)
    try:
        fields = Unaliased(front).get_single_data()
    except Exception as error:  # of a value that does not fit its tag, PyYAML may raise nearly anything
        raise ValueError(
            f"front matter: is not readable YAML: {one_line(str(error) or type(error).__name__)}"
        ) from None
    if not isinstance(fields, dict) or not all(isinstance(key, str) for key in fields):
        raise ValueError("front matter: is not a mapping of fields")
    try:
        return ReviewRecord.model_validate(fields)
    except ValidationError as error:
        problems = problems_in(error)
        more = [f"and {len(problems) - MOST_PROBLEMS} more"] if len(problems) > MOST_PROBLEMS else []
        raise ValueError("\n".join([f"front matter: {line}" for line in problems[:MOST_PROBLEMS]] + more)) from None


def tell_apart(text: str) -> Authorship:
    """Machine and people, line by line. Ends of lines and blanks before them are nobody's; a block without an end
    reaches to the end of the file."""
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
    return Authorship(machine, people)


def differences(ours: Authorship, derived: Authorship, most: int = 20) -> list[str]:
    """Where the machine's lines are not the ones that the run gives, a sentence each."""
    there, given = ours.machine, [line for _, line in derived.machine]
    first = 0
    while first < min(len(there), len(given)) and there[first][1] == given[first]:
        first += 1
    last = 0
    while last < min(len(there), len(given)) - first and there[-1 - last][1] == given[-1 - last]:
        last += 1
    old, new = there[first : len(there) - last], given[first : len(given) - last]
    if len(old) == len(new):
        texts = [difference(*line, other) for line, other in zip(old, new, strict=True) if line[1] != other]
    else:
        number = old[0][0] if old else there[first][0] if first < len(there) else there[-1][0] + 1
        texts = [f"line {number}: {len(old)} lines where the run gives {len(new)}"]
        texts += [difference(*old[0], new[0])] if old and new else []
    return texts if len(texts) <= most else [*texts[:most], f"and {len(texts) - most} more lines"]


def difference(number: int, line: str, given: str) -> str:
    """Both versions of a line, from where they part."""
    at = next((i for i, (a, b) in enumerate(zip(line, given, strict=False)) if a != b), min(len(line), len(given)))
    start = max(0, at - 20)
    return f"line {number}: {excerpt(line, start)} where the run gives {excerpt(given, start)}"


def excerpt(line: str, start: int, most: int = 60) -> str:
    """A piece of a line, in quotes."""
    piece = line[start : start + most]
    return f'"{"..." if start else ""}{piece}{"..." if start + most < len(line) else ""}"'
