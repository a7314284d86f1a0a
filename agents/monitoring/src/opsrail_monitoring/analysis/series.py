"""Reads a series from CSV, row by row. Used by `cli.score`."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite, isnan, nan

LARGEST = 1e100
GAPS = frozenset({"", "nan", "null", "none", "na", "n/a"})
MILLISECONDS_FROM = 1e11
LATEST = 1e14


class SeriesError(ValueError):
    """The input is not a series; the message names row and column. The header is row 1."""


@dataclass(frozen=True, slots=True)
class Row:
    """One data row: seconds since 1970 (UTC), and the value or None for a gap; `timestamp` as written."""

    at: float
    value: float | None
    timestamp: str


def read_series(lines: Iterable[str]) -> Iterator[Row]:
    """Rows of a CSV with a header naming the columns `timestamp` and `value`, in any order, among any others.

    Timestamps are ISO 8601 (without an offset: UTC) or seconds or milliseconds since 1970. Empty, `NaN` and `null`
    values are gaps. Blank lines are skipped. Rows are yielded as they come: unsorted and repeated times stay.

    Raises:
        SeriesError: at the first row that cannot be understood; the rows before it have been yielded.
    """
    reader = csv.reader(lines, strict=True)
    row_number = 1
    try:
        header = next((fields for fields in reader if fields), None)
        if header is None:
            raise SeriesError("row 1: empty input; expected a header with the columns timestamp and value")
        names = [name.strip().lower() for name in header]
        time_column, value_column = _find(names, "timestamp"), _find(names, "value")
        for fields in reader:
            row_number = reader.line_num
            if fields:
                yield _row(fields, row_number, time_column, value_column, len(names))
    except UnicodeDecodeError as error:
        raise SeriesError(f"after row {row_number}: not UTF-8 text; is it compressed, or UTF-16?") from error
    except csv.Error as error:
        raise SeriesError(f"after row {row_number}: not CSV: {error}") from error


def _find(names: list[str], name: str) -> int:
    if names.count(name) == 1:
        return names.index(name)
    if name in names:
        raise SeriesError(f"row 1: column {name} appears {names.count(name)} times")
    shown = ", ".join(repr(other[:40]) for other in names[:5]) + (", …" if len(names) > 5 else "")
    hint = "; fields are separated by commas" if len(names) == 1 and name in names[0] else ""
    raise SeriesError(f"row 1: no column {name}, only {shown}{hint}")


def _row(fields: list[str], number: int, time_column: int, value_column: int, width: int) -> Row:
    if len(fields) <= max(time_column, value_column):
        raise SeriesError(f"row {number}: {len(fields)} of {width} columns; it may have been cut off")
    timestamp = fields[time_column].strip()
    return Row(_at(timestamp, number), _value(fields[value_column].strip(), number), timestamp)


def _value(text: str, number: int) -> float | None:
    try:
        value = float(text)
    except ValueError:
        if text.lower() in GAPS:
            return None
        raise SeriesError(f"row {number}, column value: {text[:40]!r} is not a number") from None
    if isnan(value):
        return None
    if not isfinite(value) or abs(value) > LARGEST or "_" in text:
        raise SeriesError(f"row {number}, column value: {text[:40]!r} is not a finite number up to 1e100")
    return value


def _at(text: str, number: int) -> float:
    try:
        if not (
            len(text) > 8 and text[:9].isdigit()
        ):  # nine digits and more are a count of seconds, not an ISO 8601 basic date
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass
    try:
        seconds = float(text)
    except ValueError:
        seconds = nan
    if not 0.0 <= seconds < LATEST:
        raise SeriesError(
            f"row {number}, column timestamp: {text[:40]!r} is neither ISO 8601 nor (milli)seconds since 1970"
        )
    return seconds / 1000.0 if seconds >= MILLISECONDS_FROM else seconds
