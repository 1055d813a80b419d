"""What was asked for on the command line, and everything about it that cannot be done."""

import array
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from harness.commands.load.expectations import FUNCTION_ERROR_HEADER, Expectations
from harness.commands.load.headers import AUTHORIZATION, read_headers, take_credentials
from harness.commands.load.secrets import secrets_of
from harness.errors import UsageError
from harness.experiment.profiles import draw, profile, profile_names
from harness.files.problems import not_one_of, problems_in, quote
from harness.load.failures import lack_of
from harness.load.limits import MOST_BODIES_BYTES, arrivals_problem, bodies_problem
from harness.load.route import addresses_of
from harness.load.senders import endpoint_problems
from harness.load.senders.contract import as_shown, without_userinfo
from loadprofiles import LoadProfile
from targets.contract import Endpoint

LONGEST_TIMEOUT_S = 86_400
PIECE_BYTES = 2**22
OPTIONS = {"ca_file": "--ca-file", "insecure": "--insecure", "method": "--method", "headers": "--header"}
"""By the endpoint's field."""


@dataclass(frozen=True)
class Assignment:
    """An order that can be carried out."""

    endpoint: Endpoint
    body: bytes
    offsets: "array.array[float]"
    expectations: Expectations


@dataclass(frozen=True)
class LoadOrder:
    """What was asked for on the command line."""

    url: str
    profile: str
    rate: float
    seconds: float
    seed: int
    workers: int
    body: Path | None
    timeout_s: float

    insecure: bool = False
    ca_file: Path | None = None
    method: str = ""
    headers: tuple[str, ...] = ()
    """NAME:VALUE, or @FILE."""
    expect_status: tuple[str, ...] = ()
    expect_json: tuple[str, ...] = ()

    @cached_property
    def shown_url(self) -> str:
        """The URL as it may be told."""
        return as_shown(self.url)

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """What nobody is to see, wherever it comes from."""
        return secrets_of(self.url, self.endpoint().headers)

    def endpoint(self) -> Endpoint:
        """Where and how its requests leave, as far as what was given can be read."""
        headers = dict(self._given_headers[0])
        try:
            url, authorization = take_credentials(self.url)
        except ValueError:
            url, authorization = self.url, ""
        if authorization:
            headers[AUTHORIZATION] = authorization
        ca_file = "" if self.ca_file is None else str(self.ca_file)
        method = self.method or ("POST" if self.body else "GET")
        return Endpoint(
            url, method, headers, ca_file=ca_file, insecure=self.insecure, kept_header=FUNCTION_ERROR_HEADER
        )

    @cached_property
    def _given_headers(self) -> tuple[dict[str, str], list[str]]:
        return read_headers(self.headers)

    def check(self) -> Assignment:
        """What is to be done. UsageError with everything that cannot be done as asked."""
        expectations, problems = Expectations.read(self.expect_status, self.expect_json)
        problems = [*self._endpoint_problems(), *problems]
        if self.workers < 1 or self.workers > 16:
            problems.append(f"--workers: {self.workers} is not accepted: 1 to 16")
        if not 0 < self.timeout_s <= LONGEST_TIMEOUT_S:
            problems.append(f"--timeout-s: {self.timeout_s} is not accepted: above 0, at most {LONGEST_TIMEOUT_S}")
        body, load = b"", None
        try:
            body = self._read_body()
        except UsageError as error:
            problems += error.problems
        try:
            load = self._load_profile()
        except UsageError as error:
            problems += error.problems
        if problems or load is None:
            raise UsageError(problems)
        offsets = draw(load, self.seed)
        if problem := arrivals_problem(len(offsets), 1, f"--profile {self.profile}"):
            raise UsageError([problem])
        return Assignment(self.endpoint(), body, offsets, expectations)

    def _endpoint_problems(self) -> list[str]:
        endpoint = self.endpoint()
        problems = self._given_headers[1] + self._credentials_problems(endpoint.url)
        if not problems:
            problems = [OPTIONS.get(field, field) + said for field, said in map(_at_colon, endpoint_problems(endpoint))]
        if problems:
            return problems
        try:
            addresses_of(endpoint)
        except OSError as error:
            return [
                f"url: {quote(self.shown_url)} is not accepted: its host has no address ({error}): correct its name"
            ]
        return []

    def _credentials_problems(self, url: str) -> list[str]:
        """`url`: without what could be taken from it."""
        try:
            _, authorization = take_credentials(self.url)
        except ValueError as error:
            return [f"url: {error}"]
        if authorization and AUTHORIZATION.lower() in map(str.lower, self._given_headers[0]):
            return ["url: its name and password and a header Authorization cannot both be sent: leave out one of them"]
        if without_userinfo(url) != url:
            return ["url: what looks like a name and password cannot be read: write / ? # \\ and @ in them as %XX"]
        return []

    def _read_body(self) -> bytes:
        """What is sent with each request. UsageError when it cannot be read or is too long, before it is read."""
        if self.body is None:
            return b""
        try:
            if not self.body.is_file():
                raise UsageError([f"--body: {self.body} is not a file: name one that holds the request's body"])
            if problem := bodies_problem([self.body.stat().st_size], f"--body: {self.body}"):
                raise UsageError([problem])
            body = _read_most(self.body)
        except (OSError, MemoryError) as error:
            reason = error.strerror if isinstance(error, OSError) else lack_of(error)
            raise UsageError([f"--body: {self.body} cannot be read: {reason}"]) from error
        if problem := bodies_problem([len(body)], f"--body: {self.body}"):
            raise UsageError([problem])
        return body

    def _load_profile(self) -> LoadProfile:
        """UsageError when there is none of this name, or when it does not take what was asked for."""
        if self.profile not in profile_names():
            raise UsageError([f"--profile: {not_one_of(self.profile, profile_names())}"])
        if profile(self.profile).reads_file:
            raise UsageError(
                [f"--profile: {self.profile} reads a file, and this command takes none: write an experiment with it"]
            )
        try:
            load = profile(self.profile).model_validate({"rate": self.rate, "seconds": self.seconds})
        except ValidationError as error:
            raise UsageError([f"--{line}" for line in problems_in(error)]) from error
        if problem := arrivals_problem(load.rate, load.seconds, "--rate x --seconds"):
            raise UsageError([problem])
        return load


def _read_most(path: Path) -> bytes:
    """A file that may grow meanwhile, up to a byte more than is accepted; its size in memory, not the most accepted."""
    pieces, left = [], MOST_BODIES_BYTES + 1
    with path.open("rb") as file:
        while left and (piece := file.read(min(left, PIECE_BYTES))):
            pieces.append(piece)
            left -= len(piece)
    return b"".join(pieces)


def _at_colon(problem: str) -> tuple[str, str]:
    field, colon, said = problem.partition(":")
    return field, colon + said
