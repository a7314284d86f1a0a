"""Finds runs that nothing moves any more and says so: commands that were lost, agents that are gone.

Every move goes through the run's fence, so a run that does move after all is left alone.
"""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import structlog
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError
from prometheus_client import Counter
from psycopg.rows import namedtuple_row

from opsrail.db.engine import Database
from opsrail.runs.service import QUEUE
from opsrail.stream.hints import Hints
from opsrail.workers.dispatcher import CAPABILITY_LIFETIME
from opsrail_sdk.bus import Bus, SequenceConflict, Stored
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import FINISHED, RunError, RunState, RunStatus
from opsrail_sdk.errors import Unavailable
from opsrail_sdk.tasks import set_within

log = structlog.get_logger()

QUIET = timedelta(minutes=2)
"""A run that was dispatched and has said nothing for this long is looked at."""
REFRESH = CAPABILITY_LIFETIME / 2
"""A command that nobody has taken for this long gets a fresh capability."""
_EVERY = timedelta(seconds=30)
_PAGE = 200
_LOCK = 0x73776565

SWEPT = Counter("opsrail_runs_swept_total", "Runs that nothing moved", ["outcome"])


class Sweeper:
    """A worker; replicas take turns."""

    name = "sweeper"

    def __init__(self, database: Database, bus: Bus, hints: Hints, *, quiet: timedelta = QUIET) -> None:
        self._database = database
        self._bus = bus
        self._hints = hints
        self._quiet = quiet

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.round()
            except (Unavailable, NatsError, TimeoutError) as error:
                log.warning("sweeper.waiting", reason=str(error))
            await set_within(_EVERY, stop)

    async def round(self) -> None:
        """Look at every quiet run once."""
        async with self._database.raw_across() as connection:
            await connection.execute(_CANCEL_HOMELESS, (self._quiet,))
        after = uuid.UUID(int=0)
        while True:
            async with (
                self._database.raw_across() as connection,
                connection.cursor(row_factory=namedtuple_row) as cursor,
            ):
                await cursor.execute(_QUIET, (_LOCK, self._quiet, after, _PAGE))
                rows: list[Any] = await cursor.fetchall()
                for row in rows:
                    await self._look(connection, row)
            if len(rows) < _PAGE:
                return
            after = rows[-1].id

    async def _look(self, connection: psycopg.AsyncConnection, row: Any) -> None:
        org, run = str(row.org_id), str(row.id)
        stored = await self._bus.last(subjects.RUNS, subjects.run_status(org, row.agent, run))
        last = RunStatus.model_validate_json(stored.body) if stored else None
        if stored and last and (last.state in FINISHED or stored.sequence > row.status_sequence):
            return  # the outcome is on its way through `results`
        if not row.installed:
            await self._interrupt(row, stored, "agent_gone", "its agent was uninstalled")
            return
        waiting = await self._waiting(row)
        if last is None and (not waiting or row.dispatched_at < datetime.now(UTC) - REFRESH):
            await self._dispatch_again(connection, row, remove=waiting)
        elif stored and not waiting:
            await self._interrupt(row, stored, "command_lost", "its command is gone from the bus")

    async def _waiting(self, row: Any) -> bool:
        """Whether the command is still in the queue, where it stays until it is acknowledged."""
        if row.dispatch_sequence is None:
            return False
        try:
            found = await self._bus.js.get_msg(subjects.ACTIONS, seq=row.dispatch_sequence)
        except NotFoundError:
            return False
        return found.subject == subjects.action(str(row.org_id), row.agent, row.action)

    async def _dispatch_again(self, connection: psycopg.AsyncConnection, row: Any, *, remove: bool) -> None:
        if remove:
            await self._bus.js.delete_msg(subjects.ACTIONS, row.dispatch_sequence)
        await connection.execute(
            """
            UPDATE runs SET dispatched_at = NULL, dispatch_sequence = NULL, generation = generation + 1,
                            available_at = now(), updated_at = now()
            WHERE id = %s AND state = 'queued' AND dispatch_sequence IS NOT DISTINCT FROM %s
            """,
            (row.id, row.dispatch_sequence),
        )
        await self._hints.send(row.org_id, QUEUE, row.id)
        log.warning("sweeper.dispatched_again", run_id=str(row.id))
        SWEPT.labels("dispatched_again").inc()

    async def _interrupt(self, row: Any, stored: Stored | None, code: str, why: str) -> None:
        sequence = stored.sequence if stored else 0
        status = RunStatus(
            run_id=str(row.id),
            org_id=str(row.org_id),
            state=RunState.INTERRUPTED,
            attempt=RunStatus.model_validate_json(stored.body).attempt if stored else 0,
            at=datetime.now(UTC),
            order=row.dispatch_sequence,
            error=RunError(code=code, message=why),
        )
        try:
            await self._bus.publish_fenced(
                subjects.RUNS,
                subjects.run_status(status.org_id, row.agent, status.run_id),
                status.encode(),
                message_id=f"{row.id}:{code}:{sequence}",
                expect=sequence,
            )
        except SequenceConflict:
            return
        log.warning("sweeper.interrupted", run_id=status.run_id, code=code)
        SWEPT.labels(code).inc()


_CANCEL_HOMELESS = """
    UPDATE runs r SET cancel_requested_at = now(), cancel_reason = 'its agent was uninstalled'
    WHERE kind = 'action' AND state = 'queued' AND dispatched_at IS NULL AND cancel_requested_at IS NULL
      AND available_at < now() - %s
      AND NOT EXISTS (SELECT FROM agents a WHERE a.org_id = r.org_id AND a.id = r.agent)
"""
"""Runs that waited for a disabled agent when it was uninstalled; the canceller takes it from there."""

_QUIET = """
    SELECT id, org_id, agent, action, state, dispatched_at, dispatch_sequence, status_sequence,
           EXISTS (SELECT FROM agents a WHERE a.org_id = r.org_id AND a.id = r.agent) AS installed
    FROM runs r
    WHERE (SELECT pg_try_advisory_xact_lock(%s)) AND kind = 'action' AND state IN ('queued', 'running')
      AND dispatched_at IS NOT NULL AND updated_at < now() - %s AND id > %s
    ORDER BY id LIMIT %s
"""
