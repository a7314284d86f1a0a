"""Turns surprise into anomalies that are raised once. Used by `detector.Detector`."""

from __future__ import annotations

from math import exp, log1p
from typing import Any

ALARM = 0.5
RAISED_AT = 8.3
OVERRULE = 4.0
REST_ROWS = (60, 500)
REST_FRACTION = 0.05
FORGET_ROWS, FORGET_HOURS_ROWS = 10_000.0, 100_000.0
HOURS = 24
DAY_SECONDS = 86_400.0


class Alarm:
    """Score of each row from its surprise: `ALARM` and above is an anomaly.

    After an anomaly the alarm rests for a twentieth of the rows seen, 60 to 500, unless something clearly more
    surprising happens. Every anomaly raises the bar for the next a little, and once more for those that come at about
    the same hour of the day, so that a nightly job is soon taken for usual. The rises fade over 10,000 and 100,000
    rows. Memory: 28 numbers.
    """

    __slots__ = ("hours", "last", "raised", "row", "strength")

    def __init__(self) -> None:
        self.hours = [0.0] * HOURS
        self.row = 0
        self.last = -1
        self.strength = 0.0
        self.raised = 0.0

    def update(self, at: float, surprise: float) -> float:
        """Score in [0, 1] of the next row, which is of the time `at` (seconds since 1970)."""
        row = self.row
        self.row = row + 1
        if surprise < RAISED_AT:
            return 0.4 * surprise / RAISED_AT
        since = row - self.last
        raised = self.raised * exp(-since / FORGET_ROWS)
        faded = exp(-since / FORGET_HOURS_ROWS)
        hour = int(at % DAY_SECONDS / DAY_SECONDS * HOURS)
        alike = max(self.hours[hour - 1], self.hours[hour], self.hours[(hour + 1) % HOURS])
        above = surprise - RAISED_AT - log1p(raised) - log1p(alike * faded)
        rest = min(REST_ROWS[1], max(REST_ROWS[0], REST_FRACTION * row))
        resting = self.last >= 0 and since <= rest and surprise <= self.strength + OVERRULE
        if above < 0.0 or resting:
            return 0.4
        self.last = row
        self.strength = surprise
        self.raised = raised + 1.0
        self.hours = [count * faded for count in self.hours]
        self.hours[hour] += 1.0
        return 1.0 - 0.5 * exp(-above / 3.0)

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly, as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__} | {"hours": list(self.hours)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Alarm:
        """Go on from `state()`."""
        alarm = cls()
        for name in cls.__slots__:
            setattr(alarm, name, state[name])
        alarm.hours = list(state["hours"])
        return alarm
