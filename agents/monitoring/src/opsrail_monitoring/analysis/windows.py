"""The mean of the last few numbers, without looking at each of them again. Used by `detector.Detector`."""

from __future__ import annotations

from math import fsum
from typing import Any


class RollingMean:
    """Mean of the last `rows` numbers. Memory: `rows` numbers."""

    __slots__ = ("at", "numbers", "rows", "total")

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.numbers: list[float] = []
        self.at = 0
        self.total = 0.0

    @property
    def mean(self) -> float:
        """Mean of what is held; 0 when nothing is."""
        return self.total / len(self.numbers) if self.numbers else 0.0

    def update(self, number: float) -> float:
        """Take in `number`; the mean with it."""
        numbers = self.numbers
        if len(numbers) < self.rows:
            numbers.append(number)
            self.total += number
            return self.total / len(numbers)
        at = self.at
        self.total += number - numbers[at]
        numbers[at] = number
        self.at = at + 1
        if self.at == self.rows:
            self.at = 0
            self.total = fsum(numbers)  # a running total drifts
        return self.total / self.rows

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly, as JSON values."""
        return {"rows": self.rows, "numbers": list(self.numbers), "at": self.at, "total": self.total}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> RollingMean:
        """Go on from `state()`."""
        window = cls(state["rows"])
        window.numbers = list(state["numbers"])
        window.at = state["at"]
        window.total = state["total"]
        return window
