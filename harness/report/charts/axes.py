"""Axes: from values to pixels, round numbers as ticks, and the frame that a chart is drawn in."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.report.charts.drawing import Drawing, width_of

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
LINE_PX = 16.0
"""Height of a line of text."""
GAP_PX = 8.0
"""Least room between two tick labels."""
LEAST_TIMES = 2.5
"""A log axis that spans less has its ticks at equal steps, or there would be one or none."""


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high` lie between the pixels `begin` and `end`, which run upwards on a y axis."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False
    ticks: Sequence[float] = ()

    def at(self, value: float) -> float:
        """Pixel of a value; what lies beyond the axis ends on its edge."""
        low, high = (math.log(x) for x in (self.low, self.high)) if self.log else (self.low, self.high)
        place = math.log(max(value, self.low)) if self.log else value
        share = (place - low) / (high - low) if high > low else 0.5
        return self.begin + min(1.0, max(0.0, share)) * (self.end - self.begin)


@dataclass(frozen=True)
class Area:
    """The part of a drawing that data are drawn in, in px."""

    left: float
    right: float
    top: float
    bottom: float

    def across(self, low: float, high: float, log: bool = False, most: int = 6, whole: bool = False) -> Axis:
        """An x axis; as many ticks as there is room for labels."""
        bare = Axis(low, high, self.left, self.right, log)
        return Axis(low, high, self.left, self.right, log, thin(ticks(low, high, log, most, whole), bare))

    def upward(self, low: float, high: float, log: bool = False, most: int = 5, whole: bool = False) -> Axis:
        """A y axis; as many ticks as there is room for lines of text."""
        values = ticks(low, high, log, most, whole)
        bare = Axis(low, high, self.bottom, self.top, log)
        return Axis(low, high, self.bottom, self.top, log, thin(values, bare, LINE_PX))


def room_for(numbers: Iterable[float], label: bool) -> float:
    """Width of a y axis's tick labels, and of its own label."""
    return max((width_of(number(value)) for value in numbers), default=0.0) + 6 + (LINE_PX + 4 if label else 0)


def ticks(low: float, high: float, log: bool, most: int, whole: bool) -> list[float]:
    """Round values between `low` and `high`."""
    if log and low > 0 and high / low >= LEAST_TIMES:
        times = high / low
        digits = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0) if times <= 6 else (1.0, 2.0, 5.0) if times <= 300 else (1.0,)
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        every = max(1, math.ceil(len(decades) / 8))
        values = [digit * 10.0**decade for decade in decades if decade % every == 0 for digit in digits]
    else:
        step = step_of(high - low, most, whole)
        first = math.ceil(low / step - 1e-9)
        values = [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]
    return [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


def step_of(span: float, most: int, whole: bool) -> float:
    """The smallest round step that a span holds at most so many times."""
    if not span > 0 or not math.isfinite(span):
        return 1.0
    least = span / most
    unit = 10.0 ** math.floor(math.log10(least))
    step = next((unit * times for times in STEPS if unit * times >= least * (1 - 1e-9)), unit * 10)
    return max(1.0, float(math.ceil(step))) if whole else step


def thin(values: Sequence[float], axis: Axis, height: float | None = None) -> list[float]:
    """The values whose labels do not touch the one before; labels of a y axis have a `height`."""
    thinned: list[float] = []
    edge = -math.inf
    for value in values:
        half = (width_of(number(value)) if height is None else height) / 2
        place = axis.at(value) if height is None else -axis.at(value)
        if place - half >= edge + (GAP_PX if height is None else 0):
            thinned.append(value)
            edge = place + half
    return thinned


def number(value: float) -> str:
    """A tick's number, e.g. 0.05, 20, 5,000, 2M."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


def draw_x(drawing: Drawing, axis: Axis, area: Area, label: str = "", grid: bool = False) -> None:
    """Draw an x axis: the line below, its ticks and its label, which stands in the middle below them."""
    for value in axis.ticks:
        x = axis.at(value)
        if grid:
            drawing.line((x, area.top), (x, area.bottom), "grid")
        drawing.line((x, area.bottom), (x, area.bottom + 4), "axis")
        drawing.text(x, area.bottom + 13, number(value), "soft", "middle")
    drawing.line((area.left, area.bottom), (area.right, area.bottom), "axis")
    if label:
        drawing.text((area.left + area.right) / 2, area.bottom + 13 + LINE_PX + 1, label, "soft", "middle")


def draw_y(drawing: Drawing, axis: Axis, area: Area, label: str = "", names: Sequence[str] = ()) -> None:
    """Draw a y axis: the line at the left and grid lines; `names` stand in place of the ticks' numbers."""
    for value, name in zip(axis.ticks, names or [number(value) for value in axis.ticks], strict=True):
        y = axis.at(value)
        drawing.line((area.left, y), (area.right, y), "grid")
        drawing.line((area.left - 4, y), (area.left, y), "axis")
        drawing.text(area.left - 6, y, name, "soft", "end")
    drawing.line((area.left, area.top), (area.left, area.bottom), "axis")
    if label:
        drawing.text(9, (area.top + area.bottom) / 2, label, "soft", "middle", upright=True)
