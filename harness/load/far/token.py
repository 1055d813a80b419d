"""The secret that a run and its far workers share. It is in no file of a run, no log and no list of processes."""

import hmac
import os
import secrets
from collections.abc import MutableMapping
from pathlib import Path

from harness.errors import UsageError

VARIABLE = "FROSTLINE_TOKEN"
FEWEST, MOST = 32, 512
"""Characters. A shorter one could be found by trying: who records a handshake may try at leisure."""
MAKE_ONE = "make one with `openssl rand -hex 32`"


def new_token() -> str:
    """256 bits that nobody can guess."""
    return secrets.token_urlsafe(32)


def take_token(environment: MutableMapping[str, str] = os.environ, file: Path | None = None) -> str | None:
    """The token that was handed over, by a file or by FROSTLINE_TOKEN, which is taken out of the environment so that
    nothing that is started has it; None where there is none. UsageError when it cannot be one; no part of it is told.
    """
    given = environment.pop(VARIABLE, None)
    where = VARIABLE
    if file is not None:
        where = f"--token-file {file}"
        try:
            with file.open("rb") as opened:
                given = opened.read(MOST + 2).decode("utf-8", "replace").strip()
        except OSError as error:
            raise UsageError(
                [f"{where}: cannot be read ({error.strerror}): name a file with the run's token"]
            ) from None
    if given is None:
        return None
    if not (FEWEST <= len(given) <= MOST and given.isascii() and given.isprintable() and " " not in given):
        wanted = f"it has {FEWEST} to {MOST} printable characters without spaces"
        raise UsageError([f"{where}: what it holds ({len(given)} characters) is no token: {wanted}: {MAKE_ONE}"])
    return given


def keys(token: str, side: str) -> tuple[bytes, bytes]:
    """Public and secret CURVE key of the master or of a worker, as Z85 text: who has the token has both sides'."""
    import zmq  # commands that only hand the token on have no use of it
    from zmq.utils import z85

    secret = z85.encode(hmac.digest(token.encode(), f"frostline load {side}".encode(), "sha256"))
    return zmq.curve_public(secret), secret
