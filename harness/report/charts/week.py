"""A forecast over the hours of the week, or of the day: arrivals, cold starts, and sandboxes or replicas that exist."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.report.charts.axes import LINE_PX, Area, Axis, draw_x, draw_y, room_for, ticks
from harness.report.charts.drawing import WIDTH, Drawing, Point, stairs
from harness.report.charts.palette import Style

PANEL_PX, PLOT_PX = 118.0, 84.0
HOURS_PER_DAY = 24
EVERY = 18
"""Hours from one marker to the next."""
Hourly = Sequence[float | None]


@dataclass(frozen=True)
class Side:
    """One side by the hour; None where no day of the forecast has that hour."""

    style: Style
    cold_starts: Hourly
    units: Hourly


def week(label: str, arrivals: Hourly, sides: Sequence[Side]) -> str:
    """The SVG: three panels over the same hours; the arrivals are the same for all sides."""
    ink = Style("ink", (), "circle")
    panels: list[tuple[str, list[tuple[Style, Hourly]]]] = [
        ("requests in the hour", [(ink, arrivals)]),
        ("cold starts in the hour", [(side.style, side.cold_starts) for side in sides]),
        ("sandboxes or replicas, mean of the hour", [(side.style, side.units) for side in sides]),
    ]
    drawing = Drawing(label, PANEL_PX * len(panels) + 30)
    most = [highest(lines) for _, lines in panels]
    left = max(room_for(ticks(0, value * 1.05, False, 4, False), label=False) for value in most) + 4
    for place, ((title, lines), value) in enumerate(zip(panels, most, strict=True)):
        top = PANEL_PX * place
        area = Area(left, WIDTH - 14, top + 24, top + 24 + PLOT_PX)
        x, y = hours(area, len(arrivals)), area.upward(0, value * 1.05, most=4)
        drawing.text(area.left, top + 10, title)
        draw_y(drawing, y, area)
        draw_hours(drawing, x, area, named=place == len(panels) - 1)
        for style, values in lines:
            draw_side(drawing, x, y, style, values)
    return drawing.svg()


def highest(lines: Sequence[tuple[Style, Hourly]]) -> float:
    """The largest value of any line; 1 where there is none above 0."""
    return max((value for _, values in lines for value in values if value), default=1.0)


def hours(area: Area, count: int) -> Axis:
    """The x axis: a tick at the begin of each day, or every four hours where there is one day only."""
    every = HOURS_PER_DAY if count > HOURS_PER_DAY else 4
    return Axis(0, count, area.left, area.right, ticks=range(0, count + 1, every))


def draw_hours(drawing: Drawing, axis: Axis, area: Area, named: bool) -> None:
    """Draw the x axis: of a week the days by their number in the middle of each, of a day the hours."""
    if axis.high <= HOURS_PER_DAY:
        draw_x(drawing, axis if named else replace(axis, ticks=()), area, "hour of the day" if named else "", grid=True)
        return
    for value in axis.ticks:
        x = axis.at(value)
        drawing.line((x, area.top), (x, area.bottom), "grid")
        if named and value + HOURS_PER_DAY / 2 < axis.high:
            number = f"{int(value) // HOURS_PER_DAY + 1}"
            drawing.text(axis.at(value + HOURS_PER_DAY / 2), area.bottom + 13, number, "soft", "middle")
    drawing.line((area.left, area.bottom), (area.right, area.bottom), "axis")
    if named:
        middle = (area.left + area.right) / 2
        drawing.text(
            middle, area.bottom + 13 + LINE_PX + 1, "day of the traffic's week, hour by hour", "soft", "middle"
        )


def draw_side(drawing: Drawing, x: Axis, y: Axis, style: Style, values: Hourly) -> None:
    """Draw one line, broken where an hour has no value; hours of a single day as stairs."""
    one_day = len(values) <= HOURS_PER_DAY
    for stretch in stretches(values):
        middles = [(x.at(hour + 0.5), y.at(value)) for hour, value in stretch]
        begins = [(x.at(hour), y.at(value)) for hour, value in stretch]
        end = (x.at(stretch[-1][0] + 1), y.at(stretch[-1][1]))
        drawing.path(stairs([*begins, end]) if one_day else middles, f"line {style.colour}", style.dashes)
        for point in marks(middles) if style.colour != "ink" else []:
            drawing.mark(point, style.marker, f"mark {style.colour}", 0.75)


def marks(points: Sequence[Point]) -> Sequence[Point]:
    """Those that bear a marker, so that lines can be told apart without their colours."""
    return points[min(EVERY, len(points)) // 2 :: EVERY]


def stretches(values: Hourly) -> Iterator[list[tuple[int, float]]]:
    """Hours that follow each other and have a value, with it."""
    stretch: list[tuple[int, float]] = []
    for hour, value in enumerate(values):
        if value is not None:
            stretch.append((hour, value))
        elif stretch:
            yield stretch
            stretch = []
    if stretch:
        yield stretch
