"""Lines and markers of all charts. Colours are classes of the style sheet: what they look like is the page's affair."""

from dataclasses import dataclass

SHAPES = {
    "circle": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "square": "M-3.5-3.5h7v7h-7z",
    "up": "M0-4.5l4.5 8h-9z",
    "diamond": "M0-5l5 5-5 5-5-5z",
    "down": "M0 4.5l4.5-8h-9z",
    "plus": "M-1.5-4h3v2.5H4v3H1.5V4h-3V1.5H-4v-3h2.5z",
    "left": "M-5 0l8-4.5v9z",
    "right": "M5 0l-8-4.5v9z",
    "cross": "M-4.5-4.5l9 9M-4.5 4.5l9-9",
}
"""Outlines around (0, 0), the same in charts and in their keys."""


@dataclass(frozen=True)
class Style:
    """How one series looks everywhere. Line and marker differ as well, so colour is never the only sign."""

    colour: str
    """Class of the style sheet."""
    dashes: tuple[float, ...]
    """Lengths on and off; empty for a solid line."""
    marker: str

    @property
    def variable(self) -> str:
        """The page's CSS variable for its colour."""
        return f"var(--{self.colour})"

    @property
    def shape(self) -> str:
        """The outline of its marker, as an SVG path."""
        return SHAPES[self.marker]


STYLES = tuple(
    Style(f"series-{place}", dashes, marker)
    for place, (dashes, marker) in enumerate(
        zip(
            ((), (6, 2.5), (1.5, 2), (7, 2, 1.5, 2), (9, 3), (3, 1.5)),
            ("circle", "square", "up", "diamond", "down", "plus"),
            strict=True,
        ),
        1,
    )
)


def style(place: int) -> Style:
    """How the series at this place looks; styles repeat after six, where only the labels tell them apart."""
    return STYLES[place % len(STYLES)]
