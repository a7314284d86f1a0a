"""The band in which the next value is expected. Used by `detector.Detector`."""

from __future__ import annotations

from math import sqrt
from typing import Any

MEMORY_ROWS = 2_000
SETTLING_ROWS = 20
DEVIATIONS = 3.0


class Band:
    """Three guesses at the next value (the mean so far, the mean of the last rows, the mean at this hour), each with
    the error it has had of late; the band is three errors around the guess that errs least. Memory: three errors.
    """

    __slots__ = ("errors", "rows")

    def __init__(self) -> None:
        self.errors = [0.0, 0.0, 0.0]
        self.rows = 0

    def update(self, value: float, guesses: tuple[float, float, float]) -> tuple[float, float] | None:
        """The band expected before `value` was seen, None while settling; then learn from it."""
        errors = self.errors
        rows = self.rows
        expected = None
        if rows >= SETTLING_ROWS:
            least = min(errors)
            guess = guesses[errors.index(least)]
            reach = DEVIATIONS * sqrt(least)
            expected = (guess - reach, guess + reach)
        weight = 1.0 / (rows + 1) if rows < MEMORY_ROWS else 1.0 / MEMORY_ROWS
        for at, guess in enumerate(guesses):
            missed = value - guess
            errors[at] += weight * (missed * missed - errors[at])
        self.rows = rows + 1
        return expected

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly, as JSON values."""
        return {"errors": list(self.errors), "rows": self.rows}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Band:
        """Go on from `state()`."""
        band = cls()
        band.errors = list(state["errors"])
        band.rows = state["rows"]
        return band
