"""Starts nats-server anew where it runs and yet gave up a stream. Run by `supervisor.py`.

A stream that could not be written once, as on a full disk, is closed until the server ends: freeing the disk does not
bring it back. The server says so at its `/healthz`: https://docs.nats.io/running-a-nats-service/nats_admin/monitoring
"""

import asyncio
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from opsrail.embedded.child import StartFailedError

if TYPE_CHECKING:
    from opsrail.embedded.servers import Servers

log = structlog.get_logger()

PERIOD = timedelta(seconds=5)
PAUSE = timedelta(seconds=30)
"""After a new start, so that a disk that fails for another reason does not keep the server from everything else."""
ROOM = 64 * 1024 * 1024
"""Bytes that have to be free before a new start is worth it."""


async def mend_for_ever(servers: "Servers", *, period: timedelta = PERIOD) -> None:
    """Until cancelled."""
    told = False
    while True:
        await asyncio.sleep(period.total_seconds())
        problem = await servers.unwritable()
        if problem is None:
            told = False
            continue
        free = shutil.disk_usage(servers.folder.path).free
        if not told:
            log.error("bus_cannot_write", problem=problem, folder=str(servers.folder.path), free_bytes=free)
            told = True
        if free >= ROOM:
            log.warning("bus_restarted", problem=problem)
            try:
                await servers.restart("nats")
            except StartFailedError as error:
                log.warning("bus_did_not_start", problem=str(error))  # whoever keeps it alive tries again
            await asyncio.sleep(PAUSE.total_seconds())
