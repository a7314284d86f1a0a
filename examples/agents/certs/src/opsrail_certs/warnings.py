"""Looks at servers and says what people should hear of. Called by the action and by the schedule."""

from opsrail_certs.certificate import Certificate, read
from opsrail_certs.events import expiring, unreadable
from opsrail_certs.settings import CertsConfig
from opsrail_sdk import Context
from opsrail_sdk.errors import Unavailable


async def look(ctx: Context[CertsConfig], server: str) -> Certificate | None:
    """Read one certificate and emit what is due; None where there is none to read."""
    try:
        certificate = await read(server, now=ctx.now(), timeout=ctx.config.timeout)
    except Unavailable as error:
        await ctx.emit(unreadable(server, ctx.now().date(), str(error)))
        return None
    warning = due(certificate.days_left, ctx.config.warn_days)
    if warning is not None:
        await ctx.emit(expiring(certificate, warning))
    return certificate


def due(days_left: int, warn_days: tuple[int, ...]) -> int | None:
    """The nearest warning that has been reached."""
    return min((days for days in warn_days if days_left < days), default=None)
