"""One record per sandbox or replica, from the deployment's own event log and the samples."""

from typing import Any

import pyarrow as pa

from harness.records import UnitRecord
from targets.contract import Event


def unit_records(events: list[Event], samples: pa.Table, begin_ns: int) -> list[UnitRecord]:
    """Every unit that was created, in order; figures are the kernel's last ones, or the last sample's."""
    frame = samples.to_pandas().astype({"unit": str})
    last_ns = max((event["at_ns"] for event in events), default=begin_ns)
    found = []
    for created in (event for event in events if event["kind"] == "create"):
        name = created["unit"]
        own = [event for event in events if event.get("unit") == name]
        removed = next((event for event in own if event["kind"] == "removed"), {})
        sampled = frame[frame["unit"] == name]
        found.append(
            UnitRecord(
                unit=name,
                for_request=bool(created.get("for_request")),
                lived_ns=max(0, removed.get("at_ns", last_ns) - created["at_ns"]),
                memory_peak_bytes=_last(removed, "memory_peak_bytes"),
                own_peak_bytes=_most(removed.get("own_memory_bytes"), sampled["own_memory_bytes"].max()),
                memory_mean_bytes=_whole(sampled["memory_bytes"].mean()),
                cpu_ns=_most(removed.get("cpu_ns"), sampled["cpu_ns"].max()),
                throttled_ns=_most(removed.get("throttled_ns"), sampled["throttled_ns"].max()),
                oom_killed=bool(removed.get("oom_killed")),
            )
        )
    return found


def _last(removed: dict[str, Any], name: str) -> int | None:
    value = removed.get(name)
    return None if value is None else int(value)


def _whole(value: Any) -> int | None:
    """A pandas figure as an int; None for its NaN, which means that there was none."""
    return None if value is None or value != value else int(value)


def _most(*values: Any) -> int | None:
    known = [whole for value in values if (whole := _whole(value)) is not None]
    return max(known, default=None)
