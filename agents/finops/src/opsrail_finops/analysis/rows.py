"""A bill of any known layout as batches of FOCUS rows, refusing what it cannot read. For `totals.py` and `load.py`.

Works batch by batch, so memory does not grow with the rows.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from opsrail_finops.analysis.amounts import combined, read_amounts
from opsrail_finops.analysis.columns import Columns, first_filled, mapped, only, tag_reader
from opsrail_finops.analysis.conventions import Conventions, Refused, Unsettled, settle, utc_day
from opsrail_finops.analysis.tables import BadBill, Table

COSTS = ("BilledCost", "EffectiveCost")
REFUSALS_KEPT = 10_000
SHORT = {
    "service": "ServiceName",
    "account": "SubAccountId",
    "billing_account": "BillingAccountId",
    "region": "RegionId",
    "provider": "ProviderName",
    "category": "ChargeCategory",
    "resource": "ResourceId",
}

_ALWAYS = ("BillingCurrency", "ProviderName", "BillingAccountId", "BillingPeriodStart", "InvoiceIssuerName")
DAY, PERIOD, DATASET = "x_OpsrailDay", "x_OpsrailPeriod", "x_OpsrailDataset"
PLACES_OF = {"BilledCost": "x_OpsrailBilledPlaces", "EffectiveCost": "x_OpsrailEffectivePlaces"}
"""Decimal places that the summands of a cost were written with."""
SCOPE = ("ProviderName", "BillingAccountId", PERIOD, "InvoiceIssuerName", DATASET)
"""What a delivery says something about. The dataset tells Azure's two exports apart and is null elsewhere."""
ACTUAL, AMORTISED = "actual", "amortised"

Key = tuple[str | None, ...]
T = TypeVar("T")


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


def read_bill(
    table: Table, by: Sequence[str] | None, consume: Callable[[Iterator[pa.Table]], T]
) -> tuple[T, "BillRows"]:
    """Hands the bill's batches to `consume`; once more from the start when the file must first be read for evidence.

    Raises:
        BadBill: the file is damaged, or has no column for one of `by`.
    """
    try:
        rows = BillRows(table, by, None)
        return consume(rows.read()), rows
    except Unsettled:
        rows = BillRows(table, by, _settle(table))
        return consume(rows.read()), rows


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


