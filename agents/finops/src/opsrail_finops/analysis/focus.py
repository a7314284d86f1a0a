"""Reads FOCUS files (CSV, gzipped CSV, Parquet) row by row, as far as totals need it.

The columns keep their names through FOCUS 1.0 to 1.4: https://focus.finops.org/focus-specification/
``NULL`` as text and the empty field both mean no value.
"""

import csv
import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

COLUMNS = ("ChargePeriodStart", "ServiceName", "BilledCost", "EffectiveCost", "BillingCurrency")
_NEEDED = ("ChargePeriodStart", "ServiceName", "BilledCost")
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"


class BadFocus(ValueError):
    """The file is not FOCUS; the message names file, row and column."""


@dataclass(frozen=True)
class Charge:
    """One row. ``day``: UTC date of ChargePeriodStart."""

    day: date
    service: str | None
    billed: Decimal
    effective: Decimal
    currency: str | None


def charges(path: Path) -> Iterator[Charge]:
    """The rows of one file, which is recognised by its first bytes.

    Raises:
        BadFocus: a column is missing, or a value cannot be read.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    rows = _parquet_rows(path) if magic == _PARQUET else _csv_rows(path, zipped=magic[:2] == _GZIP)
    for number, row in enumerate(rows, start=1):
        where = f"{path.name}, row {number}"
        yield Charge(
            day=_day(row.get("ChargePeriodStart"), where),
            service=_text(row.get("ServiceName")),
            billed=_amount(row.get("BilledCost"), where, "BilledCost"),
            effective=_amount(row.get("EffectiveCost"), where, "EffectiveCost"),
            currency=_text(row.get("BillingCurrency")),
        )


def _csv_rows(path: Path, *, zipped: bool) -> Iterator[dict[str, Any]]:
    try:
        with gzip.open(path, "rb") if zipped else path.open("rb") as raw:
            reader = csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""))
            _check_columns(path, reader.fieldnames or ())
            for row in reader:
                if None in row or None in row.values():
                    raise BadFocus(f"{path.name}, line {reader.line_num}: not as many fields as the header")
                yield row
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise BadFocus(f"{path.name}: cannot be read as CSV: {error}") from error


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    from pyarrow import ArrowException, parquet  # noqa: PLC0415

    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            _check_columns(path, names)
            for batch in file.iter_batches(columns=[name for name in COLUMNS if name in names]):
                yield from batch.to_pylist()
    except ArrowException as error:
        raise BadFocus(f"{path.name}: cannot be read as Parquet: {error}") from error


def _check_columns(path: Path, names: Any) -> None:
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise BadFocus(f"{path.name}: the columns {', '.join(missing)} are missing")


def _text(value: Any) -> str | None:
    return None if value in (None, "", "NULL") else str(value)


def _amount(value: Any, where: str, column: str) -> Decimal:
    """A float, as some exports have, is read by its shortest text: 0.1 is one tenth."""
    text = _text(value)
    if text is None:
        return Decimal(0)
    try:
        amount = value if isinstance(value, Decimal) else Decimal(text.strip())
    except InvalidOperation as error:
        raise BadFocus(f"{where}, column {column}: {text[:40]!r} is not a number") from error
    if not amount.is_finite():
        raise BadFocus(f"{where}, column {column}: {text[:40]!r} is not a finite number")
    return amount


def _day(value: Any, where: str) -> date:
    """Times without a zone are UTC, as FOCUS has them."""
    if isinstance(value, datetime):
        moment = value
    else:
        text = _text(value)
        try:
            moment = datetime.fromisoformat((text or "").strip())
        except ValueError as error:
            raise BadFocus(f"{where}, column ChargePeriodStart: {text!r} is not a date and time") from error
    return moment.date() if moment.tzinfo is None else moment.astimezone(UTC).date()
