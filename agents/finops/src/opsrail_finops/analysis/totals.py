"""Exact sums over bills. Pure but for reading them; called by the `totals` query and command.

Restatements replace: within one call, a delivery replaces what earlier ones (in the order given) said about the same
provider, billing account, billing period and invoice issuer, when both hold charges of a same day. Deliveries whose
days do not meet, such as one file a day, are added up. Files of one folder whose names differ in a part number alone
(`cur-00001.csv.gz`, `part_0_0001.csv`) are one delivery. One whose content was read before changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from opsrail_finops.analysis.deliveries import new_deliveries, standing, told
from opsrail_finops.analysis.rows import Key, RefusedRow, read_bill
from opsrail_finops.analysis.sums import Days, Sums, Total, by_scope, joined
from opsrail_finops.analysis.tables import open_table


@dataclass
class TotalsReport:
    """`refused` keeps the first 10,000 of a file's refused rows, `refused_count` counts all; `notes` say what was
    replaced or left out.
    """

    by: tuple[str, ...]
    totals: list[Total] = field(default_factory=list)
    rows: int = 0
    refused: list[RefusedRow] = field(default_factory=list)
    refused_count: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Part:
    scope: Key
    days: Days
    delivery: str


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
    parts: list[_Part] = []
    for delivery in new_deliveries(paths, (), report.notes):
        delivered: dict[Key, Days] = {}
        for path in delivery.files.values():
            found, bill = read_bill(open_table(path), by, lambda batches: by_scope(batches, by))
            report.rows += bill.rows
            report.refused += bill.refused
            report.refused_count += bill.refused_count
            _merge(delivered, found)
        parts += [_Part(scope, days, delivery.name) for scope, days in delivered.items()]
    left, replaced = standing(parts)
    report.notes += [told(later, earlier) for later, earlier in replaced]
    report.totals = joined((part.scope, part.days) for part in left)
    return report


def _merge(into: dict[Key, Days], found: dict[Key, Days]) -> None:
    for scope, days in found.items():
        for day, groups in days.items():
            held = into.setdefault(scope, {}).setdefault(day, {})
            for group, sums in groups.items():
                held.setdefault(group, Sums()).add(sums)
