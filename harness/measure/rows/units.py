"""One record per unit: from the deployment's log where there is one, else from what was seen of it in rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.measure.rows.evidence import UnitLog
from harness.record.nouns import PROVEN_COLD, UnitRecord
from targets.events import EventFacts

SAMPLED = ("memory_bytes", "own_memory_bytes", "cpu_ns", "throttled_ns")
Numbers = NDArray[np.int64]
NOTHING: Mapping[str, int] = MappingProxyType({})
NEVER = 2**62
UNREAD = -1
"""In place of a figure that nobody read; none of them can be negative."""


@dataclass(frozen=True)
class Life:
    """What is known of one unit beside its samples."""

    unit: str
    for_request: bool
    lived_ns: int
    longer: bool = False
    """Whether that is but the least."""
    is_older: bool = False
    """Whether it was there before the schedule began: what it used until the first look is not the trial's."""
    part: str | None = None
    """Of a unit of a further part: that part's name."""
    last: EventFacts = field(default_factory=lambda: EventFacts())
    """The kernel's last figures, where somebody read them."""


def logged_lives(log: UnitLog, since_ns: int = 0) -> list[Life]:
    """Every unit that was created, in order; one that was not removed lived to the last event.

    Of one that is older than `since_ns`, the begin of a schedule, only the time from then on counts."""
    lives = []
    for creation in log.creations:
        removal = log.first_event(creation["unit"], "removed")
        end_ns = removal["at_ns"] if removal else log.last_ns
        is_older = creation["at_ns"] < since_ns
        if is_older and end_ns < since_ns:
            continue  # it was gone before anybody could have met it
        lived_ns = max(0, end_ns - max(creation["at_ns"], since_ns))
        last = removal or EventFacts()
        for_request = bool(creation.get("for_request")) and not is_older
        part = creation.get("part")
        lives.append(Life(creation["unit"], for_request, lived_ns, last=last, is_older=is_older, part=part))
    return lives


def seen_lives(requests: pa.Table) -> list[Life]:
    """Every unit that rows name, in the order of their first: from then to the end of its last, which is the least that
    it lived. Its peak is the most that the platform told of any of its requests."""
    named = requests.filter(pc.is_valid(requests["unit"])).unify_dictionaries()
    units = named["unit"].combine_chunks()
    numbers, names = units.indices.to_numpy(), units.dictionary.to_pylist()
    begun: Numbers = np.full(len(names), 2**62, np.int64)
    ended, memory = np.full(len(names), -(2**62), np.int64), np.full(len(names), UNREAD, np.int64)
    is_started = pc.is_in(named["start_class"].cast(pa.string()), pa.array(sorted(PROVEN_COLD)))
    started = set(numbers[is_started.to_numpy()])
    np.minimum.at(begun, numbers, _first_known(named, "sent_ns", "scheduled_ns"))
    np.maximum.at(ended, numbers, _first_known(named, "completed_ns", "done_ns", "scheduled_ns"))
    np.maximum.at(memory, numbers, pc.fill_null(named["memory_used_bytes"], UNREAD).to_numpy())
    lives = []
    for number in dict.fromkeys(numbers.tolist()):
        last = EventFacts(memory_peak_bytes=int(memory[number])) if memory[number] != UNREAD else EventFacts()
        lived_ns = max(0, int(ended[number] - begun[number]))
        lives.append(Life(names[number], number in started, lived_ns, longer=True, last=last))
    return lives


def _first_known(table: pa.Table, *columns: str) -> Numbers:
    known: Numbers = pc.coalesce(*(table[name] for name in columns)).to_numpy()
    return known


def unit_records(lives: list[Life], samples: pa.Table, told: Mapping[str, int] = NOTHING) -> list[UnitRecord]:
    """The records in the order of `lives`: the kernel's last figures, or the most that was sampled.

    `told` is each unit's memory by the platform's word on the whole unit, in bytes."""
    sampled = Sampled(samples)
    return [_unit_record(life, sampled, told.get(life.unit)) for life in lives]


class Sampled:
    """The most of each figure and the mean of memory, by unit: one pass over the samples, chunk by chunk."""

    def __init__(self, samples: pa.Table) -> None:
        samples = samples.unify_dictionaries()
        chunks = samples["unit"].chunks
        self._numbers = {name: number for number, name in enumerate(chunks[0].dictionary.to_pylist() if chunks else [])}
        count = len(self._numbers)
        self._most = {name: np.full(count, UNREAD, np.int64) for name in SAMPLED}
        self._least = {name: np.full(count, NEVER, np.int64) for name in SAMPLED}
        self._memory_sums, self._memory_looks = np.zeros(count, np.int64), np.zeros(count, np.int64)
        for batch in samples.to_batches():
            self._take(batch)

    def _take(self, batch: pa.RecordBatch) -> None:
        units = batch["unit"].indices.to_numpy()
        for name, most in self._most.items():
            np.maximum.at(most, units, batch[name].fill_null(UNREAD).to_numpy())
        for name, least in self._least.items():
            np.minimum.at(least, units, batch[name].fill_null(NEVER).to_numpy())
        memory: Numbers = batch["memory_bytes"].fill_null(UNREAD).to_numpy()
        is_read = memory != UNREAD
        np.add.at(self._memory_sums, units[is_read], memory[is_read])
        np.add.at(self._memory_looks, units[is_read], 1)

    def most(self, unit: str, name: str) -> int | None:
        """The most that any sample of this unit says; None where none says any."""
        number = self._numbers.get(unit)
        most = UNREAD if number is None else int(self._most[name][number])
        return None if most == UNREAD else most

    def least(self, unit: str, name: str) -> int | None:
        """The least that any sample of this unit says; None where none says any."""
        number = self._numbers.get(unit)
        least = NEVER if number is None else int(self._least[name][number])
        return None if least == NEVER else least

    def mean_memory(self, unit: str) -> int | None:
        """The mean over this unit's samples, in bytes."""
        number = self._numbers.get(unit)
        if number is None or not self._memory_looks[number]:
            return None
        return int(self._memory_sums[number] // self._memory_looks[number])


def _unit_record(life: Life, sampled: Sampled, told_bytes: int | None) -> UnitRecord:
    unit, last = life.unit, life.last
    return UnitRecord(
        unit=unit,
        part=life.part,
        for_request=life.for_request,
        lived_ns=life.lived_ns,
        lived_longer=life.longer,
        memory_peak_bytes=_peak(last.get("memory_peak_bytes"), told_bytes, sampled.most(unit, "memory_bytes")),
        own_peak_bytes=_largest(last.get("own_memory_bytes"), sampled.most(unit, "own_memory_bytes")),
        memory_mean_bytes=sampled.mean_memory(unit),
        cpu_ns=_used(life, sampled, "cpu_ns"),
        throttled_ns=_used(life, sampled, "throttled_ns"),
        oom_killed=bool(last.get("oom_killed")),
    )


def _used(life: Life, sampled: Sampled, name: Literal["cpu_ns", "throttled_ns"]) -> int | None:
    """Of a counter that only grows: all of it, or what came after the first look at a unit that is older."""
    most = _largest(life.last.get(name), sampled.most(life.unit, name))
    if not life.is_older or most is None:
        return most
    least = sampled.least(life.unit, name)
    return None if least is None else most - least


def _peak(last: int | None, told: int | None, seen: int | None) -> int | None:
    """A peak that somebody keeps; where that is of several processes, a look may have seen more of them at once."""
    kept = _largest(last, told)
    return None if kept is None else _largest(kept, seen)


def _largest(*values: int | None) -> int | None:
    return max((value for value in values if value is not None), default=None)
