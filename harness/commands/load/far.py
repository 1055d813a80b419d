"""Workers on other machines: where they are awaited, what they have to know, and what one of them is told."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from harness.errors import UsageError
from harness.load.far.process import Listening
from harness.load.far.token import MAKE_ONE, VARIABLE, new_token, take_token

ADDRESS = re.compile(r"(?:(?P<host>[^:\[\]]*|\[[0-9A-Fa-f:.%a-z]+\]):)?(?P<port>[0-9]{1,5})")
LOOPBACK = "127.0.0.1"
LONGEST_WAIT_S = 86_400
Tell = Callable[[str], None]


def read_address(text: str, option: str, least_port: int = 0) -> tuple[str, int]:
    """Host, without brackets, and port of HOST:PORT; of a port alone this machine's loopback. UsageError otherwise."""
    match = ADDRESS.fullmatch(text)
    if match is None or not least_port <= int(match["port"]) <= 65_535 or match["host"] == "":
        raise UsageError([f"{option}: {text[:200]!a} is not accepted: give HOST:PORT, an IPv6 address in brackets"])
    return (match["host"] or LOOPBACK).strip("[]"), int(match["port"])


def read_wait(seconds: float, option: str) -> float:
    """How long to wait. UsageError when that is no time."""
    if not 0 < seconds <= LONGEST_WAIT_S:
        raise UsageError([f"{option}: {seconds} is not accepted: above 0, at most {LONGEST_WAIT_S}"])
    return seconds


def listening(listen: str, within_s: float, option: str, tell: Tell) -> Listening:
    """Where the run waits, and the token of FROSTLINE_TOKEN or a new one, which is shown, on a terminal and only there:
    what is shown elsewhere may be kept. UsageError with what cannot be."""
    host, port = read_address(listen, option)
    read_wait(within_s, "--join-within-s")
    token = take_token()
    if token is None:
        token = _show_new_token()
    return Listening(host, port, within_s, token, tell)


def join_run(join: str, token_file: Path | None, within_s: float) -> NoReturn:
    """Become a worker of the run that listens there. The token goes through a pipe: nobody sees it on the way."""
    host, port = read_address(join, "--join", least_port=1)
    read_wait(within_s, "--join-within-s")
    token = take_token(file=token_file)
    if token is None:
        raise UsageError([f"token: none is given: set {VARIABLE} to the one that the run showed, or give --token-file"])
    reader, writer = os.pipe()
    os.write(writer, token.encode() + b"\n")
    os.close(writer)
    os.dup2(reader, 0)
    command = [sys.executable, "-m", "harness.load", "join", host, str(port), str(within_s)]
    os.execv(command[0], command)  # noqa: S606 - of our own, and it hears signals itself


def _show_new_token() -> str:
    if not sys.stderr.isatty():
        raise UsageError(
            [
                f"{VARIABLE}: is not set, and there is no terminal to show a new token on, but maybe a log: "
                f"{MAKE_ONE}, and give it to this run and to its workers"
            ]
        )
    token = new_token()
    print(f"this run's token, shown once; give it to each worker: {VARIABLE}={token}", file=sys.stderr, flush=True)
    return token
