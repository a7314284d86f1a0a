"""Hints on the bus that a row changed, sent after the commit. They may be lost: whoever listens also polls."""

from contextlib import suppress
from uuid import UUID

from nats.errors import Error as NatsError

from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects


async def changed(bus: Bus, org_id: UUID | str, noun: str, ident: UUID | str) -> None:
    """Say that a row changed; never raises, since the row is already committed."""
    with suppress(NatsError):
        await bus.nc.publish(subjects.changed(str(org_id), noun, str(ident)))
