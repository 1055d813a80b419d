"""An image of your own, which answers HTTP, or as a function through the Runtime Interface Emulator that it brings."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from targets.workloads.contract import Infer, OwnImage, Payload, Phase, Wheel

KNOWN = ("image", "command", "port", "path", "ready_path", "payloads", "status", "json", "equals", "matches")
DEFAULT_PAYLOAD = Payload("frost", b'{"text": "frost"}')
MOST_PAYLOADS = 1000
MISSING = object()


@dataclass(frozen=True)
class Expected:
    """What a right answer is; without any of it every answer of the right status is one."""

    json: str | None = None
    """A JMESPath expression, whose result in the answer is looked at instead of the whole."""
    equals: Any = MISSING
    matches: str | None = None
    """A regular expression that is found somewhere in it."""

    def why_wrong(self, answer: Any) -> str | None:
        """Why the answer, JSON or text, is not as expected; None when it is."""
        found = answer
        if self.json is not None:
            import jmespath  # where answers are checked; never in a unit

            try:
                found = jmespath.search(self.json, answer)
            except (jmespath.exceptions.JMESPathError, RecursionError) as error:
                return f"{self.json[:60]!a} cannot be found in it: {type(error).__name__}"
            if found is None:
                return f"there is no {self.json[:60]!a} in it"
        if self.equals is not MISSING and found != self.equals:
            return f"{_short(found)} is not {_short(self.equals)}"
        if self.matches is not None and not re.search(self.matches, _text(found)):
            return f"{_short(found)} does not match {self.matches[:60]!a}"
        return None


class Command:
    """Your own image: nothing of ours runs inside, so what only our serving code could tell is absent."""

    name = "command"
    summary = "Your own image, over HTTP or as a function: settings name it, its payloads and a check"
    requirements: tuple[str, ...] = ()
    models: tuple[Wheel, ...] = ()
    model_files: tuple[str, ...] = ()

    def __init__(
        self,
        own_image: OwnImage | None = None,
        payloads: Sequence[Payload] = (DEFAULT_PAYLOAD,),
        expected: Expected = Expected(),
        good_status: int = 200,
    ) -> None:
        self.own_image, self.good_status = own_image, good_status
        self._payloads, self._expected = payloads, expected

    def configure(self, settings: Mapping[str, Any]) -> "Command":
        """The image, the file of its payloads and the check, as settings name them. ValueError with every problem."""
        problems = [f"{name} is not one of: {', '.join(KNOWN)}" for name in settings if name not in KNOWN]
        problems += list(_problems(settings))
        payloads: Sequence[Payload] = (DEFAULT_PAYLOAD,)
        try:
            payloads = read_payloads(settings["payloads"]) if "payloads" in settings else payloads
        except ValueError as error:
            problems.append(f"payloads: {error}")
        if problems:
            raise ValueError("\n".join(problems))
        image = OwnImage(
            settings["image"],
            tuple(settings.get("command", ())),
            settings.get("port", 8080),
            settings.get("path", "/"),
            settings.get("ready_path", "/"),
        )
        expected = Expected(settings.get("json"), settings.get("equals", MISSING), settings.get("matches"))
        return Command(image, payloads, expected, settings.get("status", 200))

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Never: it is an image. ValueError."""
        raise ValueError("command is an image of yours and is not loaded here: measure it on a docker- target")

    def payloads(self) -> Sequence[Payload]:
        """Those of the file that settings name; without one, a text of one word."""
        return self._payloads

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when the reply's JSON, or its text, is as the settings say."""
        if self.own_image is None:
            return "no image is named, so no answer is right: give settings with an `image`"
        return self._expected.why_wrong(answer)


def read_payloads(given: Any) -> list[Payload]:
    """A JSON file with a list of bodies, or with one for each name. ValueError that names the fix."""
    if not isinstance(given, str):
        raise ValueError(f"{given!a:.80} is not accepted: name a JSON file")
    try:
        read = json.loads(Path(given).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{given!a:.200} cannot be read ({str(error)[:200]}): name a JSON file that is there"
        ) from error
    if isinstance(read, list):
        read = {f"{at:04d}": body for at, body in enumerate(read, 1)}
    if not isinstance(read, dict) or not 0 < len(read) <= MOST_PAYLOADS:
        raise ValueError(f"{given!a:.200}: give a list of 1 to {MOST_PAYLOADS} bodies, or one for each name")
    return [Payload(name, json.dumps(body, ensure_ascii=False).encode()) for name, body in read.items()]


def _problems(settings: Mapping[str, Any]) -> Sequence[str]:
    texts = ("image", "path", "ready_path", "json", "matches")
    found = [
        f"{name}: {settings[name]!a:.80} is not accepted: a text"
        for name in texts
        if name in settings and not (isinstance(settings[name], str) and settings[name])
    ]
    if "image" not in settings:
        found.append("image: is missing: name the image, by its tag or id in the engine")
    found += [
        f"{name}: {settings[name]!a:.80} is not accepted: begin with /"
        for name in ("path", "ready_path")
        if isinstance(settings.get(name), str) and not re.fullmatch(r"/[!-~]*", settings[name])
    ]
    for name, least, most in (("port", 1, 65_535), ("status", 100, 599)):
        if name in settings and not (type(settings[name]) is int and least <= settings[name] <= most):
            found.append(f"{name}: {settings[name]!a:.80} is not accepted: {least} to {most}")
    command = settings.get("command", [])
    if not isinstance(command, list) or not all(isinstance(part, str) for part in command):
        found.append("command: is not accepted: a list of texts, which follow the image's entry point")
    return [*found, *_pattern_problems(settings)]


def _pattern_problems(settings: Mapping[str, Any]) -> Sequence[str]:
    found = []
    if isinstance(pattern := settings.get("matches"), str):
        try:
            re.compile(pattern)
        except (re.error, RecursionError) as error:
            found.append(f"matches: {pattern[:60]!a} is no regular expression ({error}): correct it")
    if isinstance(path := settings.get("json"), str) and path:
        import jmespath

        try:
            jmespath.compile(path)
        except jmespath.exceptions.JMESPathError as error:
            found.append(f"json: {path[:60]!a} is no JMESPath ({str(error).splitlines()[0][:100]}): correct it")
    return found


def _text(found: Any) -> str:
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _short(found: Any) -> str:
    try:
        return ascii(_text(found))[:60]
    except (ValueError, RecursionError):
        return type(found).__name__


WORKLOAD = Command()
