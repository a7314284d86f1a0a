"""``finops.forecast``: what the next days will cost, from daily costs or from bills below the allowed folders."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from opsrail_finops.queries.bills import added_up
from opsrail_finops.settings import FinopsConfig
from opsrail_sdk import QueryContext, query
from opsrail_sdk.errors import InvalidInput

if TYPE_CHECKING:
    from opsrail_finops.analysis.forecast import Forecast
    from opsrail_finops.analysis.totals import TotalsReport

LONGEST_DAYS = 20_000


class DayCost(BaseModel):
    """A day given twice is added up; null, like a day that is left out, is unknown."""

    date: date
    cost: float | None = Field(allow_inf_nan=False, ge=-1e100, le=1e100)


class ForecastInput(BaseModel):
    """Give ``costs``, or ``files`` with what to take from them."""

    model_config = ConfigDict(extra="forbid")

    costs: list[DayCost] = Field(default=[], max_length=LONGEST_DAYS)
    files: list[str] = Field(default=[], max_length=100, description="Absolute paths below the configured roots.")
    cost: Literal["billed", "effective"] = Field(default="effective", description="Which cost of the files.")
    service: str | None = Field(default=None, description="One service of the files; all of them if unset.")
    currency: str | None = Field(default=None, description="Needed when the files hold several.")
    allow_refused: bool = Field(default=False, description="Go on without rows that cannot be read.")
    horizon: int = Field(default=30, ge=1, le=366, description="Days ahead.")
    holidays: str | None = Field(default=None, description="Country whose holidays may differ, such as US or DE.")


class Expected(BaseModel):
    """A cost and the bounds that hold it in 80 and in 95 of 100 cases."""

    mean: float
    lo80: float
    hi80: float
    lo95: float
    hi95: float


class DayExpected(Expected):
    date: date


class MonthEnd(Expected):
    """What the month of the first day ahead will have cost when it is over."""

    month: str


class ForecastAnswer(BaseModel):
    days: list[DayExpected]
    month_end: MonthEnd
    currency: str | None = Field(default=None, description="Of the files; costs given by day have none.")
    method: str
    weights: dict[str, float] = Field(description="Part of each method in the forecast.")
    back_test: dict[str, float] = Field(description="Mean absolute error a day of each method, best first.")
    origins: int = Field(description="Days in the past from which the methods were tried.")
    over_seasonal_naive: float | None = Field(description="Error of the forecast over that of the last week again.")


@query(title="Forecast", timeout=timedelta(seconds=60), cache=timedelta(minutes=5))
async def forecast(ctx: QueryContext[FinopsConfig], input: ForecastInput) -> ForecastAnswer:
    """Daily cost ahead with intervals, and the month's end."""
    if bool(input.costs) == bool(input.files):
        raise InvalidInput("give either `costs` or `files`")
    currency, days = None, _given(input.costs)
    if input.files:
        by = ["service", "day"] if input.service is not None else ["day"]
        found = await added_up(ctx.config, input.files, by, allow_refused=input.allow_refused)
        currency, days = _billed(found, input)
    if (span := (max(days) - min(days)).days + 1 if days else 0) > LONGEST_DAYS:
        raise InvalidInput(f"the costs span {span} days, more than {LONGEST_DAYS}; is a date wrong?")
    try:
        ahead = await asyncio.to_thread(_look_ahead, days, input.horizon, input.holidays)
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    return _answer(ahead, currency)


def _given(costs: Sequence[DayCost]) -> dict[date, float | None]:
    days: dict[date, float | None] = {}
    for each in costs:
        known = days.get(each.date)
        days[each.date] = known if each.cost is None else (known or 0.0) + each.cost
    return days


def _billed(found: "TotalsReport", input: ForecastInput) -> tuple[str | None, dict[date, float | None]]:
    """Costs of one currency by day. A service without a row on a day that the bill covers cost nothing then."""
    wanted = [total for total in found.totals if input.service in {None, total.group[0]}]
    wanted = [total for total in wanted if input.currency in {None, total.currency}]
    if not wanted:
        raise InvalidInput("the files hold no row of that service and currency")
    if len(currencies := sorted({total.currency or "none" for total in wanted})) > 1:
        raise InvalidInput(f"the files hold several currencies, name one: {', '.join(currencies)}")
    costs: dict[date, float] = {}
    for total in wanted:
        day = date.fromisoformat(str(total.group[-1]))
        costs[day] = costs.get(day, 0.0) + float(total.billed if input.cost == "billed" else total.effective)
    covered = {date.fromisoformat(str(total.group[-1])) for total in found.totals}
    return wanted[0].currency, {day: costs.get(day, 0.0) for day in covered if day >= min(costs)}


def _look_ahead(days: dict[date, float | None], horizon: int, country: str | None) -> "Forecast":
    from opsrail_finops.analysis.forecast import forecast as look_ahead  # noqa: PLC0415
    from opsrail_finops.forecast_report import holidays_of  # noqa: PLC0415

    first = min(days)
    count = (max(days) - first).days + 1
    costs = [days.get(first + timedelta(days=at)) for at in range(count)]
    values = [float("nan") if cost is None else cost for cost in costs]
    return look_ahead(first, values, horizon, holidays=holidays_of(country, first, count + horizon + 31))


def _answer(found: "Forecast", currency: str | None) -> ForecastAnswer:
    columns = (found.mean, found.lo80, found.hi80, found.lo95, found.hi95)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return ForecastAnswer(
        days=[DayExpected(date=found.start + timedelta(days=at), **_expected(row)) for at, row in enumerate(rows)],
        month_end=MonthEnd(month=found.month, **_expected(found.month_end)),
        currency=currency,
        method=found.method,
        weights=dict(found.weights),
        back_test=dict(found.errors),
        origins=found.origins,
        over_seasonal_naive=found.mase,
    )


def _expected(numbers: Sequence[float]) -> dict[str, float]:
    return dict(zip(Expected.model_fields, numbers, strict=True))
