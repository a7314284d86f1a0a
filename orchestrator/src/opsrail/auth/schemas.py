"""API shapes of callers and tokens."""

import uuid
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from opsrail.auth.principal import Kind, Scope
from opsrail.moments import Expiry


class TokenCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    expires_at: Expiry | None = None


class TokenView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    name: str
    scopes: list[Scope]
    owner_id: uuid.UUID | None = Field(description="The user whose token it is; null where no person made it")
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class TokenCreated(TokenView):
    token: str
    """The token itself; shown this once."""


class Me(BaseModel):
    org_id: uuid.UUID
    org: str
    principal: str = Field(description="`token:<uuid>`, `user:<uuid>` or `machine:<uuid>`")
    kind: Kind
    person: str | None = Field(description="`user:<uuid>` of the human behind the caller")
    name: str
    scopes: list[Scope]
    roles: list[str]
