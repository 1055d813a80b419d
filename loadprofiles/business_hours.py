"""An office's week: people ask on weekdays while it is open. Its hours are stated by whoever asks, not measured."""

# ruff: noqa: S311 - arrivals must be repeatable, not secret

import array
import random
from collections.abc import Iterator
from typing import Self

from pydantic import Field, model_validator

from loadprofiles.contract import LoadProfile, earlier_seed
from loadprofiles.steady import poisson

HOUR_S = 3600.0
DAY_HOURS, WEEK_HOURS, WEEKDAYS = 24, 168, 5


class BusinessHours(LoadProfile):
    """Poisson arrivals on weekdays between two hours, few at other times; hour 0 of the week is Monday, midnight."""

    opens: int = Field(8, ge=0, le=23, description="hour of the day from which people ask")
    closes: int = Field(18, ge=1, le=24, description="hour of the day until which people ask")
    closed_share: float = Field(0.02, ge=0, le=1, description="rate at all other times, of that while it is open")
    from_hour: float = Field(0, ge=0, lt=WEEK_HOURS, description="hour of the week at which the window begins")

    @model_validator(mode="after")
    def _check_hours(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError(f"opens {self.opens} is not before closes {self.closes}: give hours of one day")
        if not sum(level * (end - begin) for begin, end, level in self._levels()):
            raise ValueError(f"from_hour {self.from_hour:g}: it is closed all {self.seconds:g} s: set another, e.g. 10")
        return self

    @property
    def time_compression(self) -> float:
        """How many modelled seconds pass in one second."""
        return self.compression

    def _levels(self) -> Iterator[tuple[float, float, float]]:
        return self._levels_of(self.from_hour, self.seconds)

    def _levels_of(self, from_hour: float, seconds: float) -> Iterator[tuple[float, float, float]]:
        """Begin and end in seconds of each hour in a window, and its rate over that of an open hour."""
        hours = seconds * self.compression / HOUR_S
        begin, at = 0.0, from_hour
        while begin < seconds:
            hour = int(at) % WEEK_HOURS
            end = min(seconds, (int(at) + 1 - from_hour) / hours * seconds)
            is_open = hour // DAY_HOURS < WEEKDAYS and self.opens <= hour % DAY_HOURS < self.closes
            yield begin, end, 1.0 if is_open else self.closed_share
            begin, at = end, float(int(at) + 1)

    @property
    def _open_rate(self) -> float:
        # A window is rarely a whole week: its own mean must still be `rate`.
        return self.rate * self.seconds / sum(level * (end - begin) for begin, end, level in self._levels())

    def rate_at(self, t: float) -> float:
        """Expected requests per second at `t` seconds from the start; 0 outside the window."""
        rate = self._open_rate
        return next((rate * level for begin, end, level in self._levels() if begin <= t < end), 0.0)

    def arrivals(self, seed: int) -> "array.array[float]":
        """Offsets in seconds, drawn hour by hour. The count is Poisson with mean rate x seconds; it may be empty."""
        return self._draw(random.Random(f"{seed}/business_hours"), self._levels())

    def history(self, seed: int, seconds: float) -> "array.array[float]":
        """The hours before `from_hour`: quiet where the office has just opened."""
        from_hour = (self.from_hour - seconds * self.compression / HOUR_S) % WEEK_HOURS
        stream = random.Random(f"{earlier_seed(seed)}/business_hours")
        return self._draw(stream, self._levels_of(from_hour, seconds))

    def _draw(self, stream: random.Random, levels: Iterator[tuple[float, float, float]]) -> "array.array[float]":
        rate, offsets = self._open_rate, array.array("d")
        for begin, end, level in levels:
            if level:
                offsets.extend(begin + offset for offset in poisson(rate * level, end - begin, stream))
        return offsets


PROFILE = BusinessHours
