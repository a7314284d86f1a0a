"""API shapes of machine identities."""

import uuid
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from opsrail.moments import Expiry


class MachineCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    roles: list[str] = Field(min_length=1, max_length=20)
    expires_at: Expiry | None = None


class MachineView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    name: str
    access_key_id: str
    roles: list[str]
    owner_id: uuid.UUID | None = Field(description="The user who made it; it never does more than they may")
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class MachineWithSecret(MachineView):
    secret_access_key: str = Field(description="Shown this once; sign with AWS Signature V4, service `execute-api`")
