"""The content of a report as one HTML file: charts and styles inside, no script, nothing to fetch."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.files.text import harmless
from harness.report.charts.palette import STYLES, style
from harness.report.nouns import Content

TEMPLATES = Path(__file__).parent / "templates"
WORDS = {"notes", "verdict", "profile", "state", "value", "digest", "base", "term", "rests on"} | {
    *("target", "source", "pull", "reason", "priced as"),
}
"""Heads of columns that hold words: figures are set right."""
MARKERS = {
    "o": "M17 2a4 4 0 1 0 .01 0z",
    "s": "M13.5 2.5h7v7h-7z",
    "^": "M17 1.5l4.5 8h-9z",
    "D": "M17 1l5 5-5 5-5-5z",
    "v": "M17 10.5l4.5-8h-9z",
    "P": "M15.5 2h3v2.5H21v3h-2.5V10h-3V7.5H13v-3h2.5z",
}
"""Shapes of a key's markers, around (17, 6)."""


def as_html(content: Content) -> str:
    """The whole page. Every text is escaped by Jinja; only what the charts drew is put in as it is."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    environment.globals |= {"style_of": style, "markers": MARKERS, "words": WORDS}
    page = environment.get_template("report.html.j2")
    css = Markup((TEMPLATES / "report.css").read_text())  # noqa: S704 - our own file
    charts = {
        part.anchor: [Markup(chart.draw(f"{part.anchor}-{n}")) for n, chart in enumerate(part.charts, 1)]  # noqa: S704
        for part in content.parts
    }
    return page.render(page=content, css=css, charts=charts, styles=STYLES)


def visible(value: Any) -> Any:
    """Text with control and bidirectional characters as escapes; markup of our own as it is."""
    return value if isinstance(value, Markup) else harmless(value)
