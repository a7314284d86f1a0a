"""The config that operators fill in."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class FinopsConfig(BaseModel):
    """What the agent may read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roots: list[Path] = Field(
        default=[], description="Folders on the agent's host; FOCUS files below them may be read."
    )
    max_rows: int = Field(default=20_000, ge=1, le=50_000, description="Totals that one answer may hold.")
