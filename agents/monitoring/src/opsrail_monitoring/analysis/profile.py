"""What is usual at this time of day. Used by `detector.Detector`."""

from __future__ import annotations

from typing import Any

BINS = 24
DAY_SECONDS = 86_400.0
NEWEST_WEIGHT = 0.02


class DailyProfile:
    """Mean of the numbers seen in each hour of the (UTC) day, weighted towards the last fifty. Memory: 24 means."""

    __slots__ = ("counts", "means")

    def __init__(self) -> None:
        self.means = [0.0] * BINS
        self.counts = [0] * BINS

    def update(self, at: float, number: float) -> tuple[float, bool]:
        """The number usual at `at` (seconds since 1970) and whether one is known; then learn `number`."""
        hour = int(at % DAY_SECONDS / DAY_SECONDS * BINS)
        count = self.counts[hour]
        usual = self.means[hour]
        self.counts[hour] = count + 1
        self.means[hour] = usual + max(NEWEST_WEIGHT, 1.0 / (count + 1)) * (number - usual)
        return usual, count > 0

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly, as JSON values."""
        return {"means": list(self.means), "counts": list(self.counts)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> DailyProfile:
        """Go on from `state()`."""
        profile = cls()
        profile.means = list(state["means"])
        profile.counts = list(state["counts"])
        return profile
