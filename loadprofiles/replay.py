"""Recorded traffic once more: a window of a trace's own arrivals, thinned or superposed to the rate that is wanted."""

import array
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from loadprofiles.contract import LoadProfile
from loadprofiles.sparse import positive
from loadprofiles.traces import Choice, Trace, TraceError, read_trace
from loadprofiles.traces.circle import Circle
from loadprofiles.traces.scaling import Scaling
from loadprofiles.traces.trace import Floats

LONGEST_S = 1e9
SLACK = 1 + 1e-9
"""By which a window may seem to end after its trace: what is rounded off."""


@lru_cache(maxsize=2)
def _outcome(path: Path, _: tuple[int, int, int], choice: Choice) -> tuple[Trace, Circle] | str:
    """A trace once it is read, or why it is none; the file's size and times tell whether it may be another by now."""
    try:
        trace = read_trace(path, choice)
    except TraceError as error:
        return str(error)
    return trace, Circle(trace.offsets_s, trace.period_s)


def _look(file: Any, choice: Choice) -> tuple[Trace, Circle] | str:
    path = Path(file).absolute()
    try:
        found = path.stat()
    except (OSError, ValueError):
        return f"{path} is not a file: name a trace in CSV, JSONL or Parquet"
    return _outcome(path, (found.st_size, found.st_mtime_ns, found.st_ino), choice)


