"""Queued runs onto ``ACTIONS``: capability minted, command published, row marked; and the event that it is queued.

Woken by hints, so a run leaves within a millisecond of its commit; the poll is for hints that were lost. The rows
stay locked while their commands are published. A crash in between publishes again with the same message id; a
second command that slips through is void at the agent, by the run's fence. Runs of disabled agents wait here, as do
those of agents whose kill switch is thrown. A run goes out on a recorded permit and on nothing else: whatever put it
into the queue, without one it stays there.
"""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import psycopg
import structlog
from prometheus_client import Counter, Histogram
from psycopg.rows import namedtuple_row

from opsrail.db.engine import Database
from opsrail.runs.announcing import row_event
from opsrail.signing import Signer
from opsrail.stream.hints import Hints
from opsrail.workers.rounds import POLL_SECONDS, rounds
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import CloudEvent
from opsrail_sdk.contracts.run import ActionCommand
from opsrail_sdk.errors import Unavailable

log = structlog.get_logger()

CAPABILITY_LIFETIME = timedelta(hours=20)
"""Must end before a rotated signing key stops verifying, one day; see ``signing.VERIFIES_AFTER_ROTATION``."""
_OF_ONE_AGENT = 200
"""Runs of an agent taken together; no flood of one holds up another's."""
_TOGETHER = 1000

DISPATCHED = Counter("opsrail_runs_dispatched_total", "Commands published")
WAITED = Histogram(
    "opsrail_run_queue_seconds",
    "Time from queueing to the command being on the bus",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 60),
)


class Dispatcher:
    """A worker; replicas skip each other's rows."""

    name = "dispatcher"

    def __init__(self, database: Database, bus: Bus, hints: Hints, signer: Signer) -> None:
        self._database = database
        self._bus = bus
        self._hints = hints
        self._signer = signer

    async def run(self, stop: asyncio.Event) -> None:
        await rounds(self._hints, stop, self.round, full=_OF_ONE_AGENT, rest=0.02)

    async def round(self) -> int:
        """Dispatch up to a batch; how many rows there were."""
        async with self._database.raw_across() as connection:
            rows = await _take(connection)
            if not rows:
                return 0
            announcing = asyncio.create_task(self._announce(rows))
            sent = await asyncio.gather(*(self._publish(row) for row in rows))
            announced = await announcing
            published = [one for one in sent if one is not None]
            if published:
                await _mark(connection, published, announced=announced)
        DISPATCHED.inc(len(published))
        if len(published) < len(rows):
            await asyncio.sleep(POLL_SECONDS)
        return len(rows)

    async def _announce(self, rows: Sequence[Any]) -> bool:
        """Whether the event of every row is on the bus; where not, `announcer` comes back to them."""
        events: defaultdict[uuid.UUID, list[CloudEvent]] = defaultdict(list)
        for row in rows:
            if not row.announced:
                events[row.org_id].append(row_event(row))
        try:
            for org_id, batch in events.items():
                await self._bus.publish_events(str(org_id), batch)
        except Unavailable:
            return False
        return True

    async def _publish(self, row: Any) -> tuple[uuid.UUID, int] | None:
        """Run and the sequence of its command; None where the bus did not take it."""
        command = ActionCommand(
            run_id=str(row.id),
            org_id=str(row.org_id),
            agent=row.agent,
            action=row.action,
            input=row.input,
            dry_run=row.dry_run,
            capability=self._signer.mint(
                org_id=str(row.org_id),
                agent=row.agent,
                action=row.action,
                input=row.input,
                run_id=str(row.id),
                decision_id=str(row.decision_id),
                lifetime=CAPABILITY_LIFETIME,
                dry_run=row.dry_run,
            ),
            correlation_id=row.correlation_id,
            traceparent=row.traceparent,
            requested_at=row.requested_at,
        )
        try:
            ack = await self._bus.publish(
                subjects.action(command.org_id, row.agent, row.action),
                command.encode(),
                message_id=f"{row.id}.{row.generation}",
            )
        except Unavailable as error:
            log.warning("dispatcher.waiting", run_id=command.run_id, reason=str(error))
            return None
        WAITED.observe(max(0.0, row.waited.total_seconds()))
        return row.id, ack.sequence


async def _take(connection: psycopg.AsyncConnection) -> Sequence[Any]:
    async with connection.cursor(row_factory=namedtuple_row) as cursor:
        await cursor.execute(
            _WAITING,
            {"of_one": _OF_ONE_AGENT, "together": _TOGETHER},
        )
        return await cursor.fetchall()


async def _mark(
    connection: psycopg.AsyncConnection, published: Sequence[tuple[uuid.UUID, int]], *, announced: bool
) -> None:
    ids, sequences = zip(*published, strict=True)
    await connection.execute(
        """
        UPDATE runs SET dispatched_at = now(), dispatch_sequence = sent.sequence, updated_at = now(),
                        announced = announced OR %s
        FROM unnest(%s::uuid[], %s::bigint[]) AS sent(id, sequence) WHERE runs.id = sent.id
        """,
        (announced, list(ids), list(sequences)),
    )


_WAITING = """
    WITH RECURSIVE seen AS (
      (SELECT org_id, agent FROM runs
       WHERE kind = 'action' AND state = 'queued' AND dispatched_at IS NULL ORDER BY org_id, agent LIMIT 1)
      UNION ALL
      SELECT further.org_id, further.agent FROM seen CROSS JOIN LATERAL (
        SELECT r.org_id, r.agent FROM runs r
        WHERE r.kind = 'action' AND r.state = 'queued' AND r.dispatched_at IS NULL
          AND (r.org_id, r.agent) > (seen.org_id, seen.agent) ORDER BY r.org_id, r.agent LIMIT 1) further
    ), working AS (
      SELECT org_id, agent FROM seen s
      WHERE EXISTS (SELECT FROM agents a
                    WHERE a.org_id = s.org_id AND a.id = s.agent AND a.enabled AND NOT a.removing)
        AND NOT EXISTS (SELECT FROM kill_switches k WHERE k.org_id = s.org_id AND k.agent IN (s.agent, '*'))
      ORDER BY random()
    )
    SELECT taken.* FROM working CROSS JOIN LATERAL (
      SELECT id, org_id, kind, agent, action, state, input, dry_run, decision_id, correlation_id, traceparent,
             requested_by, requested_at, cause, parent_id, attempt, message, error, updated_at, announced,
             generation, clock_timestamp() - available_at AS waited
      FROM runs r
      WHERE r.org_id = working.org_id AND r.agent = working.agent
        AND kind = 'action' AND state = 'queued' AND dispatched_at IS NULL AND cancel_requested_at IS NULL
        AND available_at <= now()
        AND EXISTS (SELECT FROM decisions d WHERE d.id = r.decision_id AND d.org_id = r.org_id
                                              AND d.run_id = r.id AND d.outcome = 'permit')
      ORDER BY available_at LIMIT %(of_one)s FOR UPDATE OF r SKIP LOCKED
    ) taken LIMIT %(together)s
"""
"""Agents that have something waiting are found by leaping from one to the next in the index, so what waits for an
agent that is off or killed is never read, however much it is."""
