"""Looks at all watched servers, every six hours."""

from datetime import timedelta

from opsrail_certs.settings import CertsConfig
from opsrail_certs.warnings import look
from opsrail_sdk import Context, every


@every(timedelta(hours=6))
async def watch(ctx: Context[CertsConfig]) -> None:
    """Check the watched servers."""
    for server in ctx.config.servers:
        await look(ctx, server)
