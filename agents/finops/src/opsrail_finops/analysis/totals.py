"""Exact sums over bills. Pure but for reading them; called by the `totals` query and command.

Restatements replace: within one call, a delivery replaces what earlier ones (in the order given) said about the same
provider, billing account, billing period and invoice issuer, when both hold charges of a same day. Deliveries whose
days do not meet, such as one file a day, are added up. Files of one folder whose names differ in a part number alone
(`cur-00001.csv.gz`, `part_0_0001.csv`) are one delivery. A file with the content of an earlier one changes nothing.
"""

import filecmp
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from opsrail_finops.analysis.bill import EXACT, Bill, Key, RefusedRow, Sums, read_bill
from opsrail_finops.analysis.tables import open_table

_DATE = re.compile(r"\d{4}-?\d{2}(-?\d{2})?$")
_SUFFIXES = re.compile(r"(\.(csv|gz|gzip|parquet|snappy|jsonl?))+$", re.IGNORECASE)
_PART = re.compile(r"(^|[-_.]|part)\d{1,12}$|(?<=part)[-_]\d+([-_].*)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Total:
    """`group` holds the values of `by` in order. Currencies are never mixed. Costs have the places they came with."""

    group: tuple[str | None, ...]
    currency: str | None
    rows: int
    billed: Decimal
    effective: Decimal


@dataclass
class TotalsReport:
    """`refused` keeps the first 10,000 of `refused_count`; `notes` say what was replaced, skipped or assumed."""

    by: tuple[str, ...]
    totals: list[Total] = field(default_factory=list)
    rows: int = 0
    refused: list[RefusedRow] = field(default_factory=list)
    refused_count: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass
class _Delivery:
    names: list[str]
    sums: dict[Key, dict[str, dict[Key, Sums]]] = field(default_factory=dict)

    def take(self, bill: Bill) -> None:
        for delivered, days in bill.sums.items():
            for day, groups in days.items():
                into = self.sums.setdefault(delivered, {}).setdefault(day, {})
                for group, sums in groups.items():
                    into.setdefault(group, Sums()).add(sums)


def totals(paths: Iterable[Path], by: Sequence[str] = ("service", "day")) -> TotalsReport:
    """Sums of BilledCost and EffectiveCost by `by`, in its order.

    Args:
        by: `service`, `day`, `month`, `account`, `billing_account`, `region`, `provider`, `category`, `resource`,
            `tag:KEY`, or a FOCUS column's name.

    Raises:
        BadBill: a file cannot be read as a whole; nothing is answered then.
        OSError: a file cannot be opened.
    """
    report = TotalsReport(by=tuple(by))
    deliveries: dict[tuple[str, ...], _Delivery] = {}
    read: list[Path] = []
    amortised: list[bool] = []
    for path in paths:
        if (same := next((earlier for earlier in read if _same(earlier, path)), None)) is not None:
            report.notes.append(f"{path.name}: left out, it is {same.name} again")
            continue
        bill = read_bill(open_table(path), by)
        read.append(path)
        report.rows += bill.rows
        report.refused += bill.refused
        report.refused_count += bill.refused_count
        dataset = _azure_dataset(path, bill)
        if dataset is not None:
            amortised.append(dataset == "amortised")
            _split(bill, dataset)
        deliveries.setdefault(_delivery_of(path), _Delivery([])).names.append(path.name)
        deliveries[_delivery_of(path)].take(bill)
    report.totals = _summed(_standing(list(deliveries.values()), report.notes), only_actual=not any(amortised))
    return report


def _same(earlier: Path, path: Path) -> bool:
    return earlier.stat().st_size == path.stat().st_size and filecmp.cmp(earlier, path, shallow=False)


def _delivery_of(path: Path) -> tuple[str, ...]:
    stem = _SUFFIXES.sub("", path.name)
    ending = path.name.removeprefix(stem)
    if _DATE.search(stem) is None:
        stem = _PART.sub("#", stem)
    return (str(path.resolve().parent), stem, ending)


def _azure_dataset(path: Path, bill: Bill) -> str | None:
    """Azure exports actual and amortised costs apart, told by the name of the file or else its nearest folder."""
    if not bill.layout.name.startswith("Azure"):
        return None
    for name in reversed(path.parts):
        if (found := re.search("actual|amorti[sz]ed", name, re.IGNORECASE)) is not None:
            return "actual" if found[0].lower() == "actual" else "amortised"
    return "actual"


def _split(bill: Bill, dataset: str) -> None:
    """Keeps the two Azure exports from replacing each other."""
    bill.sums = {(*delivered, dataset): days for delivered, days in bill.sums.items()}
    if dataset == "amortised":
        for days in bill.sums.values():
            for groups in days.values():
                for sums in groups.values():
                    sums.billed, sums.billed_places = Decimal(0), 0


def _standing(deliveries: Sequence[_Delivery], notes: list[str]) -> list[tuple[Key, dict[str, dict[Key, Sums]]]]:
    """What remains after later deliveries replaced earlier ones."""
    standing: dict[Key, list[tuple[_Delivery, dict[str, dict[Key, Sums]]]]] = {}
    for delivery in deliveries:
        for delivered, days in delivery.sums.items():
            held = standing.setdefault(delivered, [])
            for earlier in [item for item in held if not item[1].keys().isdisjoint(days)]:
                held.remove(earlier)
                what = ", ".join(part for part in delivered if part)
                notes.append(f"{delivery.names[0]}: replaces what {earlier[0].names[0]} says of {what}")
            held.append((delivery, days))
    return [(delivered, days) for delivered, held in standing.items() for _, days in held]


def _summed(standing: Iterable[tuple[Key, dict[str, dict[Key, Sums]]]], *, only_actual: bool) -> list[Total]:
    found: dict[Key, Sums] = {}
    for delivered, days in standing:
        for groups in days.values():
            for group, sums in groups.items():
                into = found.setdefault(group, Sums())
                into.add(sums)
                if delivered[-1] == "actual" and len(delivered) == 5 and not only_actual:
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


def _shown(number: Decimal, places: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), context=EXACT)
