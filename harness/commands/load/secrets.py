"""What must not be seen of an order: kept out of what is printed and, as soon as it was read, of the process list."""

import base64
import binascii
import ctypes
import html
import itertools
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote, unquote_plus

LEAST_LENGTH = 4
"""A shorter value would blot out half of what is said: it is masked only where a part of a URL is just that."""
IN_URL = r"(?<=[/=:?&]){}(?=[/&?#@;)\s]|$)"
IN_PARTS = frozenset({"cookie", "authorization", "proxy-authorization"})
"""Headers whose value has parts with names: a server may send back one of them."""
HEADER = "--header"
URL = re.compile("https?://", re.IGNORECASE)
MASK = "***"
PROCESS = Path("/proc/self")
ARGUMENTS_AT = 45
"""Of the fields after the command's name in /proc/PID/stat: where the arguments begin and end in memory."""


def secrets_of(url: str, headers: Mapping[str, str]) -> tuple[str, ...]:
    """Every text that a server could send back: values of headers and of the query, a name and password, each in all
    forms in which it may be written."""
    found = [*headers.values(), *_query_values(url.partition("#")[0].partition("?")[2])]
    for name, value in headers.items():
        kind, _, rest = value.partition(" ")
        found += [rest, *(_basic(rest) if kind.lower() == "basic" else [])]
        if name.lower() in IN_PARTS:
            found += [part.partition("=")[2].strip(' "') for part in re.split("[;,]", value)]
    wanted = {form for value in found for form in _forms(value) if form}
    return tuple(sorted(wanted, key=len, reverse=True))


def _query_values(query: str) -> list[str]:
    """As they are written; of a part without a value its name, which may be a key."""
    parts = (part.partition("=") for part in re.split("[&;]", query))
    return [value if mark else name for name, mark, value in parts]


def _forms(value: str) -> set[str]:
    """A text as it was given, decoded, and as a URL, JSON or HTML have it."""
    plain = {value, unquote(value), unquote_plus(value)}
    found = set(plain)
    for text in plain:
        as_json = {json.dumps(text, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False)}
        found |= as_json | {each.replace("/", "\\/") for each in as_json}
        found |= {quote(text, safe=""), quote(text), quote_plus(text), html.escape(text)}
    return found | {re.sub("%..", lambda match: match[0].lower(), each) for each in found}


def without_secrets(text: str, secrets: Iterable[str], is_cut: bool = False) -> str:
    """The text with a mask in the place of each secret; `is_cut`: it went on, so that it may end within one."""
    secrets = list(secrets)
    for secret in secrets:
        if len(secret) >= LEAST_LENGTH:
            text = text.replace(secret, MASK)
        else:
            text = re.sub(IN_URL.format(re.escape(secret)), MASK, text)
    return _without_beginning(text, secrets) if is_cut else text


def _without_beginning(text: str, secrets: Iterable[str]) -> str:
    """A mask in the place of the longest end that is the beginning of a secret."""
    longest = max(
        (size for secret in secrets for size in range(1, len(secret)) if text.endswith(secret[:size])), default=0
    )
    return text[: len(text) - longest] + MASK if longest else text


def secret_arguments(arguments: Sequence[str]) -> list[str]:
    """Of a command line, what may hold a secret; told by its look, for it is hidden before anything is read."""
    if list(arguments[1:2]) != ["load"]:
        return []
    return [
        text
        for before, text in itertools.pairwise(arguments)
        if before == HEADER
        or text.startswith(f"{HEADER}=")
        or (not text.startswith("-") and (set(text) & {*"@?#"} or (":" in text and not URL.match(text))))
    ]


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
