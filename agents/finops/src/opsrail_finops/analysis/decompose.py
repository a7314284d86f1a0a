"""Takes a daily series apart: fees on fixed days of the month, weekdays, one-off spikes, steps; a level is left.

Called by `forecast.py` for every origin, on the days before it alone. Everything here scales with the series.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Days = NDArray[np.integer[Any]]

WEEK = 7
LONGEST = 1100
_SEASON_WEEKS = 16
_SPIKE = 5.0
_STEP = 4.0
_STEPS = 3
_CANDIDATES = 16
_LEAST_AFTER_STEP = 3
_TAIL = 2 * WEEK


@dataclass(frozen=True)
class Calendar:
    """Consecutive days. `month_day`: 1 to 28 from the month's start, -1 to -3 from its end, so months line up."""

    weekday: Days
    month_day: Days
    holiday: NDArray[np.bool_]
    ordinal: Days

    def __getitem__(self, part: slice) -> "Calendar":
        return Calendar(self.weekday[part], self.month_day[part], self.holiday[part], self.ordinal[part])


def calendar(start: date, days: int, holidays: frozenset[date] = frozenset()) -> Calendar:
    """The `days` days from `start` on."""
    dates = [start + timedelta(days=at) for at in range(days)]
    return Calendar(
        weekday=np.array([day.weekday() for day in dates], int),
        month_day=np.array([_month_day(day) for day in dates], int),
        holiday=np.array([day in holidays for day in dates], bool),
        ordinal=np.array([day.toordinal() for day in dates], int),
    )


def _month_day(day: date) -> int:
    left = ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - day).days
    return -left if left <= 3 else day.day


@dataclass(frozen=True)
class Parts:
    """`values` are `fees` plus `level` with weekday effects, but for spikes and steps, which `level` is free of.

    `plain`: the values without fees, spikes and steps. `weekday`: seven factors if `multiplies`, else seven summands.
    """

    values: Array
    plain: Array
    level: Array
    weekday: Array
    fees: dict[int, float]
    multiplies: bool
    noise: float
    calendar: Calendar

    def seasoned(self, level: Array, ahead: Calendar) -> Array:
        """A level of future days with weekdays and fees put back."""
        effect = self.weekday[ahead.weekday]
        return (level * effect if self.multiplies else level + effect) + self.fees_on(ahead)

    def fees_on(self, days: Calendar) -> Array:
        return np.array([self.fees.get(int(day), 0.0) for day in days.month_day], float)


def take_apart(values: Array, days: Calendar) -> Parts:
    """Needs at least one value, and no gaps."""
    values, days = values[-LONGEST:], days[-LONGEST:]
    trend = rolling_median(values, 3 * WEEK)
    multiplies = bool(np.all(values > 0) and np.all(trend > 0))
    weekday = _weekday_effects(values, trend, days, multiplies=multiplies)
    expected = trend * weekday[days.weekday] if multiplies else trend + weekday[days.weekday]
    rest = values - expected
    noise = spread(rest)
    fees = _fees(rest, days, noise)
    without = values - np.array([fees.get(int(day), 0.0) for day in days.month_day], float)
    rest = without - expected
    noise = spread(rest)
    season = weekday[days.weekday]
    _believe_last_run(expected, without, season, noise, multiplies=multiplies)
    rest = without - expected
    calm = np.where(np.abs(rest) > _SPIKE * noise, expected, without) if noise > 0 else without
    level = _without_steps(calm / season if multiplies else calm - season)
    plain = level * season if multiplies else level + season
    return Parts(values, plain, level, weekday, fees, multiplies, noise, days)


