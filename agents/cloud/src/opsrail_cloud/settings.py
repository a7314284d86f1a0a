"""The config that operators fill in."""

from pydantic import BaseModel, ConfigDict, Field


class CloudConfig(BaseModel):
    """Which account is meant when none is named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: str | None = Field(
        default=None, description="AWS connection; the identity of the agent's own process if unset."
    )
