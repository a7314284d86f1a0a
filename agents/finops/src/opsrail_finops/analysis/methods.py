"""The light forecasting methods of the contest. Each takes the parts of a history and the days ahead, gives one value
per day ahead, and returns `None` where the history is too short for it. Called by `forecast.py`.

- Theta: Assimakopoulos and Nikolopoulos 2000; damped trend: Gardner and McKenzie 1985.
- Seasonal exponential smoothing: Hyndman and Athanasopoulos, Forecasting: Principles and Practice, chapter 8.
"""

from collections.abc import Callable

import numpy as np

from opsrail_finops.analysis.decompose import WEEK, Array, Calendar, Parts

Method = Callable[[Parts, Calendar], Array | None]

_RECENT = 200
_FAR = 300
_ALPHAS = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9])
_YEAR = 364


def seasonal_naive(parts: Parts, ahead: Calendar) -> Array | None:
    """The last week again."""
    if len(parts.values) < WEEK:
        return None
    return parts.values[-WEEK:][np.arange(len(ahead.weekday)) % WEEK]


def weekday_mean(parts: Parts, ahead: Calendar) -> Array | None:
    """The mean of the last four of each weekday, with fees."""
    if len(parts.plain) < 4 * WEEK:
        return None
    weeks = parts.plain[-4 * WEEK :].reshape(4, WEEK).mean(axis=0)
    return weeks[np.arange(len(ahead.weekday)) % WEEK] + parts.fees_on(ahead)  # type: ignore[no-any-return]


def latest(parts: Parts, ahead: Calendar) -> Array | None:
    """The median of the last week, kept."""
    return parts.seasoned(np.full(len(ahead.weekday), np.median(parts.level[-WEEK:])), ahead)


def smoothed(parts: Parts, ahead: Calendar) -> Array | None:
    """Simple exponential smoothing of the level."""
    if len(parts.level) < 4:
        return None
    return parts.seasoned(np.full(len(ahead.weekday), _smooth(parts.level[-_RECENT:])), ahead)


