"""Colours and marks of all charts: a chart draws in stand-ins, and the page's style sheet says what they look like."""

from dataclasses import dataclass

INK = "#010001"
MUTED = "#010002"
RULE = "#010003"
BAND = "#010004"
SURFACE = "#010005"
WARM = "#010006"
COLD = "#010007"
BAD = "#010008"
SERIES = ("#020001", "#020002", "#020003", "#020004", "#020005", "#020006")
VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    BAND: "var(--band)",
    SURFACE: "var(--surface)",
    WARM: "var(--warm)",
    COLD: "var(--cold)",
    BAD: "var(--bad)",
} | {colour: f"var(--series-{place})" for place, colour in enumerate(SERIES, 1)}
"""By stand-in, the variable of the style sheet, whose value depends on light, dark or paper."""


@dataclass(frozen=True)
class Style:
    """How one series is drawn everywhere. Line and marker differ as well, so colour is never the only sign."""

    colour: str
    dashes: tuple[float, ...]
    """Lengths on and off; empty for a solid line."""
    marker: str

    @property
    def variable(self) -> str:
        """Its colour in the page."""
        return VARIABLES[self.colour]


STYLES = tuple(
    Style(colour, dashes, marker)
    for colour, dashes, marker in zip(
        SERIES,
        ((), (6, 2.5), (1.5, 2), (7, 2, 1.5, 2), (9, 3), (3, 1.5)),
        ("o", "s", "^", "D", "v", "P"),
        strict=True,
    )
)


def style(place: int) -> Style:
    """Of the series at this place; they repeat after six, where only the labels tell them apart."""
    return STYLES[place % len(STYLES)]