def rolling_median(values: Array, width: int) -> Array:
    """Centred, over `width` days; windows are cut at the ends."""
    half = width // 2
    padded = np.concatenate([np.full(half, np.nan), values, np.full(half, np.nan)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    return np.nanmedian(windows, axis=1)  # type: ignore[no-any-return]


def spread(values: Array) -> float:
    """Standard deviation of the bulk, by the median absolute deviation; by the mean one where that is nought."""
    if not len(values):
        return 0.0
    away = np.abs(values - np.median(values))
    robust = 1.4826 * float(np.median(away))
    return robust if robust > 0 else 0.3 * float(np.mean(away))


def _weekday_effects(values: Array, trend: Array, days: Calendar, *, multiplies: bool) -> Array:
    neutral = np.ones(WEEK) if multiplies else np.zeros(WEEK)
    if len(values) < 2 * WEEK:
        return neutral
    rest = np.log(values / trend) if multiplies else values - trend
    recent = slice(-_SEASON_WEEKS * WEEK, None)
    rest, weekday = rest[recent], days.weekday[recent]
    rest = rest - np.median(rest)
    effects = np.array([np.median(rest[weekday == day]) for day in range(WEEK)])
    effects -= effects.mean()
    noise = spread(rest - effects[weekday])
    signal = float(np.mean(effects**2))
    chance = 1.5 * noise**2 * WEEK / len(rest)
    shrink = max(0.0, 1.0 - chance / signal) if signal > 0 else 0.0
    effects *= shrink
    return np.exp(effects) if multiplies else effects


def _fees(rest: Array, days: Calendar, noise: float) -> dict[int, float]:
    """Amounts on the same day of the last two months or more, far out on the same side each time."""
    found = {}
    for day in np.unique(days.month_day):
        latest = rest[days.month_day == day][-6:]
        last = latest[-3:]
        if len(last) < 2 or noise <= 0:
            continue
        if np.all(last > 3 * noise) or np.all(last < -3 * noise):
            found[int(day)] = float(np.median(latest))
    return found


def _believe_last_run(expected: Array, values: Array, season: Array, noise: float, *, multiplies: bool) -> None:
    """Where the last three days or more all lie far out on one side, they are a new level and no spikes."""
    if len(values) < _TAIL + WEEK or noise <= 0:
        return
    bare = values / season if multiplies else values - season
    before = np.median(bare[-_TAIL - 3 * WEEK : -_TAIL])
    away = bare[-_TAIL:] - before
    sides = np.sign(away) * (np.abs(away) > _SPIKE * noise)
    others = np.flatnonzero(sides != sides[-1])
    start = int(others[-1]) + 1 if len(others) else 0
    if not sides[-1] or start == 0 or _TAIL - start < _LEAST_AFTER_STEP:
        return
    level = np.full(_TAIL, before)
    level[start:] = np.median(bare[-_TAIL:][start:])
    expected[-_TAIL:] = level * season[-_TAIL:] if multiplies else level + season[-_TAIL:]


def _without_steps(level: Array) -> Array:
    """Lifts what lies before a step to what lies behind it, a few times over, the widest step first."""
    level = level.copy()
    for _ in range(_STEPS):
        at = _step(level)
        if at is None:
            break
        before, after = np.median(level[max(0, at - 2 * WEEK) : at]), np.median(level[at : at + 2 * WEEK])
        if before > 0 and after >= 0 and level.min() >= 0:
            level[:at] *= after / before
        else:
            level[:at] += after - before
    return level


def _step(level: Array) -> int | None:
    count = len(level)
    first, last = max(WEEK, count - 26 * WEEK), count - _LEAST_AFTER_STEP
    if last <= first:
        return None
    noise = max(spread(np.diff(level[-26 * WEEK :])) / np.sqrt(2), 1e-9 * float(np.abs(level).max()))
    if noise <= 0:
        return None
    best, where = _STEP, None
    padded = np.concatenate([level, np.full(2 * WEEK, np.nan)])
    middles = np.nanmedian(np.lib.stride_tricks.sliding_window_view(padded, 2 * WEEK)[:count], axis=1)
    earlier = middles[np.maximum(np.arange(first, last) - 2 * WEEK, 0)]
    jumps = np.abs(middles[first:last] - earlier)
    widest = np.argsort(-jumps, kind="stable")[:_CANDIDATES]
    for at in sorted((first + widest[jumps[widest] >= 2 * noise]).tolist()):
        before, after = level[max(0, at - 2 * WEEK) : at], level[at : at + 2 * WEEK]
        jump = abs(float(np.median(after) - np.median(before)))
        if jump < 3 * noise:
            continue
        # What a straight trend through both sides would explain is no step.
        slope = (abs(_slope(before)) + abs(_slope(after))) / 2
        jump -= slope * (len(before) + len(after)) / 2
        wander = max(spread(before), spread(after), noise)
        score = jump / (wander * np.sqrt(1.6 / len(before) + 1.6 / len(after)))
        if score > best and jump > 2.5 * wander:
            best, where = score, at
    return where


def _slope(values: Array) -> float:
    half = len(values) // 2
    if half < 2:
        return 0.0
    return float(np.median(values[-half:]) - np.median(values[:half])) / (len(values) - half)
