"""The formats that are known by their columns, and how a block of each becomes start times.

Sources: the documentation of Azure/AzurePublicDataset, HPMLL/BurstGPT, kvcache-ai/Mooncake, flashserve/RAGPulse and
vhive-serverless/invitro, and their files.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow.compute as pc

from loadprofiles.traces.columns import moments, numbers, text_of
from loadprofiles.traces.files import DATE, Columns, Source
from loadprofiles.traces.trace import UNKNOWN_SIZE, Choice, Floats, Take, TraceError

DAY_NS = 86_400 * 10**9
LONGEST_S = 1e11
"""A start beyond it, 3,000 years, is no moment of seconds."""
MINUTE_S = 60.0
FEW = 3


@dataclass
class Format:
    """How rows of one format are read, and the columns that it takes."""

    name: str
    needs: tuple[str, ...]
    start: Callable[["Format", Columns, Take], Floats]
    """Seconds since an origin, NaN where there is none; counts what it leaves out."""
    sizes: dict[str, str] = field(default_factory=dict)
    """Column of each size."""
    app: str | None = None
    function: str | None = None
    """Columns that name them."""
    unit_s: float | None = None
    """What its timestamps resolve, where the format says so."""
    scale: float = 1.0
    """Seconds per unit of its timestamps."""
    failed: str | None = None
    """The column that is 0 where a request failed."""
    origin_ns: int | None = None
    """Of dates: the day of the first of them."""
    bins: list[str] = field(default_factory=list)
    """Of counts: a column for each minute."""
    totals: list[float] = field(default_factory=list)
    """Of counts: arrivals in each minute so far."""

    @property
    def wanted(self) -> list[str]:
        """All columns that are read."""
        more = [name for name in (self.app, self.function) if name]
        return list(dict.fromkeys([*self.needs, *self.sizes.values(), *more, *self.bins]))


KNOWN = """\
azure-functions-2019 and invitro: HashApp, HashFunction, 1, 2, 3 ... (counts per minute)
azure-functions-2021: app, func, end_timestamp, duration
azure-llm-2023 and -2024: TIMESTAMP, ContextTokens, GeneratedTokens
burstgpt: Timestamp, Request tokens, Response tokens
mooncake: timestamp (a number of ms), input_length, output_length
ragpulse: timestamp (a text of seconds), input_length, output_length
qwen-bailian: chat_id, timestamp (a number of seconds), input_length, output_length
seconds or moments: a single column, or line after line, of numbers or of dates with times"""


def recognise(source: Source) -> Format:
    """The format of a file by its columns. TraceError names those that were found and those that are known."""
    names = set(source.columns)
    bins = _bins(source.columns)
    if bins and names & {"HashApp", "HashFunction"}:
        return _counts(source, bins)
    if {"app", "func", "end_timestamp", "duration"} <= names:
        needs = ("end_timestamp", "duration")
        return Format("azure-functions-2021", needs, _start_before_end, app="app", function="func")
    if {"TIMESTAMP", "ContextTokens", "GeneratedTokens"} <= names:
        sizes = {"tokens_in": "ContextTokens", "tokens_out": "GeneratedTokens"}
        year = 2024 if _has_zone(source.first.get("TIMESTAMP")) else 2023
        return Format(f"azure-llm-{year}", ("TIMESTAMP",), _start_of_dates, sizes)
    if {"Timestamp", "Request tokens", "Response tokens"} <= names:
        sizes = {"tokens_in": "Request tokens", "tokens_out": "Response tokens"}
        return Format("burstgpt", ("Timestamp",), _start_of_numbers, sizes, failed="Response tokens")
    if {"timestamp", "input_length", "output_length"} <= names:
        return _lengths(source)
    if len(source.columns) == 1:
        name = source.columns[0]
        if _is_moment(source.first.get(name)):
            return Format("moments", (name,), _start_of_dates)
        return Format("seconds", (name,), _start_of_numbers)
    found = ", ".join(ascii(name[:40])[1:-1] for name in source.columns[:12])
    more = f" and {len(source.columns) - 12} more" if len(source.columns) > 12 else ""
    known = "; ".join(KNOWN.splitlines())
    raise TraceError(f"{source.path} has columns of no known format ({found}{more}): known are {known}")


def _bins(columns: list[str]) -> list[str]:
    """1, 2, 3 ... as far as they go without a gap."""
    names = set(columns)
    bins: list[str] = []
    while str(len(bins) + 1) in names:
        bins.append(str(len(bins) + 1))
    return bins


def _counts(source: Source, bins: list[str]) -> Format:
    names = set(source.columns)
    days = len(bins) == 1440 and {"HashOwner", "Trigger"} <= names
    return Format(
        "azure-functions-2019" if days else "invitro",
        (),
        _start_of_counts,
        app="HashApp" if "HashApp" in names else None,
        function="HashFunction" if "HashFunction" in names else None,
        unit_s=MINUTE_S,
        bins=bins,
        totals=[0.0] * len(bins),
    )


def _lengths(source: Source) -> Format:
    """Formats of the same columns: the type of the timestamp tells them apart, or what else there is."""
    sizes = {"tokens_in": "input_length", "tokens_out": "output_length"}
    names, first = set(source.columns), source.first.get("timestamp")
    typed = not isinstance(first, str)
    if "chat_id" in names:
        return Format("qwen-bailian", ("timestamp",), _start_of_numbers, sizes)
    if "session_id" in names or (source.typed and not typed):
        return Format("ragpulse", ("timestamp",), _start_of_numbers, sizes)
    if "hash_ids" in names or (source.typed and isinstance(first, int)):
        return Format("mooncake", ("timestamp",), _start_of_numbers, sizes, unit_s=1e-3, scale=1e-3)
    raise TraceError(
        f"{source.path} does not say whether its timestamp is in seconds (ragpulse) or ms (mooncake): "
        "write it as JSONL, text for seconds and a whole number for ms, or as a single column of seconds"
    )


def _is_moment(value: Any) -> bool:
    return isinstance(value, date) or (isinstance(value, str) and DATE.match(value) is not None)


def _has_zone(value: Any) -> bool:
    if not isinstance(value, str):
        return getattr(value, "tzinfo", None) is not None
    time = value.strip()[10:]
    return time[-1:] in ("Z", "z") or "+" in time or "-" in time or time.endswith(("UTC", "GMT"))


# From a block to start times


def take_block(format: Format, columns: Columns, choice: Choice, take: Take) -> None:
    """Add a block's arrivals to what is read so far, and count what does not count."""
    columns = _chosen(format, columns, choice, take)
    starts = format.start(format, columns, take)
    good = np.isfinite(starts)
    if format.failed is not None:
        failed = good & (numbers(columns[format.failed]) == 0)
        if choice.failed == "drop":
            take.drop(f"failed ({format.failed} is 0)", int(failed.sum()))
            good &= ~failed
    take.starts.append(starts[good])
    take.arrivals += int(good.sum())
    for size, column in format.sizes.items():
        take.sizes.setdefault(size, []).append(_whole(numbers(columns[column])[good]))


