"""What a scaler remembers of the ticks before: the highest of a time, the mean of a number of ticks."""

import math
from collections import deque


class Highest:
    """The highest value that is younger than `window_s`."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._falling: deque[tuple[float, int]] = deque()

    def of(self, now_s: float, value: int) -> int:
        """The highest with this one, which is the newest; what is exactly as old as the window has left it."""
        falling = self._falling
        while falling and falling[-1][1] <= value:
            falling.pop()
        falling.append((now_s, value))
        while len(falling) > 1 and falling[0][0] <= now_s - self._window_s:
            falling.popleft()
        return falling[0][1]


class Mean:
    """The mean over the last ticks of a window, or over those that were since it was emptied."""

    def __init__(self, window_s: float, tick_s: float) -> None:
        self._values: deque[float] = deque(maxlen=max(1, round(window_s / tick_s)))

    def of(self, value: float) -> float:
        """The mean with this one, which is the newest."""
        self._values.append(value)
        return sum(self._values) / len(self._values)

    @property
    def empty(self) -> bool:
        """Whether nothing but zeros is in a whole window."""
        return len(self._values) == self._values.maxlen and not any(self._values)

    def forget(self) -> None:
        """Nothing was seen."""
        self._values.clear()


def round_up(amount: float) -> int:
    """The next whole number, where the last bits of a division do not ask for one more."""
    return math.ceil(amount * (1 - 1e-9))
