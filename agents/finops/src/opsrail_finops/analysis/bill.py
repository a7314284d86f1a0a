"""One bill as FOCUS: reads a file of any known layout, sums it by the columns asked for, refuses rows it cannot read.

Called by `totals.py`. Works batch by batch, so memory grows with the sums, not with the rows.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import MAX_PREC, Context, Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from opsrail_finops.analysis.columns import Columns, first_filled, mapped, only, tag_reader
from opsrail_finops.analysis.conventions import (
    PLACES,
    Conventions,
    Refused,
    Unsettled,
    amount,
    places,
    settle,
    utc_day,
)
from opsrail_finops.analysis.layouts import Layout
from opsrail_finops.analysis.tables import BadBill, Table

EXACT = Context(prec=min(MAX_PREC, 120))
"""Sums of bills have far fewer digits than this, so nothing is rounded."""
REFUSALS_KEPT = 10_000
_DECIMAL = pa.decimal256(76, PLACES)
_LARGEST = Decimal(10) ** 24
_SHORT = {
    "service": "ServiceName",
    "account": "SubAccountId",
    "billing_account": "BillingAccountId",
    "region": "RegionId",
    "provider": "ProviderName",
    "category": "ChargeCategory",
    "resource": "ResourceId",
}
_DELIVERED = ("ProviderName", "BillingAccountId", "BillingPeriodStart", "InvoiceIssuerName")

Key = tuple[str | None, ...]


@dataclass(frozen=True)
class RefusedRow:
    """`row` is the row's line in a CSV file, where the header is row 1 as a rule (blank lines and line breaks within
    fields are not counted), and its number from 1 in Parquet and JSON; `column` is `None` when all of it is at fault.
    """

    file: str
    row: int
    column: str | None
    reason: str

    def __str__(self) -> str:
        column = f", column {self.column}" if self.column else ""
        return f"{self.file}, row {self.row}{column}: {self.reason}"


@dataclass
class Sums:
    """`places`: most decimal places that any summand was written with."""

    rows: int = 0
    billed: Decimal = Decimal(0)
    effective: Decimal = Decimal(0)
    billed_places: int = 0
    effective_places: int = 0

    def add(self, other: "Sums") -> None:
        self.rows += other.rows
        self.billed = EXACT.add(self.billed, other.billed)
        self.effective = EXACT.add(self.effective, other.effective)
        self.billed_places = max(self.billed_places, other.billed_places)
        self.effective_places = max(self.effective_places, other.effective_places)


@dataclass
class Bill:
    """Sums of one file, by what was delivered (provider, account, period, issuer), by day, and by group.

    A group is the values of `by` in order, then the currency.
    """

    layout: Layout
    rows: int = 0
    sums: dict[Key, dict[str, dict[Key, Sums]]] = field(default_factory=dict)
    refused: list[RefusedRow] = field(default_factory=list)
    refused_count: int = 0


def read_bill(table: Table, by: Sequence[str]) -> Bill:
    """Sums of BilledCost and EffectiveCost.

    Raises:
        BadBill: the file is damaged, or has no column for one of `by`.
    """
    try:
        return _Reader(table, by, None).read()
    except Unsettled:
        return _Reader(table, by, _settle(table)).read()


def _settle(table: Table) -> Conventions:
    columns = Columns(table)
    names = {columns.exact(term.column) for term in (*table.layout.billed, *table.layout.effective)} - {None}
    start = columns.needed(table.layout.start)
    amounts: set[str] = set()
    moments: set[str] = set()
    for batch in table.read(sorted({start, *(name for name in names if name)})):
        for name in names:
            amounts.update(text for text in pc.unique(batch.column(name)).to_pylist() if text)
        moments.update(text for text in pc.unique(batch.column(start)).to_pylist() if text)
    return settle(amounts, moments, day_first=table.layout.day_first)


class _Reader:
    def __init__(self, table: Table, by: Sequence[str], conventions: Conventions | None) -> None:
        self._table = table
        self._by = by
        self._conventions = conventions
        self._columns = Columns(table)
        self._bill = Bill(table.layout)
        self._days: dict[str | None, str | Refused] = {}
        self._wanted = {"BillingCurrency": self._columns.focus("BillingCurrency")}
        self._wanted |= {name: self._columns.focus(name) for name in _DELIVERED}
        self._tags: dict[str, tuple[str | None, str | None]] = {}
        for dimension in by:
            self._want(dimension)
        self._terms = [
            (kind, term, column)
            for kind, terms in (("billed", table.layout.billed), ("effective", table.layout.effective))
            for term in terms
            if (column := self._columns.exact(term.column)) is not None
        ]

    def _want(self, dimension: str) -> None:
        if dimension in {"day", "month", "currency"}:
            return
        if dimension.startswith("tag:"):
            self._tags[dimension] = self._columns.tag(dimension.removeprefix("tag:"))
            if self._tags[dimension] == (None, None):
                raise BadBill(f"{self._table.path.name}: there is no column of tags")
            return
        name = _SHORT.get(dimension, dimension)
        self._wanted[name] = self._columns.focus(name)
        if not self._wanted[name] and not (name == "ProviderName" and self._table.layout.provider):
            raise BadBill(f"{self._table.path.name}: there is no column to add up by {dimension}")

    def read(self) -> Bill:
        layout = self._table.layout
        start = self._columns.needed(layout.start)
        kind = self._columns.exact(layout.charge_type) if layout.charge_type else None
        names = {start, *(column for _, _, column in self._terms), *(column for column in (kind,) if column)}
        names.update(column for _, term, _ in self._terms if (column := self._columns.exact(term.unless or "")))
        names.update(column for columns in self._wanted.values() for column in columns)
        names.update(column for pair in self._tags.values() for column in pair if column)
        done = 0
        for batch in self._table.read(sorted(names)):
            self._fold(batch, done, start, kind)
            done += batch.num_rows
        for row, reason in self._table.misfits.items():
            self._refuse(row, None, reason)
        self._bill.rows = done + len(self._table.misfits)
        self._bill.refused.sort(key=lambda refused: refused.row)
        return self._bill

    def _fold(self, batch: pa.RecordBatch, done: int, start: str, kind: str | None) -> None:
        faults: dict[int, tuple[str, str]] = {}
        columns: dict[str, pa.Array] = {"day": self._days_of(batch.column(start), start, faults)}
        for at, (cost, term, column) in enumerate(self._terms):
            unless = self._columns.exact(term.unless or "")
            texts = only(
                batch.column(column),
                term,
                batch.column(kind) if kind else None,
                batch.column(unless) if unless else None,
            )
            numbers, shown = self._amounts(texts, column, faults)
            columns[f"{cost}{at}"], columns[f"{cost}{at}_places"] = numbers, shown
        for name, found in self._wanted.items():
            columns[name] = first_filled(batch, found)
        for dimension, (one, every) in self._tags.items():
            columns[dimension] = batch.column(one) if one else mapped(batch.column(every), tag_reader(dimension))
        if faults:
            numbers_before = self._row_numbers(done, batch.num_rows)
            for index, (column, reason) in faults.items():
                self._refuse(numbers_before(index), column, reason)
            kept = pa.array([index not in faults for index in range(batch.num_rows)])
            columns = {name: pc.filter(array, kept) for name, array in columns.items()}
        self._add(pa.table(columns))

    def _add(self, table: pa.Table) -> None:
        keys = ["day", *self._wanted, *self._tags]
        sums = [name for name in table.column_names if name not in keys]
        grouped = table.group_by(keys, use_threads=False).aggregate(
            [([], "count_all"), *((name, "max" if name.endswith("_places") else "sum") for name in sums)]
        )
        for row in grouped.to_pylist():
            day = row["day"]
            provider = row["ProviderName"] = row["ProviderName"] or self._table.layout.provider
            period = _period(row["BillingPeriodStart"]) or day[:7]
            delivered = (provider, row["BillingAccountId"], period, row["InvoiceIssuerName"])
            group = (*(_value(row, dimension, day) for dimension in self._by), row["BillingCurrency"])
            into = self._bill.sums.setdefault(delivered, {}).setdefault(day, {}).setdefault(group, Sums())
            into.add(self._sums(row))

    def _sums(self, row: dict[str, Any]) -> Sums:
        found = Sums(rows=row["count_all"])
        for at, (cost, term, _) in enumerate(self._terms):
            total, shown = row[f"{cost}{at}_sum"], row[f"{cost}{at}_places_max"]
            if total is None:
                continue
            signed = EXACT.multiply(total, Decimal(term.times))
            if cost == "billed":
                found.billed = EXACT.add(found.billed, signed)
                found.billed_places = max(found.billed_places, shown or 0)
            else:
                found.effective = EXACT.add(found.effective, signed)
                found.effective_places = max(found.effective_places, shown or 0)
        return found

    def _days_of(self, column: pa.Array, name: str, faults: dict[int, tuple[str, str]]) -> pa.Array:
        encoded = column.dictionary_encode(null_encoding="encode")
        days: list[str | None] = []
        wrong: dict[int, str] = {}
        for at, text in enumerate(encoded.dictionary.to_pylist()):
            day = self._day(text)
            days.append(day if isinstance(day, str) else None)
            if isinstance(day, Refused):
                wrong[at] = str(day)
        if wrong:
            for index, code in enumerate(encoded.indices.to_pylist()):
                if code in wrong:
                    faults.setdefault(index, (name, wrong[code]))
        return pc.take(pa.array(days, pa.string()), encoded.indices)

    def _day(self, text: str | None) -> str | Refused:
        if (day := self._days.get(text)) is None:
            try:
                day = utc_day(text, self._conventions).isoformat()
            except Refused as refused:
                day = refused
            self._days[text] = day
        return day

    def _amounts(self, texts: pa.Array, name: str, faults: dict[int, tuple[str, str]]) -> tuple[pa.Array, pa.Array]:
        if self._conventions is None and (quick := _quick_amounts(texts)) is not None:
            return quick
        encoded = texts.dictionary_encode()
        numbers: list[Decimal | None] = []
        shown: list[int | None] = []
        wrong: dict[int, str] = {}
        for at, text in enumerate(encoded.dictionary.to_pylist()):
            try:
                number = amount(text, self._conventions)
            except Refused as refused:
                wrong[at] = str(refused)
                numbers.append(None)
                shown.append(None)
            else:
                numbers.append(number)
                shown.append(places(number))
        if wrong:
            for index, code in enumerate(encoded.indices.to_pylist()):
                if code in wrong:
                    faults.setdefault(index, (name, wrong[code]))
        return pc.take(pa.array(numbers, _DECIMAL), encoded.indices), pc.take(
            pa.array(shown, pa.int32()), encoded.indices
        )

    def _row_numbers(self, done: int, count: int) -> Callable[[int], int]:
        """Numbers in the file of the rows that follow `done` accepted ones: refused rows count too."""
        misfits = sorted(self._table.misfits)
        numbers = list(_accepted(misfits, done, count))
        return numbers.__getitem__

    def _refuse(self, row: int, column: str | None, reason: str) -> None:
        self._bill.refused_count += 1
        if len(self._bill.refused) < REFUSALS_KEPT:
            self._bill.refused.append(RefusedRow(self._table.path.name, self._table.above + row, column, reason))


def _accepted(misfits: Sequence[int], done: int, count: int) -> Iterator[int]:
    number = done
    while True:
        shifted = done + bisect_left(misfits, number + 1)
        if shifted == number:
            break
        number = shifted
    wrong = set(misfits)
    while count:
        number += 1
        if number not in wrong:
            yield number
            count -= 1


def _quick_amounts(texts: pa.Array) -> tuple[pa.Array, pa.Array] | None:
    """All at once when every text is a plain number without exponent; `None` otherwise."""
    if pc.any(pc.match_substring_regex(texts, "[^0-9.+-]")).as_py():
        return None
    try:
        numbers = texts.cast(_DECIMAL)
    except pa.ArrowInvalid:
        return None
    bounds = pc.min_max(numbers).as_py()
    if bounds["max"] is not None and max(abs(bounds["max"]), abs(bounds["min"])) >= _LARGEST:
        return None
    point = pc.find_substring(texts, ".")
    after = pc.subtract(pc.subtract(pc.utf8_length(texts), point), 1)
    return numbers, pc.if_else(pc.less(point, 0), pa.scalar(0, pa.int32()), after)


def _value(row: dict[str, Any], dimension: str, day: str) -> str | None:
    if dimension == "day":
        return day
    if dimension == "month":
        return day[:7]
    if dimension == "currency":
        return row["BillingCurrency"]  # type: ignore[no-any-return]
    return row[dimension if dimension in row else _SHORT.get(dimension, dimension)]  # type: ignore[no-any-return]


def _period(text: str | None) -> str | None:
    """A billing period by its first day, however it is written; GCP writes 202601."""
    if text is None:
        return None
    if len(text) == 6 and text.isdigit():
        return f"{text[:4]}-{text[4:]}"
    try:
        return utc_day(text, Conventions(day_first=False)).isoformat()[:7]
    except Refused:
        return text
