"""What goes along with each request: headers as they are given, and the name and password of a URL."""

import base64
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes

from harness.files.problems import quote
from harness.load.senders.http import TOKEN

MOST_FILE_BYTES = 1_000_000
AUTHORIZATION = "Authorization"


def read_headers(given: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Headers from NAME:VALUE, or from the lines of a file that is given as @FILE; and what is wrong with them.

    No value stands in what is said of them: it may be a password.
    """
    headers: dict[str, str] = {}
    problems: list[str] = []
    for at, text in enumerate(given, 1):
        try:
            lines = list(_lines_of(text, f"--header number {at}"))
        except OSError as error:
            problems.append(
                f"--header: {quote(text)} cannot be read ({error.strerror}): name a file of NAME:VALUE lines"
            )
            continue
        for where, line in lines:
            name, colon, value = (part.strip(" \t") for part in line.partition(":"))
            if not colon or not TOKEN.fullmatch(name):
                problems.append(f"{where}: is not accepted: write NAME:VALUE")
            elif name.lower() in map(str.lower, headers):
                problems.append(f"{where}: {name} is there already: give it once")
            else:
                headers[name] = value
    return headers, problems


def _lines_of(text: str, where: str) -> Iterator[tuple[str, str]]:
    """Each header with the words for where it stands."""
    if not text.startswith("@"):
        yield where, text
        return
    path = Path(text[1:])
    if not path.is_file():
        raise OSError(0, "it is no file")
    with path.open("rb") as file:
        lines = file.read(MOST_FILE_BYTES).decode("utf-8", "replace").splitlines()
    yield from (
        (f"--header: line {at} of {quote(str(path))}", line) for at, line in enumerate(lines, 1) if line.strip()
    )


def take_credentials(url: str) -> tuple[str, str]:
    """The URL without the name and password in it, and the value of the Authorization header that they make; "" where
    there are none. ValueError says what cannot be sent, without them."""
    scheme, mark, rest = url.partition("://")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    userinfo, at, host = authority.rpartition("@")
    if not (mark and at):
        return url, ""
    name, _, password = (unquote_to_bytes(part) for part in userinfo.partition(":"))
    if b":" in name:
        raise ValueError("a name with a colon in it cannot be sent as Basic: give --header 'Authorization: ...'")
    basic = base64.b64encode(name + b":" + password).decode()
    return f"{scheme}://{host}{rest[len(authority) :]}", f"Basic {basic}" if userinfo else ""
