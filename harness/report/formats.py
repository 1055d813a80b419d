"""The forms in which results can be had. What is none of them is refused in one place, harness/commands/options.py."""

from typing import Literal

TableFormat = Literal["text", "md", "csv", "json"]
HistoryFormat = Literal["text", "md", "json"]
PageFormat = Literal["html", "md"]
ProgressFormat = Literal["text", "json"]
"""How commands that measure report: JSON alone on standard output, what happens meanwhile on standard error."""
