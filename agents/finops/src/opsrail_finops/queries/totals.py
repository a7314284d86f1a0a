"""``finops.totals``: what was billed, by service and day, from FOCUS files."""

import asyncio
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from opsrail_finops.analysis.focus import BadFocus
from opsrail_finops.analysis.totals import Dimension, Total, totals_of
from opsrail_finops.settings import FinopsConfig
from opsrail_sdk import QueryContext, query
from opsrail_sdk.errors import InvalidInput, NotFound, Refused


class TotalsInput(BaseModel):
    model_config = ConfigDict(extra="forbid")

    files: list[str] = Field(min_length=1, max_length=100, description="Absolute paths below the configured roots.")
    by: list[Dimension] = Field(default=["service", "day"], description="What to add up by.")


class TotalRow(BaseModel):
    """Decimals are text, so that nothing rounds them on the way."""

    service: str | None = None
    day: str | None = Field(default=None, description="UTC date of ChargePeriodStart.")
    currency: str | None = None
    rows: int
    billed: str
    effective: str


class Totals(BaseModel):
    totals: list[TotalRow]


@query(title="Totals", timeout=timedelta(seconds=60), cache=timedelta(seconds=30))
async def totals(ctx: QueryContext[FinopsConfig], input: TotalsInput) -> Totals:
    """Exact sums of BilledCost and EffectiveCost."""
    paths = [_allowed(name, ctx.config.roots) for name in input.files]
    try:
        found = await asyncio.to_thread(totals_of, paths, input.by)
    except BadFocus as error:
        raise InvalidInput(str(error)) from error
    if len(found) > ctx.config.max_rows:
        raise InvalidInput(f"that makes {len(found)} totals, more than {ctx.config.max_rows}; add up by less")
    return Totals(totals=[_row(total) for total in found])


def _row(total: Total) -> TotalRow:
    return TotalRow(
        service=total.service,
        day=total.day.isoformat() if total.day else None,
        currency=total.currency,
        rows=total.rows,
        billed=f"{total.billed:f}",
        effective=f"{total.effective:f}",
    )


def _allowed(name: str, roots: Sequence[Path]) -> Path:
    if not Path(name).is_absolute():
        raise InvalidInput(f"files: {name} must be an absolute path")
    real = Path(os.path.realpath(name))
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        raise Refused("the file is in none of the roots that the agent's config allows", code="file_not_allowed")
    if not real.is_file():
        raise NotFound(f"there is no file {name}")
    return real
