"""Notices a series that stopped moving. Used by `detector.Detector`."""

from __future__ import annotations

from math import log
from typing import Any

SLOPE = 4.0


class Stillness:
    """Surprise of a run of equal values: `4 ln` of its length over the longest earlier run and three more.

    A series that moves at every row raises an anomaly after some thirty still rows, one that is used to resting
    after eight times its longest rest. A series that never moved, or stands at a value where it stood longer
    before, is no surprise. Memory: one number and two counts.
    """

    __slots__ = ("longest", "moved", "run", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self.run = 0
        self.longest = 0
        self.moved = False

    def update(self, value: float) -> float:
        """Surprise of standing still at `value` for as long as it has; 0 when it moved."""
        if self.run and value == self.value:
            self.run += 1
            return SLOPE * log(self.run / (self.longest + 3)) if self.moved and self.run > self.longest + 3 else 0.0
        self.moved = self.run > 0
        self.longest = max(self.longest, self.run)
        self.value = value
        self.run = 1
        return 0.0

    def raised(self) -> None:
        """An anomaly was raised for this run: a longer one is news only when it is far longer."""
        self.longest = self.run

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly, as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Stillness:
        """Go on from `state()`."""
        stillness = cls()
        for name in cls.__slots__:
            setattr(stillness, name, state[name])
        return stillness