class Replay(LoadProfile):
    """Arrivals of a recorded trace, as they came or at another rate; rate and seconds are its own where not given."""

    reads_file = True

    app: str | None = Field(None, description="only this app's requests, where the trace names apps")
    function: str | None = Field(None, description="only this function's requests, where the trace names functions")
    failed: Literal["drop", "keep"] = Field("drop", description="requests that the trace marks as failed")
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$", description="of the file; found when it is read")
    file: Annotated[Path, AfterValidator(Path.absolute)] = Field(description="the trace: CSV, JSONL or Parquet")
    from_s: float = Field(0.0, ge=0, le=LONGEST_S, description="where the window begins, in seconds of the trace")
    speed: float = Field(
        1.0, ge=1, le=86_400, description="2 is twice as fast; then cold starts are no longer as frequent as recorded"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_from_trace(cls, parameters: Any) -> Any:
        """What is wrong with the file or the window is for the validators below to say: until then, anything."""
        if not isinstance(parameters, dict):
            return parameters
        filled = dict(parameters)
        found = _quietly(filled)
        if found is None:
            return {"rate": 1.0, "seconds": 1.0, **filled}
        trace, circle = found
        if filled.get("sha256") is None:
            filled["sha256"] = trace.sha256
        speed = max(positive(filled.get(name)) or 1.0 for name in ("speed", "compression"))
        begin_s = positive(filled.get("from_s")) or 0.0
        filled.setdefault("seconds", max(trace.period_s - begin_s, 1.0) / speed)
        seconds = positive(filled["seconds"])
        if "rate" not in filled and (seconds is None or begin_s + seconds * speed > trace.period_s * SLACK):
            filled["rate"] = 1.0  # what is wrong is the window, which is told below
        if "rate" not in filled and seconds is not None:
            filled["rate"] = circle.expected(begin_s, seconds * speed, trace.tick_s) / seconds
            if not filled["rate"]:
                raise ValueError(
                    f"from_s {begin_s:g} and seconds {seconds:g}: none of the trace's {len(trace.offsets_s):,} "
                    "arrivals is in that window: choose another, or give a rate, for which copies are laid on top"
                )
        return filled

    @field_validator("file")
    @classmethod
    def _is_trace(cls, file: Path, info: ValidationInfo) -> Path:
        """Only where app, function and failed are in order: they say what is read."""
        chosen = {name: info.data[name] for name in ("app", "function", "failed") if name in info.data}
        found = _look(file, Choice(**chosen)) if len(chosen) == 3 else ""
        if isinstance(found, str):
            if found:
                raise ValueError(found)
            return file
        given = info.data.get("sha256")
        if given is not None and given != found[0].sha256:
            raise ValueError(
                f"{file} is another file than the one that was read: its sha256 is {found[0].sha256}, not {given}: "
                "put that one back, or leave sha256 out"
            )
        return file

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        if self.speed != 1 and self.compression not in (1, self.speed):
            raise ValueError(
                f"speed {self.speed:g} and compression {self.compression:g} disagree: leave compression out"
            )
        trace, end_s = self.trace, self.from_s + self._length_s
        if end_s > trace.period_s * SLACK:
            raise ValueError(
                f"from_s {self.from_s:g} and seconds {self.seconds:g}{self._faster} end at {end_s:g} s of the trace, "
                f"which lasts {trace.period_s:g} s: begin earlier, or shorten the window"
            )
        if problem := self._scaling.problem():
            raise ValueError(f"rate {self.rate:g} is not accepted: {problem}")
        return self

    @classmethod
    def compression_parameters(cls, compression: float) -> dict[str, float]:
        """Nothing: what was recorded is replayed as it came, whatever the experiment compresses."""
        return {}

    @property
    def time_compression(self) -> float:
        """`speed`: how many seconds of the recording pass in one second."""
        return self.speed if self.speed != 1 else self.compression

    @property
    def record(self) -> dict[str, Any]:
        """What identifies the content, wherever the file lies."""
        return {"file": str(self.file), "sha256": self.sha256}

    @property
    def notes(self) -> list[str]:
        """What of the trace is left out, moved, added or played faster."""
        inside = round(self._scaling.window)
        notes = [f"{self.trace.file} ({self.trace.format}), {inside:,} of its {len(self.trace.offsets_s):,} arrivals"]
        notes += [*self.trace.notes, *self._scaling.notes()]
        if self.trace.sizes:
            notes.append(f"its {' and '.join(self.trace.sizes)} reach no request: payloads are sent in turn, as ever")
        if self.time_compression > 1:
            notes.append(
                f"played {self.time_compression:g} times as fast as recorded: cold starts are not as frequent as then"
            )
        return notes

    @property
    def trace(self) -> Trace:
        """The file, read. ValueError when it is another by now than the one that was read first."""
        return self._read[0]

    @property
    def _read(self) -> tuple[Trace, Circle]:
        found = _look(self.file, Choice(self.app, self.function, self.failed))
        if isinstance(found, str):
            raise ValueError("its file can no longer be read: put it back, or begin anew")
        if self.sha256 != found[0].sha256:
            raise ValueError("its file has changed since it was read: put it back, or begin anew")
        return found

    @property
    def _length_s(self) -> float:
        """Of the window, in seconds of the recording."""
        return self.seconds * self.time_compression

    @property
    def _faster(self) -> str:
        return f" at speed {self.time_compression:g}" if self.time_compression != 1 else ""

    @property
    def _scaling(self) -> Scaling:
        trace, circle = self._read
        return Scaling.to(circle, trace.tick_s, self.from_s, self._length_s, self.rate * self.seconds)

    def arrivals(self, seed: int) -> "array.array[float]":
        """Offsets in seconds. The seed draws where within a coarse tick each arrival falls, which arrivals are left
        out, and by how much copies are turned; without any of these, every seed has the arrivals as recorded.
        """
        return _schedule(self._drawn(seed, 0.0, self._length_s) / self.time_compression, self.seconds)

    def history(self, seed: int, seconds: float) -> "array.array[float]":
        """Arrivals of so many seconds before the window, in seconds from their begin: what the trace has there, its
        end before its begin; thinned or superposed as the window is.
        """
        length_s = seconds * self.time_compression
        return _schedule(self._drawn(seed, -length_s, length_s) / self.time_compression, seconds)

    def _drawn(self, seed: int, begin_s: float, length_s: float) -> Floats:
        """Arrivals from `begin_s` after the window's begin, in seconds of the recording."""
        trace, _ = self._read
        return self._scaling.draw(trace, seed, self.from_s + begin_s, length_s)


def _quietly(parameters: dict[str, Any]) -> tuple[Trace, Circle] | None:
    """The trace, where the parameters name one that can be read."""
    try:
        choice = Choice(parameters.get("app"), parameters.get("function"), parameters.get("failed", "drop"))
        found = _look(parameters["file"], choice)
    except (KeyError, TypeError, ValueError):
        return None
    return None if isinstance(found, str) else found


def _schedule(offsets: Floats, seconds: float) -> "array.array[float]":
    return array.array("d", np.sort(offsets[offsets < seconds]).astype(np.float64).tobytes())


PROFILE = Replay
