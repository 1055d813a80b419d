"""What the property tests share: mutations of valid input, hostile values, and a count of what was tried."""

import copy
import json
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from harness.errors import FrostlineError
from harness.files.text import harmless

LEAST = {
    # (inputs, of them mutations of valid ones that a YAML or JSON parser takes)
    "experiment fields": (900, 900),
    "experiment text": (700, 500),
    "manifests": (1000, 750),
    "trial lines": (1200, 900),
    "whole runs": (300, 270),
    "commands": (150, 100),
    "parquet bytes": (800, 0),
    "parquet tables": (160, 0),
    "old manifests": (300, 200),
    "old trial lines": (300, 200),
    "old parquet tables": (120, 0),
    "replies": (2400, 1600),
    "completions": (300, 200),
    "load records": (300, 0),
    "reply bytes": (800, 0),
    "marks": (1800, 1200),
    "events": (300, 300),
    "names": (70, 70),
    "forecasts": (300, 200),
    "metered": (300, 200),
    "trace bytes": (600, 150),
    "trace rows": (300, 200),
}
"""What each test asks of itself, so that a session never tries less than this."""
TOTAL = 10_000

NASTY = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a|b|c",
    "|" * 40,
    "[x](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "https://evil.example/",
    "www.evil.example",
    "`rm -rf`",
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\u202egnp.exe",
    "\u2066x\u2069\u200b\u200f",
    "[bold red]x[/]",
    "[link=https://evil.example]x[/link]",
    "=cmd|' /C calc'!A1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\uff1d1",
    "line\nbreak\r\nand\u2028more\x00",
    "{{ 7*7 }}${7*7}%s%n{0}",
    "../../../etc/passwd",
    "/etc/passwd",
    "\\\\host\\share",
    "CON",
    "\ud800",
    "",
    "x" * 3000,
    "\u0300" * 50,
    "\U0001f468\u200d\U0001f469",
]
RAW = {
    "@huge@": "9" * 5000,
    "@infinite@": "1e999",
    "@nested@": "[" * 100_000 + "]" * 100_000,
    "@deep@": "[" * 200 + "]" * 200,
    "@long@": '"' + "y" * 200_000 + '"',
}
"""What json.dumps would not write: put in for the text that names it."""

texts = st.sampled_from(NASTY) | st.text(st.characters(), max_size=12)
numbers = (
    st.integers()
    | st.sampled_from([0, -1, 2**31, 2**63 - 1, 2**63, 2**64, -(2**70), 10**400])
    | st.floats()
    | st.sampled_from([1e-320, 5e-324, 1e308, -0.0])
)
leaves = st.none() | st.booleans() | numbers | texts
NESTED = [[], {}, [[]], [{}], {"a": {"b": [None, {"c": 1}]}}, [[1, "x"], [2]], {"": {"": ""}}, [0] * 50, {"name": []}]
values = (
    leaves
    | st.lists(leaves, max_size=3)
    | st.dictionaries(texts, leaves, max_size=2)
    | st.sampled_from(NESTED).map(copy.deepcopy)
)
sound = texts.map(lambda text: text.encode(errors="replace").decode()[:2000])
"""Texts that a record may hold."""


@st.composite
def mutated(draw, valid, replacements=values, most=2):
    """`valid` (lists and dictionaries) with one to `most` places replaced, removed, doubled or added."""
    fields = copy.deepcopy(draw(valid) if isinstance(valid, st.SearchStrategy) else valid)
    for _ in range(draw(st.integers(1, most))):
        holder, key = place(draw, fields)
        deed = draw(st.sampled_from(["replace", "replace", "replace", "remove", "add", "swap"]))
        if key is None or deed == "add":
            if isinstance(holder, dict):
                holder[draw(texts)] = draw(replacements)
            else:
                holder.append(draw(replacements))
        elif deed == "remove":
            del holder[key]
        elif deed == "swap":
            holder[key] = copy.deepcopy(holder[draw(st.sampled_from(keys(holder)))])
        else:
            holder[key] = draw(replacements)
    return fields


@st.composite
def alike(draw, valid):
    """`valid` with one to four values replaced by others of their kind, so that most are still accepted."""
    fields = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 4))):
        holder, key = place(draw, fields)
        if key is None or (isinstance(holder, dict) and "rate" in holder and draw(st.booleans())):
            another = draw(sound)
            if isinstance(holder, dict):
                holder[another] = draw(sound)
            else:
                holder.append(another)
        elif not isinstance(holder[key], dict | list):
            holder[key] = draw(kindred(holder[key]))
    return fields


def kindred(value):
    """Values of the kind of this one."""
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, int):
        return st.integers(0, 9) | st.integers(0, 2**63 - 1)
    if isinstance(value, float):
        return st.floats(0, 1e308) | st.sampled_from([0.0, 5e-324, 1e-300, 1e308])
    return sound if isinstance(value, str) else st.none() | st.integers(0, 2**63 - 1)


def place(draw, fields):
    """A container in `fields` and one of its keys; None when it has none."""
    holder = fields
    while True:
        if not holder:
            return holder, None
        key = draw(st.sampled_from(keys(holder)))
        if not isinstance(holder[key], dict | list) or draw(st.booleans()):
            return holder, key
        holder = holder[key]


def keys(holder):
    return list(holder) if isinstance(holder, dict) else list(range(len(holder)))


def mostly(usual, *others, share=4):
    """`usual` so many times as often as each of the others; `|` takes every strategy once."""
    choices = [usual] * (share * len(others)) + list(others)
    return st.integers(0, len(choices) - 1).flatmap(choices.__getitem__)


def as_json(value):
    """As JSON, NaN and half surrogate pairs included; what RAW names is put in."""
    text = json.dumps(value)
    for name, raw in RAW.items():
        text = text.replace(f'"{name}"', raw)
    return text.encode()


@st.composite
def spoiled(draw, data):
    """Bytes of which some are flipped, removed, doubled or cut off."""
    data = bytearray(draw(data) if isinstance(data, st.SearchStrategy) else data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        deed = draw(st.sampled_from(["flip", "flip", "set", "cut", "remove", "double", "insert"]))
        if deed == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif deed == "set" and data:
            data[at] = draw(st.sampled_from([0, 255, 128, 10, 34]))
        elif deed == "cut":
            del data[at:]
        elif deed == "remove":
            del data[at : at + draw(st.integers(1, 20))]
        elif deed == "double":
            data[at:at] = data[at : at + draw(st.integers(1, 20))]
        else:
            data[at:at] = draw(st.binary(max_size=8))
    return bytes(data)


def examples(name):
    """Stable in CI: the same inputs each time, no clock, nothing stored."""
    return settings(
        max_examples=LEAST[name][0],
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@dataclass
class Tally:
    """How many inputs a test tried, and how many mutations of valid ones its parser took."""

    name: str
    tried: int = 0
    parsed: int = 0

    def count(self, parsed):
        self.tried += 1
        self.parsed += bool(parsed)

    def check(self):
        tried, parsed = LEAST[self.name]
        print(f"{self.name}: {self.tried} inputs, {self.parsed} of them mutations that the parser took")
        assert self.tried >= tried, f"{self.name}: {self.tried} inputs"
        assert self.parsed >= parsed, f"{self.name}: {self.parsed} of {self.tried} got past the parser"


def outcome(do, *arguments):
    """(result, None) or (None, message): a FrostlineError is the only exception that may come."""
    try:
        return do(*arguments), None
    except FrostlineError as error:
        printed = [harmless(line) for line in str(error).split("\n")]
        assert all(line.isprintable() for line in printed)
        assert str(error).strip()
        return None, str(error)
