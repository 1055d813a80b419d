"""A review as Markdown: whatever is put into the template is escaped, without exception."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.record.figures import MISSING
from harness.report.export import escaped

TEMPLATES = Path(__file__).parent


def markdown(values: dict[str, Any]) -> str:
    """Fill review.md.j2."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701 this is Markdown: `finalize` escapes every value instead
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("review.md.j2").render(values)
    return re.sub(r"\n{3,}", "\n\n", page).strip() + "\n"


def shown(value: Any) -> str:
    """What is absent is shown as that."""
    return MISSING if value is None else escaped(value)
