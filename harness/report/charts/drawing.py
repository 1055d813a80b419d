"""SVG elements, written one by one: colours are classes, texts are texts, and nothing depends on clock or chance."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement, tostring

from harness.files.text import harmless
from harness.report.charts.palette import SHAPES, Style

WIDTH = 400
"""Width of every chart of a page in px, so that it can be read on a telephone; wider pages set several side by side."""
LONGEST_LABEL = 34
PER_LETTER = 6.9
"""Px that a letter takes at 12 px, rather too many: the browser's font is not known here."""
BASELINE = 4.2
"""Px from the middle of a line of text down to its baseline; not every viewer knows dominant-baseline."""
VARIABLE = re.compile(r"(--[\w-]+): *([^;]+);")
"""A style sheet's variable and its value."""
Point = tuple[float, float]


class Drawing:
    """Width and height in px; what is added later lies above. Elements keep the classes of templates/chart.css."""

    def __init__(self, label: str, height: float, width: float = WIDTH) -> None:
        self.width, self.height = width, height
        box = f"0 0 {px(width)} {px(height)}"
        self.root = Element("svg", {"viewBox": box, "class": "chart", "role": "img", "aria-label": harmless(label)})

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start", upright: bool = False) -> None:
        """Add a text. `y` is the middle of the line; `upright` texts read from below to above."""
        at = {"x": px(x), "y": px(y + BASELINE)}
        if anchor != "start":
            at["text-anchor"] = anchor
        if upright:
            at["transform"] = f"rotate(-90 {px(x)} {px(y)})"
        self._add("text", kind, at).text = harmless(text)

    def line(self, begin: Point, end: Point, kind: str) -> None:
        """Add a line from point to point."""
        (x1, y1), (x2, y2) = begin, end
        self._add("line", kind, {"x1": px(x1), "y1": px(y1), "x2": px(x2), "y2": px(y2)})

    def box(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        """Add a rectangle."""
        at = {"x": px(x), "y": px(y), "width": px(max(0.0, width)), "height": px(max(0.0, height))}
        self._add("rect", kind, at)

    def series(self, points: Iterable[Point], style: Style, marks: Iterable[Point] = ()) -> None:
        """Add a line in a series' style, with its markers at `marks`."""
        self.path(points, f"line {style.colour}", style.dashes)
        for point in marks:
            self.mark(point, style.marker, f"mark {style.colour}")

    def path(self, points: Iterable[Point], kind: str, dashes: tuple[float, ...] = ()) -> None:
        """Add a line straight from each point to the next."""
        steps = " ".join(f"{px(x)} {px(y)}" for x, y in points)
        if steps:
            dashed = {"stroke-dasharray": " ".join(f"{length:g}" for length in dashes)} if dashes else {}
            self._add("path", kind, {"d": f"M{steps}", **dashed})

    def mark(self, point: Point, shape: str, kind: str, times: float = 1.0) -> None:
        """Add one of SHAPES at a point; `times` as large as in a line."""
        larger = f" scale({times:g})" if times != 1 else ""
        self._add("path", kind, {"d": SHAPES[shape], "transform": f"translate({px(point[0])} {px(point[1])}){larger}"})

    def stand_alone(self, css: str) -> None:
        """Make it a file of its own, in light colours on their background, rather than a part of a page.

        Colours are put in place of the sheet's variables, which not every program that opens SVG files knows.
        """
        colours = dict(VARIABLE.findall(css.split("@media")[0]))
        rules = re.sub(r"var\((--[\w-]+)\)", lambda use: colours[use[1]], css[css.index(".chart") :])
        self.root.attrib |= {"xmlns": "http://www.w3.org/2000/svg", "width": px(self.width), "height": px(self.height)}
        self._add("style", "", {}).text = f"svg {{ font-family: sans-serif; }}\n{rules}"
        self.box(0, 0, self.width, self.height, "paper")

    def svg(self) -> str:
        """The drawing as it is put into a page or a file."""
        return tostring(self.root, encoding="unicode", short_empty_elements=True)

    def _add(self, tag: str, kind: str, at: dict[str, str]) -> Element:
        return SubElement(self.root, tag, {**({"class": kind} if kind else {}), **at})


def stairs(points: Sequence[Point]) -> list[Point]:
    """Corners of a line that goes level from each point to the next, and then up or down to it."""
    corners = [(after[0], before[1]) for before, after in pairwise(points)]
    return [*points[:1], *(point for pair in zip(corners, points[1:], strict=True) for point in pair)]


def px(value: float) -> str:
    """A number of px as text: a tenth is enough, and keeps pages small."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def width_of(text: str) -> float:
    """About how many px a text is wide, at 12 px."""
    return PER_LETTER * len(text)


def brief(label: str, most: int = LONGEST_LABEL) -> str:
    """A label from a run folder, as long as there is room for; tables have it whole."""
    label = harmless(label)
    return label if len(label) <= most else f"{label[: most - 1]}…"
