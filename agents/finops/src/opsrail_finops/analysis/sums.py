"""Exact sums of FOCUS rows, batch by batch. Called by `totals.py` and `table.py`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import MAX_PREC, Context, Decimal
from typing import Any

import pyarrow as pa

from opsrail_finops.analysis.rows import ACTUAL, AMORTISED, COSTS, DAY, PLACES_OF, SCOPE, SHORT, Key
from opsrail_finops.analysis.tables import BadBill

EXACT = Context(prec=min(MAX_PREC, 120))
"""Sums of bills have far fewer digits than this, so nothing is rounded."""

Days = dict[str, dict[Key, "Sums"]]
"""Sums by day, then by group: the values of `by` in order, then the currency."""


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


@dataclass(frozen=True)
class Total:
    """`group` holds the values of `by` in order. Currencies are never mixed. Costs have the places they came with."""

    group: tuple[str | None, ...]
    currency: str | None
    rows: int
    billed: Decimal
    effective: Decimal


def by_scope(batches: Iterable[pa.Table], by: Sequence[str]) -> dict[Key, Days]:
    """Sums of each scope."""
    found: dict[Key, Days] = {}
    names = _columns(by)
    for batch in batches:
        for row, sums in _grouped(batch, list(dict.fromkeys([*SCOPE, DAY, "BillingCurrency", *names]))):
            days = found.setdefault(tuple(row[name] for name in SCOPE), {})
            days.setdefault(row[DAY], {}).setdefault(_group(row, by), Sums()).add(sums)
    return found


def by_day(batches: Iterable[pa.Table], by: Sequence[str]) -> Days:
    """Sums of what is one scope as a whole."""
    found: Days = {}
    names = list(dict.fromkeys([DAY, "BillingCurrency", *_columns(by)]))
    for batch in batches:
        for row, sums in _grouped(batch, names):
            found.setdefault(row[DAY], {}).setdefault(_group(row, by), Sums()).add(sums)
    return found


def joined(standing: Iterable[tuple[Key, Days]]) -> list[Total]:
    """One total for each group.

    EffectiveCost of Azure's actual export does not count where the amortised one tells it for the same account and
    period.
    """
    scopes = list(standing)
    amortised = {scope[:3] for scope, _ in scopes if scope[-1] == AMORTISED}
    found: dict[Key, Sums] = {}
    for scope, days in scopes:
        void = scope[-1] == ACTUAL and scope[:3] in amortised
        for groups in days.values():
            for group, sums in groups.items():
                into = found.setdefault(group, Sums())
                into.add(sums)
                if void:
                    into.effective = EXACT.subtract(into.effective, sums.effective)
    totals = [
        Total(
            group=group[:-1],
            currency=group[-1],
            rows=sums.rows,
            billed=_shown(sums.billed, sums.billed_places),
            effective=_shown(sums.effective, sums.effective_places),
        )
        for group, sums in found.items()
    ]
    return sorted(totals, key=lambda total: [value or "" for value in (*total.group, total.currency)])


def _columns(by: Sequence[str]) -> list[str]:
    if cost := next((name for name in by if name in COSTS), None):
        raise BadBill(f"{cost} is what is added up, not what to add up by")
    return [SHORT.get(name, name) for name in by if name not in {"day", "month", "currency"}]


def _grouped(batch: pa.Table, keys: list[str]) -> Iterator[tuple[dict[str, Any], Sums]]:
    wanted = [(cost, "sum") for cost in COSTS] + [(name, "max") for name in PLACES_OF.values()]
    grouped = batch.group_by(keys, use_threads=False).aggregate([([], "count_all"), *wanted])
    for row in grouped.to_pylist():
        billed, effective = (row[f"{cost}_sum"] or Decimal(0) for cost in COSTS)
        places = (row[f"{name}_max"] or 0 for name in PLACES_OF.values())
        yield row, Sums(row["count_all"], billed, effective, *places)


def _group(row: dict[str, Any], by: Sequence[str]) -> Key:
    special = {"day": row[DAY], "month": row[DAY][:7], "currency": row["BillingCurrency"]}
    return (
        *(special[name] if name in special else row[SHORT.get(name, name)] for name in by),
        row["BillingCurrency"],
    )


def _shown(number: Decimal, places: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), context=EXACT)
