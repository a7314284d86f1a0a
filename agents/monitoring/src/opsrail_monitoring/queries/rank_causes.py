"""``monitoring.rank_causes``: the likely causes of an incident, from the metrics around its onset."""

import asyncio
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from opsrail_monitoring.settings import MonitoringConfig
from opsrail_sdk import QueryContext, query
from opsrail_sdk.errors import InvalidInput


class RankInput(BaseModel):
    """The case of `opsrail incidents rank-causes`."""

    model_config = ConfigDict(extra="forbid")

    target: dict[str, Any] = Field(description="What alarmed: `node`, `metric`, `statistic`.")
    graph: dict[str, Any] = Field(default={}, description="`nodes`, and `edges` as [caller, callee].")
    normal: dict[str, Any] = Field(description="`timestamps`, and `series` of node, metric, statistic and values.")
    abnormal: dict[str, Any] = Field(description="The same, from some rows before the onset on.")


class RankedCause(BaseModel):
    node: str
    score: float = Field(description="0 to 1; below about 0.1 means: don't know.")
    why: str


class RankAnswer(BaseModel):
    causes: list[RankedCause]


@query(title="Likely causes", timeout=timedelta(seconds=30))
async def rank_causes(ctx: QueryContext[MonitoringConfig], input: RankInput) -> RankAnswer:
    """Rank the components, likeliest cause first, each with its evidence."""
    del ctx
    from opsrail_monitoring.analysis import explain  # noqa: PLC0415
    from opsrail_monitoring.analysis.incident_case import CaseError, parse_incident  # noqa: PLC0415

    try:
        causes = await asyncio.to_thread(lambda: explain.rank_causes(parse_incident(input.model_dump())))
    except CaseError as error:
        raise InvalidInput(str(error)) from error
    return RankAnswer(
        causes=[RankedCause(node=cause.node, score=round(cause.score, 4), why=cause.why) for cause in causes]
    )
