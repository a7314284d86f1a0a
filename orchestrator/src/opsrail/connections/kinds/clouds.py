"""Accounts at cloud providers."""

from pydantic import Field

from opsrail.connections.kinds.base import HttpAddress, Kind, KindSettings


class Aws(KindSettings):
    region: str = Field(default="us-east-1", pattern=r"^[a-z]{2}(-[a-z]+)+-\d+$", description="Default region")
    role_arn: str | None = Field(
        default=None, pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$", description="Role to assume with the keys"
    )
    external_id: str | None = Field(
        default=None, min_length=2, max_length=1224, description="External id that the role asks for"
    )
    endpoint_url: HttpAddress | None = Field(default=None, description="Instead of AWS's own addresses")


class Gcp(KindSettings):
    project: str = Field(min_length=4, max_length=63, description="Project id")


class Azure(KindSettings):
    tenant_id: str = Field(min_length=1, description="Directory (tenant) id")
    client_id: str = Field(min_length=1, description="Application (client) id")
    subscription_id: str | None = Field(default=None, description="Default subscription")


KINDS = (
    Kind(
        "aws",
        "AWS account",
        Aws,
        {
            "access_key_id": "Access key id; without one the agent's own identity is used",
            "secret_access_key": "Secret access key",
            "session_token": "Session token of short-lived keys",
        },
    ),
    Kind("gcp", "Google Cloud project", Gcp, {"service_account": "Service account key, JSON"}),
    Kind("azure", "Azure directory", Azure, {"client_secret": "Client secret"}),
)
