"""A request that carries a file: {"name", "data"}, its bytes in base64; and what is read out of one as text."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def file_bytes(request: Mapping[str, Any]) -> bytes:
    """The file that a request carries. ValueError when "data" is not base64."""
    data = request.get("data")
    if not isinstance(data, str):
        raise ValueError(f'"data" is {type(data).__name__}: send {{"name": "...", "data": "<base64>"}}')
    try:
        return base64.b64decode(data, validate=True)
    except ValueError as error:
        raise ValueError(f'"data" is not base64 ({error}): encode the file\'s bytes with base64') from error


def body(path: Path) -> bytes:
    """A request that carries the file at `path`."""
    return json.dumps({"name": path.name, "data": base64.b64encode(path.read_bytes()).decode()}).encode()


def edits(right: Sequence[str], found: Sequence[str]) -> int:
    """How many words or characters must be put in, left out or replaced: Levenshtein's distance."""
    row = list(range(len(found) + 1))
    for at, one in enumerate(right, 1):
        before, row[0] = row[0], at
        for to, other in enumerate(found, 1):
            before, row[to] = row[to], min(row[to] + 1, row[to - 1] + 1, before + (one != other))
    return row[-1]
