"""Takes wishes to cancel from the rows to where they bind.

A run that nobody has claimed is ended by a ``cancelled`` status on its empty status subject: from then on no agent
can claim it. Otherwise the wish goes to the run's ``cancel`` subject, where its holder listens and a sibling that
takes over looks. Either way the row follows from what comes back through ``workers.results``.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from psycopg.rows import namedtuple_row

from opsrail.db.engine import Database
from opsrail.stream.hints import Hints
from opsrail.workers.rounds import rounds
from opsrail_sdk.bus import Bus, SequenceConflict
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import RunError, RunState, RunStatus

log = structlog.get_logger()

_BATCH = 100


class Canceller:
    """A worker; replicas skip each other's rows."""

    name = "canceller"

    def __init__(self, database: Database, bus: Bus, hints: Hints) -> None:
        self._database = database
        self._bus = bus
        self._hints = hints

    async def run(self, stop: asyncio.Event) -> None:
        await rounds(self._hints, stop, self.round, full=_BATCH)

    async def round(self) -> int:
        """Send up to a batch of wishes; how many."""
        async with self._database.raw_across() as connection:
            async with connection.cursor(row_factory=namedtuple_row) as cursor:
                await cursor.execute(
                    """
                    SELECT id, org_id, agent, cancel_reason, cancel_requested_at, dispatch_sequence FROM runs
                    WHERE cancel_requested_at IS NOT NULL AND cancel_sent_at IS NULL AND kind = 'action'
                    ORDER BY cancel_requested_at LIMIT %s FOR UPDATE SKIP LOCKED
                    """,
                    (_BATCH,),
                )
                rows: list[Any] = await cursor.fetchall()
            if not rows:
                return 0
            await asyncio.gather(*(self._send(row) for row in rows))
            await connection.execute(
                "UPDATE runs SET cancel_sent_at = now() WHERE id = ANY(%s)", ([row.id for row in rows],)
            )
        return len(rows)

    async def _send(self, row: Any) -> None:
        org, run = str(row.org_id), str(row.id)
        status = RunStatus(
            run_id=run,
            org_id=org,
            state=RunState.CANCELLED,
            attempt=0,
            at=datetime.now(UTC),
            order=row.dispatch_sequence or 0,
            error=RunError(code="cancelled", message=row.cancel_reason),
        )
        try:
            await self._bus.publish_fenced(
                subjects.RUNS,
                subjects.run_status(org, row.agent, run),
                status.encode(),
                message_id=f"{run}:cancelled",
                expect=0,
            )
        except SequenceConflict:
            wish = {"run_id": run, "reason": row.cancel_reason, "at": row.cancel_requested_at}
            await self._bus.publish(
                subjects.run_cancel(org, row.agent, run), orjson.dumps(wish), message_id=f"{run}:cancel"
            )
            log.info("canceller.asked", run_id=run)
