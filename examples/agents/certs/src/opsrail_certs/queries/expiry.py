"""When does this server's certificate end?"""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from opsrail_certs.certificate import Certificate, read
from opsrail_certs.settings import CertsConfig, Server
from opsrail_sdk import QueryContext, query


class Expiry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    server: Server


@query(cache=timedelta(minutes=1))
async def expiry(ctx: QueryContext[CertsConfig], input: Expiry) -> Certificate:
    """Dates, names and issuer of the certificate that a server presents now."""
    return await read(input.server, now=ctx.now(), timeout=ctx.config.timeout)
