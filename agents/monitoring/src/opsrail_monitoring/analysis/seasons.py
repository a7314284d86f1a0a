"""What is usual at this point of the season, of the seasons that a series may have. Used by `detector.Detector`."""

from __future__ import annotations

from array import array
from typing import Any

from opsrail_monitoring.analysis.period import Period

DAY_SECONDS, WEEK_SECONDS = 86_400.0, 604_800.0
DAY_BINS, WEEK_BINS = 24, 168
NEWEST_WEIGHT = 0.02
ERROR_ROWS = 500
SETTLING_ROWS = 100
BETTER = 0.5


class Profile:
    """Mean of the numbers seen in each of `bins` parts of a period of the calendar (UTC), weighted towards the last
    fifty. Memory: `bins` means and counts.
    """

    __slots__ = ("counts", "means", "seconds", "width")

    def __init__(self, seconds: float, bins: int) -> None:
        self.seconds = seconds
        self.width = seconds / bins
        self.means = array("d", bytes(8 * bins))
        self.counts = array("q", bytes(8 * bins))

    def update(self, at: float, number: float) -> tuple[float, bool]:
        """The number usual at `at` (seconds since 1970) and whether one is known; then learn `number`."""
        part = int(at % self.seconds / self.width)
        count = self.counts[part]
        usual = self.means[part]
        self.counts[part] = count + 1
        self.means[part] = usual + max(NEWEST_WEIGHT, 1.0 / (count + 1)) * (number - usual)
        return usual, count > 0

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly, as JSON values."""
        return {"means": self.means.tolist(), "counts": self.counts.tolist()}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self.means = array("d", state["means"])
        self.counts = array("q", state["counts"])


class Seasons:
    """The number usual now by the hour of the day, by the hour of the week, or at this place of a period of any
    length (`Period`): whichever erred least of late, in rows weighted towards the last `ERROR_ROWS`.

    `anew` tells that the season was understood in this row: the least error has halved since that was last so. What
    numbers were off the usual before then says nothing of how far they will be.
    """

    __slots__ = ("anew", "day", "errors", "period", "rows", "understood", "week")

    def __init__(self) -> None:
        self.day = Profile(DAY_SECONDS, DAY_BINS)
        self.week = Profile(WEEK_SECONDS, WEEK_BINS)
        self.period = Period()
        self.errors = [0.0, 0.0, 0.0]
        self.rows = 0
        self.understood = 0.0
        self.anew = False

    def update(self, at: float, number: float) -> tuple[float, bool]:
        """The number usual at `at` (seconds since 1970) and whether one is known; then learn `number`."""
        day, known = self.day.update(at, number)
        week, week_known = self.week.update(at, number)
        found = self.period.update(number)
        if not known:
            self.anew = False
            return (day, False) if found is None else (found, True)
        guesses = (day, week if week_known else day, day if found is None else found)
        errors = self.errors
        least = min(errors)
        usual = guesses[errors.index(least)]
        self.rows += 1
        self.anew = self.rows > SETTLING_ROWS and least < BETTER * self.understood
        if self.anew or self.rows == SETTLING_ROWS:
            self.understood = least
        weight = max(1.0 / ERROR_ROWS, 1.0 / self.rows)
        for place, guess in enumerate(guesses):
            errors[place] += weight * (abs(number - guess) - errors[place])
        return usual, True

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly, as JSON values."""
        return {
            "day": self.day.state(),
            "week": self.week.state(),
            "period": self.period.state(),
            "errors": list(self.errors),
            "rows": self.rows,
            "understood": self.understood,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Seasons:
        """Go on from `state()`."""
        seasons = cls()
        seasons.day.resume(state["day"])
        seasons.week.resume(state["week"])
        seasons.period = Period.from_state(state["period"])
        seasons.errors = list(state["errors"])
        seasons.rows = state["rows"]
        seasons.understood = state["understood"]
        return seasons
