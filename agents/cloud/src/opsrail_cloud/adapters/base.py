"""What every provider's answer becomes."""

from typing import Literal

from pydantic import BaseModel, Field


class Identity(BaseModel):
    """A principal at a cloud provider."""

    provider: Literal["aws"]
    account: str
    principal: str = Field(description="ARN, as the provider gives it.")
    principal_type: str = Field(description="root, user, assumed-role, federated-user …")
    principal_id: str
    partition: str = Field(description="aws, aws-cn, aws-us-gov …")
    region: str
    assumed_role: str | None = Field(description="Role that the connection asked us to take.")
