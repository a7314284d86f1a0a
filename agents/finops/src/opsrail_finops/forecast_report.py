"""A forecast as CSV, JSON and a line of words, and what it may draw on besides numbers. Called by `cli.py`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.util import find_spec
from typing import Any

import numpy as np

from opsrail_finops.analysis.forecast import Forecast
from opsrail_finops.analysis.methods import Method

_BOUNDS = ("mean", "lo80", "hi80", "lo95", "hi95")


@dataclass(frozen=True)
class Report:
    """Costs have ten significant digits: the rest is no knowledge."""

    forecast: Forecast

    def rows(self) -> list[dict[str, str]]:
        found = self.forecast
        columns = [getattr(found, name) for name in _BOUNDS]
        return [
            {"date": str(found.start + timedelta(days=at))}
            | {name: _number(float(column[at])) for name, column in zip(_BOUNDS, columns, strict=True)}
            for at in range(len(found.mean))
        ]

    def as_csv(self) -> str:
        lines = [",".join(("date", *_BOUNDS)), *(",".join(row.values()) for row in self.rows())]
        return "\n".join(lines) + "\n"

    def as_dict(self) -> dict[str, Any]:
        found = self.forecast
        return {
            "forecast": self.rows(),
            "method": found.method,
            "weights": {name: round(weight, 4) for name, weight in found.weights.items()},
            "back_test": {
                "origins": found.origins,
                "mean_absolute_error": {name: _number(error) for name, error in found.errors.items()},
                "over_seasonal_naive": None if found.mase is None else round(found.mase, 4),
            },
            "month_end": {"month": found.month}
            | {name: _number(value) for name, value in zip(_BOUNDS, found.month_end, strict=True)},
        }

    def summary(self) -> str:
        found = self.forecast
        mean, lo80, hi80, *_ = (f"{value:.2f}" for value in found.month_end)
        if found.errors:
            best, weight = next(iter(found.weights.items()))
            said = f"{found.method}, {weight:.0%} of it {best}: off by {found.errors[found.method]:.4g} a day"
            said += f" over {found.origins} back-tests"
            said += "" if found.mase is None else f", {found.mase:.2f} of the seasonal naive's error"
        else:
            said = f"{found.method}: too few days for a back-test"
        return f"method {said}\nmonth end {found.month}: {mean} (80 %: {lo80} to {hi80})\n"


def report(found: Forecast) -> Report:
    """The forecast, ready to print."""
    return Report(found)


def holidays_of(country: str | None, start: date, days: int) -> frozenset[date]:
    """Public holidays of a country by its ISO 3166 code.

    Raises:
        ValueError: the country is unknown.
    """
    if country is None:
        return frozenset()
    import holidays  # noqa: PLC0415

    try:
        years = range(start.year, start.year + days // 365 + 2)
        return frozenset(holidays.country_holidays(country.upper(), years=years))
    except NotImplementedError as error:
        raise ValueError(f"there are no holidays for the country {country!r}") from error


def extra_methods(*, with_prophet: bool) -> Mapping[str, Method]:
    """Heavy methods that were asked for.

    Raises:
        ValueError: the package is not installed.
    """
    if not with_prophet:
        return {}
    if find_spec("prophet") is None:
        raise ValueError("--with-prophet needs Prophet: pip install 'opsrail-finops[prophet]'")
    from opsrail_finops.analysis.with_prophet import prophet  # noqa: PLC0415

    return {"prophet": prophet}


def _number(value: float) -> str:
    return np.format_float_positional(float(f"{value:.10g}"), trim="-")
