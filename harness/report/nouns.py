"""What a report is made of, before it is HTML or Markdown: every text here is still unescaped."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from harness.record.figures import Cell
from harness.report.blocks import Table

Tone = Literal["slower", "faster", "same", "unclear", "none"]


@dataclass(frozen=True)
class KeyEntry:
    """An entry of a chart's key: the series' place among all of the run, or what a pattern means."""

    label: str
    place: int | None = None
    joined: bool = True
    """Whether a line runs through the series' markers."""
    pattern: str | None = None
    """One of those of harness.report.charts.mix, or a shape that the style sheet knows."""


@dataclass(frozen=True)
class Chart:
    """`draw` gives the SVG, where a page wants it; its label says what is to be seen to those who cannot see it."""

    title: str
    keys: list[KeyEntry]
    draw: Callable[[], str]


@dataclass(frozen=True)
class Part:
    """A section with charts and tables; `absent` says what is not there, and why. `folded` tables open on demand."""

    anchor: str
    title: str
    about: list[str] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    folded: list[Table] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Headline:
    """The verdict of one workload under one profile, as a sentence."""

    chip: str
    tone: Tone
    about: str
    sentence: str


@dataclass(frozen=True)
class PairRecommendation:
    """What the scorecard of one pair of targets says; `pair` is empty where the workload has only one."""

    pair: str
    recommendation: str
    because: list[str]


@dataclass(frozen=True)
class Answer:
    """Everything that is said first of a workload; `advice` holds costs and break-even."""

    workload: str
    headlines: list[Headline]
    recommendations: list[PairRecommendation]
    advice: list[str]


@dataclass(frozen=True)
class Number:
    """One of the four of a target; `n` is written out, `why` says why there is none or no interval."""

    target: str
    cell: Cell
    n: str
    why: str


@dataclass(frozen=True)
class NumberCard:
    """One of the four numbers, by profile."""

    title: str
    unit: str
    groups: list[tuple[str, list[Number]]]


@dataclass(frozen=True)
class FourNumbers:
    """The four cards of a workload."""

    workload: str
    cards: list[NumberCard]


@dataclass(frozen=True)
class Doubts:
    """One kind of what could be wrong; numbered where tables point to it. Without texts `none` is said."""

    title: str
    texts: list[str]
    none: str
    numbered: bool = False


@dataclass(frozen=True)
class Repeat:
    """How to make the run again."""

    commands: list[str]
    remarks: list[str]
    tables: list[Table]
    yaml: str


@dataclass(frozen=True)
class Content:
    """The whole page, top to bottom."""

    title: str
    lines: list[str]
    valid: bool
    sizes: list[str]
    """What comes of the sizes that vary."""
    answers: list[Answer]
    numbers: list[FourNumbers]
    parts: list[Part]
    doubts: list[Doubts]
    repeat: Repeat
    legend: str