def far_smoothed(parts: Parts, ahead: Calendar) -> Array | None:
    """Exponential smoothing whose weight is chosen by the mean of the four weeks ahead; old errors fade."""
    level = parts.level[-_FAR:]
    count = len(level)
    if count < 8 * WEEK:
        return None
    states = np.empty((count, len(_ALPHAS)))
    at = np.full(len(_ALPHAS), level[:WEEK].mean())
    for number, value in enumerate(level):
        at = at + _ALPHAS * (value - at)
        states[number] = at
    reach = min(4 * WEEK, count // 3)
    sums = np.concatenate([[0.0], np.cumsum(level)])
    days = np.arange(WEEK, count - reach)
    came = (sums[days + 1 + reach] - sums[days + 1]) / reach
    loss = 0.5 ** ((count - days) / 120.0) @ np.abs(states[days] - came[:, None])
    return parts.seasoned(np.full(len(ahead.weekday), at[int(np.argmin(loss))]), ahead)


def drift(parts: Parts, ahead: Calendar) -> Array | None:
    """From the last week's level on along the mean change of the last twelve weeks."""
    recent = parts.level[-12 * WEEK :]
    if len(recent) < 2 * WEEK:
        return None
    change = (np.median(recent[-WEEK:]) - np.median(recent[:WEEK])) / (len(recent) - WEEK)
    return parts.seasoned(np.median(recent[-WEEK:]) + change * (_steps(ahead) + WEEK // 2), ahead)


def theta(parts: Parts, ahead: Calendar) -> Array | None:
    """Exponential smoothing with half the slope of the line through the level."""
    level = parts.level[-_RECENT:]
    if len(level) < 2 * WEEK:
        return None
    slope = np.polyfit(np.arange(len(level)), level, 1)[0]
    return parts.seasoned(_smooth(level) + slope / 2 * _steps(ahead), ahead)


def damped_trend(parts: Parts, ahead: Calendar) -> Array | None:
    """Holt's level and trend, the trend fading."""
    level = parts.level[-_RECENT:]
    if len(level) < 3 * WEEK:
        return None
    return parts.seasoned(_damped(level, _steps(ahead)), ahead)


def damped_growth(parts: Parts, ahead: Calendar) -> Array | None:
    """The damped trend in per cent instead of dollars, for costs above nought."""
    level = parts.level[-_RECENT:]
    if len(level) < 3 * WEEK or not parts.multiplies or level.min() <= 0:
        return None
    highest = np.log(level.max()) + 2.0
    return parts.seasoned(np.exp(np.minimum(_damped(np.log(level), _steps(ahead)), highest)), ahead)


def ets(parts: Parts, ahead: Calendar) -> Array | None:
    """Additive exponential smoothing of level and weekdays together, so that the weekly shape may change."""
    plain = parts.plain[-_RECENT:]
    if len(plain) < 4 * WEEK:
        return None
    plain = plain[len(plain) % WEEK :]
    alpha, gamma = (axis.ravel() for axis in np.meshgrid(_ALPHAS, [0.02, 0.1, 0.3], indexing="ij"))
    weeks = plain[: 4 * WEEK].reshape(4, WEEK)
    shape = np.median(weeks - weeks.mean(axis=1, keepdims=True), axis=0)
    season = np.tile(shape[:, None], (1, len(alpha)))
    at = np.full(len(alpha), weeks[0].mean())
    loss = np.zeros(len(alpha))
    for number, value in enumerate(plain):
        day = number % WEEK
        error = value - at - season[day]
        at = at + alpha * error
        season[day] = season[day] + gamma * (1 - alpha) * error
        if number >= 2 * WEEK:
            loss += np.abs(error)
    best = int(np.argmin(loss))
    return at[best] + season[np.arange(len(ahead.weekday)) % WEEK, best] + parts.fees_on(ahead)  # type: ignore[no-any-return]


def regression(parts: Parts, ahead: Calendar) -> Array | None:
    """Ridge regression on trend, weekday, the month's ends and holidays; days count half every ten weeks back."""
    count = min(len(parts.values), 53 * WEEK)
    if count < 6 * WEEK:
        return None
    days, values = parts.calendar[-count:], parts.plain[-count:]
    mid, size = float(values.mean()), float(np.abs(values).max()) or 1.0
    end = int(days.ordinal[-1])
    weights = np.sqrt(0.5 ** ((end - days.ordinal) / 70.0))
    inside = _features(days, end) * weights[:, None]
    penalty = np.diag([0.0, 3.0, *([1.0] * (inside.shape[1] - 2))])
    fitted = np.linalg.solve(
        inside.T @ inside + penalty + 1e-9 * np.eye(len(penalty)), inside.T @ ((values - mid) / size * weights)
    )
    return _features(ahead, end) @ fitted * size + mid + parts.fees_on(ahead)


def yearly(parts: Parts, ahead: Calendar) -> Array | None:
    """The same days a year ago, smoothed, at today's level (a light MSTL: the year's shape over the week's)."""
    count, horizon = len(parts.level), len(ahead.weekday)
    if count < _YEAR + 8 * WEEK or horizon > _YEAR - WEEK:
        return None
    smooth = np.convolve(np.pad(parts.level, 2 * WEEK, mode="edge"), np.ones(4 * WEEK + 1) / (4 * WEEK + 1), "valid")
    now, then = parts.level[-4 * WEEK :].mean(), parts.level[-4 * WEEK - _YEAR : -_YEAR].mean()
    past = smooth[count - _YEAR : count - _YEAR + horizon]
    fraction = np.exp(-_steps(ahead) / 30.0)
    here = np.median(parts.level[-WEEK:])
    level = (now - then) + past
    return parts.seasoned(fraction * (here + past - past[0]) + (1 - fraction) * level, ahead)


METHODS: dict[str, Method] = {
    "seasonal naive": seasonal_naive,
    "weekday mean": weekday_mean,
    "latest": latest,
    "smoothed": smoothed,
    "far smoothed": far_smoothed,
    "drift": drift,
    "theta": theta,
    "damped trend": damped_trend,
    "damped growth": damped_growth,
    "ets": ets,
    "regression": regression,
    "yearly": yearly,
}


def _steps(ahead: Calendar) -> Array:
    return np.arange(1, len(ahead.weekday) + 1, dtype=float)


def _damped(level: Array, steps: Array) -> Array:
    """Levels `steps` days ahead; the three weights are those that missed least one day ahead."""
    alpha, beta, phi = (
        axis.ravel()
        for axis in np.meshgrid([0.05, 0.1, 0.2, 0.4, 0.7], [0.01, 0.05, 0.15], [0.9, 0.98, 0.995], indexing="ij")
    )
    at = np.full(len(alpha), level[:WEEK].mean())
    slope = np.zeros(len(alpha))
    loss = np.zeros(len(alpha))
    for number, value in enumerate(level):
        before = at + phi * slope
        error = value - before
        at = before + alpha * error
        slope = phi * slope + alpha * beta * error
        if number >= WEEK:
            loss += np.abs(error)
    best = int(np.argmin(loss))
    return at[best] + slope[best] * np.cumsum(phi[best] ** steps)  # type: ignore[no-any-return]


def _smooth(level: Array) -> float:
    """The last state of simple exponential smoothing, its weight chosen by the errors one step ahead."""
    at = np.full(len(_ALPHAS), level[:WEEK].mean())
    loss = np.zeros(len(_ALPHAS))
    for value in level:
        error = value - at
        loss += np.abs(error)
        at = at + _ALPHAS * error
    return float(at[int(np.argmin(loss))])


def _features(days: Calendar, end: int) -> Array:
    columns = [np.ones(len(days.weekday)), np.minimum((days.ordinal - end) / 100.0, 0.3)]
    columns += [(days.weekday == day).astype(float) for day in range(WEEK)]
    columns += [(days.month_day == day).astype(float) for day in (1, 2, -1)]
    columns.append(days.holiday.astype(float))
    return np.stack(columns, axis=1)
