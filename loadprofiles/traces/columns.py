"""Columns of a stranger's file as numbers and moments; what is neither is told apart, and stops nothing."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loadprofiles.traces.trace import Floats, Integers, Mask

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$"
MOMENT = (
    r"^(?P<day>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d(?:\.\d{1,9})?)\d*"
    r" ?(?P<zone>Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?$"
)


def text_of(column: pa.Array) -> pa.Array:
    """The column as text without blanks around it; bytes that are no UTF-8 are replaced."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        return pc.utf8_trim_whitespace(column.cast(pa.string()))
    except pa.ArrowException:
        return pa.array([_decoded(value) for value in column.to_pylist()], pa.string())


def numbers(column: pa.Array) -> Floats:
    """As float64: NaN where there is no number."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _floats(column.cast(pa.float64(), safe=False))
    if not (_is_text(kind) or pa.types.is_null(kind)):
        return np.full(len(column), math.nan)
    try:
        return _floats(column.cast(pa.string()).cast(pa.float64()))
    except pa.ArrowException:  # something among it is none, or has blanks around it
        text = text_of(column)
        good = pc.fill_null(pc.match_substring_regex(text, NUMBER), False)
        return _floats(pc.if_else(good, text, None).cast(pa.float64()))


def moments(column: pa.Array) -> tuple[Integers, Mask]:
    """As ns since 1970, in UTC where the text has a zone, and which of them are moments at all."""
    for target in (pa.timestamp("ns"), pa.timestamp("ns", "UTC")):
        try:
            if _is_text(column.type):
                return _ns(column.cast(pa.string()).cast(target))
            if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
                return _ns(column.cast(target))
        except pa.ArrowException:
            continue
    if not _is_text(column.type):
        return np.zeros(len(column), np.int64), np.zeros(len(column), np.bool_)
    return _odd_moments(text_of(column))


def _odd_moments(text: pa.Array) -> tuple[Integers, Mask]:
    """Where zones, or what is no moment, stand among the others."""
    parts = pc.extract_regex(text, MOMENT)
    zone = pc.struct_field(parts, "zone")
    utc = pc.if_else(pc.match_substring_regex(zone, r"^(Z|z|UTC|GMT)?$"), "+00:00", zone)
    day, time = (pc.struct_field(parts, name) for name in ("day", "time"))
    whole = pc.binary_join_element_wise(day, time, " ").cast(pa.string())
    whole = pc.binary_join_element_wise(whole, utc, "")
    try:
        return _ns(whole.cast(pa.timestamp("ns", "UTC")))
    except pa.ArrowException:  # looks like a moment and is none, such as the 31st of June
        return _ns(pa.array([_one_moment(value) for value in whole.to_pylist()], pa.timestamp("ns", "UTC")))


def _one_moment(text: str | None) -> int | None:
    try:
        return int(pa.scalar(text).cast(pa.timestamp("ns", "UTC")).value) if text else None
    except pa.ArrowException:
        return None


def _ns(column: pa.Array) -> tuple[Integers, Mask]:
    known = column.is_valid().to_numpy(zero_copy_only=False)
    return column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), known


def _floats(column: pa.Array) -> Floats:
    found: Floats = column.fill_null(math.nan).to_numpy(zero_copy_only=False)
    return found


def _is_text(kind: pa.DataType) -> bool:
    return any(
        is_kind(kind)
        for is_kind in (
            *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
            *(pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_dictionary),
        )
    )


def _decoded(value: Any) -> str | None:
    return value.decode(errors="replace").strip() if isinstance(value, bytes) else None