def _whole(values: Floats) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    known = np.isfinite(values) & (values >= 0) & (values < 2**31)
    return np.where(known, values, UNKNOWN_SIZE).astype(np.int32)


def _chosen(format: Format, columns: Columns, choice: Choice, take: Take) -> Columns:
    """Rows of the function and app that are asked for."""
    for name, column, asked in (("app", format.app, choice.app), ("function", format.function, choice.function)):
        if asked is None or column is None:
            continue
        text = text_of(columns[column])
        keep = pc.fill_null(pc.equal(text, asked), False)
        others = take.others.setdefault(name, set())
        if len(others) < FEW:
            others.update(str(value) for value in pc.unique(text.filter(pc.invert(keep))).to_pylist()[:FEW])
        columns = {name: values.filter(keep) for name, values in columns.items()}
    return columns


def _start_of_numbers(format: Format, columns: Columns, take: Take) -> Floats:
    name = format.needs[0]
    return _usable(numbers(columns[name]) * format.scale, name, take)


def _usable(starts: Floats, name: str, take: Take) -> Floats:
    """Without negative ones and those that are no moment."""
    known = np.isfinite(starts)
    take.drop(f"no finite number in {name}", int((~known).sum()))
    negative, late = known & (starts < 0), known & (starts > LONGEST_S)
    take.drop(f"negative {name}", int(negative.sum()))
    take.drop(f"{name} beyond {LONGEST_S:g} s (is it in ms?)", int(late.sum()))
    return np.where(known & ~negative & ~late, starts, math.nan)


def _start_before_end(_: Format, columns: Columns, take: Take) -> Floats:
    """End less duration: below 0 for a request that began before the recording."""
    end = _usable(numbers(columns["end_timestamp"]), "end_timestamp", take)
    duration = np.where(np.isnan(end), 0.0, numbers(columns["duration"]))
    return np.asarray(end - _usable(duration, "duration", take), np.float64)


def _start_of_dates(format: Format, columns: Columns, take: Take) -> Floats:
    ns, known = moments(columns[format.needs[0]])
    take.drop(f"no date and time in {format.needs[0]}", int((~known).sum()))
    if format.origin_ns is None:
        if not known.any():
            return np.full(len(ns), math.nan)
        format.origin_ns = int(ns[known][0]) // DAY_NS * DAY_NS
    return np.where(known, (ns - format.origin_ns) / 1e9, math.nan)


def _start_of_counts(format: Format, columns: Columns, take: Take) -> Floats:
    """Nothing yet: the minutes are added up over all rows, and expanded at the end."""
    for at, name in enumerate(format.bins):
        counts = numbers(columns[name])
        good = np.isfinite(counts) & (counts >= 0) & (counts == np.floor(counts))
        take.drop("no whole number of 0 or more in a minute", int((~good).sum()))
        format.totals[at] += float(counts[good].sum())
    return np.empty(0)
