"""API shape of artifacts."""

import uuid
from datetime import datetime

from pydantic import BaseModel, ConfigDict


class ArtifactView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    run_id: uuid.UUID
    name: str
    media_type: str
    size: int
    """Bytes."""
    digest: str
    """``sha256:`` and 64 hex digits."""
    stored_at: datetime
    expires_at: datetime
