"""``cloud.identity``: the account and principal behind a connection."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from opsrail_cloud.adapters import aws
from opsrail_cloud.adapters.base import Identity
from opsrail_cloud.settings import CloudConfig
from opsrail_sdk import QueryContext, query
from opsrail_sdk.errors import InvalidInput


class IdentityInput(BaseModel):
    model_config = ConfigDict(extra="forbid")

    connection: str | None = Field(default=None, description="AWS connection; the configured one if unset.")


@query(title="Identity", timeout=timedelta(seconds=20), cache=timedelta(seconds=30))
async def identity(ctx: QueryContext[CloudConfig], input: IdentityInput) -> Identity:
    """Who we are at the provider, as it sees us."""
    name = input.connection or ctx.config.connection
    connection = await ctx.connection(name) if name else None
    if connection is not None and connection.kind != "aws":
        raise InvalidInput(f"{connection.name} is a {connection.kind} connection; aws is needed")
    return await aws.identity(connection)
