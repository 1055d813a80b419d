"""What must not be seen of an order: kept out of what is printed and, as soon as it was read, of the process list."""

import base64
import binascii
import ctypes
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

LEAST_LENGTH = 4
"""A shorter value would blot out half of what is said."""
MASK = "***"
PROCESS = Path("/proc/self")
ARGUMENTS_AT = 45
"""Of the fields after the command's name in /proc/PID/stat: where the arguments begin and end in memory."""


def secrets_of(url: str, headers: Mapping[str, str]) -> tuple[str, ...]:
    """Every text that a server could send back: values of headers and of the query, a name and password."""
    try:
        query = parse_qsl(urlsplit(url).query)
    except ValueError:
        query = []
    found = [*headers.values(), *(value for _, value in query)]
    for value in headers.values():
        kind, _, rest = value.partition(" ")
        found += [rest, *(_basic(rest) if kind.lower() == "basic" else [])]
    wanted = {form for value in found for form in (value, unquote(value)) if len(form) >= LEAST_LENGTH}
    return tuple(sorted(wanted, key=len, reverse=True))


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text with a mask in the place of each secret."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def hide_arguments(texts: Sequence[str]) -> None:
    """Overwrite these texts where the kernel reads this process's arguments; elsewhere than on Linux nothing can be
    done: there, and for the moment until now, only a file hides them."""
    try:
        data = (PROCESS / "cmdline").read_bytes()
        fields = (PROCESS / "stat").read_text().rpartition(")")[2].split()
        first, last = map(int, fields[ARGUMENTS_AT : ARGUMENTS_AT + 2])
    except (OSError, ValueError):
        return
    if not first or last - first != len(data):
        return
    for text in filter(None, texts):
        for match in re.finditer(re.escape(os.fsencode(text)), data):
            ctypes.memset(first + match.start(), ord("*"), match.end() - match.start())


def _basic(rest: str) -> list[str]:
    try:
        name, _, password = base64.b64decode(rest).decode("utf-8", "replace").partition(":")
    except binascii.Error:
        return []
    return [f"{name}:{password}", password]
