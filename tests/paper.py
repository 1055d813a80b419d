"""A review as a reader would print it, its front matter included, and how many pages of A4 that takes."""

import base64
import html
import re
import tempfile
from pathlib import Path

from markdown_it import MarkdownIt
from selenium.webdriver import Chrome

STYLE = """
@page { size: A4; margin: 12mm; }
body { font: 8.5pt/1.3 "Liberation Sans", Arial, "DejaVu Sans Condensed", sans-serif; margin: 0; }
h1 { font-size: 13pt; margin: 0 0 3pt; } h2 { font-size: 10pt; margin: 6pt 0 2pt; }
p, ul, ol { margin: 1pt 0 3pt; } ul, ol { padding-left: 12pt; }
table { border-collapse: collapse; width: 100%; font-size: 7pt; line-height: 1.2; margin: 2pt 0; }
th, td { border: .5pt solid #999; padding: .5pt 2.5pt; vertical-align: top; } td:first-child { min-width: 18mm; }
pre { font: 6pt/1.2 "Liberation Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 0 4pt; }
"""


def as_html(text: str) -> str:
    """The page with its front matter as it stands, which many a viewer prints too."""
    front, body = text.removeprefix("---\n").split("---\n", 1)
    page = MarkdownIt("commonmark").enable("table").render(body)
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><pre>{html.escape(front)}</pre>{page}"


def count_pages(browser: Chrome, text: str) -> int:
    """Pages of A4 that Chromium prints it on."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(as_html(text))
        browser.get(file.as_uri())
        printed = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True})
    return len(re.findall(rb"/Type\s*/Page\b", base64.b64decode(printed["data"])))
