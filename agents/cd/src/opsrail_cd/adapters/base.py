"""What every platform's answer becomes."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

Health = Literal["healthy", "progressing", "degraded", "stopped", "unknown"]


class Workload(BaseModel):
    """One thing that should run. ``ready`` and ``desired`` count its replicas; a container is one replica."""

    name: str
    kind: str
    namespace: str | None = Field(description="Namespace, or Compose project.")
    images: list[str]
    ready: int
    desired: int
    health: Health
    reason: str | None = Field(description="Why it is not healthy.")
    created_at: datetime | None
