"""Exact sums over FOCUS files. Pure but for reading them; memory grows with the totals, not with the rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import MAX_PREC, Context, Decimal
from pathlib import Path
from typing import Literal

from opsrail_finops.analysis.focus import charges

Dimension = Literal["service", "day"]
_EXACT = Context(prec=min(MAX_PREC, 100))
"""Sums of bills have far fewer digits than this, so nothing is rounded."""


@dataclass
class Total:
    """``service`` or ``day`` is ``None`` where it was not added up by. Currencies are never mixed."""

    service: str | None
    day: date | None
    currency: str | None
    rows: int = 0
    billed: Decimal = Decimal(0)
    effective: Decimal = Decimal(0)


def totals_of(paths: Iterable[Path], by: Sequence[Dimension]) -> list[Total]:
    """Sums of BilledCost and EffectiveCost, in order of service, day and currency.

    Raises:
        BadFocus: a file cannot be read; nothing is answered then.
    """
    found: dict[tuple[str | None, date | None, str | None], Total] = {}
    for path in paths:
        for charge in charges(path):
            service = charge.service if "service" in by else None
            day = charge.day if "day" in by else None
            total = found.setdefault((service, day, charge.currency), Total(service, day, charge.currency))
            total.rows += 1
            total.billed = _EXACT.add(total.billed, charge.billed)
            total.effective = _EXACT.add(total.effective, charge.effective)
    return sorted(found.values(), key=lambda item: (item.service or "", item.day or date.min, item.currency or ""))
