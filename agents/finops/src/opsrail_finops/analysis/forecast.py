"""Forecasts a daily cost: a rolling-origin contest of light methods per series, and conformal intervals.

Pure; called by the `forecast` command and query. Every method is tried on origins in the recent past, each seeing
the days before its origin alone. Their mean is taken, weighted by what they missed; the intervals come from errors of
such means whose weights leave out the origin they are measured at.
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
EARLIEST, LATEST = date(1900, 1, 1), date(2200, 12, 31)
"""Of the days of a series; what lies beyond is a date gone wrong."""
_LEAST_HISTORY = 3
_FAVOUR = 8
"""Weights fall with this power of a method's error: next to the best one, only those nearly as good count."""
WEIGHTED, MEDIAN = "weighted mean", "median"


@dataclass(frozen=True)
class Forecast:
    """`mean` and the bounds have one entry per day from `start` on, in the unit of the series.

    `method`: what the forecast is, `weighted mean` as a rule; `weights`: each method's part in it, largest first.
    `errors`: mean absolute back-test error of every method, of their weighted mean and of their median, best first;
    empty when the series is too short for a back-test. `mase`: the error of `method` over the seasonal naive's,
    `None` where that is nought or unknown.
    `month_end`: what the month of `start` will have cost on its last day, with its bounds in the same order.
    """

    start: date
    mean: Array
    lo80: Array
    hi80: Array
    lo95: Array
    hi95: Array
    method: str
    weights: Mapping[str, float]
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
        ValueError: no value is known, one is infinite, a day is before 1900 or after 2200, or the horizon is not
            between 1 and 1000.
    """
    known = np.asarray(values, float)
    if not np.isfinite(known).any() or np.isinf(known).any():
        raise ValueError("a series needs at least one value, and none infinite")
    if not EARLIEST <= start <= LATEST - timedelta(days=len(known) - 1):
        raise ValueError(f"the days are not all between {EARLIEST} and {LATEST}; is a date wrong?")
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
        weights=found.weights,
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
    weights: dict[str, float]
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
            return _Outcome(final["latest"], "latest", {"latest": 1.0}, {}, 0, np.full((1, leads), np.nan))
        truth = np.array([self._values[at : at + leads] for at in origins])
        truth[~np.array([self._known[at : at + leads] for at in origins])] = np.nan
        guesses = np.array([[tried[at].get(name, tried[at]["latest"]) for name in names] for at in origins])
        ages = 0.93 ** np.arange(len(origins))
        losses = _losses(guesses, truth)
        mixed = np.empty_like(truth)
        for at in range(len(origins)):
            others = np.arange(len(origins)) != at if len(origins) > 1 else np.array([True])
            mixed[at] = _shares(_score(losses[others], ages[others])) @ guesses[at]
        scores = _score(losses, ages)
        shares = _shares(scores)
        together = np.stack([mixed, np.median(guesses, axis=1)], axis=1)
        errors = np.concatenate([scores, _score(_losses(together, truth), ages)])
        return _Outcome(
            mean=shares @ np.array([final[name] for name in names]),
            method=WEIGHTED,
            weights=_ranked(names, -shares, times=-1.0),
            errors=_ranked([*names, WEIGHTED, MEDIAN], errors),
            origins=len(origins),
            residuals=mixed - truth,
        )

    def _stride(self, count: int, leads: int) -> int:
        return max(1, min(STRIDE, (count - leads - _LEAST_HISTORY) // ORIGINS))

    def _try(self, origin: int, horizon: int) -> dict[str, Array]:
        parts = take_apart(self._values[:origin], self._days[:origin])
        ahead = self._days[origin : origin + horizon]
        found = {name: method(parts, ahead) for name, method in self._methods.items()}
        return {name: value for name, value in found.items() if value is not None and np.isfinite(value).all()}


def _losses(guesses: Array, truth: Array) -> Array:
    """Mean absolute errors (origins, guesses) over the leads of which something is known, NaN where nothing is."""
    wrong = np.abs(guesses - truth[:, None, :])
    known = np.isfinite(wrong)
    count = known.sum(axis=2)
    return np.where(count > 0, np.where(known, wrong, 0.0).sum(axis=2) / np.maximum(count, 1), np.nan)


def _score(losses: Array, weights: Array) -> Array:
    """Weighted mean over origins, without those that nothing is known of."""
    known = np.isfinite(losses).all(axis=1)
    if not known.any():
        return np.ones(losses.shape[1])
    return weights[known] @ losses[known] / weights[known].sum()  # type: ignore[no-any-return]


def _shares(scores: Array) -> Array:
    shares = (max(float(scores.min()), 1e-12) / np.maximum(scores, 1e-12)) ** _FAVOUR
    return shares / shares.sum()  # type: ignore[no-any-return]


def _ranked(names: Sequence[str], keys: Array, times: float = 1.0) -> dict[str, float]:
    order = np.argsort(keys, kind="stable")
    return {names[at]: float(keys[at] * times) for at in order}
