"""Settings of ingress; nested in the process settings as ``hooks``."""

from datetime import timedelta

from pydantic import BaseModel, Field


class HookSettings(BaseModel):
    """Limits of ``POST /v1/hooks/{connection}``."""

    max_body: int = Field(default=1 << 20, ge=1, description="Bytes of one delivery; larger is answered 413")
    max_forge: int = Field(
        default=25 << 20,
        ge=1,
        description="Bytes of a delivery of GitHub or GitLab; GitHub sends up to 25 MB, and never a second time",
    )
    max_batch: int = Field(
        default=4 << 20, ge=1, description="Bytes of a CloudEvents batch or a notification with many alerts"
    )
    max_pending: int = Field(
        default=64 << 20, ge=1, description="Bytes that may wait for the bus in a process; beyond, 503 at once"
    )
    bus_patience: timedelta = Field(
        default=timedelta(seconds=5),
        description="How long a delivery waits for the bus to come back before it gets 503",
    )
