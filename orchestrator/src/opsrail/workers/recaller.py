"""Takes commands of killed agents back from ``ACTIONS``, so that none that waits there is begun.

The dispatcher sends nothing more of them; a recalled run waits in its row and goes out again when the kill switch is
released. What an agent has claimed is left to it: whoever throws the switch says whether that is to be cancelled.
"""

import asyncio
from contextlib import suppress
from typing import Any

import structlog
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError
from psycopg.rows import namedtuple_row

from opsrail.db.engine import Database
from opsrail.stream.hints import Hints
from opsrail.workers.rounds import rounds
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.errors import Unavailable

log = structlog.get_logger()

_BATCH = 100


class Recaller:
    """A worker; replicas skip each other's rows."""

    name = "recaller"

    def __init__(self, database: Database, bus: Bus, hints: Hints) -> None:
        self._database = database
        self._bus = bus
        self._hints = hints

    async def run(self, stop: asyncio.Event) -> None:
        await rounds(self._hints, stop, self.round, full=_BATCH)

    async def round(self) -> int:
        """Recall up to a batch; how many."""
        async with self._database.raw_across() as connection:
            async with connection.cursor(row_factory=namedtuple_row) as cursor:
                await cursor.execute(_DUE, (_BATCH,))
                rows: list[Any] = await cursor.fetchall()
            recalled = [row.id for row in rows if await self._recall(row)]
            if recalled:
                await connection.execute(
                    """
                    UPDATE runs SET dispatched_at = NULL, dispatch_sequence = NULL, generation = generation + 1,
                                    available_at = now(), updated_at = now()
                    WHERE id = ANY(%s)
                    """,
                    (recalled,),
                )
                log.info("recaller.recalled", count=len(recalled))
        return len(recalled)

    async def _recall(self, row: Any) -> bool:
        """Whether the command was taken back; not where somebody has begun it, or the bus is away."""
        try:
            if await self._bus.last(subjects.RUNS, subjects.run_status(str(row.org_id), row.agent, str(row.id))):
                return False
            with suppress(NotFoundError):
                await self._bus.js.delete_msg(subjects.ACTIONS, row.dispatch_sequence)
        except (Unavailable, NatsError, TimeoutError) as error:
            log.warning("recaller.waiting", run_id=str(row.id), reason=str(error))
            return False
        return True


_DUE = """
    SELECT id, org_id, agent, dispatch_sequence FROM runs r
    WHERE (SELECT count(*) > 0 FROM kill_switches)
      AND kind = 'action' AND state = 'queued' AND dispatch_sequence IS NOT NULL AND cancel_requested_at IS NULL
      AND EXISTS (SELECT FROM kill_switches k WHERE k.org_id = r.org_id AND k.agent IN (r.agent, '*'))
    ORDER BY id LIMIT %s FOR UPDATE OF r SKIP LOCKED
"""
