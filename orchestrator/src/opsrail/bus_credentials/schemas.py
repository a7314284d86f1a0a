"""``/v1/agents/{id}/credentials`` on the wire."""

import uuid
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class CredentialView(BaseModel):
    """A credential, without what opens it."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    agent: str
    public_key: str
    kind: str = Field(
        description="`nkey` where we run the NATS server, `jwt` where an outside one trusts our account"
    )
    created_by: str
    created_at: datetime
    expires_at: datetime | None


class CredentialCreated(CredentialView):
    """With the file that the agent logs in with, shown this once."""

    credentials: str = Field(description="Contents of the file that `OPSRAIL_NATS_CREDENTIALS` names")
    nats_url: str = Field(description="Address of the server, without a login")
    org: str = Field(description="For `OPSRAIL_ORG`")


class CredentialList(BaseModel):
    """All of an agent, newest first."""

    items: list[CredentialView]
