"""Plain values as YAML 1.2 has them, and those that YAML 1.1 reads otherwise: what was meant is not guessed."""

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from harness.files.problems import quote

PREFIX = "tag:yaml.org,2002:"
NULL, BOOL, INT, FLOAT, TEXT = (f"{PREFIX}{name}" for name in ("null", "bool", "int", "float", "str"))
CORE = {
    NULL: re.compile(r"(?:~|null|Null|NULL|)\Z"),
    BOOL: re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"),
    INT: re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z"),
    FLOAT: re.compile(
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
    ),
}
"""In the order in which they are tried; everything else is text."""
AS_TEXT = tuple(f"{PREFIX}{name}" for name in ("timestamp", "merge", "value"))
"""What only YAML 1.1 tells from text."""
MOST_DIGITS = 4300
"""Of a whole number: Python neither reads nor writes more."""
MOST_MISREAD = 100
"""Characters of a value whose older reading is worked out: that of numbers to the base of 60 takes ages."""
MOST_PROBLEMS = 20


class Misread(ValueError):
    """Values that are not accepted, a line each with the place, what stands there and what it may mean."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def tag_of(text: str) -> str:
    """What a plain value is in YAML 1.2."""
    return next((tag for tag, form in CORE.items() if form.match(text)), TEXT)


def whole_number(text: str) -> int:
    """A whole number of YAML 1.2. ValueError for anything else."""
    if not CORE[INT].match(text):
        raise ValueError(f"{quote(text)} is no whole number")
    if not is_held(text):
        raise ValueError(f"a number of {len(text)} digits")
    return int(text, base_of(text))


def is_held(text: str) -> bool:
    """Whether Python can read this whole number, and write it."""
    return len(text) <= MOST_DIGITS and abs(int(text, base_of(text))) < 10**MOST_DIGITS


def base_of(text: str) -> int:
    """What a whole number of YAML 1.2 is written to."""
    return {"0o": 8, "0x": 16}.get(text[:2], 10)


def decimal_text(text: str) -> str:
    """A number of YAML 1.2 as Python reads it. ValueError for anything else."""
    if not CORE[FLOAT].match(text):
        raise ValueError(f"{quote(text)} is no number")
    return re.sub(r"\.(inf|nan)", r"\1", text.lower())


def list_misread(root: yaml.Node | None, exact: bool) -> list[str]:
    """A line for each value of a document that is not accepted, in the order in which they stand there. Unless numbers
    are `exact`, what no float can hold is none."""
    found = sorted(_misread(root, exact)) if root is not None else []
    more = [f"and {len(found) - MOST_PROBLEMS} more"] if len(found) > MOST_PROBLEMS else []
    return [line for _, line in found[:MOST_PROBLEMS]] + more


def _misread(root: yaml.Node, exact: bool) -> Iterator[tuple[int, str]]:
    """Each node once, however many aliases lead to it."""
    waiting, seen = [("", root)], set()
    while waiting:
        place, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            if why := why_not(node, exact):
                at = place or f"line {node.start_mark.line + 1}"
                yield node.start_mark.index, f"{at}: {quote(node.value)[1:-1]} is not accepted: {why}"
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(f"{place}.{number}".strip("."), part) for number, part in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                name = quote(key.value)[1:-1] if isinstance(key, yaml.ScalarNode) else "?"
                waiting.append((f"{place}.{name}".strip("."), value))
                if not isinstance(key, yaml.ScalarNode) or tag_of(key.value) != TEXT:
                    waiting.append((place, key))


def why_not(node: yaml.ScalarNode, exact: bool) -> str | None:
    """Why a value is not accepted; None where it is. What stands in quotes or has a tag of its own is clear."""
    text = node.value
    if node.style is not None or node.tag != tag_of(text):
        return None
    if not exact and node.tag == FLOAT and "n" not in text.lower() and math.isinf(float(text)):
        return "it is too large for a number"
    if node.tag == INT and not is_held(text):
        return f"it has {len(text)} digits, and a whole number at most {MOST_DIGITS}"
    old = old_tag(text)
    if is_read_alike(old, node.tag, text):
        return None
    readings = f"in YAML 1.2 it is {written(node.tag, text)}, in YAML 1.1 {written_of_old(old, text)}"
    return f"{readings}: write the one that is meant"


def is_read_alike(old: str, new: str, text: str) -> bool:
    """Whether both versions mean the same: a day is one as text, too, and by 1e3 nobody means a text."""
    if old == new:
        return old != INT or bool(old_number(text) == whole_number(text))
    return new == FLOAT if old == TEXT else new == TEXT and old in AS_TEXT


def old_tag(text: str) -> str:
    """What a plain value is in YAML 1.1, as PyYAML has it."""
    table = yaml.SafeLoader.yaml_implicit_resolvers
    forms = table.get(text[:1], []) + table.get(None, [])
    return next((tag for tag, form in forms if form.match(text)), TEXT)


def old_number(text: str) -> Any:
    """The number that YAML 1.1 makes of it."""
    tag = old_tag(text)
    construct = getattr(yaml.constructor.SafeConstructor, f"construct_yaml_{tag.removeprefix(PREFIX)}")
    return construct(yaml.constructor.SafeConstructor(), yaml.ScalarNode(tag, text))


def written(tag: str, text: str) -> str:
    """A reading by YAML 1.2, written so that it can mean nothing else."""
    return str(whole_number(text)) if tag == INT else f"the text '{quote(text)[1:-1]}'" if tag == TEXT else text


def written_of_old(tag: str, text: str) -> str:
    """A reading by YAML 1.1, written so that it can mean nothing else."""
    if tag == TEXT:
        return f"the text '{quote(text)[1:-1]}'"
    if len(text) > MOST_MISREAD:
        return "another number"
    value = old_number(text)
    return str(value).lower() if isinstance(value, bool) else repr(value)
