"""A review's file: front matter between two lines of dashes, then the page."""

from typing import Any

import yaml
from pydantic import ValidationError

from harness.files.problems import problems_in
from harness.files.strict_yaml import Loader
from harness.files.whole import one_line
from harness.review.record import ReviewRecord

FENCE = "---"
MOST_PROBLEMS = 20


class Unaliased(Loader):
    """Strict YAML without aliases: a review has none, and they can make a value endless."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """PyYAML: one value is read."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="an alias is not accepted")
        return super().compose_node(parent, index)


class Quoting(yaml.SafeDumper):
    """Every text in double quotes, on one line and in ASCII: no name of a stranger can end the front matter."""

    def ignore_aliases(self, data: Any) -> bool:
        """PyYAML: write equal values out."""
        return True


Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


def as_front_matter(record: ReviewRecord) -> str:
    """One field a line, and one item a line of those that are lists."""
    lines = [FENCE]
    for name, value in record.model_dump(by_alias=True).items():
        if isinstance(value, list) and value:
            lines += [f"{name}:", *(f"- {flow(item)}" for item in value)]
        else:
            lines.append(f"{name}: {flow(value)}")
    return "\n".join([*lines, FENCE])


def flow(value: Any) -> str:
    """A value on one line."""
    if value is None:
        return "null"
    text: str = yaml.dump([value], Dumper=Quoting, default_flow_style=True, width=float("inf"), sort_keys=False)
    return text.strip()[1:-1]


def parts_of(text: str) -> tuple[str, str]:
    """Front matter without its fences, and the rest. ValueError where there is none."""
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        raise ValueError(f"line 1: no front matter: a review begins with {FENCE}")
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() == FENCE:
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :])
    raise ValueError(f"the front matter has no end: a line {FENCE} is missing")


def record_of(text: str) -> ReviewRecord:
    """The machine part of a review's file. ValueError with all problems, a line each."""
    front, _ = parts_of(text)
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
        found = problems_in(error)
        more = [f"and {len(found) - MOST_PROBLEMS} more"] if len(found) > MOST_PROBLEMS else []
        raise ValueError("\n".join([f"front matter: {line}" for line in found[:MOST_PROBLEMS]] + more)) from None
