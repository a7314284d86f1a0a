"""A streaming anomaly detector with one setting for every series. Used by `cli.score` and the series queries."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import Any

from opsrail_monitoring.analysis.alarm import ALARM, Alarm
from opsrail_monitoring.analysis.band import Band
from opsrail_monitoring.analysis.extremes import Extremes
from opsrail_monitoring.analysis.seasons import Seasons
from opsrail_monitoring.analysis.series import LARGEST
from opsrail_monitoring.analysis.stillness import Stillness
from opsrail_monitoring.analysis.windows import RollingMean

VIEWS = ("value", "brief", "steady", "level", "season", "roughness", "jump")
SEASON = VIEWS.index("season")
BRIEF_ROWS, STEADY_ROWS, LEVEL_ROWS = 3, 12, 50
ROWS_TOGETHER = 6
STATE_VERSION = 2


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

    Seven views of the series are judged by how far and how rare they are (`Extremes`): the value, its mean over 3,
    12 and 50 rows, the mean over 12 rows of what it is off the usual at this point of its season, how much it moves
    from row to row over 12 rows, and its last move. The season is the day, the week, or a period that is found
    (`Seasons`). The views' surprises within 6 rows are joined by a fourth-power mean, so that one loud view or
    several that agree count; a value that stands still (`Stillness`) counts alone. What comes of it passes through
    `Alarm`.

    Memory is bounded whatever the length of the series: at most 7 times 128 record steps, 89 window values, 192 means
    by hour, 1024 last numbers and 341 of a period; about 30 kB as a rule, 100 kB at the very most. `state()` is JSON
    and resumes exactly.
    """

    def __init__(self) -> None:
        self._row = 0
        self._previous = 0.0
        self._views = [Extremes() for _ in VIEWS]
        self._together = [[0.0] * ROWS_TOGETHER for _ in VIEWS]
        self._means = [RollingMean(rows) for rows in (BRIEF_ROWS, STEADY_ROWS, LEVEL_ROWS, STEADY_ROWS, STEADY_ROWS)]
        self._seasons = Seasons()
        self._band = Band()
        self._stillness = Stillness()
        self._alarm = Alarm()

    def update(self, at: float, value: float | None) -> Verdict:
        """Judge the next row, then learn it.

        Args:
            at: seconds since 1970, UTC; order is that of arrival, so repeats and steps back are taken as they come.
            value: what was measured; None or NaN is a gap: scored 0, and nothing is learnt from it.

        Raises:
            ValueError: `value` is infinite or beyond 1e100.
        """
        if value is None or isnan(value):
            return Verdict(0.0, None, "")
        if not -LARGEST <= value <= LARGEST:
            raise ValueError(f"{value} cannot be scored: expected a number up to 1e100")
        row = self._row
        usual, known = self._seasons.update(at, value)
        if self._seasons.anew:
            self._views[SEASON] = Extremes()
        moved = value - self._previous if row else 0.0
        brief, steady, level, season, roughness = self._means
        mean = self._views[0].mean
        expected = self._band.update(value, (mean, level.mean, usual if known else mean))
        numbers = (
            value,
            brief.update(value),
            steady.update(value),
            level.update(value),
            season.update(value - usual if known else 0.0),
            roughness.update(abs(moved)),
            moved,
        )
        slot = row % ROWS_TOGETHER
        total = 0.0
        for view, kept, number in zip(self._views, self._together, numbers, strict=True):
            kept[slot] = view.update(number)
            squared = max(kept) ** 2
            total += squared * squared
        self._previous = value
        self._row = row + 1
        still = self._stillness.update(value)
        surprise = max((total / len(VIEWS)) ** 0.25, still)
        score = self._alarm.update(at, surprise)
        reason = self._reason(value, expected, still=still >= surprise) if score >= ALARM else ""
        return Verdict(score, expected, reason)

    def _reason(self, value: float, expected: tuple[float, float] | None, *, still: bool) -> str:
        """Name what stands out most."""
        if still:
            self._stillness.raised()
            return f"flat line: {value:.6g} for {self._stillness.run} rows, never so long before"
        loudest = max(range(len(VIEWS)), key=lambda at: max(self._together[at]))
        view = self._views[loudest]
        low, high = expected or (view.mean, view.mean)
        usual = f"expected {low:.6g} to {high:.6g}"
        away = f"{abs(view.z):.1f} deviations {'above' if view.z >= 0.0 else 'below'} its mean"
        match VIEWS[loudest]:
            case "value" | "brief" | "jump":
                return f"{'spike' if view.z >= 0.0 else 'dip'}: {value:.6g}, {usual}"
            case "steady":
                return f"level shift: the last {STEADY_ROWS} rows are {away}"
            case "level":
                return f"new normal: the last {LEVEL_ROWS} rows are {away} of {view.mean:.6g}"
            case "season":
                return f"season broken: the last {STEADY_ROWS} rows are {away} at this point; {value:.6g}, {usual}"
            case _:
                return f"variance: moves from row to row over {STEADY_ROWS} rows are {away}"

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly, as JSON values."""
        return {
            "version": STATE_VERSION,
            "row": self._row,
            "previous": self._previous,
            "views": [view.state() for view in self._views],
            "together": [list(kept) for kept in self._together],
            "means": [mean.state() for mean in self._means],
            "seasons": self._seasons.state(),
            "band": self._band.state(),
            "stillness": self._stillness.state(),
            "alarm": self._alarm.state(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Detector:
        """Go on from `state()`.

        Raises:
            ValueError: the state was written by another version of the detector; start afresh.
        """
        if state.get("version") != STATE_VERSION:
            raise ValueError(f"detector state of version {state.get('version')}, expected {STATE_VERSION}")
        detector = cls()
        detector._row = state["row"]
        detector._previous = state["previous"]
        detector._views = [Extremes.from_state(view) for view in state["views"]]
        detector._together = [list(kept) for kept in state["together"]]
        detector._means = [RollingMean.from_state(mean) for mean in state["means"]]
        detector._seasons = Seasons.from_state(state["seasons"])
        detector._band = Band.from_state(state["band"])
        detector._stillness = Stillness.from_state(state["stillness"])
        detector._alarm = Alarm.from_state(state["alarm"])
        return detector
