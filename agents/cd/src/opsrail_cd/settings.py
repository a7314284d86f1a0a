"""The config that operators fill in."""

from pydantic import BaseModel, ConfigDict, Field


class CdConfig(BaseModel):
    """Where the agent looks when it is not told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: str | None = Field(
        default=None,
        description="Docker or Kubernetes connection; the Docker engine of the agent's own host if unset.",
    )
