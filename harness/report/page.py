"""`frostline report`: a stored run as one file that needs no network."""

from collections.abc import Callable
from pathlib import Path

from harness.errors import MissingError, UsageError
from harness.files.whole import inside, replacing
from harness.record.folder import RunFolder
from harness.record.shelf import find_run
from harness.report.content import content_of
from harness.report.formats import PageFormat
from harness.report.nouns import Content

FILES: dict[PageFormat, str] = {"html": "report.html", "md": "report.md"}
"""The file in the run folder that each format is written to."""


def write_report(results: Path, run: str, output: Path | None, format: PageFormat) -> Path:
    """Write the report of a run and say where it is. UsageError for a file that cannot be."""
    folder = find_run(results, run)
    file = inside(folder.path, FILES[format]) if output is None else check_output(output, folder)
    text = renderer(format)(content_of(folder))
    try:
        with replacing(file) as stream:
            stream.write(text.encode())
    except OSError as error:
        reason = error.strerror or str(error)
        raise MissingError(f"{file} cannot be written ({reason}): choose another --output") from None
    return file


def check_output(output: Path, folder: RunFolder) -> Path:
    """`output`, if it may be written. What a run was measured with is never overwritten."""
    if output.is_dir():
        raise UsageError([f"output: {output} is a folder: name a file in it"])
    if not output.parent.is_dir():
        raise UsageError([f"output: there is no folder {output.parent}: make it first"])
    whole = output.parent.resolve() / output.name
    if whole.is_relative_to(folder.path) and whole.suffix not in (".html", ".md"):
        raise UsageError([f"output: {output} lies in the run folder and is no .html or .md: choose another name"])
    return output


def renderer(format: PageFormat) -> Callable[[Content], str]:
    """What turns content into a file of this format; only that is loaded."""
    if format == "md":
        from harness.report.markdown import as_markdown

        return as_markdown
    from harness.report.html import as_html

    return as_html
