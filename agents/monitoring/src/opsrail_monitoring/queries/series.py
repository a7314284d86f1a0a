"""``monitoring.series``: a PromQL query, at one instant or over a range, with units and gaps."""

import math
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from opsrail_monitoring.adapters.prometheus import Prometheus, RawSeries
from opsrail_monitoring.settings import MonitoringConfig
from opsrail_monitoring.units import unit_of
from opsrail_sdk import QueryContext, query
from opsrail_sdk.errors import InvalidInput

Value = float | Literal["+Inf", "-Inf"] | None
"""Null is PromQL's NaN: the expression has no value there, though it was evaluated."""


class SeriesInput(BaseModel):
    """At ``time`` for an instant; from ``start`` to ``end``, or the ``last`` so long, for a range."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(min_length=1, max_length=8000, description="PromQL.")
    connection: str | None = Field(default=None, description="Prometheus connection; the configured one if unset.")
    time: AwareDatetime | None = None
    start: AwareDatetime | None = None
    end: AwareDatetime | None = Field(default=None, description="Inclusive; now if unset.")
    last: timedelta | None = Field(default=None, gt=timedelta(0), description="Range that ends at `end`.")
    step: timedelta | None = Field(default=None, ge=timedelta(milliseconds=1), description="Distance of points.")


class Gap(BaseModel):
    """Evaluations without a sample: from the last point before to the first point after, both exclusive."""

    after: datetime
    before: datetime
    missing: int


class Series(BaseModel):
    labels: dict[str, str]
    unit: str | None = Field(description="OpenMetrics unit, where the metric's metadata or name tells.")
    points: list[tuple[datetime, Value]]
    gaps: list[Gap]


class SeriesAnswer(BaseModel):
    kind: Literal["instant", "range"]
    step_seconds: float | None
    series: list[Series]
    warnings: list[str]


@query(title="Series", timeout=timedelta(seconds=30), cache=timedelta(seconds=5))
async def series(ctx: QueryContext[MonitoringConfig], input: SeriesInput) -> SeriesAnswer:
    """Evaluate PromQL."""
    span = span_of(input, ctx.config, ctx.now())
    async with Prometheus(await ctx.connection(connection_of(input, ctx.config))) as prometheus:
        if span is None:
            answer = await prometheus.instant(input.query, input.time or ctx.now())
        else:
            answer = await prometheus.range(
                input.query, start=span.start, end=span.end, step=span.step, max_points=ctx.config.max_points
            )
        metrics = {item.labels["__name__"] for item in answer.series if "__name__" in item.labels}
        declared = await prometheus.units(metrics) if metrics else {}
    step = span.step if span else None
    return SeriesAnswer(
        kind="range" if span else "instant",
        step_seconds=step.total_seconds() if step else None,
        series=[_shown(item, step, declared) for item in answer.series],
        warnings=list(answer.warnings),
    )


class Span(BaseModel):
    start: datetime
    end: datetime
    step: timedelta


def connection_of(input: SeriesInput, config: MonitoringConfig) -> str:
    """Name of the Prometheus connection to read.

    Raises:
        InvalidInput: neither the question nor the config names one.
    """
    name = input.connection or config.connection
    if name is None:
        raise InvalidInput("name a `connection`, or set one in the agent's config")
    return name


def span_of(input: SeriesInput, config: MonitoringConfig, now: datetime) -> Span | None:
    """The range that is asked for, None for an instant.

    Raises:
        InvalidInput: it is contradictory, too long or too fine.
    """
    if input.start is None and input.last is None:
        if input.end or input.step:
            raise InvalidInput("`end` and `step` belong to a range: give `start` or `last` too")
        return None
    if input.time is not None or (input.start is not None and input.last is not None):
        raise InvalidInput("give one of `time`, `start` and `last`")
    end = input.end or now
    start = input.start or end - (input.last or timedelta(0))
    if start >= end:
        raise InvalidInput("`start` must lie before `end`")
    if end - start > config.max_range:
        raise InvalidInput(f"the range is longer than {config.max_range.days} days")
    step = input.step or timedelta(seconds=max(1, math.ceil((end - start).total_seconds() / config.points)))
    if (end - start) / step + 1 > config.max_points:
        raise InvalidInput(f"that is more than {config.max_points} points per series; take a longer `step`")
    return Span(start=start, end=end, step=step)


def _shown(item: RawSeries, step: timedelta | None, declared: dict[str, str]) -> Series:
    metric = item.labels.get("__name__", "")
    return Series(
        labels=item.labels,
        unit=declared.get(metric) or unit_of(metric),
        points=[(at, _value(value)) for at, value in item.points],
        gaps=_gaps([at for at, _ in item.points], step) if step else [],
    )


def _value(value: float) -> Value:
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return value


def _gaps(times: list[datetime], step: timedelta) -> list[Gap]:
    return [
        Gap(after=one, before=other, missing=round((other - one) / step) - 1)
        for one, other in pairwise(times)
        if other - one > step * 1.5
    ]