class BillRows:
    """One reading of a bill; `rows` and what was refused are known once `read` is over.

    `by`: dimensions that totals are wanted by; `None` for every column that the bill can answer with.
    """

    def __init__(self, table: Table, by: Sequence[str] | None, conventions: Conventions | None) -> None:
        self.rows = 0
        self.refused: list[RefusedRow] = []
        self.refused_count = 0
        self._table = table
        self._conventions = conventions
        self._columns = Columns(table)
        self._dataset = _azure_dataset(table)
        self._days: dict[str | None, str | Refused] = {}
        self._wanted = {name: self._columns.focus(name) for name in _ALWAYS}
        self._tags: dict[str, tuple[str | None, str | None]] = {}
        if by is None:
            self._wanted |= self._columns.every()
        for dimension in by or ():
            self._want(dimension)
        self._terms = [
            (cost, term, column)
            for cost, terms in zip(COSTS, (table.layout.billed, table.layout.effective), strict=True)
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
        name = SHORT.get(dimension, dimension)
        self._wanted[name] = self._columns.focus(name)
        if not self._wanted[name] and not (name == "ProviderName" and self._table.layout.provider):
            raise BadBill(f"{self._table.path.name}: there is no column to add up by {dimension}")

    def read(self) -> Iterator[pa.Table]:
        """Batches with the columns SCOPE, DAY, BillingCurrency, COSTS, PLACES_OF and what `by` asked for.

        Raises:
            BadBill: the file is damaged.
            Unsettled: it must be read with conventions; what was yielded is void.
        """
        layout = self._table.layout
        start = self._columns.needed(layout.start)
        kind = self._columns.exact(layout.charge_type) if layout.charge_type else None
        names = {start, *(column for _, _, column in self._terms), *(column for column in (kind,) if column)}
        names.update(column for _, term, _ in self._terms if (column := self._columns.exact(term.unless or "")))
        names.update(column for columns in self._wanted.values() for column in columns)
        names.update(column for pair in self._tags.values() for column in pair if column)
        done = 0
        for batch in self._table.read(sorted(names)):
            yield self._focus(batch, done, start, kind)
            done += batch.num_rows
        for row, reason in self._table.misfits.items():
            self._refuse(row, None, reason)
        self.rows = done + len(self._table.misfits)
        self.refused.sort(key=lambda refused: refused.row)

    def _focus(self, batch: pa.RecordBatch, done: int, start: str, kind: str | None) -> pa.Table:
        faults: dict[int, tuple[str, str]] = {}
        columns: dict[str, pa.Array] = {name: first_filled(batch, found) for name, found in self._wanted.items()}
        columns[DAY] = self._days_of(batch.column(start), start, faults)
        for cost in COSTS:
            columns[cost], columns[PLACES_OF[cost]] = self._cost(cost, batch, kind, faults)
        for dimension, (one, every) in self._tags.items():
            columns[dimension] = batch.column(one) if one else mapped(batch.column(every), tag_reader(dimension))
        if (provider := self._table.layout.provider) is not None:
            columns["ProviderName"] = pc.fill_null(columns["ProviderName"], provider)
        periods = mapped(columns["BillingPeriodStart"], _period)
        columns[PERIOD] = pc.coalesce(periods, pc.utf8_slice_codeunits(columns[DAY], 0, 7))
        columns[DATASET] = pa.array([self._dataset] * batch.num_rows, pa.string())
        if faults:
            numbers_before = self._row_numbers(done, batch.num_rows)
            for index, (column, reason) in faults.items():
                self._refuse(numbers_before(index), column, reason)
            kept = pa.array([index not in faults for index in range(batch.num_rows)])
            columns = {name: pc.filter(array, kept) for name, array in columns.items()}
        return pa.table(columns)

    def _cost(
        self, cost: str, batch: pa.RecordBatch, kind: str | None, faults: dict[int, tuple[str, str]]
    ) -> tuple[pa.Array, pa.Array]:
        terms = []
        for term, column in ((term, column) for of, term, column in self._terms if of == cost):
            unless = self._columns.exact(term.unless or "")
            texts = only(
                batch.column(column),
                term,
                batch.column(kind) if kind else None,
                batch.column(unless) if unless else None,
            )
            found = read_amounts(texts, self._conventions)
            for index, reason in found.wrong.items():
                faults.setdefault(index, (column, reason))
            terms.append((term.times, found))
        # What the amortised export costs was billed in the actual one.
        return combined([] if (cost, self._dataset) == ("BilledCost", AMORTISED) else terms, batch.num_rows)

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

    def _row_numbers(self, done: int, count: int) -> Callable[[int], int]:
        """Numbers in the file of the rows that follow `done` accepted ones: refused rows count too."""
        misfits = sorted(self._table.misfits)
        numbers = list(_accepted(misfits, done, count))
        return numbers.__getitem__

    def _refuse(self, row: int, column: str | None, reason: str) -> None:
        self.refused_count += 1
        if len(self.refused) < REFUSALS_KEPT:
            self.refused.append(RefusedRow(self._table.path.name, self._table.above + row, column, reason))


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


def _azure_dataset(table: Table) -> str | None:
    """Azure exports actual and amortised costs apart, told by the name of the file or else its nearest folder."""
    if not table.layout.name.startswith("Azure"):
        return None
    for name in reversed(table.path.parts):
        if (found := re.search("actual|amorti[sz]ed", name, re.IGNORECASE)) is not None:
            return ACTUAL if found[0].lower() == "actual" else AMORTISED
    return ACTUAL


def _period(text: str) -> str:
    """A billing period by its first day, however it is written; GCP writes 202601."""
    if len(text) == 6 and text.isdigit():
        return f"{text[:4]}-{text[4:]}"
    try:
        return utc_day(text, Conventions(day_first=False)).isoformat()[:7]
    except Refused:
        return text
