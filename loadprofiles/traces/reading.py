"""A file of recorded traffic, whatever its format, as arrivals in memory."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from loadprofiles.traces.files import brief, open_source
from loadprofiles.traces.formats import Format, recognise, take_block
from loadprofiles.traces.ticks import tick_of
from loadprofiles.traces.trace import MOST_ARRIVALS, Choice, Floats, Take, Trace, TraceError

Sizes = dict[str, NDArray[np.int32]]


def read_trace(path: Path, choice: Choice | None = None) -> Trace:
    """The arrivals of a trace in CSV, JSONL or Parquet. TraceError, with the fix, where there are none."""
    choice = choice or Choice()
    source = open_source(path)
    format, take = recognise(source), Take()
    _check_choice(path, format, choice)
    before, sha256 = _state(path), file_sha256(path)
    for block in source.blocks(format.wanted):
        take_block(format, block, choice, take)
        if take.arrivals > MOST_ARRIVALS:
            raise TraceError(_too_many(path, format))
    take.drop(source.oddity, source.malformed)
    if _state(path) != before:
        raise TraceError(f"{path} changed while it was read: read it again when it is whole")
    if format.bins:
        return _of_counts(path, sha256, format, choice, take)
    return _of_starts(path, sha256, format, choice, take)


def file_sha256(path: Path) -> str:
    """Of the file's bytes. TraceError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {brief(error)}") from error


def _state(path: Path) -> tuple[int, int]:
    """Size and time of the file, which another content changes; 0 where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _check_choice(path: Path, format: Format, choice: Choice) -> None:
    for name, column in (("app", format.app), ("function", format.function)):
        if column is None and getattr(choice, name) is not None:
            raise TraceError(f"{path} is {format.name}, which names no {name}: leave {name} out")


def _of_counts(path: Path, sha256: str, format: Format, choice: Choice, take: Take) -> Trace:
    """Each minute's arrivals at its begin, to be spread over it."""
    totals = np.asarray(format.totals)
    if totals.sum() > MOST_ARRIVALS:
        raise TraceError(_too_many(path, format))
    tick_s = float(format.unit_s or 0)
    offsets = np.repeat(np.arange(len(totals)) * tick_s, totals.astype(np.int64))
    if not len(offsets):
        raise TraceError(_nothing(path, format, choice, take))
    notes = [f"counts per minute: each minute's arrivals are spread evenly by chance over its {tick_s:g} s"]
    if format.name == "azure-functions-2019":
        notes[0] += ", of which a call is one when it ends: it began earlier, by as long as it took"
    notes += _dropped_notes(take)
    return Trace(path.name, sha256, format.name, offsets, len(totals) * tick_s, tick_s, {}, dict(take.dropped), notes)


def _of_starts(path: Path, sha256: str, format: Format, choice: Choice, take: Take) -> Trace:
    starts = _joined(take.starts)
    if not len(starts):
        raise TraceError(_nothing(path, format, choice, take))
    sizes: Sizes = {name: np.concatenate(pieces) for name, pieces in take.sizes.items()}
    take.sizes.clear()
    starts, sizes, notes = _sorted(starts, sizes)
    tick_s = tick_of(starts, format.unit_s)
    span = float(starts[-1] - starts[0])
    if span + tick_s <= 0:
        held = f"all of its {len(starts):,} arrivals at one moment" if len(starts) > 1 else "a single arrival"
        raise TraceError(f"{path} has {held}: a trace has at least two moments{_left_out(take)}")
    if tick_s:
        notes.append(
            f"its clock ticks every {tick_s:g} s, coarser than some of its gaps: arrivals are spread within each tick"
        )
    period_s = span + tick_s if tick_s else span * len(starts) / (len(starts) - 1)
    starts -= starts[0]
    if format.scale != 1:
        notes.append(f"its {format.needs[0]} is taken as ms, as that of {format.name} is")
    notes += _dropped_notes(take)
    if choice.failed == "keep" and format.failed:
        notes.append("requests that failed when they were recorded are kept")
    return Trace(path.name, sha256, format.name, starts, period_s, tick_s, sizes, dict(take.dropped), notes)


def _joined(pieces: list[Floats]) -> Floats:
    joined = np.concatenate(pieces) if pieces else np.empty(0)
    pieces.clear()
    return joined


def _sorted(starts: Floats, sizes: Sizes) -> tuple[Floats, Sizes, list[str]]:
    early = int(np.count_nonzero(starts[1:] < starts[:-1]))
    if not early:
        return starts, sizes, []
    order = np.argsort(starts, kind="stable")
    sizes = {name: values[order] for name, values in sizes.items()}
    return starts[order], sizes, [f"{early:,} of its arrivals stood before an earlier one: sorted by start"]


def _dropped_notes(take: Take) -> list[str]:
    return [f"left out: {count:,} with {reason}" for reason, count in sorted(take.dropped.items())]


def _too_many(path: Path, format: Format) -> str:
    fix = "name an app or a function" if format.app or format.function else "cut it into shorter files"
    return f"{path} holds more than {MOST_ARRIVALS:,} arrivals: {fix}"


def _nothing(path: Path, format: Format, choice: Choice, take: Take) -> str:
    """Why nothing is left, with the names that there are where a name was asked for."""
    if take.others and not take.dropped:
        asked = " and ".join(f"{name} {getattr(choice, name)!a}" for name in take.others)
        there = sorted(ascii(name[:80]) for names in take.others.values() for name in names)
        return f"{path} has no arrival of {asked}: there are, among others, {', '.join(there)}"
    return f"{path} ({format.name}) holds no arrival that can be used{_left_out(take)}"


def _left_out(take: Take) -> str:
    """What was dropped and why, to end a refusal with; empty where nothing was."""
    reasons = "; ".join(f"{count:,} with {reason}" for reason, count in sorted(take.dropped.items()))
    return f": left out are {reasons}" if reasons else ""
