"""``monitoring.score``: the anomalies in the series of a PromQL range."""

import asyncio
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from opsrail_monitoring.adapters.prometheus import Prometheus, RawSeries
from opsrail_monitoring.queries.series import SeriesInput, connection_of, span_of
from opsrail_monitoring.settings import MonitoringConfig
from opsrail_sdk import QueryContext, query
from opsrail_sdk.errors import InvalidInput


class Anomaly(BaseModel):
    at: datetime
    value: float
    score: float = Field(description="0.5 to 1.")
    expected: tuple[float, float] | None = Field(description="Band that the value was expected in.")
    reason: str


class ScoredSeries(BaseModel):
    labels: dict[str, str]
    points: int
    anomalies: list[Anomaly]
    scores: list[float] | None = Field(default=None, description="One per point, where `scores` was asked for.")


class ScoreInput(SeriesInput):
    """A range; the detector learns from its beginning, so let it begin well before what is in question."""

    scores: bool = Field(default=False, description="Answer with the score of every point too.")


class ScoreAnswer(BaseModel):
    series: list[ScoredSeries]
    warnings: list[str]


@query(title="Anomalies", timeout=timedelta(seconds=60), cache=timedelta(seconds=30))
async def score(ctx: QueryContext[MonitoringConfig], input: ScoreInput) -> ScoreAnswer:
    """Judge every point of each series by those before it."""
    span = span_of(input, ctx.config, ctx.now())
    if span is None:
        raise InvalidInput("an instant has no past to judge it by: give `start` or `last`")
    async with Prometheus(await ctx.connection(connection_of(input, ctx.config))) as prometheus:
        answer = await prometheus.range(
            input.query, start=span.start, end=span.end, step=span.step, max_points=ctx.config.max_points
        )
    scored = await asyncio.to_thread(_score_all, answer.series, with_scores=input.scores)
    return ScoreAnswer(series=scored, warnings=list(answer.warnings))


def _score_all(series: Sequence[RawSeries], *, with_scores: bool) -> list[ScoredSeries]:
    return [_score(item, with_scores=with_scores) for item in series]


def _score(series: RawSeries, *, with_scores: bool) -> ScoredSeries:
    """NaN and the infinities that a ratio or a quantile of nothing gives are gaps."""
    from opsrail_monitoring.analysis.detector import Detector  # noqa: PLC0415
    from opsrail_monitoring.analysis.series import LARGEST  # noqa: PLC0415

    detector = Detector()
    anomalies, scores = [], []
    for at, value in series.points:
        known = math.isfinite(value) and abs(value) <= LARGEST
        verdict = detector.update(at.timestamp(), value if known else None)
        scores.append(verdict.score)
        if verdict.anomalous:
            anomalies.append(
                Anomaly(at=at, value=value, score=verdict.score, expected=verdict.expected, reason=verdict.reason)
            )
    return ScoredSeries(
        labels=series.labels,
        points=len(series.points),
        anomalies=anomalies,
        scores=scores if with_scores else None,
    )
