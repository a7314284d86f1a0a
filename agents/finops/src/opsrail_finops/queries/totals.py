"""``finops.totals``: what was billed, by service and day or otherwise, from bills or a table below the roots."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from opsrail_finops.queries.bills import added_up, stored
from opsrail_finops.settings import FinopsConfig
from opsrail_sdk import QueryContext, query
from opsrail_sdk.errors import InvalidInput

Dimension = Annotated[str, Field(pattern=r"^(tag:.{1,128}|[A-Za-z][A-Za-z0-9_]{0,63})$")]


class TotalsInput(BaseModel):
    """Give either ``files`` or ``table``."""

    model_config = ConfigDict(extra="forbid")

    files: list[str] = Field(default=[], max_length=100, description="Absolute paths below the configured roots.")
    table: str | None = Field(
        default=None, description="Absolute path of a table below the roots, filled by `opsrail finops load`."
    )
    by: list[Dimension] = Field(
        default=["service", "day"],
        max_length=8,
        description="What to add up by: service, day, month, account, billing_account, region, provider, category, "
        "resource, tag:KEY, or a FOCUS column's name.",
    )
    allow_refused: bool = Field(
        default=False, description="Answer without the rows that cannot be read, and name them, instead of failing."
    )


class TotalRow(BaseModel):
    """Decimals are text, so that nothing rounds them on the way."""

    service: str | None = None
    day: str | None = Field(default=None, description="UTC date of ChargePeriodStart.")
    group: dict[str, str | None] = Field(default={}, description="Values of the other things added up by.")
    currency: str | None = None
    rows: int
    billed: str
    effective: str


class RefusedBillRow(BaseModel):
    """``row`` is the line in a CSV file, the header being row 1, and counts from 1 in Parquet and JSON."""

    file: str
    row: int
    column: str | None
    reason: str


class Totals(BaseModel):
    totals: list[TotalRow]
    refused_count: int = 0
    refused: list[RefusedBillRow] = Field(default=[], description="The first hundred refused rows.")
    notes: list[str] = Field(default=[], description="What was replaced or left out.")


@query(title="Totals", timeout=timedelta(seconds=60), cache=timedelta(seconds=30))
async def totals(ctx: QueryContext[FinopsConfig], input: TotalsInput) -> Totals:
    """Exact sums of BilledCost and EffectiveCost."""
    by = list(dict.fromkeys(input.by))
    if bool(input.files) == bool(input.table):
        raise InvalidInput("give either `files` or `table`")
    if input.table:
        found = await stored(ctx.config, input.table, by)
    else:
        found = await added_up(ctx.config, input.files, by, allow_refused=input.allow_refused)
    if len(found.totals) > ctx.config.max_rows:
        raise InvalidInput(f"that makes {len(found.totals)} totals, more than {ctx.config.max_rows}; add up by less")
    rows = []
    for total in found.totals:
        group = dict(zip(by, total.group, strict=True))
        rows.append(
            TotalRow(
                service=group.pop("service", None),
                day=group.pop("day", None),
                group=group,
                currency=total.currency,
                rows=total.rows,
                billed=f"{total.billed:f}",
                effective=f"{total.effective:f}",
            )
        )
    return Totals(
        totals=rows,
        refused_count=found.refused_count,
        refused=[
            RefusedBillRow(file=row.file, row=row.row, column=row.column, reason=row.reason)
            for row in found.refused[:100]
        ],
        notes=found.notes,
    )
