"""Forecasts a daily cost: a rolling-origin contest of light methods per series, and conformal intervals.

Pure; called by the `forecast` command. Every method is tried on origins in the recent past, each seeing the days
before its origin alone. The mean weighted by past errors, the median of the better half, or one method that was
better by far is taken; the intervals come from errors of choices made without the origin they are measured at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from opsrail_finops.analysis.decompose import WEEK, Array, Calendar, calendar, spread, take_apart
from opsrail_finops.analysis.intervals import half_widths
from opsrail_finops.analysis.methods import METHODS, Method

ORIGINS = 14
STRIDE = 6
"""Days between origins; no multiple of a week, so that origins fall on all weekdays."""
BACK_TEST_LEADS = 30
LONGEST_HORIZON = 1000
_LEAST_HISTORY = 3
_LEAST_GAIN = 0.05
"""How much better than the weighted mean a single method must have been to be taken alone."""
WEIGHTED, MEDIAN = "weighted mean", "median"


@dataclass(frozen=True)
class Forecast:
    """`mean` and the bounds have one entry per day from `start` on, in the unit of the series.

    `errors`: mean absolute back-test error of every contestant, best first; empty when the series is too short for a
    back-test. `mase`: the winner's error over the seasonal naive's, `None` where that is nought or unknown.
    `month_end`: what the month of `start` will have cost on its last day, with its bounds in the same order.
    """

    start: date
    mean: Array
    lo80: Array
    hi80: Array
    lo95: Array
    hi95: Array
    method: str
    errors: Mapping[str, float]
    origins: int
    mase: float | None
    month: str
    month_end: tuple[float, float, float, float, float]


def forecast(
    start: date,
    values: Sequence[float] | Array,
    horizon: int,
    *,
    holidays: frozenset[date] = frozenset(),
    extra: Mapping[str, Method] | None = None,
) -> Forecast:
    """Forecasts the `horizon` days after the last value.

    Args:
        start: day of the first value; the others follow day by day, NaN where nothing is known.
        holidays: days, past and future, on which cost may differ.
        extra: further methods for the contest.

    Raises:
        ValueError: no value is known, one is infinite, or the horizon is not between 1 and 1000.
    """
    known = np.asarray(values, float)
    if not np.isfinite(known).any() or np.isinf(known).any():
        raise ValueError("a series needs at least one value, and none infinite")
    if not 1 <= horizon <= LONGEST_HORIZON:
        raise ValueError(f"the horizon must lie between 1 and {LONGEST_HORIZON} days")
    size = float(np.nanmax(np.abs(known))) or 1.0
    first = start + timedelta(days=len(known))
    rest_of_month = ((first.replace(day=28) + timedelta(days=4)).replace(day=1) - first).days
    reach = max(horizon, rest_of_month)
    filled = filled_gaps(known / size)
    days = calendar(start, len(filled) + reach, holidays)
    found = _Contest(filled, np.isfinite(known), days, {**METHODS, **(extra or {})}).run(reach)
    never_negative = bool(np.nanmin(known) >= 0)
    centre = np.maximum(found.mean, 0.0) if never_negative else found.mean
    fallback = spread(filled) or 0.25 * abs(float(filled[-1]))
    narrow, wide = half_widths(found.residuals, reach, fallback)
    bounds = [centre - narrow, centre + narrow, centre - wide, centre + wide]
    sums = half_widths(np.cumsum(found.residuals, axis=1), rest_of_month, fallback * np.sqrt(rest_of_month))
    spent = float(np.nansum(known[len(known) - (first.day - 1) :])) if first.day > 1 else 0.0
    total = float(centre[:rest_of_month].sum()) * size
    around = [
        total - sums[0][-1] * size,
        total + sums[0][-1] * size,
        total - sums[1][-1] * size,
        total + sums[1][-1] * size,
    ]
    if never_negative:
        bounds = [np.maximum(bound, 0.0) for bound in bounds]
        around = [max(bound, 0.0) for bound in around]
    lo80, hi80, lo95, hi95 = (bound[:horizon] * size for bound in bounds)
    naive = found.errors.get("seasonal naive", 0.0)
    return Forecast(
        start=first,
        mean=centre[:horizon] * size,
        lo80=lo80,
        hi80=hi80,
        lo95=lo95,
        hi95=hi95,
        method=found.method,
        errors={name: error * size for name, error in found.errors.items()},
        origins=found.origins,
        mase=found.errors[found.method] / naive if naive > 0 and found.method in found.errors else None,
        month=f"{first:%Y-%m}",
        month_end=(spent + total, *(spent + bound for bound in around)),
    )


def filled_gaps(values: Array) -> Array:
    """Unknown days take the mean of the nearest known days of the same weekday, else of the nearest known days."""
    filled = values.copy()
    for gap in np.flatnonzero(~np.isfinite(values)):
        for step in (WEEK, 1):
            before = values[gap::-step][1:]
            after = values[gap::step][1:]
            near = [side[np.isfinite(side)][:1] for side in (before, after)]
            found = np.concatenate(near)
            if len(found):
                filled[gap] = found.mean()
                break
    return filled


@dataclass(frozen=True)
class _Outcome:
    mean: Array
    method: str
    errors: dict[str, float]
    origins: int
    residuals: Array


class _Contest:
    def __init__(self, values: Array, known: np.ndarray, days: Calendar, methods: Mapping[str, Method]) -> None:
        self._values = values
        self._known = known
        self._days = days
        self._methods = methods

    def run(self, horizon: int) -> _Outcome:
        count = len(self._values)
        final = self._try(count, horizon)
        leads = min(horizon, BACK_TEST_LEADS, max(1, count // 4))
        origins = list(range(count - leads, _LEAST_HISTORY - 1, -self._stride(count, leads)))[:ORIGINS]
        tried = {at: self._try(at, leads) for at in origins}
        # Where a method is too short of history at an origin, the last week's median stands in for it.
        names = [name for name in final if sum(name in found for found in tried.values()) * 2 > len(origins)]
        if not names:
            return _Outcome(final["latest"], "latest", {}, 0, np.full((1, leads), np.nan))
        truth = np.array([self._values[at : at + leads] for at in origins])
        truth[~np.array([self._known[at : at + leads] for at in origins])] = np.nan
        guesses = np.array([[tried[at].get(name, tried[at]["latest"]) for name in names] for at in origins])
        weights_by_age = 0.93 ** np.arange(len(origins))
        wrong = np.abs(guesses - truth[:, None, :])
        losses = np.array([[_mean(lead) for lead in origin] for origin in wrong])
        chosen, picks = np.empty_like(truth), []
        combined = np.empty((len(origins), 2, leads))
        for at in range(len(origins)):
            others = np.arange(len(origins)) != at if len(origins) > 1 else np.array([True])
            shares = _shares(_score(losses[others], weights_by_age[others]))
            combined[at, 0] = shares @ guesses[at]
            combined[at, 1] = _middle(guesses[at], _score(losses[others], weights_by_age[others]))
        every = np.concatenate([guesses, combined], axis=1)
        all_losses = np.array([[_mean(lead) for lead in origin] for origin in np.abs(every - truth[:, None, :])])
        for at in range(len(origins)):
            others = np.arange(len(origins)) != at if len(origins) > 1 else np.array([True])
            pick = _pick(_score(all_losses[others], weights_by_age[others]))
            picks.append(pick)
            chosen[at] = every[at, pick]
        scores = _score(all_losses, weights_by_age)
        pick = _pick(scores)
        labels = [*names, WEIGHTED, MEDIAN]
        last = np.array([final[name] for name in names])
        ends = [*last, _shares(scores[:-2]) @ last, _middle(last, scores[:-2])]
        ranked = sorted(zip(labels, scores.tolist(), strict=True), key=lambda item: item[1])
        return _Outcome(ends[pick], labels[pick], dict(ranked), len(origins), chosen - truth)

    def _stride(self, count: int, leads: int) -> int:
        return max(1, min(STRIDE, (count - leads - _LEAST_HISTORY) // ORIGINS))

    def _try(self, origin: int, horizon: int) -> dict[str, Array]:
        parts = take_apart(self._values[:origin], self._days[:origin])
        ahead = self._days[origin : origin + horizon]
        found = {name: method(parts, ahead) for name, method in self._methods.items()}
        return {name: value for name, value in found.items() if value is not None and np.isfinite(value).all()}


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _score(losses: Array, weights: Array) -> Array:
    """Weighted mean over origins, without those that nothing is known of."""
    known = np.isfinite(losses).all(axis=1)
    if not known.any():
        return np.ones(losses.shape[1])
    return weights[known] @ losses[known] / weights[known].sum()  # type: ignore[no-any-return]


def _shares(scores: Array) -> Array:
    """Weights that fall with the fourth power of the error."""
    least = max(float(scores.min()), 1e-12)
    shares = (least / np.maximum(scores, 1e-12)) ** 4
    return shares / shares.sum()  # type: ignore[no-any-return]


def _middle(guesses: Array, scores: Array) -> Array:
    """Median of the better half."""
    better = np.argsort(scores, kind="stable")[: max(3, len(scores) // 2)]
    return np.median(guesses[better], axis=0)


def _pick(scores: Array) -> int:
    """The best combination, unless one method alone was better by far."""
    alone, together = int(np.argmin(scores[:-2])), len(scores) - 2 + int(np.argmin(scores[-2:]))
    return alone if scores[alone] < (1 - _LEAST_GAIN) * scores[together] else together
