"""Look at certificates now and tell of those that near their end."""

from pydantic import BaseModel, ConfigDict, Field

from opsrail_certs.certificate import Certificate
from opsrail_certs.settings import CertsConfig, Server
from opsrail_certs.warnings import look
from opsrail_sdk import ActionContext, Risk, action


class Check(BaseModel):
    model_config = ConfigDict(extra="forbid")

    server: Server | None = Field(default=None, description="One server; without it all watched ones")


class Checked(BaseModel):
    certificates: tuple[Certificate, ...]
    unreadable: tuple[str, ...]


@action(risk=Risk.READ, idempotent=True)
async def check(ctx: ActionContext[CertsConfig], input: Check) -> Checked:
    """Look at one server or at all watched ones."""
    servers = (input.server,) if input.server else ctx.config.servers
    found: list[Certificate] = []
    unreadable: list[str] = []
    for position, server in enumerate(servers):
        await ctx.progress(position / len(servers), server)
        certificate = await look(ctx, server)
        if certificate is None:
            unreadable.append(server)
            ctx.line(f"{server}: no certificate could be read", stream="stderr")
        else:
            found.append(certificate)
            ctx.line(f"{server}: {certificate.days_left} days left, until {certificate.not_after:%Y-%m-%d}")
    return Checked(certificates=tuple(found), unreadable=tuple(unreadable))
