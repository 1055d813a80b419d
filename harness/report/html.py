"""The content of a report as one HTML file: charts and styles inside, no script, nothing to fetch."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.files.text import harmless
from harness.report.charts.palette import style
from harness.report.nouns import Content

TEMPLATES = Path(__file__).parent / "templates"
SHEETS = ("colours.css", "report.css", "chart.css")
WORDS = {"notes", "verdict", "profile", "state", "value", "digest", "base", "term", "rests on"} | {
    *("target", "source", "pull", "reason", "priced as", "rule", "warm answers of"),
}
"""Heads of columns that hold words: figures are set right."""


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
    environment.globals |= {"style_of": style, "words": WORDS}
    page = environment.get_template("report.html.j2")
    css = Markup("".join((TEMPLATES / name).read_text() for name in SHEETS))  # noqa: S704 - our own files
    charts = {
        part.anchor: [Markup(chart.draw()) for chart in part.charts]  # noqa: S704
        for part in content.parts
    }
    return page.render(page=content, css=css, charts=charts)


def visible(value: Any) -> Any:
    """Text with control and bidirectional characters as escapes; markup of our own as it is."""
    return value if isinstance(value, Markup) else harmless(value)
