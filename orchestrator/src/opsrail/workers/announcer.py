"""Publishes states that neither an agent nor the dispatcher tells: of flows, of refused wishes, of runs that wait.

At least once, with the same event id each time. One replica at a time does it, without locking the rows, so that the
dispatcher never has to pass one over.
"""

import asyncio
from collections import defaultdict
from typing import Any
from uuid import UUID

from psycopg.rows import namedtuple_row

from opsrail.db.engine import Database
from opsrail.runs.announcing import row_event
from opsrail.stream.hints import Hints
from opsrail.workers.rounds import rounds
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts.cloudevent import CloudEvent

_BATCH = 200
_LOCK = 0x616E6E6F


class Announcer:
    """A worker; replicas take turns."""

    name = "announcer"

    def __init__(self, database: Database, bus: Bus, hints: Hints) -> None:
        self._database = database
        self._bus = bus
        self._hints = hints

    async def run(self, stop: asyncio.Event) -> None:
        await rounds(self._hints, stop, self.round, full=_BATCH)

    async def round(self) -> int:
        """Announce up to a batch; how many."""
        async with self._database.raw_across() as connection:
            async with connection.cursor(row_factory=namedtuple_row) as cursor:
                await cursor.execute(_DUE, (_LOCK, _BATCH))
                rows: list[Any] = await cursor.fetchall()
            if not rows:
                return 0
            events: defaultdict[UUID, list[CloudEvent]] = defaultdict(list)
            for row in rows:
                events[row.org_id].append(row_event(row))
            for org_id, batch in events.items():
                await self._bus.publish_events(str(org_id), batch)
            await connection.execute(
                """
                UPDATE runs SET announced = true FROM unnest(%s::uuid[], %s::text[]) AS told(id, state)
                WHERE runs.id = told.id AND runs.state = told.state
                """,
                ([row.id for row in rows], [row.state for row in rows]),
            )
        return len(rows)


_DUE = """
    SELECT id, org_id, kind, agent, action, state, dry_run, requested_by, cause, parent_id, correlation_id,
           traceparent, attempt, message, error, updated_at
    FROM runs
    WHERE (SELECT pg_try_advisory_xact_lock(%s)) AND NOT announced
      AND (kind = 'flow' OR state <> 'queued' OR updated_at < now() - interval '1 second')
    ORDER BY updated_at LIMIT %s
"""
"""A queued run is the dispatcher's to tell; what it leaves for a second waits for something."""
