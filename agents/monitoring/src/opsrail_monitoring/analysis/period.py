"""Finds a period of any length in the last rows of a series. Used by `seasons.Seasons`."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

ROWS = 1024
LEAST_ROWS = 256
EVERY_ROWS = 128
SHORTEST = 8
LEAST_REPEATS = 3
LEAST_AGREEMENT = 0.3
LEAST_RISE = 0.2
NEARLY = 0.1
FARTHEST = 4.0


class Period:
    """The shortest lag at which the last 1024 rows agree with themselves nearly as well as at any, and the mean of
    each row of such a period. Looked for anew every 128 rows, among lags of 8 rows to a third of what is there.

    Rows are counted, not timed, so that the season of a series without a calendar is found; a gap shifts it until the
    next look. Memory: 1024 numbers and one period of at most 341.
    """

    __slots__ = ("means", "numbers", "row")

    def __init__(self) -> None:
        self.numbers = array("d")
        self.row = 0
        self.means = array("d")

    def update(self, number: float) -> float | None:
        """The number usual in this row, None when no period is known; then learn `number`."""
        usual = self.means[self.row % len(self.means)] if self.means else None
        if len(self.numbers) < ROWS:
            self.numbers.append(number)
        else:
            self.numbers[self.row % ROWS] = number
        self.row += 1
        if self.row % EVERY_ROWS == 0 and self.row >= LEAST_ROWS:
            self._look()
        return usual

    def _look(self) -> None:
        held = np.array(self.numbers)
        numbers = np.roll(held, -(self.row % ROWS)) if len(held) == ROWS else held
        length = _period(numbers)
        if length is None:
            self.means = array("d")
            return
        place = (self.row - len(numbers) + np.arange(len(numbers))) % length
        self.means = array("d", np.bincount(place, numbers, length) / np.bincount(place, minlength=length))

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly, as JSON values."""
        return {"numbers": self.numbers.tolist(), "row": self.row, "means": self.means.tolist()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Period:
        """Go on from `state()`."""
        period = cls()
        period.numbers = array("d", state["numbers"])
        period.row = state["row"]
        period.means = array("d", state["means"])
        return period


def _period(numbers: np.ndarray[Any, np.dtype[np.float64]]) -> int | None:
    """By autocorrelation, of numbers cut at four robust deviations so that a spike does not decide."""
    count = len(numbers)
    apart = numbers - np.median(numbers)
    spread = 1.4826 * float(np.median(np.abs(apart))) or float(apart.std())
    if not spread > 0.0:
        return None
    cut = np.clip(apart / spread, -FARTHEST, FARTHEST)
    spectrum = np.fft.rfft(cut - cut.mean(), 2 * count)
    agreement = np.fft.irfft(spectrum * spectrum.conj())[: count // LEAST_REPEATS + 1]
    if not agreement[0] > 0.0:
        return None
    agreement *= count / agreement[0] / np.arange(count, count - len(agreement), -1)
    inner = agreement[1:-1]
    peaks = 1 + np.flatnonzero((inner >= agreement[:-2]) & (inner >= agreement[2:]))
    lowest = np.minimum.accumulate(agreement)
    rises = agreement[peaks] - lowest[peaks] > LEAST_RISE
    peaks = peaks[(peaks >= SHORTEST) & (agreement[peaks] > LEAST_AGREEMENT) & rises]
    if not len(peaks):
        return None
    good = agreement[peaks]
    return int(peaks[good >= good.max() - NEARLY][0])
