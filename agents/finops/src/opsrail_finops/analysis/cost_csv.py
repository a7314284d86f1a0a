"""Reads `date,cost` as CSV into a daily series. Called by the `forecast` command.

Rows may come in any order and a date more than once (its costs are added up); days between them that are absent, and
costs that are empty, are unknown, not nought. Times become their UTC date.
"""

import csv
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from opsrail_finops.analysis.conventions import Conventions, Mark, Refused, amount, utc_day
from opsrail_finops.analysis.decompose import Array
from opsrail_finops.analysis.forecast import EARLIEST, LATEST

_LONGEST_DAYS = 20_000
_DATE_NAMES = ("date", "day", "chargeperiodstart", "timestamp", "ds")
_COST_NAMES = ("cost", "billed", "billedcost", "effectivecost", "amount", "value", "y")


class BadSeries(ValueError):
    """The text is no daily series; the message names row and column."""


def read_costs(lines: Iterable[str]) -> tuple[date, Array]:
    """First day, and one cost per day from it on, NaN where unknown. A row's number is its line; the header's is 1.

    Raises:
        BadSeries: no header or rows, a date or a cost cannot be read, or two currencies are mixed.
    """
    reader = csv.reader(lines, strict=True)
    try:
        header = [name.strip().casefold() for name in next(reader, [])]
        if not any(header):
            raise BadSeries("the input is empty; expected CSV with the header date,cost")
        day_at, cost_at = _column(header, _DATE_NAMES), _column(header, _COST_NAMES)
        currency_at = next((header.index(name) for name in ("currency", "billingcurrency") if name in header), None)
        costs: dict[date, Decimal] = {}
        currencies: set[str] = set()
        for row in reader:
            number = reader.line_num
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                raise BadSeries(f"row {number}: has {len(row)} fields, the header {len(header)}")
            day = _day(row[day_at], number, header[day_at])
            if currency_at is not None and (currency := row[currency_at].strip()):
                currencies.add(currency)
            if len(currencies) > 1:
                raise BadSeries(f"row {number}, column {header[currency_at or 0]}: a second currency, {currency}")
            if (cost := _cost(row[cost_at], number, header[cost_at])) is not None:
                costs[day] = costs.get(day, Decimal(0)) + cost
    except UnicodeDecodeError as error:
        raise BadSeries(f"after row {reader.line_num}: not UTF-8 text; is it compressed, or UTF-16?") from error
    except csv.Error as error:
        raise BadSeries(f"row {reader.line_num}: not CSV: {error}") from error
    if not costs:
        raise BadSeries("there is a header, but no row with a cost")
    return _daily(costs)


def _column(header: list[str], names: tuple[str, ...]) -> int:
    found = next((header.index(name) for name in names if name in header), None)
    if found is None:
        shown = ", ".join(repr(name[:40]) for name in header[:8])
        raise BadSeries(f"the header has no column {names[0]}: it is {shown}; expected date,cost with commas")
    if header.count(header[found]) > 1:
        raise BadSeries(f"the header has the column {header[found]} {header.count(header[found])} times")
    return found


def _day(text: str, number: int, column: str) -> date:
    try:
        day = utc_day(text, Conventions())
    except Refused as refused:
        raise BadSeries(f"row {number}, column {column}: {refused}") from None
    if not EARLIEST <= day <= LATEST:
        raise BadSeries(f"row {number}, column {column}: {text[:40]!r} is not between {EARLIEST} and {LATEST}")
    return day


def _cost(text: str, number: int, column: str) -> Decimal | None:
    if text.strip() in {"", "NULL"}:
        return None
    try:
        return amount(text, Conventions(mark=Mark.POINT))
    except Refused as refused:
        raise BadSeries(f"row {number}, column {column}: {refused}") from None


def _daily(costs: dict[date, Decimal]) -> tuple[date, Array]:
    first, last = min(costs), max(costs)
    count = (last - first).days + 1
    if count > _LONGEST_DAYS:
        raise BadSeries(f"from {first} to {last} are {count} days, more than {_LONGEST_DAYS}; is a date wrong?")
    return first, np.array([float(costs.get(first + timedelta(days=at), "nan")) for at in range(count)])
