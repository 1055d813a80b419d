"""The files of a folder of the user's, links followed: what is copied is what they lead to."""

import os
from collections.abc import Iterator
from pathlib import Path

LEFT_OUT = ("__pycache__",)
"""Beside what is hidden."""

MOST_FILES = 10_000
"""And folders: a link may lead to all of a disk, and two links in each of a few folders to any number of them."""


def files_below(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Its files by relative name with forward slashes, sorted; and what is wrong with it, each with its fix.

    Links are followed, to files and to folders. Hidden names are left out, wherever they are.
    """
    files: dict[str, Path] = {}
    problems: list[str] = []
    for number, path in enumerate(_walk(folder, (folder.resolve(),), problems)):
        if number == MOST_FILES:
            problems.append(
                f"folder {folder} holds more than {MOST_FILES:,} files: name one that holds only what is needed"
            )
            break
        if path.is_dir():
            continue
        if problem := file_problem(path):
            problems.append(problem)
        else:
            files[path.relative_to(folder).as_posix()] = path
    return dict(sorted(files.items())), problems


def _walk(folder: Path, above: tuple[Path, ...], problems: list[str]) -> Iterator[Path]:
    """All that is below it, folders before what they hold."""
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        problems.append(f"folder {folder} cannot be read: give yourself read permission on it")
        return
    for path in (path for path in paths if not path.name.startswith(".") and path.name not in LEFT_OUT):
        if not path.is_dir():
            yield path
        elif (real := path.resolve()) in above or above[-1].is_relative_to(real):
            problems.append(f"link {path} leads to {real}, a folder that holds it: remove the link")
        else:
            yield path
            yield from _walk(path, (*above, real), problems)


def file_problem(path: Path) -> str | None:
    """Why it cannot be copied, and the fix; None when it can."""
    if path.is_symlink() and not path.exists():
        try:
            path.stat()
        except FileNotFoundError:
            return f"link {path} leads to {path.readlink()}, which is not there: fetch that file, or remove the link"
        except OSError as error:
            return f"link {path} leads nowhere ({error.strerror}): replace it by the file, or remove it"
    if not path.is_file():
        return f"file {path} is not a regular file; replace it by one or remove it"
    if not os.access(path, os.R_OK):
        return f"file {path} cannot be read; give yourself read permission on it"
    return None
