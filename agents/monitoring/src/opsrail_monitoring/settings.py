"""The config that operators fill in."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field


class MonitoringConfig(BaseModel):
    """Where metrics are read and how much at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: str | None = Field(default=None, description="Prometheus connection that is read when none is named.")
    points: int = Field(default=240, ge=10, le=10_000, description="Points per series when no step is given.")
    max_points: int = Field(default=100_000, ge=100, le=200_000, description="Points that one answer may hold.")
    max_range: timedelta = Field(default=timedelta(days=90), description="Longest range that one question may span.")
