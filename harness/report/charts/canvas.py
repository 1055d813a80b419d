"""A matplotlib figure as inline SVG that takes its colours and its font from the page around it."""

import io
import re
import warnings
from collections.abc import Callable
from typing import Any, cast
from xml.etree import ElementTree

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from harness.files.text import harmless
from harness.report.charts.palette import BAND, INK, MUTED, RULE, VARIABLES, Style

WIDTH = 400
"""Of every chart in px, so that it can be read on a telephone; wider pages set several side by side."""
LONGEST_LABEL = 34
SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "frostline",
    "text.parse_math": False,
    "axes.unicode_minus": False,
    "font.size": 12,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 12,
    "axes.linewidth": 1,
    "axes.titlecolor": INK,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "hatch.linewidth": 1,
    "text.color": INK,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.8,
    "lines.markersize": 6,
}
COLOUR = re.compile(r"#[0-9a-f]{6}\b")
DECIMAL = re.compile(r"-?\d+\.\d+")
GEOMETRY = ("d", "x", "y", "width", "height", "transform", "viewBox")
FONTS = ("font-family", "font-style", "font-variant", "font-stretch")
HREF = "{http://www.w3.org/1999/xlink}href"


def drawn(prefix: str, label: str, height: float, draw: Callable[[Figure], None]) -> str:
    """What `draw` puts on a figure of `height` px. `prefix` keeps ids of several charts on one page apart."""
    with matplotlib.rc_context(cast(Any, SETTINGS)), warnings.catch_warnings():
        # The browser's fonts are used, not those in which matplotlib looks up how wide a text will be.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72, layout="constrained")
        draw(figure)
        stream = io.StringIO()
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(stream, metadata={"Date": None, "Creator": None, "Format": None})
    return inlined(stream.getvalue(), prefix, harmless(label))


def inlined(svg: str, prefix: str, label: str) -> str:
    """Without namespaces, metadata and style sheets of its own, and with the page's colours."""
    root = ElementTree.fromstring(svg)  # noqa: S314 - matplotlib wrote it just now, with every text escaped
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        adapt(element, prefix)
        # What matplotlib indents by is no text; inside <text> there are no elements.
        element.tail = None
        element.text = element.text if element.tag == "text" else None
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {"class": "chart", "role": "img", "aria-label": label}
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)


def adapt(element: ElementTree.Element, prefix: str) -> None:
    """One element's attributes."""
    attributes = element.attrib
    if HREF in attributes:
        attributes["href"] = f"#{prefix}-{attributes.pop(HREF).removeprefix('#')}"
    if element.tag == "g":
        attributes.pop("id", None)
    if "id" in attributes:
        attributes["id"] = f"{prefix}-{attributes['id']}"
    if "fill" in attributes:
        attributes["style"] = f"fill: {attributes.pop('fill')}"
    for name in GEOMETRY:
        if name in attributes:
            attributes[name] = DECIMAL.sub(lambda found: f"{float(found.group()):.2f}", attributes[name])
    if "transform" in attributes and attributes["transform"].startswith("rotate(-0 "):
        del attributes["transform"]
    if "clip-path" in attributes:
        attributes["clip-path"] = attributes["clip-path"].replace("url(#", f"url(#{prefix}-")
    if "style" in attributes:
        attributes["style"] = styled(attributes["style"], prefix)


def styled(style: str, prefix: str) -> str:
    """Declarations of one element; KeyError for a colour that is no stand-in and would be lost in the dark."""
    kept = [part for part in style.split("; ") if part.partition(":")[0] not in FONTS]
    text = COLOUR.sub(lambda found: VARIABLES[found.group()], "; ".join(kept))
    return text.replace("url(#", f"url(#{prefix}-")


def brief(label: str, most: int = LONGEST_LABEL) -> str:
    """A label from a run folder, as long as there is room for; tables have it whole."""
    label = harmless(label)
    return label if len(label) <= most else f"{label[: most - 1]}…"


def line(style: Style) -> dict[str, Any]:
    """Keywords of matplotlib for a line in this style."""
    return {"color": style.colour, "linestyle": (0, style.dashes) if style.dashes else "-"}


def linear(axis: Any, ticks: int = 5, integer: bool = False) -> None:
    """A linear axis with plain numbers."""
    axis.set_major_locator(MaxNLocator(ticks, integer=integer))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def logarithmic(axis: Any, low: float, high: float) -> None:
    """A log axis with plain numbers, as many in each decade as there is room for between `low` and `high`."""
    times = high / low if low > 0 else float("inf")
    subs = (1, 1.5, 2, 3, 4, 6, 8) if times <= 6 else (1, 2, 5) if times <= 300 else (1,)
    axis.set_major_locator(LogLocator(base=10, subs=subs, numticks=9))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def number(value: float) -> str:
    """A tick's number, e.g. 0.05, 20, 5,000, 2M."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


def shade(axes: Any, low: float, high: float) -> None:
    """A band over the whole height, behind everything."""
    axes.axvspan(low, high, facecolor=BAND, edgecolor="none", zorder=0)
