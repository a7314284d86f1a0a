"""How far and how rare one number is among those seen before it. Used by `detector.Detector`, once per view."""

from __future__ import annotations

from bisect import bisect_right
from math import log, log1p, sqrt
from typing import Any

MEMORY_ROWS = 10_000
SETTLING_ROWS = 20
TOLERANCE = 0.02
STEPS_AT_MOST = 64
FARTHEST = 1e6


class Extremes:
    """Surprise of each number of a stream: `2 ln(1 + |z|) + ln(age)`.

    `z` is the distance from the mean in standard deviations, both weighted towards the last `MEMORY_ROWS` numbers.
    `age` is how many rows ago a number was last as extreme on that side, give or take `TOLERANCE` standard
    deviations: a number that is merely far, yet common, is no news, and a slow trend makes no records.

    Memory: two staircases of past records (`high` holds them negated, so that both rise) of at most `STEPS_AT_MOST`
    steps. When one is full every second step of its older half goes, so that an age may be overstated by the few
    rows between neighbouring steps.
    """

    __slots__ = ("count", "high", "high_at", "low", "low_at", "mean", "variance", "z")

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self.variance = 0.0
        self.z = 0.0
        self.high: list[float] = []
        self.high_at: list[int] = []
        self.low: list[float] = []
        self.low_at: list[int] = []

    @property
    def deviation(self) -> float:
        """Standard deviation of the numbers seen so far."""
        return sqrt(self.variance)

    def update(self, number: float) -> float:
        """Surprise of `number`, given those before it; then learn it. `z` keeps how far it was, with its sign."""
        at = self.count
        mean = self.mean if at else number
        apart = number - mean
        deviation = sqrt(self.variance)
        high, low = self.high, self.low
        surprise = z = 0.0
        if at >= SETTLING_ROWS:
            z = apart / (deviation + 1e-9 * abs(mean) + 1e-12)
            if z >= 0.0:
                found = bisect_right(high, TOLERANCE * deviation - number)
                age = at - self.high_at[found - 1] if found else at + 1
                surprise = 2.0 * log1p(min(z, FARTHEST)) + log(age)
            else:
                found = bisect_right(low, TOLERANCE * deviation + number)
                age = at - self.low_at[found - 1] if found else at + 1
                surprise = 2.0 * log1p(min(-z, FARTHEST)) + log(age)
        self.z = z
        while high and high[-1] >= -number:
            high.pop()
            self.high_at.pop()
        high.append(-number)
        self.high_at.append(at)
        while low and low[-1] >= number:
            low.pop()
            self.low_at.pop()
        low.append(number)
        self.low_at.append(at)
        if len(high) > STEPS_AT_MOST:
            _thin(high, self.high_at)
        if len(low) > STEPS_AT_MOST:
            _thin(low, self.low_at)
        weight = 1.0 / (at + 1) if at < MEMORY_ROWS else 1.0 / MEMORY_ROWS
        self.mean = mean + weight * apart
        self.variance = (1.0 - weight) * (self.variance + weight * apart * apart)
        self.count = at + 1
        return surprise

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly, as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Extremes:
        """Go on from `state()`."""
        scorer = cls()
        for name in cls.__slots__:
            value = state[name]
            setattr(scorer, name, list(value) if isinstance(value, list) else value)
        return scorer


def _thin(steps: list[float], rows: list[int]) -> None:
    """Drop every second step of the older half, but keep the oldest, the record of all."""
    older = STEPS_AT_MOST // 2
    del steps[1:older:2], rows[1:older:2]
